//! The release that each server should serve: the files of a list of hashes, or the embedded ones.

use std::io::{self, Read};

use crate::manifest::{Digest, LONGEST_NAME, Record, parse_sums, sums_text};

/// A published file, which every server should serve.
#[derive(Clone, Debug)]
pub(super) struct PublishedFile {
    pub(super) name: String,
    pub(super) sha256: Digest,
    /// Largest size in bytes that is read.
    pub(super) max_size: u64,
}

/// All published files together.
#[derive(Debug)]
pub(super) struct Release {
    /// Where it comes from, for reports.
    pub(super) source: String,
    /// The files in the order of their names.
    pub(super) files: Vec<PublishedFile>,
    /// The hash of the `SHA256SUMS` that a server of exactly these files serves.
    pub(super) content_id: Digest,
}

impl Release {
    fn new(source: String, mut files: Vec<PublishedFile>) -> Release {
        files.sort_by(|a, b| a.name.cmp(&b.name));
        let sums = sums_text(files.iter().map(|file| (file.name.as_str(), file.sha256)));
        Release {
            source,
            files,
            content_id: Digest::of(sums.as_bytes()),
        }
    }

    /// The published hash of this name.
    pub(super) fn hash(&self, name: &str) -> Option<Digest> {
        let found = self
            .files
            .binary_search_by(|file| file.name.as_str().cmp(name));
        found.ok().map(|place| self.files[place].sha256)
    }
}

/// The longest list of hashes that is read.
const MAX_LIST_SIZE: u64 = 16 << 20;

/// The embedded files.
pub(super) fn embedded() -> Result<Release, String> {
    let manifest = crate::embedded::manifest();
    let published = |record: &Record| PublishedFile {
        name: record.name.clone(),
        sha256: record.sha256,
        max_size: record.size,
    };
    match manifest.records() {
        [] => {
            let why = "this program has no embedded files to compare with: give a list with --sums";
            Err(why.to_owned())
        }
        records => Ok(Release::new(
            format!(
                "the files embedded in bootstone {}",
                env!("CARGO_PKG_VERSION")
            ),
            records.iter().map(published).collect(),
        )),
    }
}

/// The files that the list at `path` names, of at most `max_size` bytes each.
pub(super) fn listed(path: &str, max_size: u64) -> Result<Release, String> {
    let text = read(path).map_err(|error| format!("cannot read {path}: {error}"))?;
    let sums = parse_sums(&text).map_err(|error| format!("{path}, {error}"))?;
    if sums.is_empty() {
        return Err(format!("{path} lists no files"));
    }
    if let Some((name, why)) = sums
        .iter()
        .find_map(|(name, _)| Some((name, unrequestable(name)?)))
    {
        return Err(format!("{path} lists {name:?}, {why}. Remove the line"));
    }
    let published = |(name, sha256)| PublishedFile {
        name,
        sha256,
        max_size,
    };
    let source = match path {
        "-" => "the list on standard input".to_owned(),
        _ => format!("the list {path}"),
    };
    Ok(Release::new(
        source,
        sums.into_iter().map(published).collect(),
    ))
}

/// The reason why no request can name this file, if there is one.
fn unrequestable(name: &str) -> Option<&'static str> {
    if name.contains(|letter: char| letter.is_control()) {
        Some("with a control character, where a requested name ends")
    } else if name.len() > LONGEST_NAME {
        Some("a name that is too long for a request")
    } else {
        None
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the published hashes are given as a file"
)]
fn read(path: &str) -> io::Result<String> {
    match path {
        "-" => read_list(io::stdin()),
        _ => read_list(std::fs::File::open(path)?),
    }
}

fn read_list(from: impl Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    from.take(MAX_LIST_SIZE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_LIST_SIZE {
        return Err(io::Error::other(
            "it is longer than 16 MiB, so it is no list of hashes",
        ));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8 text"))
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// A release of these names and contents.
    pub(in super::super) fn release(files: &[(&str, &[u8])]) -> Release {
        let published = |(name, bytes): &(&str, &[u8])| PublishedFile {
            name: (*name).to_owned(),
            sha256: Digest::of(bytes),
            max_size: 1 << 20,
        };
        Release::new("a test".to_owned(), files.iter().map(published).collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods, reason = "made-up lists are files")]

    use super::*;
    use crate::manifest::Digest;

    fn names(list: &str) -> Result<Vec<String>, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("sums");
        std::fs::write(&path, list).unwrap();
        let path = path.to_str().unwrap();
        let names = |release: Release| release.files.into_iter().map(|it| it.name).collect();
        let listed = listed(path, 1).map(names);
        listed.map_err(|message| message.replace(path, "SUMS"))
    }

    #[test]
    fn a_list_in_any_form_names_its_files() {
        let abc = Digest::of(b"abc");
        let list = format!("# version: odd\n{abc} *a\r\n\nSHA256 (d/b) = {abc}\n");
        assert_eq!(names(&list), Ok(vec!["a".to_owned(), "d/b".to_owned()]));
    }

    #[test]
    fn the_content_id_is_that_of_the_served_list() {
        let [a, b] = [b"a", b"b"].map(|bytes| Digest::of(bytes));
        let served = format!("{a}  x\n{b}  y/z\n");
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("sums");
        for list in [served.clone(), format!("{b} *./y/z\r\n# no\n{a} *x\n")] {
            std::fs::write(&path, list).unwrap();
            let release = listed(path.to_str().unwrap(), 1).unwrap();
            assert_eq!(release.content_id, Digest::of(served.as_bytes()));
            assert_eq!(release.hash("y/z"), Some(b));
            assert_eq!(release.hash("y"), None);
        }
    }

    #[test]
    fn a_wrong_list_is_refused_with_the_reason() {
        let abc = Digest::of(b"abc");
        for (list, said) in [
            ("# nothing\n".to_owned(), "SUMS lists no files".to_owned()),
            (
                format!("{abc}  a\nrubbish\n"),
                "SUMS, line 2: not as sha256sum prints it: 64 hexadecimal digits, two spaces, \
                 a name"
                    .to_owned(),
            ),
            (
                format!("\\{abc}  a\\nb\n"),
                "SUMS lists \"a\\nb\", with a control character, where a requested name ends. \
                 Remove the line"
                    .to_owned(),
            ),
        ] {
            assert_eq!(names(&list), Err(said));
        }
        let long = "n".repeat(LONGEST_NAME);
        assert!(names(&format!("{abc}  {long}")).is_ok());
        let error = names(&format!("{abc}  {long}n")).unwrap_err();
        assert!(error.contains("too long for a request"), "{error}");
    }

    #[test]
    fn an_endless_list_is_not_read_to_its_end() {
        for (endless, why) in [
            ("/dev/zero", "longer than 16 MiB"),
            ("/", "is a directory"),
            ("/nowhere", "No such file"),
        ] {
            let error = listed(endless, 1).map(|_| ()).unwrap_err();
            let error = error.replace("Is a", "is a");
            assert!(error.starts_with("cannot read /"), "{error}");
            assert!(error.contains(why), "{error}");
        }
        let error = read_list(&b"\xff"[..]).unwrap_err();
        assert_eq!(error.to_string(), "it is not UTF-8 text");
    }
}
