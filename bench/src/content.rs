//! The files that the clients read. They are generated, and the same on every machine. Bootstone
//! embeds them, the other servers read them from a directory.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};

/// Seed of the generator. Any number will do; every machine must use the same one.
const SEED: u64 = 1350;

/// A generated file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum File {
    /// 400 bytes: one block, even with the default block size.
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
    /// All files.
    pub const ALL: [File; 5] = [
        File::OneBlock,
        File::Small,
        File::Middle,
        File::Large,
        File::Huge,
    ];

    /// The name on every server.
    pub fn name(self) -> &'static str {
        match self {
            File::OneBlock => "one-block",
            File::Small => "64KiB",
            File::Middle => "300KiB",
            File::Large => "1MiB",
            File::Huge => "16MiB",
        }
    }

    /// The length in bytes.
    pub fn size(self) -> usize {
        match self {
            File::OneBlock => 400,
            File::Small => 64 << 10,
            File::Middle => 300 << 10,
            File::Large => 1 << 20,
            File::Huge => 16 << 20,
        }
    }

    /// The content.
    pub fn content(self) -> Arc<[u8]> {
        let mut bytes = vec![0; self.size()];
        fastrand::Rng::with_seed(SEED + self.size() as u64).fill(&mut bytes);
        bytes.into()
    }
}

/// The directory for the files, the other servers and Bootstone's build: beside the bench's own
/// build.
pub fn workplace() -> Result<PathBuf> {
    let program = std::env::current_exe().context("cannot find the path of this program")?;
    let target = program
        .ancestors()
        .nth(2)
        .context("this program is not in a target directory of cargo")?;
    Ok(target.join("compare"))
}

/// Writes the files to `directory`, readable for all users. Files with the right content are left
/// as they are, so that cargo does not build Bootstone again.
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
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644))?;
    Ok(())
}
