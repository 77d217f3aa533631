//! No file, no TCP port and no other process is within reach, whatever the system calls say.

use landlock::{
    ABI, Access, AccessFs, AccessNet, LandlockStatus, Ruleset, RulesetAttr, RulesetError, Scope,
};

use super::Filter;

/// The newest version of the interface whose restrictions are asked for. An older kernel enforces those it knows.
const NEWEST: ABI = ABI::V6;

/// Forbids all that Landlock can forbid, if this kernel has it.
pub(super) fn enter() -> Result<Filter, String> {
    let status = restrict().map_err(|error| {
        format!("Landlock refuses: {error}. --no-sandbox goes without, at your own risk")
    })?;
    match status {
        LandlockStatus::Available { effective_abi, .. } => {
            Ok(Filter::Version(effective_abi.min(NEWEST) as u32))
        }
        LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => Ok(Filter::Missing),
    }
}

/// A domain without a single rule.
fn restrict() -> Result<LandlockStatus, RulesetError> {
    let restricted = Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?
        .restrict_self()?;
    Ok(restricted.landlock)
}
