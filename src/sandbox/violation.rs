//! Seccomp violations: a call that is not listed is not made; a message names it, and the process
//! ends.
//!
//! The kernel raises SIGSYS on the thread that tried the call. The handler writes the message and
//! aborts; it never returns to that thread. (The kernel could kill the process itself, but then
//! only the audit log would name the call.) The process ends in every case: a SIGSYS that is
//! blocked, or arrives while the handler runs, kills it at once, and the filter does not allow to
//! replace the handler.

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

/// Offset of the call number in `siginfo_t` on 64-bit machines: after three integers, padding and
/// the address of the call.
const SI_SYSCALL: u64 = 24;

/// The memory of this process. The number of the call is read through the kernel, so that no
/// `unsafe` is needed to follow a pointer. `None` without /proc; then the message does not name the
/// call.
static MEMORY: OnceLock<Option<File>> = OnceLock::new();

/// Opens the memory of this process; not allowed any more after the change of user.
pub(super) fn prepare() {
    MEMORY.get_or_init(|| File::open("/proc/self/mem").ok());
}

/// Installs the handler of SIGSYS.
pub(super) fn install_handler() -> Result<(), String> {
    register_signal_handler(SIGSYS, handle)
        .map_err(|errno| format!("cannot install a handler for SIGSYS: {errno}"))
}

/// The signal handler. It may interrupt any code, so it takes no lock and allocates nothing.
extern "C" fn handle(_: c_int, info: *mut siginfo_t, _: *mut c_void) {
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
    // A message that does not fit is truncated.
    let _ = writeln!(
        line,
        "bootstone: the sandbox stopped {name} (call {number} on {}), which no server needs. Either this is a bug, \
         or an attacker uses one: please report it. The program ends here.",
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
    use super::super::calls::KNOWN;
    use super::*;

    fn text(number: Option<i64>) -> String {
        String::from_utf8_lossy(written(&line(number))).into_owned()
    }

    #[test]
    fn the_message_names_the_call() {
        assert!(text(Some(libc::SYS_openat)).contains("stopped openat (call "));
        assert!(text(Some(12345)).contains("stopped a system call (call 12345 "));
        assert!(text(None).ends_with("ends here.\n"));
    }

    #[test]
    fn the_longest_name_fits() {
        for call in KNOWN {
            assert!(
                text(Some(call.number)).ends_with("ends here.\n"),
                "{}",
                call.name()
            );
        }
    }
}
