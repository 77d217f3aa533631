//! Finds the files of the assets directory, through links too.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::links;
use super::manifest::LONGEST_NAME;
use super::rules::{Problems, is_control, unreadable};

/// A catalog holds 65,535 names: a file, its `.sha256`, and one `SHA256SUMS`. Links to directories
/// can multiply the names of a few files without end.
const MAX_NAMES: usize = 32_767;

/// A file, by one of its names.
pub(super) struct Found {
    /// As it would be asked for.
    pub(super) name: Vec<u8>,
    /// The name of the file itself, whatever links led to it.
    pub(super) true_name: Vec<u8>,
    pub(super) path: PathBuf,
}

/// All files, by every name that links give them. `None` if there are too many.
pub(super) fn search(root: &Path, problems: &mut Problems<'_>) -> Option<Vec<Found>> {
    let mut search = Search {
        root,
        problems,
        parents: Vec::new(),
        files: Vec::new(),
        names: 0,
    };
    search.enter(b"", root);
    (search.names <= MAX_NAMES).then_some(search.files)
}

struct Search<'a, 'b> {
    /// Without a link in it.
    root: &'a Path,
    problems: &'a mut Problems<'b>,
    /// The directories that led to where the search is.
    parents: Vec<PathBuf>,
    files: Vec<Found>,
    /// How many names were looked at: of files, of directories, and of anything else.
    names: usize,
}

impl Search<'_, '_> {
    fn enter(&mut self, name: &[u8], directory: &Path) {
        let entries = fs::read_dir(directory).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut entries = match entries {
            Ok(entries) => entries,
            Err(error) => return self.problems.add(name, unreadable(&error)),
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        self.parents.push(directory.to_path_buf());
        for entry in entries {
            let file_name = entry.file_name();
            let parts = [name, file_name.as_encoded_bytes()];
            let name = parts[usize::from(name.is_empty())..].join(&b'/');
            self.names += 1;
            if self.names > MAX_NAMES {
                return self.report_limit(&name);
            }
            if entry.path().is_dir() || !is_control(&name) {
                self.visit(name, &entry.path());
            }
        }
        self.parents.pop();
    }

    fn visit(&mut self, name: Vec<u8>, path: &Path) {
        let path = match links::resolve(self.root, path) {
            Ok(path) => path,
            Err(why) => return self.problems.add(&name, why),
        };
        let true_name = self.true_name(&path);
        let is_too_long = name.len() > LONGEST_NAME;
        let what = if path.is_dir() && is_too_long {
            "a directory with a path of more than 493 bytes, which is too long for a request. Give \
             it a shorter path, or remove it"
        } else if path.is_dir() && !self.parents.contains(&path) {
            return self.enter(&name, &path);
        } else if path.is_dir() {
            "a symbolic link to a directory that it is in, so that its names would have no end. \
             Point it at another directory, or remove it"
        } else if !path.is_file() {
            "neither a file nor a directory (a FIFO, a socket, a device). Put a file in its place, \
             or remove it"
        } else if is_control(&true_name) {
            "a symbolic link to a file that is never embedded. Point it at a boot file, or remove \
             it"
        } else {
            return self.files.push(Found {
                name,
                true_name,
                path,
            });
        };
        self.problems.add(&name, what);
    }

    /// Reports the first name beyond the limit. Each directory above it comes here, too.
    fn report_limit(&mut self, name: &[u8]) {
        if self.names == MAX_NAMES + 1 {
            let what = format!(
                "there are more than {MAX_NAMES} names up to this one, counting a file anew for \
                 each path that links to directories open to it. Remove files, or links to \
                 directories"
            );
            self.problems.add(name, what);
        }
    }

    fn true_name(&self, path: &Path) -> Vec<u8> {
        let parts = path.strip_prefix(self.root).unwrap_or(path).iter();
        let parts: Vec<&[u8]> = parts.map(OsStr::as_encoded_bytes).collect();
        parts.join(&b'/')
    }
}
