//! Lists of hashes, as `sha256sum` prints and checks them.
//!
//! [`parse_sums`] accepts the lines that `sha256sum --check --strict` of GNU coreutils accepts, and
//! reads the same name in each. A test compares the two.

use std::collections::BTreeMap;
use std::fmt;

use super::digest::Digest;

/// The name under which the list of all hashes is served.
pub const SUMS_NAME: &str = "SHA256SUMS";

/// Marks a comment that gives the version of a file: `# version: 2.0.0 ipxe.efi`.
const VERSION_MARK: &str = "# version:";

const BLANKS: [char; 2] = [' ', '\t'];

/// One line for a file, with its line end. The name must have neither a backslash nor a line end
/// in it, which the build makes sure of.
pub(super) fn sum_line(sha256: Digest, name: &str) -> String {
    format!("{sha256}  {name}\n")
}

/// The list of all hashes as it is served: a line for each file, in the order of their names.
pub fn sums_text<'a>(files: impl IntoIterator<Item = (&'a str, Digest)>) -> String {
    let mut files: Vec<_> = files.into_iter().collect();
    files.sort();
    let line = |(name, sha256): (&str, Digest)| sum_line(sha256, name);
    files.into_iter().map(line).collect()
}

/// Reads a list of hashes, in the order of its lines.
///
/// | form | example |
/// |---|---|
/// | text, binary | `HASH  name`, `HASH *name` |
/// | one blank, if no earlier line has two | `HASH name` |
/// | BSD, OpenSSL | `SHA256 (name) = HASH`, `SHA256(name)= HASH` |
/// | escaped | a backslash first; in the name `\\`, `\n` and `\r` |
/// | ignored | an empty line, a line that begins with `#` |
///
/// Blanks may stand before any line. The digits of a hash have either case, and lines end in LF or
/// CR LF. Unlike in `sha256sum`, a `./` in front of a name is dropped, and a name has no NUL in it.
///
/// # Errors
/// The first line that has none of these forms, or that gives a second, different hash to a name.
pub fn parse_sums(text: &str) -> Result<Vec<(String, Digest)>, ParseError> {
    let mut sums = Unique::default();
    let mut style = Style::default();
    for (index, line) in lines(text) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, sha256) = style
            .entry(line)
            .map_err(|why| ParseError::new(index, why))?;
        if !sums.add(name, sha256) {
            let why = "a second, different hash for a name";
            return Err(ParseError::new(index, why));
        }
    }
    Ok(sums.items)
}

/// Reads the versions that a list of hashes gives in comments, `# version: VERSION NAME`, in the
/// order of its lines. There is no blank in a version.
///
/// # Errors
/// The first comment that begins like this and does not go on like this, or that gives a second,
/// different version to a name.
pub fn parse_versions(text: &str) -> Result<Vec<(String, String)>, ParseError> {
    let mut versions = Unique::default();
    for (index, line) in lines(text) {
        let Some(rest) = line.strip_prefix(VERSION_MARK) else {
            continue;
        };
        let (version, name) =
            version(rest).ok_or(ParseError::new(index, "not `# version: VERSION NAME`"))?;
        if !versions.add(name.to_owned(), version.to_owned()) {
            let why = "a second, different version for a name";
            return Err(ParseError::new(index, why));
        }
    }
    Ok(versions.items)
}

fn version(text: &str) -> Option<(&str, &str)> {
    let (version, name) = text.trim_start_matches(BLANKS).split_once(BLANKS)?;
    let name = relative(name.trim_start_matches(BLANKS));
    let is_plain = version.bytes().all(|byte| byte.is_ascii_graphic());
    (is_plain && !version.is_empty() && !name.is_empty()).then_some((version, name))
}

/// The lines without their ends, each with its index from 0.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.split('\n').enumerate();
    lines.map(|(index, line)| (index, line.strip_suffix('\r').unwrap_or(line)))
}

/// Values by name, in the order in which they came.
struct Unique<T> {
    items: Vec<(String, T)>,
    places: BTreeMap<String, usize>,
}

impl<T> Default for Unique<T> {
    fn default() -> Unique<T> {
        Unique {
            items: Vec::new(),
            places: BTreeMap::new(),
        }
    }
}

