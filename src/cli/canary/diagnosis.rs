//! What a failure means, from what the client observed.

use std::fmt::Write as _;
use std::net::SocketAddr;

use super::trial::Trial;
use crate::canary::{Fault, Observed, RequestKind};

/// Headers of a DATA datagram: TFTP and UDP.
const TFTP_AND_UDP: usize = 4 + 8;

/// The transfer may have failed because its blocks are too large for the path.
pub(super) fn may_be_size(fault: &Fault, observed: &Observed) -> bool {
    *fault == Fault::Stalled && observed.has_oack && observed.blocks == 0 && observed.blksize > 512
}

/// What happened, and what it means.
pub(super) fn explain(
    trial: &Trial,
    fault: &Fault,
    is_unreachable: bool,
    small_arrives: bool,
) -> String {
    let observed = &trial.observed;
    let mut text = fault.to_string();
    match fault {
        Fault::Stalled if small_arrives => text = too_large(trial),
        Fault::Stalled if observed.blocks == 0 => text += " (the OACK arrived, and no block)",
        Fault::Stalled => {
            let _ = write!(text, " after {} bytes", observed.bytes);
        }
        Fault::Refused { code: 8, .. } => {
            let _ = write!(text, ": {}", refused_options(trial, fault));
        }
        Fault::Refused { code: 1, .. } => {}
        Fault::Refused { .. } if trial.model.late_copy && observed.blocks > 0 => {
            text += ": a late copy of the request had arrived, which a server has to ignore";
        }
        Fault::Refused { .. } if observed.repeated_requests > 0 => {
            text += ": the client had repeated its request, which a server has to answer as before";
        }
        _ => {}
    }
    if is_unreachable && *fault != Fault::Unreachable {
        text += "; ICMP \"port unreachable\" arrived";
    }
    text + &from_elsewhere(trial)
}

fn too_large(trial: &Trial) -> String {
    let headers = TFTP_AND_UDP
        + if trial.address.is_some_and(|a| a.is_ipv6()) {
            40
        } else {
            20
        };
    let len = usize::from(trial.observed.blksize) + headers;
    format!(
        "packets of {len} bytes do not get through, and those of {} do: the MTU of the path is \
         smaller than the server assumes (a lower --mtu, or smaller blocks)",
        512 + headers
    )
}

/// The options that an ERROR 8 is about.
fn refused_options(trial: &Trial, fault: &Fault) -> String {
    let is_probe = matches!(
        fault,
        Fault::Refused {
            request: RequestKind::Probe,
            ..
        }
    );
    let options = match trial.model.probe.filter(|_| is_probe) {
        Some(options) => options,
        None => trial.model.options,
    };
    let options: Vec<String> = options
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    format!(
        "it refuses {}, instead of granting less or leaving an option out (RFC 2347)",
        options.join(" ")
    )
}

/// What came from an address or port that the client ignored.
fn from_elsewhere(trial: &Trial) -> String {
    match (trial.observed.server, ignored(trial)) {
        (Some(server), Some(other)) if server.ip() == other.ip() => format!(
            "; the server's port changed from {} to {} in mid-transfer, and the client ignores \
             the new one (a NAT or a relay on the path)",
            server.port(),
            other.port()
        ),
        (_, Some(other)) => format!("; a datagram came from {other}, which was not asked"),
        (_, None) => String::new(),
    }
}

/// The address of a datagram that was ignored. A late copy of the request may start a second
/// transfer, from another port of the server.
fn ignored(trial: &Trial) -> Option<SocketAddr> {
    let observed = &trial.observed;
    let is_second = |other: &SocketAddr| {
        let server = observed.server.map(|server| server.ip());
        trial.model.late_copy && server == Some(other.ip())
    };
    observed.other.filter(|other| !is_second(other))
}

/// What is worth knowing about a transfer that succeeded.
pub(super) fn remark(trial: &Trial) -> Option<String> {
    let observed = &trial.observed;
    let mut remarks = Vec::new();
    if !trial.model.options.is_empty() && !observed.has_oack {
        remarks.push("the server ignores options".to_owned());
    }
    let requested = |wanted| {
        let mut options = trial.model.options.iter();
        options
            .find(|(name, _)| *name == wanted)
            .map(|(_, value)| *value)
    };
    if observed.has_oack
        && requested("windowsize").is_some_and(|asked| u64::from(observed.windowsize) < asked)
    {
        remarks.push(format!(
            "windowsize={} was granted as {}",
            requested("windowsize").unwrap_or_default(),
            observed.windowsize
        ));
    }
    if trial.fragments.datagrams > 0 {
        remarks.push(format!(
            "{} datagrams came in fragments of at most {} bytes, which some firmware cannot join",
            trial.fragments.datagrams, trial.fragments.largest
        ));
    }
    if let Some(other) = ignored(trial) {
        remarks.push(format!("datagrams from {other} were ignored"));
    }
    (!remarks.is_empty()).then(|| remarks.join("; "))
}
