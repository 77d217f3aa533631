//! The output of `get`: a complete file, or none.

use std::fs::{self, File, Metadata};
use std::io::{self, StdoutLock, Write};
use std::path::{Path, PathBuf};

/// An open output. If it is dropped without [`commit`](Output::commit), no file is left.
pub(super) enum Output {
    /// Standard output.
    Standard(StdoutLock<'static>),
    /// An output that a rename cannot replace: a device, a pipe.
    Stream(File),
    /// A temporary file, to be renamed.
    Temporary(TemporaryFile),
}

/// A file that is not complete yet, in the directory of its target.
pub(super) struct TemporaryFile {
    file: File,
    path: PathBuf,
    target: PathBuf,
}

impl Output {
    /// Opens `path`, or standard output for `-`.
    pub(super) fn open(path: &str) -> io::Result<Output> {
        if path == "-" || names_standard_output(path) {
            return Ok(Output::Standard(io::stdout().lock()));
        }
        // A symbolic link is followed, so that the rename does not replace it.
        let target = fs::canonicalize(path).unwrap_or_else(|_| PathBuf::from(path));
        match fs::metadata(&target) {
            Ok(there) if !there.is_file() => {
                let file = File::options().write(true).open(&target)?;
                Ok(Output::Stream(file))
            }
            Ok(replaced) => {
                let temporary = TemporaryFile::create(target)?;
                adopt(&temporary.file, &replaced)?;
                Ok(Output::Temporary(temporary))
            }
            Err(_) => TemporaryFile::create(target).map(Output::Temporary),
        }
    }

    /// True if the file itself goes to standard output, where nothing else may go.
    pub(super) fn is_standard_output(&self) -> bool {
        matches!(self, Output::Standard(_))
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Output::Standard(stdout) => stdout.write_all(bytes),
            Output::Stream(stream) => stream.write_all(bytes),
            Output::Temporary(temporary) => temporary.file.write_all(bytes),
        }
    }

    /// Completes the output: renames the temporary file, over an existing one.
    pub(super) fn commit(mut self) -> io::Result<()> {
        match &mut self {
            Output::Standard(stdout) => stdout.flush(),
            Output::Stream(stream) => stream.flush(),
            Output::Temporary(temporary) => fs::rename(&temporary.path, &temporary.target),
        }
    }
}

/// True if `path` is the file, the pipe or the device that standard output writes to:
/// `/dev/stdout`, for example.
#[cfg(unix)]
fn names_standard_output(path: &str) -> bool {
    use std::os::fd::AsFd as _;
    use std::os::unix::fs::MetadataExt as _;
    let stdout = io::stdout().as_fd().try_clone_to_owned();
    let stdout = stdout.and_then(|stdout| File::from(stdout).metadata());
    let identity = |metadata: Metadata| (metadata.dev(), metadata.ino());
    match (fs::metadata(path), stdout) {
        (Ok(there), Ok(stdout)) => identity(there) == identity(stdout),
        _ => false,
    }
}

#[cfg(not(unix))]
fn names_standard_output(_: &str) -> bool {
    false
}

/// Gives the empty file the owner and the permissions of the one that it will replace. The bits
/// set-user-ID and set-group-ID are not kept: they were given to another content.
#[cfg(unix)]
fn adopt(file: &File, replaced: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
    let created = file.metadata()?;
    if (created.uid(), created.gid()) != (replaced.uid(), replaced.gid()) {
        fchown(file, Some(replaced.uid()), Some(replaced.gid())).map_err(|error| {
            io::Error::new(error.kind(), format!("its owner cannot be kept: {error}"))
        })?;
    }
    file.set_permissions(fs::Permissions::from_mode(replaced.mode() & 0o777))
}

#[cfg(not(unix))]
fn adopt(file: &File, replaced: &Metadata) -> io::Result<()> {
    file.set_permissions(replaced.permissions())
}

impl TemporaryFile {
    fn create(target: PathBuf) -> io::Result<TemporaryFile> {
        let name = target.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}.part", std::process::id()));
        let path = target.parent().unwrap_or(Path::new("")).join(hidden);
        let file = File::options().write(true).create_new(true).open(&path)?;
        Ok(TemporaryFile { file, path, target })
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        // After a rename there is no file of that name.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests read what was written")]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string();
        let mut names: Vec<_> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| name(entry).unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_complete_or_absent() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        let write = |bytes| {
            let mut output = Output::open(path.to_str().unwrap()).unwrap();
            output.write(bytes).unwrap();
            output
        };
        let output = write(b"half");
        assert!(!path.exists());
        drop(output);
        assert!(names(directory.path()).is_empty());

        write(b"whole").commit().unwrap();
        drop(write(b"half of another"));
        assert_eq!(names(directory.path()), ["f"]);
        assert_eq!(fs::read(&path).unwrap(), b"whole");

        write(b"another").commit().unwrap();
        assert_eq!(names(directory.path()), ["f"]);
        assert_eq!(fs::read(&path).unwrap(), b"another");
    }

    #[cfg(unix)]
    #[test]
    fn owner_and_permissions_are_kept() {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        fs::write(&path, b"before").unwrap();
        // Only root can give a file away.
        let is_root = chown(&path, Some(1234), Some(2345)).is_ok();
        for mode in [0o600, 0o640, 0o755, 0o400, 0o4755] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let mut output = Output::open(path.to_str().unwrap()).unwrap();
            output.write(b"after").unwrap();
            output.commit().unwrap();
            let after = fs::metadata(&path).unwrap();
            assert_eq!(after.mode() & 0o7777, mode & 0o777);
            if is_root {
                assert_eq!((after.uid(), after.gid()), (1234, 2345));
            }
        }
        assert_eq!(fs::read(&path).unwrap(), b"after");
    }

    #[cfg(unix)]
    #[test]
    fn symbolic_links_and_devices_are_kept() {
        let directory = tempfile::tempdir().unwrap();
        let (file, link) = (directory.path().join("f"), directory.path().join("link"));
        fs::write(&file, b"before").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let mut output = Output::open(link.to_str().unwrap()).unwrap();
        output.write(b"after").unwrap();
        output.commit().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"after");

        let mut output = Output::open("/dev/null").unwrap();
        output.write(b"gone").unwrap();
        output.commit().unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        assert!(Output::open(directory.path().to_str().unwrap()).is_err());
    }
}
