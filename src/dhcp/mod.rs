//! What a DHCP server must be told, so that each machine loads its own file from here.
//!
//! A machine asks twice: its firmware loads iPXE, and iPXE asks DHCP again. It names itself then (user class `iPXE`), and is
//! given a script; were it given the same file again, it would load itself for ever.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::manifest::{Kind, Manifest, Record};

/// Who is sent where.
pub struct Plan {
    /// The IPv4 address or the name at which machines reach this server.
    pub server: String,
    /// For each kind of machine that can boot something from here, its file.
    pub files: BTreeMap<Kind, String>,
    /// The URL of a script for iPXE, if there is one.
    pub script: Option<String>,
}

impl Plan {
    /// Sends machines to the files of `manifest`; iPXE to `script`, or else to an embedded one.
    ///
    /// # Errors
    /// There is nothing to boot, or a name that not every configuration can hold.
    pub fn new(
        manifest: &Manifest,
        server: String,
        script: Option<String>,
    ) -> Result<Plan, String> {
        let mut files: BTreeMap<Kind, &Record> = BTreeMap::new();
        for record in manifest.records() {
            if !record.kind.dhcp_architectures().is_empty() {
                let chosen = files.entry(record.kind).or_insert(record);
                if rank(record) < rank(chosen) {
                    *chosen = record;
                }
            }
        }
        if files.is_empty() {
            return Err(
                "no boot file for any firmware is embedded: there is nowhere to send machines to. \
                 boot-assets/README.md says how iPXE is brought in"
                    .to_owned(),
            );
        }
        let names = files.values().map(|record| &record.name);
        let given = names.chain(&script);
        if let Some(odd) = given.into_iter().find(|text| !is_plain(text)) {
            return Err(format!(
                "{odd:?} cannot be written into every configuration: only letters, digits and -._~:/?&=%@+ can"
            ));
        }
        let name = |(kind, record): (Kind, &Record)| (kind, record.name.clone());
        Ok(Plan {
            script: script.or_else(|| embedded_script(manifest, &server)),
            server,
            files: files.into_iter().map(name).collect(),
        })
    }

    /// Each kind with each of its architecture codes.
    pub fn codes(&self) -> impl Iterator<Item = (Kind, u16)> {
        let of_kind = |kind: Kind| {
            kind.dhcp_architectures()
                .iter()
                .map(move |code| (kind, *code))
        };
        self.files.keys().copied().flat_map(of_kind)
    }

    /// For dnsmasq.conf.
    pub fn dnsmasq(&self) -> String {
        let mut text = "dhcp-userclass=set:ipxe,iPXE\n".to_owned();
        for (kind, code) in self.codes() {
            let _ = writeln!(text, "dhcp-match=set:{kind},option:client-arch,{code}");
        }
        for (kind, name) in &self.files {
            let _ = writeln!(
                text,
                "dhcp-boot=tag:{kind},tag:!ipxe,{name},,{}",
                self.server
            );
        }
        if let Some(script) = &self.script {
            let _ = writeln!(text, "dhcp-boot=tag:ipxe,{script},,{}", self.server);
        }
        text
    }
}

/// The file that machines of a kind are sent to is the first by this: the usual one, then one at the top before one of a certain
/// version, then by name.
fn rank(record: &Record) -> (bool, usize, &str) {
    let name = record.name.as_str();
    let basename = name.rsplit('/').next().unwrap_or(name);
    let usual = basename == "undionly.kpxe" || basename == "ipxe.efi";
    (!usual, name.matches('/').count(), name)
}

fn embedded_script(manifest: &Manifest, server: &str) -> Option<String> {
    let has = |name: &&str| manifest.records().iter().any(|record| record.name == *name);
    let name = ["boot.ipxe", "autoexec.ipxe"].into_iter().find(has)?;
    Some(format!("tftp://{server}/{name}"))
}

/// Means nothing but itself in any of the formats.
fn is_plain(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/?&=%@+".contains(&b);
    !text.is_empty() && text.bytes().all(plain)
}
