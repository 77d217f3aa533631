//! What the operator is told of at most once a minute, however often it happens.

use std::time::Duration;

use crate::proto::Instant;

/// How often something is told.
const EVERY: Duration = Duration::from_secs(60);

/// Something to tell, until it is taken.
#[derive(Debug)]
pub(super) struct News<T> {
    /// When it was last told.
    told: Option<Instant>,
    untold: Option<T>,
}

impl<T> Default for News<T> {
    /// Nothing was told yet.
    fn default() -> News<T> {
        News {
            told: None,
            untold: None,
        }
    }
}

impl<T> News<T> {
    /// Keeps `what` to be told, unless something was told within the last minute.
    pub(super) fn tell(&mut self, now: Instant, what: T) {
        if self.told.is_none_or(|at| now - at >= EVERY) {
            self.told = Some(now);
            self.untold = Some(what);
        }
    }

    /// Takes what is to be told.
    pub(super) fn take(&mut self) -> Option<T> {
        self.untold.take()
    }
}