impl<T: PartialEq> Unique<T> {
    /// Returns false if the name has another value already.
    fn add(&mut self, name: String, value: T) -> bool {
        if let Some(&place) = self.places.get(&name) {
            return self.items[place].1 == value;
        }
        self.places.insert(name.clone(), self.items.len());
        self.items.push((name, value));
        true
    }
}

/// How many blanks stand before the names of a list. A list that mixes both could hide a name that
/// begins with a blank.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Style {
    #[default]
    Unknown,
    /// A blank, then a space (text) or an asterisk (binary).
    Gnu,
    /// A single blank.
    OneBlank,
}

const MALFORMED: &str = "not as sha256sum prints it: 64 hexadecimal digits, two spaces, a name";

impl Style {
    /// Reads a line that is neither empty nor a comment.
    fn entry(&mut self, line: &str) -> Result<(String, Digest), &'static str> {
        let line = line.trim_start_matches(BLANKS);
        let (is_escaped, line) = match line.strip_prefix('\\') {
            Some(rest) => (true, rest),
            None => (false, line),
        };
        let (name, sha256) = match line.strip_prefix("SHA256") {
            Some(rest) => tagged(rest)
                .ok_or("not a line in BSD style, which is `SHA256 (NAME) = 64 hexadecimal digits`"),
            None => self.untagged(line),
        }?;
        let name = match is_escaped {
            true => unescape(name).ok_or(
                "the line begins with a backslash, and in the name one stands before something \
                 other than `\\`, `n` or `r`",
            )?,
            false => name.to_owned(),
        };
        match relative(&name) {
            "" => Err("the name is empty"),
            name if name.contains('\0') => Err("there is a NUL in the name"),
            name => Ok((name.to_owned(), sha256)),
        }
    }

    /// `HASH  name`, and its variants.
    fn untagged<'a>(&mut self, line: &'a str) -> Result<(&'a str, Digest), &'static str> {
        let (sha256, rest) = line.split_at_checked(64).ok_or(MALFORMED)?;
        let sha256 = sha256.parse().map_err(|_| MALFORMED)?;
        let rest = rest.strip_prefix(BLANKS).ok_or(MALFORMED)?;
        let name = rest.strip_prefix([' ', '*']).unwrap_or("");
        match (*self, rest.is_empty(), name.is_empty()) {
            (_, true, _) => Err(MALFORMED),
            (Style::Gnu, _, true) => Err("one blank before the name, where earlier lines have two"),
            (Style::OneBlank, _, _) => Ok((rest, sha256)),
            (Style::Unknown, _, true) => {
                *self = Style::OneBlank;
                Ok((rest, sha256))
            }
            (Style::Unknown | Style::Gnu, _, false) => {
                *self = Style::Gnu;
                Ok((name, sha256))
            }
        }
    }
}

/// ` (name) = HASH`, behind `SHA256`.
fn tagged(rest: &str) -> Option<(&str, Digest)> {
    let rest = rest.strip_prefix(' ').unwrap_or(rest).strip_prefix('(')?;
    let (name, rest) = rest.rsplit_once(')')?;
    let rest = rest.trim_start_matches(BLANKS).strip_prefix('=')?;
    let sha256 = rest.trim_start_matches(BLANKS).parse().ok()?;
    Some((name, sha256))
}

fn unescape(name: &str) -> Option<String> {
    let mut text = String::with_capacity(name.len());
    let mut letters = name.chars();
    while let Some(letter) = letters.next() {
        text.push(match letter {
            '\\' => match letters.next()? {
                '\\' => '\\',
                'n' => '\n',
                'r' => '\r',
                _ => return None,
            },
            other => other,
        });
    }
    Some(text)
}

/// `./ipxe.efi` is `ipxe.efi`.
fn relative(mut name: &str) -> &str {
    while let Some(rest) = name.strip_prefix("./") {
        name = rest;
    }
    name
}

/// A line that could not be read, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Counted from 1.
    pub line: usize,
    /// Reads on after `line 3: `.
    pub why: &'static str,
}

