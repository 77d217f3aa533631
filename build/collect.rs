//! Finds the files of the assets directory and judges them.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use glob::Pattern;

use super::kinds;
use super::links;
use super::manifest::{Digest, Manifest, Record, SUMS_NAME, netascii_size};
use super::rules::{ALLOW, Problems, Rules, is_control, shown};
use super::{ASSETS_VARIABLE, REQUIRE_VARIABLE};

/// What was found fit to be embedded.
#[derive(Debug)]
pub(super) struct Collection {
    pub(super) manifest: Manifest,
    pub(super) contents: BTreeMap<Digest, Vec<u8>>,
}

/// The files of the directory, or every problem with it.
pub(super) fn collect(assets: &Path, require_published: bool) -> Result<Collection, Vec<String>> {
    let root = open(assets).map_err(|problem| vec![problem])?;
    let lines = Vec::new();
    let mut problems = Problems { assets, lines };
    let rules = Rules::read(&root, &mut problems);
    let files = Search::run(&root, &mut problems);

    judge_names(&files, &rules, &mut problems);
    judge_collisions(&files, &mut problems);
    let (records, contents) = read(&files, &rules, &mut problems);
    judge_hashes(&records, &rules, &mut problems);
    judge_missing(&files, &rules, &mut problems);
    if require_published {
        judge_unpublished(&records, &mut problems);
    }
    if !problems.lines.is_empty() {
        return Err(problems.lines);
    }
    let manifest = Manifest::new(records);
    Ok(Collection { manifest, contents })
}

fn open(assets: &Path) -> Result<PathBuf, String> {
    let why = match assets.canonicalize() {
        Ok(root) if root.is_dir() => return Ok(root),
        Ok(_) => "not a directory".to_owned(),
        Err(error) => format!("cannot be opened: {error}"),
    };
    Err(format!(
        "{}: {why}. The boot files are taken from there: make the directory, or name another in \
         {ASSETS_VARIABLE} (a relative path counts from the package's root)",
        shown(assets)
    ))
}

struct Found {
    /// As it would be asked for.
    name: Vec<u8>,
    /// The name of the file itself, whatever links led to it.
    true_name: Vec<u8>,
    path: PathBuf,
}

struct Search<'a, 'b> {
    /// Without a link in it.
    root: &'a Path,
    problems: &'a mut Problems<'b>,
    /// The directories that led to where the search is.
    parents: Vec<PathBuf>,
    files: Vec<Found>,
}

impl Search<'_, '_> {
    fn run(root: &Path, problems: &mut Problems<'_>) -> Vec<Found> {
        let mut search = Search {
            root,
            problems,
            parents: Vec::new(),
            files: Vec::new(),
        };
        search.enter(b"", root);
        search.files
    }

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
        let what = if path.is_dir() && !self.parents.contains(&path) {
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

    fn true_name(&self, path: &Path) -> Vec<u8> {
        let parts = path.strip_prefix(self.root).unwrap_or(path).iter();
        let parts: Vec<&[u8]> = parts.map(OsStr::as_encoded_bytes).collect();
        parts.join(&b'/')
    }
}

fn unreadable(error: &io::Error) -> String {
    format!("cannot be read: {error}. Make it readable, or remove it")
}

fn judge_names(files: &[Found], rules: &Rules, problems: &mut Problems<'_>) {
    for Found { name, .. } in files {
        let text = String::from_utf8_lossy(name);
        if let Some(why) = unfit(name) {
            let what = format!("TFTP cannot carry this name: {why}");
            problems.add(name, what + ". Rename the file, or remove it");
        } else if !rules.allow(&text) {
            let (assets, line) = (shown(problems.assets), Pattern::escape(&text));
            let what = format!("matches no pattern in {assets}/{ALLOW}. Allow it by the line");
            problems.add(name, format!("{what} `{line}` there, or remove the file"));
        }
    }
}

/// Why no request could name this file, if so.
fn unfit(name: &[u8]) -> Option<&'static str> {
    if name.iter().any(u8::is_ascii_control) {
        Some("there is a control character in it, and a requested name ends before one")
    } else if !name.is_ascii() {
        Some("there is more than ASCII in it, and RFC 1350 has no other letters")
    } else if name.contains(&b'\\') {
        Some("there is a backslash in it, and in a requested name that is a `/`")
    } else if name.get(1) == Some(&b':') && name[0].is_ascii_alphabetic() {
        Some("it begins with a drive letter, which a requested name is stripped of")
    } else if name.len() > LONGEST_NAME {
        Some("it is longer than the 493 bytes for which a request has room (with `.sha256`)")
    } else {
        None
    }
}

