//! A source file as tokens, without the items that only tests compile.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, Group, Ident, Spacing, TokenStream, TokenTree};

/// A source file.
pub(crate) struct Source {
    /// Path below `src`, as in `net/driver.rs`.
    pub(crate) path: String,
    /// All paths that it names, with the module in which each is named.
    pub(crate) paths: Vec<NamedPath>,
    /// The names that it re-exports, and from where.
    pub(crate) reexports: Vec<(String, NamedPath)>,
    /// Types and traits that it defines.
    pub(crate) types: BTreeSet<String>,
    /// Macros that it calls.
    pub(crate) macros: BTreeSet<String>,
    /// Lines with code, without comments and tests.
    pub(crate) lines: usize,
    /// Functions, and their lengths in lines.
    pub(crate) functions: Vec<(String, usize)>,
}

/// A path such as `super::socket::Batch`, and the module in which it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamedPath {
    pub(crate) module: Vec<String>,
    pub(crate) segments: Vec<String>,
}

impl Source {
    /// Reads the text of the file at `path` below `src`.
    ///
    /// # Panics
    /// If the text is not Rust.
    pub(crate) fn parse(path: &str, text: &str) -> Source {
        let tokens: TokenStream = text.parse().unwrap_or_else(|e| panic!("{path}: {e}"));
        let mut source = Source {
            path: path.to_owned(),
            paths: Vec::new(),
            reexports: Vec::new(),
            types: BTreeSet::new(),
            macros: BTreeSet::new(),
            lines: 0,
            functions: Vec::new(),
        };
        let tokens = without_tests(tokens);
        let mut lines = BTreeSet::new();
        count_lines(&tokens, &mut lines);
        source.lines = lines.len();
        source.read(&tokens, &module_of(path));
        source
    }

    fn read(&mut self, tokens: &[TokenTree], module: &[String]) {
        let mut at = 0;
        while at < tokens.len() {
            at = match &tokens[at] {
                TokenTree::Ident(word) if word == "mod" => self.read_module(tokens, at, module),
                TokenTree::Ident(word) if word == "fn" => self.read_function(tokens, at),
                TokenTree::Ident(word) if word == "use" => self.read_use(tokens, at, module),
                TokenTree::Ident(word) if defines_type(word) => {
                    if let Some(TokenTree::Ident(name)) = tokens.get(at + 1) {
                        self.types.insert(name.to_string());
                    }
                    at + 1
                }
                TokenTree::Ident(word) => {
                    if is_punct(tokens.get(at + 1), '!') {
                        self.macros.insert(word.to_string());
                    }
                    let (paths, next) = path_at(tokens, at);
                    self.add_paths(paths, module);
                    next
                }
                TokenTree::Group(group) => {
                    self.read(&children(group), module);
                    at + 1
                }
                _ => at + 1,
            };
        }
    }

    /// Reads the content of an inline module.
    fn read_module(&mut self, tokens: &[TokenTree], at: usize, module: &[String]) -> usize {
        match (tokens.get(at + 1), tokens.get(at + 2)) {
            (Some(TokenTree::Ident(name)), Some(TokenTree::Group(content))) => {
                let inner = [module, &[name.to_string()]].concat();
                self.read(&children(content), &inner);
                at + 3
            }
            _ => at + 1,
        }
    }

    /// Notes the length of a function. Its content is read as usual.
    fn read_function(&mut self, tokens: &[TokenTree], at: usize) -> usize {
        let Some(TokenTree::Ident(name)) = tokens.get(at + 1) else {
            return at + 1;
        };
        let is_end = |token: &&TokenTree| is_braces(token) || is_punct(Some(token), ';');
        if let Some(TokenTree::Group(body)) = tokens[at..].iter().find(is_end) {
            let lines = body.span_close().end().line - name.span().start().line + 1;
            self.functions.push((name.to_string(), lines));
        }
        at + 2
    }

    /// Reads a `use` item, which re-exports names if it has a visibility.
    fn read_use(&mut self, tokens: &[TokenTree], at: usize, module: &[String]) -> usize {
        let is_visible = at
            .checked_sub(1)
            .is_some_and(|before| match &tokens[before] {
                TokenTree::Ident(word) => word == "pub",
                TokenTree::Group(group) => {
                    group.delimiter() == Delimiter::Parenthesis
                        && before > 0
                        && matches!(&tokens[before - 1], TokenTree::Ident(word) if word == "pub")
                }
                _ => false,
            });
        let (paths, next) = path_at(tokens, at + 1);
        if is_visible {
            for segments in &paths {
                let path = NamedPath {
                    module: module.to_vec(),
                    segments: segments.clone(),
                };
                let name = segments.last().cloned().unwrap_or_default();
                self.reexports.push((name, path));
            }
        }
        self.add_paths(paths, module);
        next.max(at + 1)
    }

