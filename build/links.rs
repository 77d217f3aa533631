//! Where a symbolic link leads, without ever leaving the directory.
//!
//! Followed by hand, step by step: `canonicalize` tells where a link ends, and would hide that it
//! went through a place outside, which could change without the directory changing.

use std::path::{Component, Path, PathBuf};

/// As Linux counts before it says ELOOP.
const MAX_LINKS: usize = 40;

/// What `path`, a direct child of a directory inside `root`, really is: a path in `root` with no
/// link in it. Both must be free of links but for the last part of `path`.
///
/// # Errors
/// What is wrong with the link, and what to do.
pub(super) fn resolve(root: &Path, path: &Path) -> Result<PathBuf, String> {
    let target = match path.read_link() {
        Ok(target) => target,
        Err(_) => return Ok(path.to_path_buf()),
    };
    let refused = |why| {
        Err(format!(
            "a symbolic link to `{}`, which {why}, or remove it",
            target.as_os_str().as_encoded_bytes().escape_ascii()
        ))
    };
    match follow(root, path) {
        Ok(path) => Ok(path),
        Err(Lost::Outside) => refused(
            "leads out of the directory. Copy the file in its place (or make the link relative, \
             if it names a place inside)",
        ),
        Err(Lost::Nowhere) => refused("does not exist. Point it at a file in the directory"),
        Err(Lost::Loop) => refused("leads back to itself. Point it at a file in the directory"),
    }
}

enum Lost {
    Outside,
    Nowhere,
    Loop,
}

fn follow(root: &Path, link: &Path) -> Result<PathBuf, Lost> {
    let mut at = link.to_path_buf();
    let mut steps: Vec<PathBuf> = Vec::new();
    let mut links = 0;
    loop {
        if let Ok(target) = at.read_link() {
            links += 1;
            if links > MAX_LINKS {
                return Err(Lost::Loop);
            }
            at.pop();
            let parts = target.components().rev();
            steps.extend(parts.map(|part| PathBuf::from(part.as_os_str())));
        } else if !at.exists() {
            return Err(Lost::Nowhere);
        }
        let Some(step) = steps.pop() else {
            return Ok(at);
        };
        match step.components().next() {
            Some(Component::ParentDir) if at == root => return Err(Lost::Outside),
            Some(Component::ParentDir) => drop(at.pop()),
            Some(Component::Normal(name)) => at.push(name),
            Some(Component::RootDir | Component::Prefix(_)) => return Err(Lost::Outside),
            Some(Component::CurDir) | None => {}
        }
    }
}
