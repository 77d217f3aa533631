//! The tokio runtime of a command.

use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinSet, LocalSet};

/// Starts a runtime on the current thread.
///
/// # Errors
/// The system refuses, with a message.
pub(super) fn start() -> Result<Runtime, String> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| format!("the runtime does not start: {error}"))
}

/// Runs the futures, at most `jobs` at a time, and returns their results as they come.
pub(super) async fn run_at_once<T: 'static>(
    jobs: usize,
    mut waiting: impl Iterator<Item = impl Future<Output = T> + 'static>,
) -> Vec<T> {
    let mut results = Vec::new();
    let mut running = JoinSet::new();
    let run = async {
        loop {
            while running.len() < jobs
                && let Some(future) = waiting.next()
            {
                running.spawn_local(future);
            }
            match running.join_next().await {
                Some(Ok(result)) => results.push(result),
                // None is aborted, and a panic is passed on.
                Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
                None => return,
            }
        }
    };
    LocalSet::new().run_until(run).await;
    results
}
