//! The check of the embedded files before the server answers, and why the server ends by itself.

use std::io;

use tokio::sync::oneshot;

use super::limits;
use crate::cli::signals::Signals;
use crate::embedded::{self, Damage};
use crate::manifest::Manifest;

/// Why the server ends by itself.
pub(super) enum Fatal {
    /// The embedded bytes are not those of the build.
    Damaged(Damage),
    /// Any other reason, as a message.
    CouldNot(String),
}

impl From<String> for Fatal {
    fn from(message: String) -> Fatal {
        Fatal::CouldNot(message)
    }
}

impl From<io::Error> for Fatal {
    fn from(error: io::Error) -> Fatal {
        let advice = limits::advice(&error);
        Fatal::CouldNot(format!("cannot go on serving: {error}. {advice}"))
    }
}

/// Hashes the embedded files, in a thread of its own, so that a signal is not missed. Requests that
/// arrive meanwhile wait in the sockets. False if a signal ends the program first.
pub(super) async fn check(manifest: &Manifest, signals: &mut Signals) -> Result<bool, Fatal> {
    let (sender, checked) = oneshot::channel();
    let manifest = manifest.clone();
    let check = move || {
        // The receiver is gone only if the program is about to end.
        let _ = sender.send(embedded::check_contents(&manifest));
    };
    let thread = std::thread::Builder::new().name("check".to_owned());
    thread.spawn(check)?;
    tokio::select! {
        // The sender is dropped only after it has sent: a panic ends the program.
        Ok(checked) = checked => checked.map(|()| true).map_err(Fatal::Damaged),
        _ = signals.next() => Ok(false),
    }
}
