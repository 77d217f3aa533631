//! The sandbox: drops privileges and system calls once everything is open.
//!
//! [`enter`] is called once, after the sockets are bound and before the first thread starts. From
//! then on the process is not root, has no capabilities, can open no file, and can make only the
//! listed system calls. Linux only; on other systems a warning is logged.

#[cfg(target_os = "linux")]
mod calls;
#[cfg(target_os = "linux")]
mod inherited;
#[cfg(target_os = "linux")]
mod landlock;
#[cfg(target_os = "linux")]
mod privileges;
#[cfg(target_os = "linux")]
mod seccomp;
mod state;
mod user;
#[cfg(target_os = "linux")]
mod violation;

#[cfg(target_os = "linux")]
pub use self::inherited::close_inherited;
pub use self::state::{Mechanism, SandboxState};
pub use self::user::User;

/// What the operator has configured.
#[derive(Clone, Copy, Debug, Default)]
pub struct SandboxConfig {
    /// The user to become. By default: 65532:65532 if started as root, else no change.
    pub user: Option<User>,
    /// Skip Landlock and seccomp. Privileges are dropped all the same.
    pub without_filters: bool,
}

/// Drops groups, user, capabilities, access to files and system calls, for good.
///
/// # Errors
/// A part cannot be put in force. The caller must end the process then, because other parts may be
/// in force already.
#[cfg(target_os = "linux")]
pub fn enter(config: &SandboxConfig) -> Result<SandboxState, String> {
    let other_threads = other_threads();
    if other_threads > 0 && !config.without_filters {
        return Err(format!(
            "the sandbox must be entered before the first thread starts, and there are {}. Under an \
             emulator such as qemu-user, which has a thread of its own, add --no-sandbox; \
             otherwise this is a bug",
            other_threads + 1
        ));
    }
    violation::prepare();
    let user = privileges::drop_to(config.user)?;
    let (landlock, seccomp) = if config.without_filters {
        (Mechanism::Off, Mechanism::Off)
    } else {
        (landlock::enter()?, seccomp::enter()?)
    };
    Ok(SandboxState {
        user: Some(user),
        landlock,
        seccomp,
        other_threads,
    })
}

/// The number of threads beside the calling one. The kernel changes user, capabilities and Landlock
/// domain of the calling thread only; other threads keep theirs.
#[cfg(target_os = "linux")]
fn other_threads() -> usize {
    // Without /proc they cannot be counted; no code of this program starts a thread earlier.
    let threads = std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    threads.saturating_sub(1)
}

/// Does nothing: there is no sandbox on this system.
#[cfg(not(target_os = "linux"))]
pub fn close_inherited(_keep: &[std::net::UdpSocket]) -> std::io::Result<()> {
    Ok(())
}

/// Does nothing: there is no sandbox on this system.
///
/// # Errors
/// A user is configured.
#[cfg(not(target_os = "linux"))]
pub fn enter(config: &SandboxConfig) -> Result<SandboxState, String> {
    if config.user.is_some() {
        return Err("--user works on Linux only: start the program as that user".to_owned());
    }
    Ok(SandboxState {
        user: None,
        landlock: Mechanism::Missing,
        seccomp: Mechanism::Missing,
        other_threads: 0,
    })
}
