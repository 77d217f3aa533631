//! The observer that all workers and the HTTP listener share.
//!
//! It is the only state that workers share besides the log. They lock it at the start and at the end
//! of transfers, for less than a microsecond for each; an ACK does not touch it.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::timeout_at;

use super::Clock;
use crate::proto::Instant;
use crate::proto::observer::{Boot, BootStats, Minute, Observer, RequestEvent};

/// Writes the log line of a boot. The number is that of log lines left out before it.
pub type BootReport = fn(&Boot, u32);

/// An [`Observer`] behind a lock.
#[derive(Debug)]
pub struct SharedObserver {
    clock: Clock,
    observer: Mutex<Observer>,
    /// The observer's deadline is earlier than it was, or it has a boot.
    changed: Notify,
}

impl SharedObserver {
    /// An observer that has seen nothing.
    pub fn new(clock: Clock) -> Arc<SharedObserver> {
        Arc::new(SharedObserver {
            clock,
            observer: Mutex::default(),
            changed: Notify::new(),
        })
    }

    /// Passes events to the observer.
    pub(crate) fn record(&self, events: &mut dyn Iterator<Item = RequestEvent>) {
        let now = self.clock.now();
        let mut observer = self.lock();
        let before = observer.poll_timeout();
        events.for_each(|event| observer.record(now, &event));
        let is_earlier = match (observer.poll_timeout(), before) {
            (Some(deadline), Some(before)) => deadline < before,
            (deadline, _) => deadline.is_some(),
        };
        let is_news = is_earlier || observer.has_boot();
        drop(observer);
        if is_news {
            self.changed.notify_one();
        }
    }

    /// Ends boots at their time, and reports each. While no boot is in progress, it sleeps.
    pub(crate) async fn run(&self, report: BootReport) -> Infallible {
        loop {
            let deadline = self.handle_timeout();
            self.report_boots(report);
            let changed = self.changed.notified();
            match deadline {
                Some(deadline) => drop(timeout_at(self.clock.at(deadline), changed).await),
                None => changed.await,
            }
        }
    }

    /// Ends all boots, and reports each: the program is about to end.
    pub(crate) fn end_all(&self, report: BootReport) {
        self.lock().end_all(self.clock.now());
        self.report_boots(report);
    }

    /// What was counted of boots.
    pub(crate) fn boots(&self) -> BootStats {
        self.lock().stats()
    }

    /// The last hour, minute by minute.
    pub(crate) fn history(&self) -> Vec<Minute> {
        self.lock().history(self.clock.now())
    }

    fn handle_timeout(&self) -> Option<Instant> {
        let mut observer = self.lock();
        observer.handle_timeout(self.clock.now());
        observer.poll_timeout()
    }

    /// The lock is free while a line is written.
    fn report_boots(&self, report: BootReport) {
        loop {
            let next = self.lock().poll_boot();
            let Some((boot, left_out)) = next else {
                return;
            };
            report(&boot, left_out);
        }
    }

    /// A panic ends the program, so the lock is never left in the middle of a change.
    fn lock(&self) -> MutexGuard<'_, Observer> {
        self.observer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
