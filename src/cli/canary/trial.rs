//! One fetch as one client, and its result.

use std::net::SocketAddr;
use std::time::Duration;

use super::course::CanaryTarget;
use crate::canary::{Fault, Model, Observed, models};
use crate::cli::verdict::Verdict;
use crate::manifest::Digest;
use crate::net::canary::Fragments;

/// The file that is fetched.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) sha256: Digest,
    /// Largest size in bytes that is read.
    pub(crate) max_size: u64,
}

/// One fetch as one client, and its result.
#[derive(Clone, Debug)]
pub(crate) struct Trial {
    pub(super) host: String,
    pub(super) address: Option<SocketAddr>,
    pub(super) model: Model,
    pub(super) file: File,
    /// The hash of the received file, if it is complete.
    pub(super) actual: Option<Digest>,
    pub(super) verdict: Verdict,
    /// What the firmware would show.
    pub(super) screen: Option<String>,
    /// What happened, and what it means.
    pub(super) detail: Option<String>,
    pub(super) elapsed: Duration,
    pub(super) observed: Observed,
    pub(super) fragments: Fragments,
    /// The local port of its last request.
    pub(super) local_port: Option<u16>,
}

/// The verdict on a fetch that failed like this.
pub(super) fn verdict_on(fault: &Fault) -> Verdict {
    match fault {
        Fault::Silent(_) | Fault::Unreachable => Verdict::Silent,
        Fault::Stalled => Verdict::Truncated,
        Fault::Refused { code: 1, .. } => Verdict::Missing,
        Fault::Refused { .. } | Fault::NoOack | Fault::BadOack(_) => Verdict::Refused,
        Fault::TooLarge(_) => Verdict::Differs,
    }
}

impl Trial {
    pub(super) fn new(target: &CanaryTarget, file: &File, model: Model) -> Trial {
        let address = target.address.as_ref().ok().copied();
        let model = match address.is_some_and(|address| address.is_ipv6()) {
            true => models::over_ipv6(&model),
            false => model,
        };
        Trial {
            host: target.host.clone(),
            address,
            // The pauses of GRUB's reader depend on what it unpacks, and are not the network's.
            model: Model {
                reader: None,
                ..model
            },
            file: file.clone(),
            actual: None,
            verdict: Verdict::Silent,
            screen: None,
            detail: target.address.as_ref().err().cloned(),
            elapsed: Duration::ZERO,
            observed: Observed::default(),
            fragments: Fragments::default(),
            local_port: None,
        }
    }
}
