//! Panics: a panic on any thread ends the process, because a server that has lost a thread would
//! still look alive.

use super::console::say_last;

/// Installs the panic hook. It writes the message to standard error and ends the process by
/// SIGABRT, without unwinding. There is no backtrace: the sandbox does not allow to read the
/// binary.
pub fn abort_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        say_last(format_args!("bootstone: {panic}"));
        std::process::abort();
    }));
}
