//! `bootstone list`: what is embedded.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::str::FromStr;

use argh::FromArgs;

use super::print;
use crate::json::Value;
use crate::manifest::{Manifest, Record};

/// List the embedded boot files.
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "list")]
pub struct List {
    /// table, json or sha256sum (default: table)
    #[argh(option, default = "Format::Table")]
    format: Format,
}

#[derive(Debug)]
enum Format {
    Table,
    Json,
    Sha256sum,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Format, String> {
        match text {
            "table" => Ok(Format::Table),
            "json" => Ok(Format::Json),
            "sha256sum" => Ok(Format::Sha256sum),
            _ => Err(format!(
                "there is no format {text:?}: use table, json or sha256sum"
            )),
        }
    }
}

impl List {
    /// Writes the list to standard output.
    pub fn run(self) -> ExitCode {
        let manifest = crate::embedded::manifest();
        print(&match self.format {
            Format::Table => table(&manifest),
            Format::Json => json(&manifest),
            Format::Sha256sum => manifest.sums(),
        })
    }
}

/// For people, in columns.
fn table(manifest: &Manifest) -> String {
    let records = manifest.records();
    let names = records.iter().map(|record| record.name.len());
    let width = names.max().unwrap_or(0).max("NAME".len());
    let mut text = format!(
        "{:width$}  {:15}  {:8}  {:>10}  SHA256\n",
        "NAME", "KIND", "VERSION", "SIZE"
    );
    for record in records {
        let version = record.version.as_deref().unwrap_or("-");
        let _ = writeln!(
            text,
            "{:width$}  {:15}  {version:8}  {:>10}  {}",
            record.name, record.kind, record.size, record.sha256
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
    Value::Object(vec![
        ("name", record.name.as_str().into()),
        ("kind", record.kind.to_string().into()),
        ("version", record.version.as_deref().into()),
        ("size", record.size.into()),
        ("sha256", record.sha256.to_string().into()),
        ("published", record.published.into()),
        ("alias_of", record.alias_of.as_deref().into()),
    ])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::manifest::testing::record;
    use crate::manifest::{Kind, Machine};

    fn manifest() -> Manifest {
        let record = |name, kind, version: Option<&str>| Record {
            version: version.map(str::to_owned),
            published: true,
            ..record(name, kind)
        };
        Manifest::new(vec![
            record("undionly.kpxe", Kind::Bios, None),
            record("ipxe.efi", Kind::Efi(Machine::X86_64), Some("2.0.0")),
        ])
    }

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn the_table_is_aligned() {
        let expected = format!(
            "NAME           KIND             VERSION         SIZE  SHA256\n\
             ipxe.efi       efi-x86-64       2.0.0              3  {ABC}\n\
             undionly.kpxe  bios             -                  3  {ABC}\n"
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
            "version": "2.0.0",
            "size": 3,
            "sha256": ABC,
            "published": true,
            "alias_of": null,
        });
        assert_eq!(listing["files"][0], expected);
        assert_eq!(listing["files"].as_array().unwrap().len(), 2);
    }
}
