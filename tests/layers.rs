//! Holds the house of `ARCHITECTURE.md`: who may import whom, and what may be known where.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test: it reads the sources, and stops where it is surprised"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// The rooms and their floors. A room imports from itself and from lower floors.
const ROOMS: [(&str, u8); 13] = [
    ("manifest", 0),
    ("wire", 1),
    ("catalog", 1),
    ("dhcp", 1),
    ("json", 1),
    ("proto", 2),
    ("embedded", 3),
    ("http", 3),
    ("net", 3),
    ("sandbox", 3),
    ("log", 3),
    ("cli", 4),
    ("main", 4),
];

/// Words that have no business up to a floor: there it is bytes and values only.
const UNKNOWN_UP_TO: [(u8, &[&str]); 2] = [
    (0, &["crate::"]),
    (
        2,
        &[
            "tokio",
            "tracing",
            "quinn_udp",
            "socket2",
            "std::fs",
            "std::env",
            "std::io",
            "std::process",
            "std::thread",
            "UdpSocket",
            "SystemTime",
            "std::time::Instant;",
            "println!",
        ],
    ),
];

const LONGEST_FILE: usize = 300;

struct Source {
    path: PathBuf,
    room: String,
    floor: u8,
    /// The code before its tests, without comments.
    code: String,
}

fn sources() -> Vec<Source> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![src.clone()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("src/lib.rs") {
                sources.push(source(path, &src));
            }
        }
    }
    sources
}

fn source(path: PathBuf, src: &Path) -> Source {
    let first = path.strip_prefix(src).unwrap().iter().next().unwrap();
    let room = Path::new(first)
        .file_stem()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    let text = fs::read_to_string(&path).unwrap();
    let lines = text.lines().take_while(|line| *line != "#[cfg(test)]");
    let code = lines.filter(|line| !line.trim_start().starts_with("//"));
    Source {
        code: code.collect::<Vec<_>>().join("\n"),
        floor: floor_of(&room)
            .unwrap_or_else(|| panic!("{}: no room of this name in the plan", path.display())),
        room,
        path,
    }
}

fn floor_of(room: &str) -> Option<u8> {
    ROOMS
        .iter()
        .find(|(name, _)| *name == room)
        .map(|(_, floor)| *floor)
}

/// The rooms that `code` names in paths that begin with `crate::` or, in `main`, `bootstone::`.
fn imports(code: &str) -> impl Iterator<Item = &str> {
    let paths = code
        .split("crate::")
        .skip(1)
        .chain(code.split("bootstone::").skip(1));
    paths.filter_map(|rest| {
        rest.split(|c: char| !c.is_alphanumeric() && c != '_')
            .next()
    })
}

#[test]
fn a_module_imports_from_lower_floors_only() {
    for source in sources() {
        assert!(
            !source.code.contains("crate::{"),
            "{}: one `use` for each room",
            source.path.display()
        );
        for room in imports(&source.code).filter(|room| *room != source.room) {
            let Some(floor) = floor_of(room) else {
                panic!("{}: crate::{room} is no room", source.path.display());
            };
            assert!(
                floor < source.floor
                    || source.room == "main"
                    || [("http", "net"), ("dhcp", "json")].contains(&(&*source.room, room)),
                "{} (floor {}) imports crate::{room} (floor {floor})",
                source.path.display(),
                source.floor
            );
        }
    }
}

#[test]
fn the_lower_floors_know_no_socket_no_clock_and_no_runtime() {
    for source in sources() {
        for (floor, words) in UNKNOWN_UP_TO {
            for word in words.iter().filter(|_| source.floor <= floor) {
                assert!(
                    !source.code.contains(word),
                    "{} names {word}",
                    source.path.display()
                );
            }
        }
    }
}

#[test]
fn files_are_short() {
    for source in sources() {
        let lines = source
            .code
            .lines()
            .filter(|line| !line.trim().is_empty())
            .count();
        assert!(
            lines <= LONGEST_FILE,
            "{} has {lines} lines of code",
            source.path.display()
        );
    }
}

#[test]
fn every_room_is_lived_in() {
    let sources = sources();
    for (room, _) in ROOMS {
        assert!(
            sources.iter().any(|source| source.room == room),
            "nothing in {room}"
        );
    }
}
