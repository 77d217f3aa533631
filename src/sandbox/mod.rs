//! Once everything is open, nothing more may be opened.
//!
//! [`enter`] is the one door, passed once: after the sockets are bound, before the first thread starts. Whoever
//! finds a bug behind it is nobody, holds no capability, reaches no file and makes no system call but those of
//! a list. Linux only; elsewhere a line says so.

#[cfg(target_os = "linux")]
pub mod calls;
#[cfg(target_os = "linux")]
mod landlock;
#[cfg(target_os = "linux")]
mod privileges;
#[cfg(target_os = "linux")]
pub mod seccomp;
#[cfg(target_os = "linux")]
mod violation;

use std::fmt;
use std::str::FromStr;

/// A numeric user and group: there is no `/etc/passwd` to look names up in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    /// The user id.
    pub uid: u32,
    /// The group id.
    pub gid: u32,
}

/// Who a program becomes that was started as root: the customary number for "nobody" in images.
pub const NOBODY: User = User {
    uid: 65532,
    gid: 65532,
};

impl FromStr for User {
    type Err = String;

    fn from_str(text: &str) -> Result<User, String> {
        let (uid, gid) = text.split_once(':').unwrap_or((text, text));
        Ok(User {
            uid: id(uid)?,
            gid: id(gid)?,
        })
    }
}

/// The highest number means "leave it as it is" to the kernel, and is nobody's.
fn id(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(number) if number < u32::MAX => Ok(number),
        _ => Err(format!(
            "{text:?} is no user or group number: it takes UID or UID:GID, as in 65532:65532"
        )),
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.uid, self.gid)
    }
}

/// What was asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish {
    /// Who to become. Without it: [`NOBODY`] if started as root, else no change.
    pub user: Option<User>,
    /// Leave Landlock and seccomp out. Privileges are dropped all the same.
    pub without_filters: bool,
}

/// How much of a mechanism is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// It was left out, as asked for.
    Off,
    /// This system has none.
    Missing,
    /// In force, as this version of its interface.
    Version(u32),
    /// In force.
    On,
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Filter::Off => f.write_str("off"),
            Filter::Missing => f.write_str("missing"),
            Filter::Version(version) => write!(f, "{version}"),
            Filter::On => f.write_str("on"),
        }
    }
}

/// What took effect.
#[derive(Debug)]
pub struct Confinement {
    /// Who the program is now; none where that is not known.
    pub user: Option<User>,
    /// What Landlock keeps out of reach.
    pub landlock: Filter,
    /// What becomes of system calls.
    pub seccomp: Filter,
}

impl Confinement {
    /// What an operator should know is not as safe as it could be.
    pub fn warnings(&self) -> impl Iterator<Item = &'static str> {
        let root = self.user.is_some_and(|user| user.uid == 0);
        let unfiltered = match self.seccomp {
            Filter::Off => Some(
                "NO SANDBOX, as asked for: whoever finds a bug in this program can do what its user can do",
            ),
            Filter::Missing => Some("NO SANDBOX: there is one on Linux only"),
            _ => (self.landlock == Filter::Missing).then_some(
                "this kernel has no Landlock: files are out of reach by seccomp and the user's rights alone",
            ),
        };
        let root = root.then_some(
            "still root, as asked for: without capabilities, but root's files are its own",
        );
        root.into_iter().chain(unfiltered)
    }
}

/// Gives everything up for good: groups, user, capabilities, files, system calls.
///
/// # Errors
/// Something that was asked for cannot be had; what, why, and what to do. The caller must end then: it may be
/// half-way in.
#[cfg(target_os = "linux")]
pub fn enter(wish: &Wish) -> Result<Confinement, String> {
    alone()?;
    violation::prepare();
    let user = privileges::drop_to(wish.user)?;
    let (landlock, seccomp) = if wish.without_filters {
        (Filter::Off, Filter::Off)
    } else {
        (landlock::enter()?, seccomp::enter()?)
    };
    Ok(Confinement {
        user: Some(user),
        landlock,
        seccomp,
    })
}

/// The kernel changes user, capabilities and domain of the calling thread only. Others would keep what they have.
#[cfg(target_os = "linux")]
fn alone() -> Result<(), String> {
    // Without a /proc there is no telling; and nothing in this program starts a thread before.
    let threads = std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    if threads > 1 {
        return Err(format!(
            "the sandbox must be entered before the first thread starts, and there are {threads}: this is a bug"
        ));
    }
    Ok(())
}

/// There is none here.
///
/// # Errors
/// A user was asked for.
#[cfg(not(target_os = "linux"))]
pub fn enter(wish: &Wish) -> Result<Confinement, String> {
    if wish.user.is_some() {
        return Err("--user works on Linux only: start the program as that user".to_owned());
    }
    Ok(Confinement {
        user: None,
        landlock: Filter::Missing,
        seccomp: Filter::Missing,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_one_number_or_two() {
        let user = |uid, gid| Ok(User { uid, gid });
        assert_eq!("65532".parse(), user(65532, 65532));
        assert_eq!("1000:100".parse(), user(1000, 100));
        assert_eq!("0".parse(), user(0, 0));
        for bad in ["", "nobody", "1:", ":1", "-1", "1:2:3", "4294967295"] {
            assert!(bad.parse::<User>().is_err(), "{bad:?}");
        }
    }
}
