//! The machines: what each is made of, how it is reached, and what is known of its boot.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::image::PAYLOAD;

/// A machine with nothing but a network card.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Machine {
    pub(crate) name: &'static str,
    /// Its tap, its MAC and its IPv4 address end with it.
    pub(crate) number: u8,
    pub(crate) firmware: Firmware,
    /// What its firmware is to load.
    pub(crate) program: &'static str,
    pub(crate) path: Path,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Firmware {
    /// SeaBIOS, with the iPXE option ROM of QEMU's network cards as the PXE client.
    Bios,
    /// OVMF, with its own PXE client over IPv4.
    Uefi,
    /// The same over IPv6; iPXE is sent to an IPv6 address as well.
    UefiOverIpv6,
}

/// Between machine and server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    /// The bridge. All of these have the same server.
    Near,
    /// A relay, to a server that runs so many blocks ahead.
    Far { run_ahead: u16 },
}

/// How a request ended: a file, and an outcome in the words of the log.
pub(crate) type Ended = (String, String);

/// One way, on a far path.
pub(crate) const DELAY: Duration = Duration::from_millis(25);
/// Share of the datagrams, each way, on a far path.
pub(crate) const LOSS: f64 = 0.01;

/// Those that take longest come first.
pub(crate) const MACHINES: [Machine; 6] = [
    Machine {
        name: "UEFI, far, in lock-step",
        number: 5,
        firmware: Firmware::Uefi,
        program: "ipxe.efi",
        path: Path::Far { run_ahead: 1 },
    },
    Machine {
        name: "BIOS, undionly.kpxe",
        number: 1,
        firmware: Firmware::Bios,
        program: "undionly.kpxe",
        path: Path::Near,
    },
    Machine {
        name: "UEFI, far, with run-ahead",
        number: 4,
        firmware: Firmware::Uefi,
        program: "ipxe.efi",
        path: Path::Far { run_ahead: 16 },
    },
    Machine {
        name: "UEFI, ipxe.efi",
        number: 2,
        firmware: Firmware::Uefi,
        program: "ipxe.efi",
        path: Path::Near,
    },
    Machine {
        name: "UEFI over IPv6, ipxe.efi",
        number: 6,
        firmware: Firmware::UefiOverIpv6,
        program: "ipxe.efi",
        path: Path::Near,
    },
    Machine {
        name: "UEFI, snponly.efi",
        number: 3,
        firmware: Firmware::Uefi,
        program: "snponly.efi",
        path: Path::Near,
    },
];

impl Machine {
    pub(crate) fn tap(&self) -> String {
        format!("tap{}", self.number)
    }

    pub(crate) fn mac(&self) -> String {
        format!("52:54:00:00:00:{:02x}", self.number)
    }

    pub(crate) fn address(&self) -> Ipv4Addr {
        Ipv4Addr::new(192, 0, 2, 10 + self.number)
    }

    pub(crate) fn is_far(&self) -> bool {
        self.path != Path::Near
    }

    /// Where it is told that the server is.
    pub(crate) fn server(&self) -> Ipv4Addr {
        match self.path {
            Path::Near => crate::network::SERVER,
            Path::Far { .. } => Ipv4Addr::new(192, 0, 2, 100 + self.number),
        }
    }

    /// True if its server knows it by this address. A server behind a relay has no other client than the relay, and
    /// only one machine asks over IPv6.
    pub(crate) fn is_known_as(&self, peer: SocketAddr) -> bool {
        match peer.ip() {
            IpAddr::V4(peer) => self.is_far() || peer == self.address(),
            IpAddr::V6(_) => self.firmware == Firmware::UefiOverIpv6,
        }
    }

    /// What becomes of its requests, sorted. OVMF first asks for the size alone; over IPv6 DHCP names the last
    /// script at once.
    pub(crate) fn requests(&self) -> Vec<Ended> {
        let mut requests = vec![(self.program, "complete"), ("boot.ipxe", "complete")];
        requests.push((PAYLOAD, "complete"));
        if self.firmware != Firmware::Bios {
            requests.push((self.program, "probe"));
        }
        if self.firmware != Firmware::UefiOverIpv6 {
            requests.push(("autoexec.ipxe", "complete"));
        }
        requests.sort_unstable();
        let owned = |(file, outcome): (&str, &str)| (file.to_owned(), outcome.to_owned());
        requests.into_iter().map(owned).collect()
    }
}
