//! Judges the files of the assets directory, and reads them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use glob::Pattern;

use super::kinds;
use super::manifest::{
    Digest, LONGEST_NAME, Manifest, RESERVED_NAMES, Record, SUMS_NAME, netascii_size,
};
use super::rules::{ALLOW, Problems, Rules, is_control, shown, unreadable};
use super::search::{Found, search};
use super::{ASSETS_VARIABLE, REQUIRE_VARIABLE};

/// Bytes that are embedded at most.
const MAX_BYTES: u64 = 1 << 30;

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
    let Some(files) = search(&root, &mut problems) else {
        return Err(problems.lines);
    };
    judge_names(&files, &rules, &mut problems);
    judge_collisions(&files, &mut problems);
    if is_too_large(&files, &mut problems) {
        return Err(problems.lines);
    }
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
        Some("it is longer than 493 bytes, the most that fit into a request with `.sha256`")
    } else {
        None
    }
}

/// Names are found without regard to case, and the server adds names of its own.
fn judge_collisions(files: &[Found], problems: &mut Problems<'_>) {
    let lower = |name: &[u8]| name.to_ascii_lowercase();
    let sum_name = |file: &Found| lower(&[&file.name, &b".sha256"[..]].concat());
    let mut generated: BTreeSet<Vec<u8>> = files.iter().map(sum_name).collect();
    generated.insert(lower(SUMS_NAME.as_bytes()));
    let reserved = RESERVED_NAMES.map(|name| lower(name.as_bytes()));
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
        if reserved.contains(&lower(name)) {
            let what = "the server answers under this name itself, or may do so in a later version";
            let advice = "Rename the file, move it into a directory, or remove it";
            problems.add(name, format!("{what}. {advice}"));
        }
    }
}

/// Whether the files have too many bytes together, each counted once.
fn is_too_large(files: &[Found], problems: &mut Problems<'_>) -> bool {
    let size = |file: &Found| fs::metadata(&file.path).map_or(0, |metadata| metadata.len());
    let sizes: BTreeMap<&Path, (u64, &Found)> = files
        .iter()
        .map(|file| (file.path.as_path(), (size(file), file)))
        .collect();
    let sizes_only = sizes.values().map(|(size, _)| *size);
    let sum = sizes_only.fold(0, u64::saturating_add);
    let largest = sizes.values().max_by_key(|(size, _)| *size);
    let Some((size, largest)) = largest.filter(|_| sum > MAX_BYTES) else {
        return false;
    };
    let what = format!(
        "{size} bytes, and all files together have {sum}. At most {MAX_BYTES} bytes can be \
         embedded: the compiler needs about 15 times as much memory. Remove large files, and \
         let iPXE load them over HTTP from another server"
    );
    problems.add(&largest.name, what);
    true
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
    let names: BTreeSet<&[u8]> = files.iter().map(|file| &file.name[..]).collect();
    for (name, (expected, list)) in &rules.published {
        let listed = format!("{}/{list} lists it", shown(problems.assets));
        let name = name.as_bytes();
        if is_control(name) {
            let what = "but it is never embedded. Remove its line";
            problems.add(name, format!("{listed}, {what}"));
        } else if !names.contains(name) {
            let what = format!("missing, and {listed}: expected sha256 {expected}");
            problems.add(name, what + ". Bring the file in, or remove its line");
        }
    }
    for (name, (version, list)) in &rules.versions {
        let name = name.as_bytes();
        if !names.contains(name) {
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
