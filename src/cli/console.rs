//! Exit codes and output of the commands.

use std::fmt::Display;
use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Exit code: done.
pub(super) const DONE: u8 = 0;
/// Exit code: a file differs from what was published.
pub(super) const MISMATCH: u8 = 1;
/// Exit code: the command could not do its work: a wrong command line, no network, no permission.
pub(super) const COULD_NOT: u8 = 2;

/// The note of `list` and the warning of `serve` if [`Manifest::has_boot_program`] is false.
///
/// [`Manifest::has_boot_program`]: crate::manifest::Manifest::has_boot_program
pub(super) const NO_BOOT_PROGRAM: &str = "None of the embedded files is a program that firmware \
     can boot. To embed iPXE, run boot-assets/collect and build again; see boot-assets/README.md";

/// How long a last message may take. A reader that is not stalled takes it at once.
const LAST_WORDS_TIMEOUT: Duration = Duration::from_millis(200);

/// Writes an error message to standard error and returns [`COULD_NOT`].
pub(super) fn could_not(message: impl Display) -> ExitCode {
    say(format_args!("bootstone: {message}"));
    ExitCode::from(COULD_NOT)
}

/// Writes a line to standard error. Errors are ignored; `eprintln!` would panic.
pub(super) fn say(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// As [`say`], for a program that is about to end: it does not wait long if standard error is full
/// or stalled. Only if no thread can be started, it waits, so that the message is not lost.
pub(super) fn say_last(line: impl Display) {
    let line: Arc<str> = line.to_string().into();
    let (caller, of_thread) = (thread::current(), Arc::clone(&line));
    let write = move || {
        say(of_thread);
        caller.unpark();
    };
    match thread::Builder::new().spawn(write) {
        Ok(_) => thread::park_timeout(LAST_WORDS_TIMEOUT),
        Err(_) => say(line),
    }
}

/// Writes to standard output. A reader that has closed the pipe (`| head`) is not an error.
pub(super) fn print(text: &str) -> ExitCode {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            could_not(format_args!("cannot write to standard output: {error}"))
        }
        _ => ExitCode::from(DONE),
    }
}
