//! The known clients.
//!
//! Each is taken from the client's source or from captures of it, as its `source` says. The
//! simulation, `tests/boot` and `verify --as` use this one table.

use std::time::Duration;

use super::{Model, OackRule, OutOfOrder, Screens, SlowReader, SourcePorts, WithoutOack};

/// iPXE. RRQ at 0, 0.25, 0.75, 1.75, 3.75 and 7.75 s, failure at 15.75 s. ACKs the same after four
/// round trips.
pub const IPXE: Model = Model {
    name: "ipxe",
    source: "src/net/udp/tftp.c and src/net/retry.c; captures of the versions of 2019 and 2025",
    options: &[("blksize", 1432), ("tsize", 0)],
    oack: OackRule::Requested,
    request_waits: |attempt, _| doubling(ms(250), attempt),
    ack_waits: |attempt, rtt| doubling((4 * rtt.unwrap_or_default()).max(ms(250)), attempt),
    out_of_order: OutOfOrder::Placed,
    screens: Screens {
        silent: "Connection timed out",
        stalled: "Connection timed out",
        errors: &[
            (1, "No such file or directory"),
            (2, "Permission denied"),
            (4, "Inappropriate ioctl for device"),
        ],
        other_error: "Operation not supported",
        no_oack: "",
        bad_oack: "Invalid argument",
        unreachable: "",
    },
    ..BASE
};

/// EDK2's PXE client, which most UEFI firmware has. Each of its ACKs starts a new window, also that
/// of a block out of order.
pub const EDK2: Model = Model {
    name: "edk2",
    source: "NetworkPkg/Mtftp4Dxe and NetworkPkg/UefiPxeBcDxe; captures of OVMF 2022.11",
    options: &[("blksize", 1468), ("windowsize", 4)],
    probe: Some(&[("tsize", 0), ("blksize", 1468), ("windowsize", 4)]),
    oack: OackRule::Strict,
    without_oack: WithoutOack::FailsProbe,
    heeds_icmp: true,
    request_waits: |attempt, _| times(6, ms(4000), attempt),
    ack_waits: |attempt, _| times(6, ms(4000), attempt),
    out_of_order: OutOfOrder::AnsweredEach,
    screens: Screens {
        silent: "PXE-E18: Server response timeout.",
        stalled: "PXE-E18: Server response timeout.",
        errors: &[],
        other_error: "PXE-E23: Client received TFTP error from server.",
        no_oack: "PXE-E99: Unexpected network error.",
        bad_oack: "PXE-E23: Client received TFTP error from server.",
        unreachable: "PXE-E99: Unexpected network error.",
    },
    ..BASE
};

/// EDK2's PXE client over IPv6: smaller blocks, as its source has them.
pub const EDK2_IPV6: Model = Model {
    options: &[("blksize", 1228), ("windowsize", 4)],
    probe: Some(&[("tsize", 0), ("blksize", 1228), ("windowsize", 4)]),
    ..EDK2
};

/// GRUB. It never repeats an ACK, and gives up after 33 s. Its reader unpacks from time to time.
pub const GRUB: Model = Model {
    name: "grub",
    source: "grub-core/net/tftp.c and net.c; captures of 2.06",
    options: &[("blksize", 1024), ("tsize", 0)],
    ports: SourcePorts::From(25_300),
    oack: OackRule::Any,
    without_oack: WithoutOack::NeverOpens,
    request_waits: |attempt, _| times(40, ms(400), attempt),
    ack_waits: |attempt, _| times(1, ms(33_000), attempt),
    out_of_order: OutOfOrder::AnsweredIfLast,
    starts_over: true,
    reader: Some(SlowReader {
        queue: 50,
        every: 300,
        pause: ms(3000),
    }),
    screens: Screens {
        silent: "error: time out opening `{file}'.",
        stalled: "error: timeout reading `{file}'.",
        errors: &[],
        other_error: "error: {message}.",
        no_oack: "",
        bad_oack: "",
        unreachable: "",
    },
    ..BASE
};

/// PXELINUX. It repeats after 110 ms growing to 3 s, 131 s in all: earlier than the answer on a
/// long path.
pub const PXELINUX: Model = Model {
    name: "pxelinux",
    source: "core/fs/pxe/tftp.c; captures of 6.04",
    options: &[("tsize", 0), ("blksize", 1408)],
    ports: SourcePorts::From(49_152),
    oack: OackRule::Requested,
    accepts_any_port: true,
    request_waits: growing,
    ack_waits: growing,
    out_of_order: OutOfOrder::AnsweredEach,
    screens: Screens {
        silent: "Failed to load {file} (a ROM of Intel's kind: PXE-E32: TFTP open timeout)",
        stalled: "Boot failed: press a key to retry, or wait for reset... \
                  (a ROM of Intel's kind: PXE-E35: TFTP read timeout)",
        errors: &[(
            1,
            "Failed to load {file} (a ROM of Intel's kind: PXE-T01: File not found)",
        )],
        other_error: "Failed to load {file} (a ROM of Intel's kind: PXE-T{code}: {message})",
        no_oack: "",
        bad_oack: "Failed to load {file}",
        unreachable: "",
    },
    ..BASE
};

