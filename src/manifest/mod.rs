//! The manifest: what is embedded, as data.
//!
//! `build.rs` compiles this module too. It writes the manifest beside the staged files, the binary
//! reads it back at its start, and so learns every name, size, hash and kind without touching a
//! page of content.

mod digest;
mod kind;
mod sums;

use std::fmt::{self, Write as _};

pub use digest::{Digest, NotADigest};
pub use kind::{Kind, Machine, NotAKind};
use sums::sum_line;
pub use sums::{ParseError, SUMS_NAME, parse_sums, parse_versions, sums_text};

/// The most bytes that a name may have. A request has 512 bytes: an opcode, the name, the mode,
/// and a NUL behind each. A `.sha256` has to fit as well.
pub const LONGEST_NAME: usize = 512 - 2 - ".sha256\0".len() - "netascii\0".len();

/// The path of the health check on the HTTP listener, without the slash.
pub const HEALTH_NAME: &str = "healthz";
/// The path of the metrics on the HTTP listener, without the slash.
pub const METRICS_NAME: &str = "metrics";
/// The path of the server's version on the HTTP listener, without the slash.
pub const VERSION_NAME: &str = "version";

/// The name under which the signature of the list of all hashes is served.
pub const SIGNATURE_NAME: &str = "SHA256SUMS.minisig";

/// Names at the top that no file may have: the HTTP listener's own paths, and names that later
/// versions may need.
pub const RESERVED_NAMES: [&str; 4] = [HEALTH_NAME, METRICS_NAME, VERSION_NAME, SIGNATURE_NAME];

/// All records, in the order of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    records: Vec<Record>,
}

/// One embedded file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// With `/` between its parts, without one in front: `2.0.0/ipxe.efi`.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Bytes once translated to netascii, where each LF and each CR costs one more.
    pub netascii_size: u64,
    /// The hash of the content.
    pub sha256: Digest,
    /// What the content is.
    pub kind: Kind,
    /// What the content says of its own version, or else what the list of published hashes says.
    pub version: Option<String>,
    /// The hash and the signature of an EFI program. `None` for any other file, and for an EFI
    /// program whose headers are so broken that firmware refuses it.
    pub authenticode: Option<Authenticode>,
    /// Whether the hash was among the published ones (`SHA256SUMS` of the assets directory).
    pub published: bool,
    /// The name of the file that this name is a symbolic link to.
    pub alias_of: Option<String>,
}

/// How firmware identifies an EFI program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authenticode {
    /// The Authenticode SHA-256: what Secure Boot's lists hold, and what firmware measures into
    /// PCR 4 of a TPM. It leaves out the signatures.
    pub sha256: Digest,
    /// Whether a signature is attached. Whose it is, and whether it is valid, is not known here.
    pub signed: bool,
}

impl Manifest {
    /// Takes the records in any order.
    pub fn new(mut records: Vec<Record>) -> Manifest {
        records.sort_by(|a, b| a.name.cmp(&b.name));
        Manifest { records }
    }

    /// All records, in the order of their names.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// What `sha256sum` prints for all files, in the order of their names.
    pub fn sums(&self) -> String {
        sums_text(self.records.iter().map(|it| (it.name.as_str(), it.sha256)))
    }

    /// Names the content as a whole: the hash over [`Manifest::sums`].
    pub fn content_id(&self) -> Digest {
        Digest::of(self.sums().as_bytes())
    }

    /// Whether one of the files is a program that firmware can boot.
    pub fn has_boot_program(&self) -> bool {
        let mut kinds = self.records.iter().map(|record| record.kind);
        kinds.any(|kind| !kind.dhcp_architectures().is_empty())
    }

    /// The manifest as a text, one line a record.
    pub fn to_text(&self) -> String {
        self.records.iter().map(Record::to_line).collect()
    }

    /// Reads what [`Manifest::to_text`] wrote.
    ///
    /// # Errors
    /// The first line that is not a record.
    pub fn parse(text: &str) -> Result<Manifest, ParseError> {
        let record = |(index, line)| {
            Record::parse(line).ok_or_else(|| ParseError::new(index, "not a record of a manifest"))
        };
        let records: Result<_, _> = text.lines().enumerate().map(record).collect();
        records.map(Manifest::new)
    }
}

impl Record {
    /// The name under which [`Record::sum`] is served.
    pub fn sum_name(&self) -> String {
        format!("{}.sha256", self.name)
    }

    /// What `sha256sum` prints for this file in the file's own directory, so that
    /// `sha256sum -c` works on the two of them after a download.
    pub fn sum(&self) -> String {
        let basename = self.name.rsplit('/').next().unwrap_or(&self.name);
        sum_line(self.sha256, basename)
    }

    fn to_line(&self) -> String {
        let optional = |text: &Option<String>| text.as_deref().map_or("-".into(), escape);
        format!(
            "{} {} {} {} {} {} {} {} {}\n",
            self.sha256,
            self.size,
            self.netascii_size,
            self.kind,
            if self.published { PUBLISHED } else { UNLISTED },
            self.authenticode
                .map_or("-".into(), |authenticode| authenticode.to_string()),
            optional(&self.version),
            optional(&self.alias_of),
            escape(&self.name),
        )
    }

    fn parse(line: &str) -> Option<Record> {
        let fields: Vec<&str> = line.split(' ').collect();
        let &[
            sha256,
            size,
            netascii_size,
            kind,
            published,
            authenticode,
            version,
            alias_of,
            name,
        ] = &fields[..]
        else {
            return None;
        };
        Some(Record {
            name: unescape(name)?,
            size: size.parse().ok()?,
            netascii_size: netascii_size.parse().ok()?,
            sha256: sha256.parse().ok()?,
            kind: kind.parse().ok()?,
            version: optional(version)?,
            authenticode: match authenticode {
                "-" => None,
                text => Some(Authenticode::parse(text)?),
            },
            published: match published {
                PUBLISHED => true,
                UNLISTED => false,
                _ => return None,
            },
            alias_of: optional(alias_of)?,
        })
    }
}

