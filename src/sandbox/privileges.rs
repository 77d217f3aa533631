//! Privileges: root binds port 69, then becomes an ordinary user without capabilities, for good.

use rustix::io::Errno;
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getegid, geteuid, set_dumpable_behavior, setrlimit,
};
use rustix::thread::{
    CapabilitySet, CapabilitySets, Gid, Uid, remove_capability_from_bounding_set, set_capabilities,
    set_no_new_privs, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};

use super::user::{NONROOT, User};

/// Changes to `user`, or from root to [`NONROOT`], and drops every capability. Returns the new
/// user.
pub(super) fn drop_to(user: Option<User>) -> Result<User, String> {
    let current = User {
        uid: geteuid().as_raw(),
        gid: getegid().as_raw(),
    };
    let user = match user {
        Some(user) => user,
        None if current.uid == 0 => NONROOT,
        None => current,
    };
    drop_bounding_set();
    if user == current {
        // Best effort: only root with all its capabilities may drop its groups.
        let _ = set_thread_groups(&[]);
    }
    become_user(user, current).map_err(|errno| explain(user, current, errno))?;
    set_capabilities(None, NONE)
        .and_then(|()| set_no_new_privs(true))
        .map_err(|errno| format!("the capabilities cannot be dropped: {errno}"))?;
    deny_inspection().map_err(|errno| format!("core dumps cannot be turned off: {errno}"))?;
    Ok(user)
}

/// Leaves no core dump, and lets no other process of the user trace this one or read its memory.
/// (A change of user has the second effect as well.)
fn deny_inspection() -> Result<(), Errno> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none)?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
}

/// No capabilities. The kernel clears the ambient set along with the permitted set.
const NONE: CapabilitySets = CapabilitySets {
    effective: CapabilitySet::empty(),
    permitted: CapabilitySet::empty(),
    inheritable: CapabilitySet::empty(),
};

/// Drops the capabilities that an executed program could gain. Only root may do that; for other
/// users `no_new_privs` has the same effect.
fn drop_bounding_set() {
    for bit in 0..64 {
        // The kernel numbers its forty or so capabilities without gaps, and rejects the first
        // unknown.
        if remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << bit)).is_err() {
            return;
        }
    }
}

/// Sets groups and group first, because the new user may not. Sets real, effective and saved ids,
/// so that the process cannot return to the old ones.
fn become_user(user: User, current: User) -> Result<(), Errno> {
    if user == current {
        return Ok(());
    }
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    set_thread_groups(&[])?;
    set_thread_res_gid(gid, gid, gid)?;
    set_thread_res_uid(uid, uid, uid)
}

fn explain(user: User, current: User, errno: Errno) -> String {
    let advice = match (errno, current.uid) {
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
    format!("cannot become user {user}: {errno}. {advice}")
}
