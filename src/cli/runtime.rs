//! The tokio runtime of a command.

use tokio::runtime::{Builder, Runtime};

/// Starts a runtime on the current thread.
///
/// # Errors
/// The system refuses, with a message.
pub(super) fn start() -> Result<Runtime, String> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| format!("the runtime does not start: {error}"))
}
