//! Where the bytes go: there whole, or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// An open destination. Dropped without [`keep`](Output::keep) it leaves nothing behind.
pub(super) enum Output {
    /// What cannot be replaced by a rename: standard output, a device, a pipe.
    Stream(Box<dyn Write>),
    /// A file in the making, beside the one that it is to be.
    Part(Part),
}

pub(super) struct Part {
    file: File,
    path: PathBuf,
    target: PathBuf,
}

impl Output {
    /// Opens `path`, or standard output for `-`.
    pub(super) fn open(path: &str) -> io::Result<Output> {
        if path == "-" {
            return Ok(Output::Stream(Box::new(io::stdout().lock())));
        }
        // A link is followed, so that it stays one.
        let target = fs::canonicalize(path).unwrap_or_else(|_| PathBuf::from(path));
        match fs::metadata(&target) {
            Ok(there) if !there.is_file() => {
                let file = File::options().write(true).open(&target)?;
                Ok(Output::Stream(Box::new(file)))
            }
            _ => Part::create(target).map(Output::Part),
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Output::Stream(stream) => stream.write_all(bytes),
            Output::Part(part) => part.file.write_all(bytes),
        }
    }

    /// It is whole: it takes its place, over whatever is there.
    pub(super) fn keep(mut self) -> io::Result<()> {
        match &mut self {
            Output::Stream(stream) => stream.flush(),
            Output::Part(part) => fs::rename(&part.path, &part.target),
        }
    }
}

impl Part {
    fn create(target: PathBuf) -> io::Result<Part> {
        let name = target.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}.part", std::process::id()));
        let path = target.parent().unwrap_or(Path::new("")).join(hidden);
        let file = File::options().write(true).create_new(true).open(&path)?;
        Ok(Part { file, path, target })
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // After a rename there is nothing of that name.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests look at what was written")]
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
    fn a_file_is_there_whole_or_not_at_all() {
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

        write(b"whole").keep().unwrap();
        drop(write(b"half of another"));
        assert_eq!(names(directory.path()), ["f"]);
        assert_eq!(fs::read(&path).unwrap(), b"whole");

        write(b"another").keep().unwrap();
        assert_eq!(names(directory.path()), ["f"]);
        assert_eq!(fs::read(&path).unwrap(), b"another");
    }

    #[cfg(unix)]
    #[test]
    fn links_and_devices_stay_what_they_are() {
        let directory = tempfile::tempdir().unwrap();
        let (file, link) = (directory.path().join("f"), directory.path().join("link"));
        fs::write(&file, b"before").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let mut output = Output::open(link.to_str().unwrap()).unwrap();
        output.write(b"after").unwrap();
        output.keep().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"after");

        let mut output = Output::open("/dev/null").unwrap();
        output.write(b"gone").unwrap();
        output.keep().unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        assert!(Output::open(directory.path().to_str().unwrap()).is_err());
    }
}
