//! `bootstone list --format cyclonedx`: the embedded files as a software bill of materials
//! (CycloneDX 1.6).
//!
//! Same content, same text: there is no time stamp in it, and the serial number comes from the
//! content id.

use crate::json::Value;
use crate::manifest::{Manifest, Record};

/// The bill of materials of the embedded files.
pub(super) fn text(manifest: &Manifest) -> String {
    let content_id = manifest.content_id().to_string();
    let version = env!("CARGO_PKG_VERSION");
    let program = Value::Object(vec![
        ("type", "application".into()),
        ("bom-ref", PROGRAM.into()),
        ("name", "bootstone".into()),
        ("version", version.into()),
        (
            "properties",
            Value::Array(vec![property("content-id", content_id.as_str())]),
        ),
    ]);
    let files = manifest.records().iter();
    let contains = Value::Object(vec![
        ("ref", PROGRAM.into()),
        ("dependsOn", Value::Array(files.clone().map(id).collect())),
    ]);
    let bom = Value::Object(vec![
        ("bomFormat", "CycloneDX".into()),
        ("specVersion", "1.6".into()),
        ("serialNumber", serial_number(&content_id).into()),
        ("version", 1.into()),
        ("metadata", Value::Object(vec![("component", program)])),
        ("components", Value::Array(files.map(component).collect())),
        ("dependencies", Value::Array(vec![contains])),
    ]);
    format!("{bom:#}\n")
}

/// Identifies the program within the document. The ids of files begin with `file:`.
const PROGRAM: &str = "bootstone";

/// A UUID of version 8 (RFC 9562): the first digits of the content id, and the version and variant.
fn serial_number(content_id: &str) -> String {
    let part = |from: usize, to: usize| content_id.get(from..to).unwrap_or_default();
    format!(
        "urn:uuid:{}-{}-8{}-8{}-{}",
        part(0, 8),
        part(8, 12),
        part(12, 15),
        part(15, 18),
        part(18, 30)
    )
}

fn id(record: &Record) -> Value {
    format!("file:{}", record.name).into()
}

fn component(record: &Record) -> Value {
    let hash = Value::Object(vec![
        ("alg", "SHA-256".into()),
        ("content", record.sha256.to_string().into()),
    ]);
    let mut fields = vec![
        ("type", "file".into()),
        ("bom-ref", id(record)),
        ("name", record.name.as_str().into()),
    ];
    if let Some(version) = record.version.as_deref() {
        fields.push(("version", version.into()));
    }
    fields.push(("hashes", Value::Array(vec![hash])));
    fields.push(("properties", Value::Array(properties(record))));
    Value::Object(fields)
}

/// What CycloneDX has no field for.
fn properties(record: &Record) -> Vec<Value> {
    let mut properties = vec![
        property("kind", &record.kind.to_string()),
        property("size", &record.size.to_string()),
        property("published", truth(record.published)),
    ];
    if let Some(authenticode) = record.authenticode {
        properties.push(property("signed", truth(authenticode.signed)));
        let hash = authenticode.sha256.to_string();
        properties.push(property("authenticode-sha256", &hash));
    }
    let alias_of = record.alias_of.as_deref();
    properties.extend(alias_of.map(|name| property("alias-of", name)));
    properties
}

fn truth(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

/// A property; its name gets the prefix `bootstone:`.
fn property(name: &str, value: &str) -> Value {
    Value::Object(vec![
        ("name", format!("bootstone:{name}").into()),
        ("value", value.into()),
    ])
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::manifest::testing::record;
    use crate::manifest::{Authenticode, Digest, Kind, Machine};

    fn manifest() -> Manifest {
        let rich = Record {
            version: Some("2.0.0".to_owned()),
            published: true,
            authenticode: Some(Authenticode {
                sha256: Digest::of(b"hash"),
                signed: true,
            }),
            alias_of: Some("x86_64/ipxe.efi".to_owned()),
            ..record("ipxe.efi", Kind::Efi(Machine::X86_64))
        };
        Manifest::new(vec![rich, record("a \"b\"", Kind::IpxeScript)])
    }

    fn parsed(manifest: &Manifest) -> Json {
        serde_json::from_str(&text(manifest)).unwrap()
    }

    #[test]
    fn a_file_has_its_name_version_hash_and_properties() {
        let bom = parsed(&manifest());
        let expected = json!({
            "type": "file",
            "bom-ref": "file:ipxe.efi",
            "name": "ipxe.efi",
            "version": "2.0.0",
            "hashes": [{"alg": "SHA-256", "content": Digest::of(b"abc").to_string()}],
            "properties": [
                {"name": "bootstone:kind", "value": "efi-x86-64"},
                {"name": "bootstone:size", "value": "3"},
                {"name": "bootstone:published", "value": "true"},
                {"name": "bootstone:signed", "value": "true"},
                {
                    "name": "bootstone:authenticode-sha256",
                    "value": Digest::of(b"hash").to_string(),
                },
                {"name": "bootstone:alias-of", "value": "x86_64/ipxe.efi"},
            ],
        });
        assert_eq!(bom["components"][1], expected);
        assert_eq!(bom["components"][0].get("version"), None);
        assert_eq!(
            bom["dependencies"],
            json!([{"ref": "bootstone", "dependsOn": ["file:a \"b\"", "file:ipxe.efi"]}])
        );
    }

    #[test]
    fn the_serial_number_is_a_uuid_of_the_content() {
        let bom = parsed(&manifest());
        let serial = bom["serialNumber"].as_str().unwrap();
        let id = manifest().content_id().to_string();
        let digits = serial.trim_start_matches("urn:uuid:").replace('-', "");
        assert_eq!(digits.len(), 32);
        assert_eq!(digits[..12], id[..12]);
        assert_eq!((&digits[12..13], &digits[16..17]), ("8", "8"));
        let lengths = serial["urn:uuid:".len()..].split('-').map(str::len);
        assert_eq!(lengths.collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert_ne!(
            bom["serialNumber"],
            parsed(&Manifest::default())["serialNumber"]
        );
    }
}
