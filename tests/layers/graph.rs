//! The rules: who imports whom, what each layer may use, and how long files and functions are.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{NamedPath, Source, module_of};

/// The modules and their layers, as in `lib.rs`.
const LAYERS: [(&str, u8); 14] = [
    ("manifest", 0),
    ("wire", 1),
    ("catalog", 1),
    ("dhcp", 1),
    ("json", 1),
    ("proto", 2),
    ("canary", 2),
    ("embedded", 3),
    ("http", 3),
    ("net", 3),
    ("sandbox", 3),
    ("log", 3),
    ("cli", 4),
    ("main", 4),
];

/// Paths that the layers up to the given one must not use: they work on bytes and values only.
const FORBIDDEN: [(u8, &[&str]); 2] = [
    (0, &["crate"]),
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
            "std::net::UdpSocket",
            "std::net::TcpListener",
            "std::net::TcpStream",
            "std::time::SystemTime",
            "std::time::Instant",
        ],
    ),
];

/// Macros that the layers up to 2 must not use.
const FORBIDDEN_MACROS: [&str; 4] = ["println", "print", "eprintln", "eprint"];

const MAX_FILE_LINES: usize = 300;
const MAX_FUNCTION_LINES: usize = 60;

/// All source files, and the modules that they are.
pub(crate) struct Crate {
    sources: Vec<Source>,
    /// The index of the file of each module.
    modules: BTreeMap<Vec<String>, usize>,
}

impl Crate {
    pub(crate) fn new(sources: Vec<Source>) -> Crate {
        let modules = sources.iter().enumerate();
        let modules = modules.map(|(index, source)| (module_of(&source.path), index));
        Crate {
            modules: modules.collect(),
            sources,
        }
    }

    /// The imports between files: for each the files that it names.
    fn imports(&self) -> Vec<BTreeSet<usize>> {
        let files = self.sources.iter().enumerate();
        let imports = files.map(|(index, source)| {
            let files = source.paths.iter().filter_map(|path| self.file_of(path));
            files.filter(|file| *file != index).collect()
        });
        imports.collect()
    }

    /// The file that defines what a path names; `None` for another crate.
    fn file_of(&self, path: &NamedPath) -> Option<usize> {
        let absolute = self.absolute(path)?;
        let (depth, file) = (0..=absolute.len())
            .rev()
            .find_map(|depth| Some((depth, *self.modules.get(&absolute[..depth])?)))?;
        let name = absolute.get(depth);
        let reexport = self.sources[file]
            .reexports
            .iter()
            .find(|(reexported, _)| Some(reexported) == name);
        match reexport {
            Some((_, path)) => self.file_of(path),
            None => Some(file),
        }
    }

    /// A path from the root of the crate; `None` for another crate.
    fn absolute(&self, path: &NamedPath) -> Option<Vec<String>> {
        let NamedPath { module, segments } = path;
        let supers = segments.iter().take_while(|segment| *segment == "super");
        let supers = supers.count();
        let (base, rest) = match segments[0].as_str() {
            "crate" | "bootstone" => (&module[..0], &segments[1..]),
            "self" => {
                let supers = segments[1..]
                    .iter()
                    .take_while(|segment| *segment == "super");
                let supers = supers.count();
                (&module[..module.len() - supers], &segments[1 + supers..])
            }
            "super" => (&module[..module.len() - supers], &segments[supers..]),
            child => {
                let path = [&module[..], &[child.to_owned()]].concat();
                self.modules.get(&path)?;
                (&module[..], &segments[..])
            }
        };
        Some([base, rest].concat())
    }

    /// Imports from a higher layer.
    pub(crate) fn upward_imports(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (source, imports) in self.sources.iter().zip(self.imports()) {
            for import in imports.iter().map(|import| &self.sources[*import]) {
                let (from, to) = (layer_of(&source.path), layer_of(&import.path));
                if let (Some(from), Some(to)) = (from, to)
                    && from < to
                {
                    let (source, import) = (&source.path, &import.path);
                    found.push(format!(
                        "{source} (layer {from}) imports {import} (layer {to})"
                    ));
                }
            }
        }
        found
    }

