//! Landlock: denies access to files, TCP ports and other processes, in addition to seccomp.

use landlock::{
    ABI, Access, AccessFs, AccessNet, LandlockStatus, Ruleset, RulesetAttr, RulesetError, Scope,
};

use super::state::Mechanism;

/// The newest version of the interface to request. An older kernel enforces what it knows.
const NEWEST: ABI = ABI::V6;

/// Denies everything that Landlock can deny, if the kernel supports it.
pub(super) fn enter() -> Result<Mechanism, String> {
    let status = restrict().map_err(|error| {
        format!("Landlock fails: {error}. --no-sandbox runs without it, at your own risk")
    })?;
    match status {
        LandlockStatus::Available { effective_abi, .. } => {
            Ok(Mechanism::Version(effective_abi.min(NEWEST) as u32))
        }
        LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => Ok(Mechanism::Missing),
    }
}

/// Creates a ruleset without exceptions and enters it.
fn restrict() -> Result<LandlockStatus, RulesetError> {
    let restricted = Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?
        .restrict_self()?;
    Ok(restricted.landlock)
}
