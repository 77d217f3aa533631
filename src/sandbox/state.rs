//! What the sandbox has put in force.

use std::fmt;

use super::user::User;

/// The state of Landlock or seccomp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// Turned off by `--no-sandbox`.
    Off,
    /// Not available on this system.
    Missing,
    /// Landlock in force, with this version of its interface.
    Version(u32),
    /// In force.
    On,
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mechanism::Off => f.write_str("off"),
            Mechanism::Missing => f.write_str("missing"),
            Mechanism::Version(version) => write!(f, "{version}{}", denied(*version)),
            Mechanism::On => f.write_str("on"),
        }
    }
}

/// What a version of Landlock denies.
fn denied(version: u32) -> &'static str {
    match version {
        0..=3 => ":files",
        4..=5 => ":files,tcp",
        _ => ":files,tcp,signals,abstract-sockets",
    }
}

/// The sandbox as it is in force.
#[derive(Debug)]
pub struct SandboxState {
    /// The current user; `None` on systems other than Linux.
    pub user: Option<User>,
    /// State of Landlock.
    pub landlock: Mechanism,
    /// State of seccomp.
    pub seccomp: Mechanism,
    /// Threads that existed before; they keep their privileges. Always 0 with the filters on.
    pub other_threads: usize,
}

impl SandboxState {
    /// Warnings about protection that is missing.
    pub fn warnings(&self) -> impl Iterator<Item = &'static str> {
        let root = self.user.is_some_and(|user| user.uid == 0);
        let unfiltered = match self.seccomp {
            Mechanism::Off => Some(
                "NO SANDBOX, as configured: an attacker who exploits a bug in this program can do \
                 what its user can do",
            ),
            Mechanism::Missing => Some("NO SANDBOX: it exists on Linux only"),
            _ => (self.landlock == Mechanism::Missing).then_some(
                "this kernel has no Landlock: only seccomp and the user's permissions protect files",
            ),
        };
        let root = root.then_some(
            "still root, as configured: without capabilities, but with access to root's files",
        );
        let threads = (self.other_threads > 0).then_some(
            "a thread that is not the program's (an emulator's?) keeps the privileges of the start",
        );
        root.into_iter().chain(unfiltered).chain(threads)
    }
}
