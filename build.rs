//! Collects the boot files, checks them, and stages them for `include_dir!`.
//!
//! All boot files come from one directory, which also has the rules for them: `ALLOW` (name
//! patterns) and `SHA256SUMS` (published hashes). A file that breaks a rule fails the build. All
//! problems are reported at once, each with what to do. `tests/build/main.rs` includes
//! this file.

#![allow(
    clippy::disallowed_methods,
    reason = "files are read and written here, so that it need not be done at run time"
)]

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

#[path = "build/authenticode.rs"]
mod authenticode;
#[path = "build/collect.rs"]
mod collect;
#[path = "build/kinds.rs"]
mod kinds;
#[path = "build/links.rs"]
mod links;
#[path = "src/manifest/mod.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "a module of the library, of which the build needs a part"
)]
mod manifest;
#[path = "build/rules.rs"]
mod rules;
#[path = "build/search.rs"]
mod search;
#[path = "build/signature.rs"]
mod signature;

use collect::Collection;
use rules::shown;
pub(crate) use signature::warning as signature_warning;

const ASSETS: &str = "boot-assets";
const ASSETS_VARIABLE: &str = "BOOTSTONE_ASSETS";
const REQUIRE_VARIABLE: &str = "BOOTSTONE_REQUIRE_PUBLISHED";

fn main() {
    // Relative paths count from the package's root, where cargo starts this program.
    let named = env::var_os(ASSETS_VARIABLE).filter(|path| !path.is_empty());
    // A fresh clone holds no boot program: `bootstone list` says so, the build does not.
    let is_default = named.is_none();
    let assets = PathBuf::from(named.unwrap_or(ASSETS.into()));
    println!("cargo::rerun-if-env-changed={ASSETS_VARIABLE}");
    println!("cargo::rerun-if-env-changed={REQUIRE_VARIABLE}");
    // Cargo looks at all that is below, at the directories themselves, and behind links.
    println!("cargo::rerun-if-changed={}", assets.display());

    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("stage");
    match build(&assets, env::var_os(REQUIRE_VARIABLE), &out) {
        Ok(warning) => {
            let warning = warning.filter(|_| !is_default);
            for warning in warning.into_iter().chain(signature_warning(&assets)) {
                println!("cargo::warning={warning}");
            }
        }
        Err(problems) => problems
            .iter()
            .for_each(|problem| println!("cargo::error={problem}")),
    }
}

/// From the directory `assets` to the stage `out`. Returns a warning, or else all problems; each
/// is one line.
pub(crate) fn build(
    assets: &Path,
    require_published: Option<OsString>,
    out: &Path,
) -> Result<Option<String>, Vec<String>> {
    let require_published = switch(require_published).map_err(|problem| vec![problem])?;
    let collection = collect::collect(assets, require_published)?;
    let unwritten = |error: io::Error| vec![format!("{}: cannot be written: {error}", shown(out))];
    let signature = signature::check(assets, &collection.manifest.sums(), out)
        .map_err(unwritten)?
        .map_err(|problem| vec![problem])?;
    stage(&collection, &signature, out).map_err(unwritten)?;
    Ok(warning(&collection, assets))
}

fn switch(value: Option<OsString>) -> Result<bool, String> {
    match value.as_deref().map(OsStr::as_encoded_bytes) {
        None | Some(b"" | b"0") => Ok(false),
        Some(b"1") => Ok(true),
        Some(other) => Err(format!(
            "{REQUIRE_VARIABLE} is `{}`. Set it to 1 to refuse files without a published hash; \
             set it to 0 or unset it to take them",
            other.escape_ascii()
        )),
    }
}

/// Writes every content once, under its hash, and beside it the manifest, its hash, and the
/// signature; of an earlier stage nothing is left.
fn stage(collection: &Collection, signature: &str, out: &Path) -> io::Result<()> {
    if out.exists() {
        fs::remove_dir_all(out)?;
    }
    let content = out.join("content");
    fs::create_dir_all(&content)?;
    for (sha256, bytes) in &collection.contents {
        fs::write(content.join(sha256.to_string()), bytes)?;
    }
    let manifest = collection.manifest.to_text();
    let sha256 = manifest::Digest::of(manifest.as_bytes()).to_string();
    fs::write(out.join("manifest.sha256"), sha256)?;
    fs::write(out.join("minisig"), signature)?;
    fs::write(out.join("manifest"), manifest)
}

fn warning(collection: &Collection, assets: &Path) -> Option<String> {
    if collection.manifest.has_boot_program() {
        return None;
    }
    Some(format!(
        "{}: no program in it that firmware can boot, so none is embedded. Run \
         {ASSETS}/collect, or copy ipxe.efi or undionly.kpxe there; see {ASSETS}/README.md",
        shown(assets)
    ))
}
