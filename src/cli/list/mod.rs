//! `bootstone list`: what is embedded.

mod cyclonedx;

use std::fmt::Write as _;
use std::process::ExitCode;
use std::str::FromStr;

use argh::FromArgs;

use crate::cli::console::{MISMATCH, NO_BOOT_PROGRAM, print, say};
use crate::embedded::{self, Damage};
use crate::json::Value;
use crate::manifest::{Manifest, Record};

/// List the embedded boot files.
#[derive(FromArgs, Debug)]
#[cfg_attr(test, derive(argh::ArgsInfo))]
#[argh(subcommand, name = "list")]
pub(crate) struct List {
    /// table, json, sha256sum or cyclonedx (default: table)
    #[argh(
        option,
        arg_name = "table|json|sha256sum|cyclonedx",
        default = "ListFormat::Table"
    )]
    format: ListFormat,

    /// hash the embedded files first; exit with 1 if one of them is damaged
    #[argh(switch)]
    check: bool,
}

#[derive(Debug)]
enum ListFormat {
    Table,
    Json,
    Sha256sum,
    CycloneDx,
}

impl FromStr for ListFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<ListFormat, String> {
        match text {
            "table" => Ok(ListFormat::Table),
            "json" => Ok(ListFormat::Json),
            "sha256sum" => Ok(ListFormat::Sha256sum),
            "cyclonedx" => Ok(ListFormat::CycloneDx),
            _ => Err(format!(
                "there is no format {text:?}: use table, json, sha256sum or cyclonedx"
            )),
        }
    }
}

impl List {
    /// Writes the list to standard output.
    pub(crate) fn run(self) -> ExitCode {
        if self.check
            && let Err(damage) = check()
        {
            say(format_args!("bootstone: {damage}"));
            return ExitCode::from(MISMATCH);
        }
        let manifest = embedded::manifest();
        let printed = print(&match self.format {
            ListFormat::Table => table(&manifest),
            ListFormat::Json => json(&manifest),
            ListFormat::Sha256sum => manifest.sums(),
            ListFormat::CycloneDx => cyclonedx::text(&manifest),
        });
        if matches!(self.format, ListFormat::Table) && !manifest.has_boot_program() {
            say(NO_BOOT_PROGRAM);
        }
        printed
    }
}

fn check() -> Result<(), Damage> {
    embedded::check_manifest()?;
    embedded::check_contents(&embedded::manifest())
}

/// For people, in columns.
fn table(manifest: &Manifest) -> String {
    let records = manifest.records().iter();
    let rows = records.map(|record| {
        let signed = record.authenticode.map(|it| it.signed);
        [
            record.name.clone(),
            record.kind.to_string(),
            signed
                .map_or("-", |signed| if signed { "yes" } else { "no" })
                .to_owned(),
            record.version.clone().unwrap_or("-".to_owned()),
            record.size.to_string(),
            record.sha256.to_string(),
        ]
    });
    let head = ["NAME", "KIND", "SIGNED", "VERSION", "SIZE", "SHA256"].map(str::to_owned);
    let rows: Vec<[String; 6]> = [head].into_iter().chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let [name_width, kind_width, version_width, size_width] = [0, 1, 3, 4].map(width);
    let mut text = String::new();
    for [name, kind, signed, version, size, sha256] in &rows {
        let _ = writeln!(
            text,
            "{name:name_width$}  {kind:kind_width$}  {signed:6}  {version:version_width$}  \
             {size:>size_width$}  {sha256}"
        );
    }
    text
}

/// For machines, with everything.
fn json(manifest: &Manifest) -> String {
    let files: Vec<Value> = manifest.records().iter().map(value).collect();
    let content_id = manifest.content_id().to_string();
    let listing = Value::Object(vec![
        ("content_id", content_id.into()),
        ("files", Value::Array(files)),
    ]);
    format!("{listing:#}\n")
}

fn value(record: &Record) -> Value {
    let authenticode = record.authenticode;
    Value::Object(vec![
        ("name", record.name.as_str().into()),
        ("kind", record.kind.to_string().into()),
        ("machine", record.kind.machine().into()),
        ("signed", authenticode.map(|it| it.signed).into()),
        ("version", record.version.as_deref().into()),
        ("size", record.size.into()),
        ("sha256", record.sha256.to_string().into()),
        (
            "authenticode_sha256",
            authenticode.map(|it| it.sha256.to_string()).into(),
        ),
        ("published", record.published.into()),
        ("alias_of", record.alias_of.as_deref().into()),
    ])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::manifest::testing::record;
    use crate::manifest::{Authenticode, Digest, Kind, Machine};

    fn manifest() -> Manifest {
        let record = |name, kind, version: Option<&str>, authenticode| Record {
            version: version.map(str::to_owned),
            published: true,
            authenticode,
            ..record(name, kind)
        };
        let authenticode = Authenticode {
            sha256: Digest::of(b"hash"),
            signed: true,
        };
        let efi = Kind::Efi(Machine::X86_64);
        Manifest::new(vec![
            record("undionly.kpxe", Kind::Bios, Some("1.21.1+git-1"), None),
            record("ipxe.efi", efi, Some("2.0.0"), Some(authenticode)),
            record("autoexec.ipxe", Kind::IpxeScript, None, None),
        ])
    }

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn the_table_is_aligned() {
        let expected = format!(
            "NAME           KIND         SIGNED  VERSION       SIZE  SHA256\n\
             autoexec.ipxe  ipxe-script  -       -                3  {ABC}\n\
             ipxe.efi       efi-x86-64   yes     2.0.0            3  {ABC}\n\
             undionly.kpxe  bios         -       1.21.1+git-1     3  {ABC}\n"
        );
        assert_eq!(table(&manifest()), expected);
    }

    #[test]
    fn json_says_everything() {
        let listing: serde_json::Value = serde_json::from_str(&super::json(&manifest())).unwrap();
        let id = manifest().content_id().to_string();
        assert_eq!(listing["content_id"], json!(id));
        let expected = json!({
            "name": "ipxe.efi",
            "kind": "efi-x86-64",
            "machine": "x86-64",
            "signed": true,
            "version": "2.0.0",
            "size": 3,
            "sha256": ABC,
            "authenticode_sha256": Digest::of(b"hash").to_string(),
            "published": true,
            "alias_of": null,
        });
        assert_eq!(listing["files"][1], expected);
        let bios = &listing["files"][2];
        for unknown in ["machine", "signed", "authenticode_sha256"] {
            assert_eq!(bios[unknown], json!(null));
        }
        assert_eq!(listing["files"].as_array().unwrap().len(), 3);
    }
}