    /// Sets of files that import each other, directly or through others.
    pub(crate) fn cycles(&self) -> Vec<BTreeSet<&str>> {
        let imports = self.imports();
        let reachable: Vec<BTreeSet<usize>> = (0..imports.len())
            .map(|start| {
                let mut reached = BTreeSet::new();
                let mut waiting: Vec<usize> = imports[start].iter().copied().collect();
                while let Some(file) = waiting.pop() {
                    if reached.insert(file) {
                        waiting.extend(&imports[file]);
                    }
                }
                reached
            })
            .collect();
        let cycles = (0..imports.len()).filter_map(|file| {
            let others = reachable[file].iter().copied();
            let cycle = others.filter(|other| reachable[*other].contains(&file));
            let cycle: BTreeSet<&str> =
                cycle.map(|file| self.sources[file].path.as_str()).collect();
            (cycle.len() > 1).then_some(cycle)
        });
        cycles.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Uses of what a layer must not use.
    pub(crate) fn forbidden_uses(&self) -> Vec<String> {
        let mut found = Vec::new();
        for source in &self.sources {
            let Some(layer) = layer_of(&source.path) else {
                continue;
            };
            for (_, words) in FORBIDDEN.iter().filter(|(up_to, _)| layer <= *up_to) {
                let paths = source.paths.iter().map(|path| path.segments.join("::"));
                let forbidden = paths.filter(|path| {
                    let is_below = |word: &&str| path.starts_with(&format!("{word}::"));
                    words.iter().any(|word| path == word || is_below(word))
                });
                found.extend(forbidden.map(|path| format!("{} uses {path}", source.path)));
            }
            let macros = FORBIDDEN_MACROS
                .iter()
                .filter(|name| source.macros.contains(**name));
            let macros = macros.filter(|_| layer <= 2);
            found.extend(macros.map(|name| format!("{} uses {name}!", source.path)));
        }
        found
    }

    /// Types of one name in several files.
    pub(crate) fn ambiguous_types(&self) -> Vec<String> {
        let mut files: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for source in &self.sources {
            for name in &source.types {
                files.entry(name).or_default().push(&source.path);
            }
        }
        let several = files.into_iter().filter(|(_, files)| files.len() > 1);
        let several = several.map(|(name, mut files)| {
            files.sort_unstable();
            format!("{name} is defined in {}", files.join(" and "))
        });
        several.collect()
    }

    /// Files and functions that are too long.
    pub(crate) fn too_long(&self) -> Vec<String> {
        let mut found = Vec::new();
        for Source {
            path,
            lines,
            functions,
            ..
        } in &self.sources
        {
            if *lines > MAX_FILE_LINES {
                found.push(format!("{path} has {lines} lines of code"));
            }
            for (name, lines) in functions
                .iter()
                .filter(|(_, lines)| *lines > MAX_FUNCTION_LINES)
            {
                found.push(format!("{path}: fn {name} has {lines} lines"));
            }
        }
        found
    }

    /// Modules that are not in the table, and those of the table that do not exist.
    pub(crate) fn unknown_modules(&self) -> Vec<String> {
        let files = self.sources.iter().map(|source| source.path.as_str());
        let mut found: Vec<String> = files
            .clone()
            .filter(|path| *path != "lib.rs" && layer_of(path).is_none())
            .map(|path| format!("{path} is in no layer"))
            .collect();
        for (module, _) in LAYERS {
            if !files.clone().any(|path| top_module(path) == module) {
                found.push(format!("there is no module {module}"));
            }
        }
        found
    }
}

fn top_module(path: &str) -> &str {
    path.split('/')
        .next()
        .unwrap_or(path)
        .trim_end_matches(".rs")
}

fn layer_of(path: &str) -> Option<u8> {
    let module = top_module(path);
    let row = LAYERS.iter().find(|(name, _)| *name == module);
    row.map(|(_, layer)| *layer)
}
