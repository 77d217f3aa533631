//! What does not boot as it is, and what to do.

use super::choice::{Choice, is_shim, is_signed};
use crate::manifest::{Kind, Manifest, Record};

/// A line for each kind of machine that Secure Boot concerns.
pub(super) fn warnings(choice: &Choice, manifest: &Manifest, secure_boot: bool) -> Vec<String> {
    let reason = match secure_boot {
        true => "is not signed",
        false => "is for Secure Boot, which needs --secure-boot",
    };
    let left_out = choice.left_out.iter();
    let left_out =
        left_out.map(|(kind, file)| format!("{kind} gets no file: {} {reason}", file.name));
    let signed = choice.files.iter().filter(|_| secure_boot);
    let signed = signed.filter(|(kind, _)| **kind != Kind::Bios);
    let signed = signed.map(|(kind, file)| match is_shim(&file.name) {
        true => second_stage(file, manifest),
        false => format!(
            "{kind} gets {}, because there is no shim: the firmware has to know its signer",
            file.name
        ),
    });
    left_out.chain(signed).collect()
}

/// A shim loads its second stage from the root of the server, not from its own directory.
fn second_stage(shim: &Record, manifest: &Manifest) -> String {
    let asks = format!(
        "{} is a shim. Over TFTP it asks the root of this server for a signed second stage: \
         ipxe.efi if the shim is iPXE's, grubx64.efi or the like if it is a distribution's",
        shim.name
    );
    let is_second_stage = |record: &Record| {
        let is_named_so = record.name == "ipxe.efi" || record.name.starts_with("grub");
        is_named_so && record.kind == shim.kind && is_signed(record)
    };
    let records = manifest.records();
    if records.iter().any(is_second_stage) {
        return asks;
    }
    let directory = shim.name.rsplit_once('/').map(|(directory, _)| directory);
    let beside = directory.map(|directory| format!("{directory}/ipxe.efi"));
    let beside = beside.filter(|name| records.iter().any(|record| record.name == *name));
    let kind = shim.kind;
    match beside {
        None => format!("{asks}. There is none for {kind}: embed it"),
        Some(beside) => format!("{asks}. There is none for {kind}: embed {beside} as ipxe.efi"),
    }
}
