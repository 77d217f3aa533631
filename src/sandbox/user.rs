//! Users and groups by number.

use std::fmt;
use std::str::FromStr;

/// A numeric user and group: an image without `/etc/passwd` has no names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    /// The user id.
    pub uid: u32,
    /// The group id.
    pub gid: u32,
}

/// The user that a program started as root becomes: the usual number for `nonroot` in images.
pub(super) const NONROOT: User = User {
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

/// Parses an id. To the kernel the highest number means "unchanged", so it is not an id.
fn id(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(number) if number < u32::MAX => Ok(number),
        _ => Err(format!(
            "{text:?} is not a user or group number. Use UID or UID:GID, as in 65532:65532"
        )),
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.uid, self.gid)
    }
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