/// A request has 512 bytes: an opcode, the name, the mode, and a NUL behind each.
const LONGEST_NAME: usize = 512 - 2 - ".sha256\0".len() - "netascii\0".len();

/// Names are found without regard to case, and the server adds names of its own.
fn judge_collisions(files: &[Found], problems: &mut Problems<'_>) {
    let lower = |name: &[u8]| name.to_ascii_lowercase();
    let sum_name = |file: &Found| lower(&[&file.name, &b".sha256"[..]].concat());
    let mut generated: Vec<Vec<u8>> = files.iter().map(sum_name).collect();
    generated.push(lower(SUMS_NAME.as_bytes()));
    let mut seen = BTreeMap::new();
    for Found { name, .. } in files {
        let first = *seen.entry(lower(name)).or_insert(name);
        if first != name {
            let what = format!("differs from `{}` only in case", first.escape_ascii());
            let why = "and clients write names in either case. Rename one of them, or remove it";
            problems.add(name, format!("{what}, {why}"));
        }
        if generated.contains(&lower(name)) {
            let what = "the server makes a list of hashes under this name";
            problems.add(name, format!("{what}. Rename the file, or remove it"));
        }
    }
}

fn read(
    files: &[Found],
    rules: &Rules,
    problems: &mut Problems<'_>,
) -> (Vec<Record>, BTreeMap<Digest, Vec<u8>>) {
    let (mut records, mut contents) = (Vec::new(), BTreeMap::new());
    for file in files {
        match fs::read(&file.path) {
            Ok(bytes) => {
                let record = record(file, &bytes, rules);
                contents.insert(record.sha256, bytes);
                records.push(record);
            }
            Err(error) => problems.add(&file.name, unreadable(&error)),
        }
    }
    (records, contents)
}

fn record(file: &Found, bytes: &[u8], rules: &Rules) -> Record {
    let [name, true_name] = [&file.name, &file.true_name];
    let [name, true_name] =
        [name, true_name].map(|name| String::from_utf8_lossy(name).into_owned());
    let facts = kinds::facts(&name, bytes);
    let listed = rules.versions.get(&name);
    let listed = listed.or_else(|| rules.versions.get(&true_name));
    Record {
        size: bytes.len() as u64,
        netascii_size: netascii_size(bytes),
        sha256: Digest::of(bytes),
        kind: facts.kind,
        version: facts
            .version
            .or_else(|| listed.map(|(version, _)| version.clone())),
        authenticode: facts.authenticode,
        published: [&name, &true_name]
            .iter()
            .any(|name| rules.published.contains_key(*name)),
        alias_of: (true_name != name).then_some(true_name),
        name,
    }
}

fn judge_hashes(records: &[Record], rules: &Rules, problems: &mut Problems<'_>) {
    for Record { name, sha256, .. } in records {
        if let Some((expected, list)) = rules.published.get(name)
            && expected != sha256
        {
            let assets = shown(problems.assets);
            let what = format!(
                "not the file that {assets}/{list} lists: expected sha256 {expected}, actual \
                 {sha256}. Bring in the listed file, or correct its line"
            );
            problems.add(name.as_bytes(), what);
        }
    }
}

fn judge_missing(files: &[Found], rules: &Rules, problems: &mut Problems<'_>) {
    for (name, (expected, list)) in &rules.published {
        let listed = format!("{}/{list} lists it", shown(problems.assets));
        let name = name.as_bytes();
        if is_control(name) {
            let what = "but it is never embedded. Remove its line";
            problems.add(name, format!("{listed}, {what}"));
        } else if !files.iter().any(|file| file.name == name) {
            let what = format!("missing, and {listed}: expected sha256 {expected}");
            problems.add(name, what + ". Bring the file in, or remove its line");
        }
    }
    for (name, (version, list)) in &rules.versions {
        let name = name.as_bytes();
        if !files.iter().any(|file| file.name == name) {
            let what = format!(
                "missing, and {}/{list} says that its version is {version}. Bring the file in, or \
                 remove that line",
                shown(problems.assets)
            );
            problems.add(name, what);
        }
    }
}

fn judge_unpublished(records: &[Record], problems: &mut Problems<'_>) {
    for Record { name, sha256, .. } in records.iter().filter(|record| !record.published) {
        let assets = shown(problems.assets);
        let what = format!(
            "no published hash, and {REQUIRE_VARIABLE} asks for one. If sha256 {sha256} is right, \
             add the line `{sha256}  {name}` to {assets}/{SUMS_NAME}; if not, remove the file"
        );
        problems.add(name.as_bytes(), what);
    }
}
