//! Root long enough to bind port 69, then nobody, with no capability and no way back.

use rustix::io::Errno;
use rustix::process::{getegid, geteuid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, Gid, Uid, remove_capability_from_bounding_set, set_capabilities,
    set_no_new_privs, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};

use super::{NOBODY, User};

/// Becomes `wished`, or [`NOBODY`] if it was root, and drops every capability. Who it is now.
pub(super) fn drop_to(wished: Option<User>) -> Result<User, String> {
    let current = User {
        uid: geteuid().as_raw(),
        gid: getegid().as_raw(),
    };
    let user = match wished {
        Some(user) => user,
        None if current.uid == 0 => NOBODY,
        None => current,
    };
    empty_the_bounding_set();
    if user == current {
        // Allowed to root with all its capabilities only; the others cannot get rid of their groups.
        let _ = set_thread_groups(&[]);
    }
    become_user(user, current).map_err(|errno| why_not(user, current, errno))?;
    set_capabilities(None, NONE)
        .and_then(|()| set_no_new_privs(true))
        .map_err(|errno| format!("the capabilities cannot be dropped: {errno}"))?;
    Ok(user)
}

/// Without a permitted capability there is no ambient one either.
const NONE: CapabilitySets = CapabilitySets {
    effective: CapabilitySet::empty(),
    permitted: CapabilitySet::empty(),
    inheritable: CapabilitySet::empty(),
};

/// Takes away what a program executed later could gain. Who may not do that (any but root) is held by
/// `no_new_privs` all the same.
fn empty_the_bounding_set() {
    for bit in 0..64 {
        // The kernel knows some forty, numbered without a gap, and refuses the first it does not know.
        if remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << bit)).is_err() {
            return;
        }
    }
}

/// Groups and group first: afterwards there is no right to change them. Real, effective and saved ids, so that
/// none is left to return to.
fn become_user(user: User, current: User) -> Result<(), Errno> {
    if user == current {
        return Ok(());
    }
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    set_thread_groups(&[])?;
    set_thread_res_gid(gid, gid, gid)?;
    set_thread_res_uid(uid, uid, uid)
}

fn why_not(user: User, current: User, errno: Errno) -> String {
    let way_out = match (errno, current.uid) {
        (Errno::INVAL, _) => {
            "This user namespace has no such number: choose one that it maps with --user, \
             or --user 0 to stay its root"
        }
        (_, 0) => {
            "This root lacks the capabilities to change its user: grant SETUID and SETGID, \
             or start as another user (docker run --user 65532), or stay root with --user 0"
        }
        _ => "Only root can become another user: start as root, or leave --user out",
    };
    format!("cannot become user {user}: {errno}. {way_out}")
}
