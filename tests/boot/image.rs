//! Bootstone with Debian's iPXE, our `autoexec.ipxe`, and what the machines fetch in the end.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::inputs::{self, GRUB, PXELINUX, SHIM};
use crate::machine::{Image, Machine};

/// The file that almost every machine fetches in the end, 1 MiB.
const PAYLOAD: &str = "payload.bin";
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What is embedded: its names, and the bytes that a machine must receive.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// Builds the images of these machines, each from its assets.
pub(crate) fn build(work: &Path, machines: &[&Machine]) {
    let mut images: Vec<Image> = machines.iter().map(|machine| machine.image).collect();
    images.sort_unstable();
    images.dedup();
    for image in images {
        let assets = assets(work, image);
        fs::create_dir_all(&assets).unwrap();
        collect(image, &assets);
        compile(&assets, &program(work, image));
    }
}

/// The program with the files of this image.
pub(crate) fn program(work: &Path, image: Image) -> PathBuf {
    work.join(format!("bootstone-{image:?}"))
}

/// The files of this image.
pub(crate) fn files(work: &Path, image: Image) -> Files {
    let assets = assets(work, image);
    let mut files = Files::new();
    let mut folders = vec![assets.clone()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
        {
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(&assets).unwrap().to_str().unwrap();
                files.insert(name.to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    files
}

fn assets(work: &Path, image: Image) -> PathBuf {
    work.join(format!("assets-{image:?}"))
}

fn collect(image: Image, assets: &Path) {
    let own = Path::new(ROOT).join("boot-assets/autoexec.ipxe");
    fs::copy(own, assets.join("autoexec.ipxe")).unwrap();
    fs::write(
        assets.join("ALLOW"),
        "*.ipxe\n*.efi\n*.kpxe\n*.bin\ngrub/*\npxelinux.0\n*.c32\npxelinux.cfg/*\n",
    )
    .unwrap();
    if image == Image::Bare {
        return;
    }
    fs::write(assets.join("boot.ipxe"), include_str!("boot.ipxe")).unwrap();
    fs::write(assets.join("back.ipxe"), include_str!("back.ipxe")).unwrap();
    fs::write(assets.join(PAYLOAD), payload()).unwrap();
    for name in ["undionly.kpxe", "ipxe.efi", "snponly.efi", "ipxe-arm64.efi"] {
        let file = inputs::ipxe(image).join(name);
        if file.exists() {
            fs::copy(file, assets.join(name)).unwrap();
        }
    }
    if image == Image::Debian12 && [SHIM, GRUB].iter().all(|file| Path::new(file).exists()) {
        fs::copy(SHIM, assets.join("shimx64.efi")).unwrap();
        fs::copy(GRUB, assets.join("grubx64.efi")).unwrap();
        fs::create_dir_all(assets.join("grub")).unwrap();
        fs::write(assets.join("grub/grub.cfg"), include_str!("grub.cfg")).unwrap();
        fs::write(assets.join("grub/large.cfg"), comments()).unwrap();
    }
    if image == Image::Debian12 && PXELINUX.iter().all(|(file, _)| Path::new(file).exists()) {
        for file in PXELINUX.map(|(file, _)| Path::new(file)) {
            fs::copy(file, assets.join(file.file_name().unwrap())).unwrap();
        }
        fs::create_dir_all(assets.join("pxelinux.cfg")).unwrap();
        let settings = include_str!("pxelinux.cfg");
        fs::write(assets.join("pxelinux.cfg/default"), settings).unwrap();
    }
}

fn compile(assets: &Path, program: &Path) {
    // Beside the target directory of the tests: what other tests start has other files in it.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("real-ipxe");
    let mut command = Command::new("cargo");
    command
        .args(["build", "--quiet", "--locked", "--target-dir"])
        .arg(&target)
        .current_dir(ROOT)
        .env("BOOTSTONE_ASSETS", assets);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed: {said}");
    fs::copy(target.join("debug/bootstone"), program).unwrap();
}

/// A script for GRUB, of 600 kB, that does nothing.
fn comments() -> String {
    (0..6000).map(|line| format!("# {line:097}\n")).collect()
}

/// The line about the last file of more than 100 kB that a machine loaded.
pub(crate) fn last_large_file(log: &[Value]) -> Option<&Value> {
    let is_large = |line: &&Value| line["bytes"].as_u64() > Some(100_000);
    log.iter().rev().find(is_large)
}

fn payload() -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(1);
    (0..1 << 20).map(|_| random.u8(..)).collect()
}
