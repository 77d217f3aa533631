//! What happens to a call that is not on the list: it is not made, a line says which it was, the process ends.
//!
//! The kernel stops the call and raises SIGSYS on the thread that tried it; the handler here speaks and aborts,
//! without ever returning to that thread. (The kernel could kill the process by itself, and would tell nobody but
//! the audit log which call it was.) An end is certain in every case: a SIGSYS that is blocked, or comes while the
//! handler runs, kills at once, and the filter lets nobody replace the handler.

#![expect(
    clippy::disallowed_methods,
    reason = "/proc/self/mem is opened before files are out of reach"
)]

use std::ffi::{c_int, c_void};
use std::fs::File;
use std::io::{Cursor, Write};
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;

use libc::{SIGSYS, siginfo_t};
use vmm_sys_util::signal::register_signal_handler;

use super::calls::name_of;

/// Where the kernel puts the number of the call into `siginfo_t`, on 64-bit machines: after three numbers (and a
/// gap) and the address of the call.
const SI_SYSCALL: u64 = 24;

/// Our own memory, to read by way of the kernel what it says of the call: a pointer that it gave is followed by it
/// alone, and no `unsafe` is needed. None where there is no /proc; the line is then without a name.
static MEMORY: OnceLock<Option<File>> = OnceLock::new();

/// Must come first: who has changed its user may not open this any more.
pub(super) fn prepare() {
    MEMORY.get_or_init(|| File::open("/proc/self/mem").ok());
}

/// From here on a stopped call ends the process with a line on standard error.
pub(super) fn watch() -> Result<(), String> {
    register_signal_handler(SIGSYS, end).map_err(|errno| format!("no handler for SIGSYS: {errno}"))
}

/// Runs in the middle of anything: no lock, no allocation.
extern "C" fn end(_: c_int, info: *mut siginfo_t, _: *mut c_void) {
    let line = line(number_at(info));
    let _ = rustix::io::write(rustix::stdio::stderr(), written(&line));
    std::process::abort();
}

fn number_at(info: *mut siginfo_t) -> Option<i64> {
    let mut number = [0; 4];
    let memory = MEMORY.get()?.as_ref()?;
    let place = info.addr() as u64 + SI_SYSCALL;
    memory.read_exact_at(&mut number, place).ok()?;
    Some(i32::from_ne_bytes(number).into())
}

type Line = Cursor<[u8; 256]>;

fn line(number: Option<i64>) -> Line {
    let mut line = Cursor::new([0; 256]);
    let (name, number) = (number.and_then(name_of), number.unwrap_or(-1));
    let name = name.unwrap_or("a system call");
    // What does not fit is cut off; there is nobody to tell.
    let _ = writeln!(
        line,
        "bootstone: the sandbox stopped {name} (call {number} on {}), which no server needs. Either this is a bug, \
         or somebody uses one: please report it. The program ends here.",
        std::env::consts::ARCH
    );
    line
}

fn written(line: &Line) -> &[u8] {
    let end = line.position().try_into().unwrap_or(0);
    line.get_ref().get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::calls::FAMILIAR;
    use super::*;

    fn text(number: Option<i64>) -> String {
        String::from_utf8_lossy(written(&line(number))).into_owned()
    }

    #[test]
    fn the_line_names_the_call() {
        assert!(text(Some(libc::SYS_openat)).contains("stopped openat (call "));
        assert!(text(Some(12345)).contains("stopped a system call (call 12345 "));
        assert!(text(None).ends_with("ends here.\n"));
    }

    #[test]
    fn the_longest_name_fits() {
        for call in FAMILIAR {
            assert!(
                text(Some(call.number)).ends_with("ends here.\n"),
                "{}",
                call.name()
            );
        }
    }
}
