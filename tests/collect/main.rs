//! `boot-assets/collect` on made-up packages, directories and archives. Nothing here needs a
//! network, a package manager or a real iPXE.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on has failed, and this one makes files"
)]

#[path = "../../build.rs"]
#[allow(dead_code, reason = "its `main` is for cargo")]
mod build_script;

mod archives;
mod boot_url;
mod directories;
mod hostile;
mod lists;
mod packages;
mod place;
mod tar;
mod tree;
