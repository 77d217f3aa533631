//! The files that are read: made up, the same on every machine, embedded into Bootstone and put
//! into a directory for the others.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};

/// Any number: the bytes must be alike on every machine, and unlike each other.
const SEED: u64 = 1350;

/// A made-up file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum File {
    /// 400 bytes: one block, however small the blocks.
    OneBlock,
    /// 64 KiB.
    Small,
    /// 300 KiB.
    Middle,
    /// 1 MiB.
    Large,
    /// 16 MiB.
    Huge,
}

impl File {
    /// Every one.
    pub const ALL: [File; 5] = [
        File::OneBlock,
        File::Small,
        File::Middle,
        File::Large,
        File::Huge,
    ];

    /// Its name on every server.
    pub fn name(self) -> &'static str {
        match self {
            File::OneBlock => "one-block",
            File::Small => "64KiB",
            File::Middle => "300KiB",
            File::Large => "1MiB",
            File::Huge => "16MiB",
        }
    }

    /// Its length in bytes.
    pub fn size(self) -> usize {
        match self {
            File::OneBlock => 400,
            File::Small => 64 << 10,
            File::Middle => 300 << 10,
            File::Large => 1 << 20,
            File::Huge => 16 << 20,
        }
    }

    /// Its bytes.
    pub fn content(self) -> Arc<[u8]> {
        let mut bytes = vec![0; self.size()];
        fastrand::Rng::with_seed(SEED + self.size() as u64).fill(&mut bytes);
        bytes.into()
    }
}

/// Where files, servers and Bootstone's build for this bench are kept: beside its own build.
pub fn workplace() -> Result<PathBuf> {
    let program = std::env::current_exe().context("this program does not know where it is")?;
    let target = program
        .ancestors()
        .nth(2)
        .context("it is not in a target directory")?;
    Ok(target.join("compare"))
}

/// Writes the files to `directory`, readable for all users. What is there already stays, so that
/// cargo sees no change.
pub fn write_to(directory: &Path) -> Result<()> {
    fs::create_dir_all(directory)?;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755))?;
    put(&directory.join("ALLOW"), b"*\n")?;
    for file in File::ALL {
        put(&directory.join(file.name()), &file.content())?;
    }
    Ok(())
}

fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    fs::write(path, bytes).with_context(|| format!("{} cannot be written", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644))?;
    Ok(())
}