    fn add_paths(&mut self, paths: Vec<Vec<String>>, module: &[String]) {
        let long = paths.into_iter().filter(|segments| segments.len() > 1);
        self.paths.extend(long.map(|segments| NamedPath {
            module: module.to_vec(),
            segments,
        }));
    }
}

/// The module of a file: `net/mod.rs` is `net`, `net/driver.rs` is `net::driver`.
pub(crate) fn module_of(path: &str) -> Vec<String> {
    let path = path.trim_end_matches(".rs").trim_end_matches("/mod");
    let segments = path.split('/').filter(|segment| *segment != "lib");
    segments.map(str::to_owned).collect()
}

/// The paths that begin with the identifier at `at`, and where the next token is. A `use` group has
/// several.
fn path_at(tokens: &[TokenTree], at: usize) -> (Vec<Vec<String>>, usize) {
    let Some(TokenTree::Ident(first)) = tokens.get(at) else {
        return (Vec::new(), at + 1);
    };
    let mut segments = vec![first.to_string()];
    let mut at = at + 1;
    while is_path_separator(&tokens[at..]) {
        match tokens.get(at + 2) {
            Some(TokenTree::Ident(next)) => segments.push(next.to_string()),
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                return (with_prefix(&segments, &children(group)), at + 3);
            }
            Some(star) if is_punct(Some(star), '*') => segments.push("*".to_owned()),
            _ => break,
        }
        at += 3;
    }
    (vec![segments], at)
}

fn with_prefix(prefix: &[String], group: &[TokenTree]) -> Vec<Vec<String>> {
    let parts = group.split(|token| is_punct(Some(token), ','));
    let paths = parts.flat_map(|part| path_at(part, 0).0);
    let joined = paths.map(|rest| match rest.first().map(String::as_str) {
        Some("self") if rest.len() == 1 => prefix.to_vec(),
        _ => [prefix, &rest].concat(),
    });
    joined.collect()
}

fn is_braces(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}

fn defines_type(word: &Ident) -> bool {
    ["struct", "enum", "trait"]
        .iter()
        .any(|known| word == known)
}

fn is_path_separator(tokens: &[TokenTree]) -> bool {
    let is_joint = match tokens.first() {
        Some(TokenTree::Punct(punct)) => punct.spacing() == Spacing::Joint,
        _ => false,
    };
    is_joint && is_punct(tokens.first(), ':') && is_punct(tokens.get(1), ':')
}

fn is_punct(token: Option<&TokenTree>, character: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == character)
}

fn children(group: &Group) -> Vec<TokenTree> {
    without_tests(group.stream())
}

/// Removes doc comments, and the items after `#[cfg(test)]` and `#[test]`, each up to its end.
fn without_tests(tokens: TokenStream) -> Vec<TokenTree> {
    let mut tokens = tokens.into_iter().peekable();
    let mut kept = Vec::new();
    while let Some(token) = tokens.next() {
        if !is_punct(Some(&token), '#') {
            kept.push(token);
            continue;
        }
        let inner = tokens.next_if(|next| is_punct(Some(next), '!'));
        match tokens.next() {
            Some(TokenTree::Group(attribute)) if is_word(&attribute, "doc") => {}
            Some(TokenTree::Group(attribute)) if is_test(&attribute) => {
                for token in tokens.by_ref() {
                    let is_end = is_punct(Some(&token), ';') || is_punct(Some(&token), ',');
                    if is_end || is_braces(&token) {
                        break;
                    }
                }
            }
            other => {
                kept.push(token);
                kept.extend(inner);
                kept.extend(other);
            }
        }
    }
    kept
}

fn is_word(attribute: &Group, word: &str) -> bool {
    matches!(attribute.stream().into_iter().next(), Some(TokenTree::Ident(first)) if first == word)
}

/// True for `#[test]` and for a `#[cfg]` that holds only in tests.
fn is_test(attribute: &Group) -> bool {
    let mut words = Vec::new();
    collect_words(attribute.stream(), &mut words);
    let is = |word: &str| words.iter().any(|ident| ident == word);
    is_word(attribute, "test")
        || is_word(attribute, "cfg") && is("test") && !is("not") && !is("any")
}

fn collect_words(tokens: TokenStream, words: &mut Vec<Ident>) {
    for token in tokens {
        match token {
            TokenTree::Ident(word) => words.push(word),
            TokenTree::Group(group) => collect_words(group.stream(), words),
            _ => {}
        }
    }
}

fn count_lines(tokens: &[TokenTree], lines: &mut BTreeSet<usize>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                lines.insert(group.span_open().start().line);
                lines.insert(group.span_close().end().line);
                count_lines(&children(group), lines);
            }
            other => lines.extend(other.span().start().line..=other.span().end().line),
        }
    }
}
