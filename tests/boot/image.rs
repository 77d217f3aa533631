//! Bootstone with Debian's iPXE, our `autoexec.ipxe`, and what the machines fetch in the end.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The file that every machine fetches in the end, 1 MiB.
pub(crate) const PAYLOAD: &str = "payload.bin";
/// From Debian's package.
const IPXE: [&str; 3] = ["undionly.kpxe", "ipxe.efi", "snponly.efi"];
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What is embedded: its names, and the bytes that a machine must receive.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// Builds it into `work/bootstone`, from `work/assets`.
pub(crate) fn build(work: &Path) {
    let assets = work.join("assets");
    fs::create_dir(&assets).unwrap();
    let own = Path::new(ROOT).join("boot-assets");
    fs::copy(own.join("autoexec.ipxe"), assets.join("autoexec.ipxe")).unwrap();
    fs::write(assets.join("boot.ipxe"), include_str!("boot.ipxe")).unwrap();
    fs::write(assets.join(PAYLOAD), payload()).unwrap();
    fs::write(assets.join("ALLOW"), "*.ipxe\n*.efi\n*.kpxe\n*.bin\n").unwrap();
    run(Command::new(own.join("collect"))
        .arg("--to")
        .arg(&assets)
        .args(IPXE));
    // Beside the target directory of the tests: what other tests start has other files in it.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("real-ipxe");
    run(Command::new("cargo")
        .args(["build", "--quiet", "--locked", "--target-dir"])
        .arg(&target)
        .current_dir(ROOT)
        .env("BOOTSTONE_ASSETS", &assets));
    fs::copy(target.join("debug/bootstone"), program(work)).unwrap();
}

/// The program that [`build`] made.
pub(crate) fn program(work: &Path) -> PathBuf {
    work.join("bootstone")
}

/// The files that [`build`] embedded.
pub(crate) fn files(work: &Path) -> Files {
    let file = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().unwrap();
        (name, fs::read(entry.path()).unwrap())
    };
    let entries = fs::read_dir(work.join("assets")).unwrap();
    entries.map(|entry| file(entry.unwrap())).collect()
}

fn payload() -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(1);
    (0..1 << 20).map(|_| random.u8(..)).collect()
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed: {said}");
}