impl ParseError {
    pub(super) fn new(index: usize, why: &'static str) -> ParseError {
        let line = index + 1;
        ParseError { line, why }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

impl std::error::Error for ParseError {}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[track_caller]
    fn reads(text: &str, names: &[&str]) {
        let expected = names.iter();
        let expected = expected.map(|name| (name.to_string(), Digest::of(b"abc")));
        assert_eq!(parse_sums(text), Ok(expected.collect()), "{text:?}");
    }

    #[test]
    fn every_form_of_a_line() {
        let upper = ABC.to_uppercase();
        reads(
            &format!(
                "# iPXE\n\n{ABC}  ipxe.efi\r\n{upper} *./a/b c\n\r\n{ABC}  *star\n\
                 {ABC}\t*tab\n \t{ABC}  indented\nSHA256 (bsd (1)) = {ABC}\n\
                 SHA256(openssl)= {ABC}\n \\{ABC}  back\\\\slash\\n\\r\n\
                 \\SHA256 (a\\\\b) \t=\t{upper}\n{ABC}  ipxe.efi"
            ),
            &[
                "ipxe.efi",
                "a/b c",
                "*star",
                "tab",
                "indented",
                "bsd (1)",
                "openssl",
                "back\\slash\n\r",
                "a\\b",
            ],
        );
        reads("", &[]);
    }

    #[test]
    fn one_blank_before_the_name_if_no_line_has_two() {
        reads(&format!("{ABC} a\n{ABC}\tb\n"), &["a", "b"]);
        // As in sha256sum: from here on a second blank is part of the name.
        reads(&format!("{ABC} a\n{ABC}  b\n{ABC} *c"), &["a", " b", "*c"]);
        reads(&format!("{ABC}  \n{ABC} *\n"), &[" ", "*"]);
    }

    #[test]
    fn a_wrong_line_is_refused_with_its_number_and_reason() {
        let other = Digest::of(b"other");
        let malformed = "not as sha256sum prints it";
        let cases = [
            (format!("{ABC} b"), "one blank before the name"),
            (format!("{ABC} "), malformed),
            (ABC.to_owned(), malformed),
            (format!("{ABC}-  b"), malformed),
            (format!("{}g  b", &ABC[1..]), malformed),
            (format!("{}  sha1", &ABC[..40]), malformed),
            (" # no comment".to_owned(), malformed),
            (" ".to_owned(), malformed),
            ("\u{feff}".to_owned() + ABC + "  b", malformed),
            ("\u{e9}".repeat(40), malformed),
            (format!("\\\\{ABC}  b"), malformed),
            (format!("\\{ABC}  a\\tb"), "something other than"),
            (format!("\\{ABC}  b\\"), "something other than"),
            (format!("SHA256 (b) {ABC}"), "BSD style"),
            (format!("SHA256 b = {ABC}"), "BSD style"),
            (format!("SHA256  (b) = {ABC}"), "BSD style"),
            (format!("SHA256 (b) = {ABC} "), "BSD style"),
            (format!("SHA256 () = {ABC}"), "the name is empty"),
            (format!("{ABC}  ./"), "the name is empty"),
            (format!("{ABC}  a\0b"), "NUL"),
            (format!("{other}  a"), "a second, different hash"),
            (format!("{other}  ./a"), "a second, different hash"),
        ];
        for (line, reason) in cases {
            let error = parse_sums(&format!("{ABC}  a\n{line}\n")).unwrap_err();
            assert_eq!(error.line, 2);
            assert!(error.to_string().contains(reason), "{line}: {error}");
        }
    }

    #[test]
    fn versions_stand_in_comments() {
        let text = format!(
            "# version: 1.21.1+git-2 undionly.kpxe\r\n{ABC}  ipxe.efi\n#version: 1 a\n\
             # version:\t2.0.0  ./a/b c\n# version: 2.0.0 a/b c\n# a comment\n"
        );
        let expected = [("undionly.kpxe", "1.21.1+git-2"), ("a/b c", "2.0.0")];
        let expected = expected.map(|(name, version)| (name.to_owned(), version.to_owned()));
        assert_eq!(parse_versions(&text), Ok(expected.to_vec()));
        for (wrong, reason) in [
            ("# version:", "not `# version: VERSION NAME`"),
            ("# version: 2.0.0", "not `# version: VERSION NAME`"),
            ("# version: 2.0.0 ", "not `# version: VERSION NAME`"),
            ("# version: 2\u{1b}[0m a", "not `# version: VERSION NAME`"),
            ("# version: 2 b", "a second, different version"),
        ] {
            let error = parse_versions(&format!("# version: 1 b\n{wrong}")).unwrap_err();
            assert_eq!(error.line, 2);
            assert!(error.to_string().contains(reason), "{wrong}: {error}");
        }
    }
}