/// U-Boot. The oldest versions, which leave a lost ACK to their own five seconds.
pub const UBOOT: Model = Model {
    name: "uboot",
    source: "net/tftp.c; captures of 2023.01",
    options: &[("timeout", 5), ("blksize", 1468), ("windowsize", 1)],
    ports: SourcePorts::Within(1024, 4095),
    oack: OackRule::SameTimeout,
    request_waits: |attempt, _| times(10, ms(5000), attempt),
    ack_waits: |attempt, _| times(10, ms(5000), attempt),
    out_of_order: OutOfOrder::Ignored,
    screens: Screens {
        silent: "Retry count exceeded; starting again",
        stalled: "Retry count exceeded; starting again",
        errors: &[],
        other_error: "TFTP error: '{message}' ({code})",
        no_oack: "",
        bad_oack: "Retry count exceeded; starting again",
        unreachable: "",
    },
    ..BASE
};

/// shim: EDK2's client with blocks of 512 bytes, which asks for no size.
pub const SHIM: Model = Model {
    name: "shim",
    source: "netboot.c, by way of EDK2's PXE client; captures of shim 15 under OVMF 2022.11",
    options: &[("blksize", 512), ("windowsize", 4)],
    probe: None,
    screens: Screens {
        silent: "Unable to fetch TFTP image: Time out",
        stalled: "Unable to fetch TFTP image: Time out",
        errors: &[],
        other_error: "TFTP error {code}: {message}",
        no_oack: "",
        bad_oack: "Unable to fetch TFTP image: TFTP Error",
        unreachable: "Unable to fetch TFTP image: ICMP Error",
    },
    ..EDK2
};

/// What RFC 7440 asks for, and nothing more. Before that, a size probe with the smallest block that
/// RFC 2348 allows, which some servers refuse. With its first ACK of a block, a late copy of its
/// request, for which some servers end the transfer.
pub const STRICT: Model = Model {
    name: "strict",
    source: "RFC 1350, RFC 2347 to 2349 and RFC 7440",
    options: &[("blksize", 1428), ("windowsize", 16)],
    probe: Some(&[("blksize", 8), ("tsize", 0)]),
    late_copy: true,
    oack: OackRule::Strict,
    request_waits: |attempt, _| times(9, ms(1000), attempt),
    ack_waits: |attempt, _| times(9, ms(1000), attempt),
    out_of_order: OutOfOrder::GapReported,
    repeats_last_ack: true,
    screens: Screens {
        silent: "no answer to nine requests",
        stalled: "no new block after its ACK was sent nine times",
        errors: &[],
        other_error: "ERROR {code}: {message}",
        no_oack: "no OACK to a request with options",
        bad_oack: "ERROR 8: options not as requested",
        unreachable: "",
    },
    ..BASE
};

/// Those that `verify --as` knows, in the order of its table.
pub const ALL: [&Model; 7] = [&EDK2, &IPXE, &GRUB, &PXELINUX, &UBOOT, &SHIM, &STRICT];

/// The model as which a client with this one reaches a server over IPv6.
pub fn over_ipv6(model: &Model) -> Model {
    match model.name == EDK2.name {
        true => EDK2_IPV6,
        false => *model,
    }
}

/// RFC 1350 to the letter, as a base for others.
pub const BASE: Model = Model {
    name: "plain",
    source: "RFC 1350",
    options: &[],
    probe: None,
    ports: SourcePorts::Any,
    oack: OackRule::Strict,
    without_oack: WithoutOack::FallsBack,
    accepts_any_port: false,
    heeds_icmp: false,
    late_copy: false,
    request_waits: |attempt, _| times(10, ms(1000), attempt),
    ack_waits: |attempt, _| times(10, ms(1000), attempt),
    out_of_order: OutOfOrder::AnsweredIfLast,
    any_block_restarts_timer: false,
    counts_all_repeats: false,
    starts_over: false,
    reader: None,
    repeats_last_ack: false,
    ack_delay: Duration::ZERO,
    closing_error: None,
    screens: Screens {
        silent: "",
        stalled: "",
        errors: &[],
        other_error: "",
        no_oack: "",
        bad_oack: "",
        unreachable: "",
    },
};

/// Milliseconds.
pub const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The same wait, `most` times.
pub fn times(most: u32, wait: Duration, attempt: u32) -> Option<Duration> {
    (attempt < most).then_some(wait)
}

/// Six waits: with a first one of 250 ms they end at 15.75 s.
fn doubling(first: Duration, attempt: u32) -> Option<Duration> {
    (attempt < 6).then(|| first * (1 << attempt))
}

/// Each wait is longer by a fifth, up to 3 s; fifty-seven of them take 131 s.
fn growing(attempt: u32, _rtt: Option<Duration>) -> Option<Duration> {
    let wait = ms(110).mul_f64(1.2_f64.powi(attempt.min(30) as i32));
    (attempt < 57).then_some(wait.min(ms(3000)))
}

#[cfg(test)]
mod tests {
    use super::super::Waits;
    use super::*;

    #[test]
    fn timeouts_are_as_long_as_was_seen() {
        let total = |waits: Waits| -> Duration { (0..99).map_while(|n| waits(n, None)).sum() };
        assert_eq!(total(IPXE.request_waits), ms(15_750));
        assert_eq!(total(EDK2.ack_waits), ms(24_000));
        assert_eq!(total(GRUB.request_waits), ms(16_000));
        assert_eq!(total(UBOOT.ack_waits), ms(50_000));
        let pxelinux = total(PXELINUX.ack_waits);
        assert!(
            (ms(130_000)..ms(132_000)).contains(&pxelinux),
            "{pxelinux:?}"
        );
    }

    #[test]
    fn every_model_has_its_own_name_and_its_source() {
        for (index, model) in ALL.iter().enumerate() {
            assert!(!model.source.is_empty(), "{}", model.name);
            let same = ALL.iter().filter(|other| other.name == model.name);
            assert_eq!(same.count(), 1, "{} {index}", model.name);
        }
    }
}
