//! The rules of `lib.rs`: layers, import cycles, what each layer may use, lengths.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on has failed; this one reads the sources"
)]

mod graph;
mod made_up;
mod source;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use graph::Crate;
use source::Source;

/// Cycles that still exist. Entries may be removed, not added.
const KNOWN_CYCLES: &[&[&str]] = &[];

/// Files and functions that are still too long. Entries may be removed, not added.
const KNOWN_LONG: &[&str] = &[];

fn bootstone() -> Crate {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![src.clone()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&src).unwrap().to_str().unwrap();
                sources.push(Source::parse(name, &fs::read_to_string(&path).unwrap()));
            }
        }
    }
    Crate::new(sources)
}

/// Names of several types. Entries may be removed, not added.
const KNOWN_AMBIGUOUS: &[&str] = &[];

#[track_caller]
fn none(found: &[String]) {
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// Fails if something is found that is not known, or something known is not found any more.
#[track_caller]
fn none_but(found: &[String], known: &[&str]) {
    let is_known = |text: &&String| known.iter().any(|entry| text.starts_with(entry));
    let new = found.iter().filter(|text| !is_known(text)).cloned();
    none(&new.collect::<Vec<_>>());
    for entry in known {
        let is_found = found.iter().any(|text| text.starts_with(entry));
        assert!(is_found, "{entry} is not found any more: remove it");
    }
}

#[test]
fn a_type_has_a_name_of_its_own() {
    none_but(&bootstone().ambiguous_types(), KNOWN_AMBIGUOUS);
}

#[test]
fn every_module_has_a_layer() {
    none(&bootstone().unknown_modules());
}

#[test]
fn a_module_imports_from_its_own_layer_and_below() {
    none(&bootstone().upward_imports());
}

#[test]
fn the_lower_layers_use_no_socket_clock_or_runtime() {
    none(&bootstone().forbidden_uses());
}

#[test]
fn files_and_functions_are_short() {
    none_but(&bootstone().too_long(), KNOWN_LONG);
}

#[test]
fn there_are_no_import_cycles() {
    let all = bootstone();
    let cycles = all.cycles();
    let known: Vec<BTreeSet<&str>> = KNOWN_CYCLES
        .iter()
        .map(|cycle| cycle.iter().copied().collect())
        .collect();
    let is_known = |cycle: &&BTreeSet<&str>| known.iter().any(|known| cycle.is_subset(known));
    let new = cycles.iter().filter(|cycle| !is_known(cycle));
    let new = new.map(|cycle| format!("these files import each other: {cycle:?}"));
    none(&new.collect::<Vec<_>>());
    for known in known {
        let is_found = cycles.iter().any(|cycle| cycle.is_subset(&known));
        assert!(is_found, "remove {known:?} from KNOWN_CYCLES");
    }
}