impl Authenticode {
    fn parse(text: &str) -> Option<Authenticode> {
        let (signed, sha256) = text.split_once(':')?;
        let signed = match signed {
            SIGNED => true,
            UNSIGNED => false,
            _ => return None,
        };
        let sha256 = sha256.parse().ok()?;
        Some(Authenticode { sha256, signed })
    }
}

impl fmt::Display for Authenticode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signed = if self.signed { SIGNED } else { UNSIGNED };
        write!(f, "{signed}:{}", self.sha256)
    }
}

const SIGNED: &str = "signed";
const UNSIGNED: &str = "unsigned";
const PUBLISHED: &str = "published";
const UNLISTED: &str = "unlisted";

/// `-` stands for nothing; a text that is itself `-` is written `%2d`.
fn optional(field: &str) -> Option<Option<String>> {
    match field {
        "-" => Some(None),
        text => unescape(text).map(Some),
    }
}

/// Keeps a text in one field of one line.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && byte != b'%' && text != "-" {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02x}");
        }
    }
    escaped
}

fn unescape(field: &str) -> Option<String> {
    let mut parts = field.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (hex, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(hex, 16).ok()?);
        bytes.extend(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

/// Length in bytes of `content` once translated to netascii (RFC 764), where LF becomes CR LF and
/// CR becomes CR NUL.
pub fn netascii_size(content: &[u8]) -> u64 {
    let doubled = content.iter().filter(|&&b| b == b'\n' || b == b'\r');
    (content.len() + doubled.count()) as u64
}

/// What tests of several modules make records with.
#[cfg(test)]
pub(crate) mod testing {
    use super::{Digest, Kind, Record};

    /// The record of an unlisted file that holds `abc`.
    pub(crate) fn record(name: &str, kind: Kind) -> Record {
        Record {
            name: name.to_owned(),
            size: 3,
            netascii_size: 3,
            sha256: Digest::of(b"abc"),
            kind,
            version: None,
            authenticode: None,
            published: false,
            alias_of: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: &str) -> Record {
        testing::record(name, Kind::Other)
    }

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn sums_are_what_sha256sum_prints_in_the_order_of_names() {
        let manifest = Manifest::new(vec![record("b"), record("a/c"), record("B c")]);
        let sums = format!("{ABC}  B c\n{ABC}  a/c\n{ABC}  b\n");
        assert_eq!(manifest.sums(), sums);
        assert_eq!(manifest.content_id(), Digest::of(sums.as_bytes()));
        assert_eq!(Manifest::default().sums(), "");
        let names: Vec<_> = manifest.records().iter().map(|it| &it.name).collect();
        assert_eq!(names, ["B c", "a/c", "b"]);
    }

    #[test]
    fn a_request_for_the_hash_of_the_longest_name_has_512_bytes() {
        let name = "n".repeat(LONGEST_NAME);
        let request = format!("\0\u{1}{name}.sha256\0netascii\0");
        assert_eq!(request.len(), 512);
    }

    #[test]
    fn lf_and_cr_have_two_bytes_in_netascii() {
        for (content, size) in [(&b""[..], 0), (b"abc", 3), (b"\n", 2), (b"a\nb\r\n\r", 10)] {
            assert_eq!(netascii_size(content), size, "{content:?}");
        }
    }

    #[test]
    fn the_sum_of_one_file_is_for_its_own_directory() {
        let record = record("2.0.0/ipxe.efi");
        assert_eq!(record.sum_name(), "2.0.0/ipxe.efi.sha256");
        assert_eq!(record.sum(), format!("{ABC}  ipxe.efi\n"));
    }

    #[test]
    fn the_text_keeps_every_field() {
        let mut rich = record("a b%20-\n\u{e9}");
        rich.kind = Kind::Efi(Machine::Arm64);
        rich.version = Some("2.0.0+ (g1a2b)".to_owned());
        rich.alias_of = Some("-".to_owned());
        rich.published = true;
        rich.authenticode = Some(Authenticode {
            sha256: Digest::of(b"hash"),
            signed: true,
        });
        let mut empty = record("-");
        empty.version = Some(String::new());
        let mut unsigned = record("unsigned");
        unsigned.authenticode = Some(Authenticode {
            sha256: Digest::of(b"other"),
            signed: false,
        });
        let manifest = Manifest::new(vec![record("plain"), rich, empty, unsigned]);
        assert_eq!(Manifest::parse(&manifest.to_text()), Ok(manifest));
    }

    #[test]
    fn a_broken_text_is_refused_with_its_line() {
        let good = Manifest::new(vec![record("a")]).to_text();
        let cases = [
            good.replace("unlisted", "maybe"),
            good.replace("other", "efi-pdp11"),
            good.replace(" 3 ", " -3 "),
            good.replace("unlisted - ", "unlisted maybe:0 "),
            good.replace("unlisted - ", &format!("unlisted {ABC} ")),
            good.replace("unlisted - ", &format!("unlisted maybe:{ABC} ")),
            good.replace(" a\n", " %6\n"),
            good.replace(" a\n", "\n"),
            good.replace(" a\n", " a b\n"),
        ];
        for broken in cases {
            let error = Manifest::parse(&format!("{good}{broken}")).unwrap_err();
            assert_eq!(error.to_string(), "line 2: not a record of a manifest");
        }
    }
}
