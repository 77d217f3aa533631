//! A panic anywhere ends the whole process: a server that has lost a thread only looks alive.

/// From here on a panic on any thread, or in any task, is said on standard error and ends the process by SIGABRT,
/// before anything is unwound. There is no backtrace: the sandbox lets nobody read the binary for it.
pub fn end_the_process() {
    std::panic::set_hook(Box::new(|panic| {
        eprintln!("bootstone: {panic}");
        std::process::abort();
    }));
}
