//! What a machine is made of, what DHCP tells it, and what is known of its boot.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path as File, PathBuf};
use std::time::Duration;

/// A machine with nothing but a network card, in a network of its own.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Machine {
    pub(crate) name: &'static str,
    /// The names and addresses of its network contain it.
    pub(crate) number: u8,
    pub(crate) firmware: Firmware,
    /// The files that its server has.
    pub(crate) image: Image,
    /// The program that its firmware is to load.
    pub(crate) program: &'static str,
    pub(crate) dhcp: Dhcp,
    pub(crate) path: Path,
    /// The TFTP requests that it makes, sorted: a name, and an outcome in the words of the log.
    pub(crate) requests: &'static [(&'static str, &'static str)],
    /// A part of the line on its console with which it is done.
    pub(crate) done: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Firmware {
    /// SeaBIOS, with the iPXE option ROM of QEMU's network cards as the PXE client.
    Bios,
    /// SeaBIOS, to which QEMU hands `ipxe.lkrn`. iPXE asks DHCP, and runs what DHCP names.
    Kernel,
    /// The same with an embedded script.
    KernelWith(Script),
    /// OVMF, with its own PXE client over IPv4.
    Uefi,
    /// The same over IPv6; iPXE is sent to an IPv6 address as well.
    UefiOverIpv6,
    /// OVMF, with its own HTTP client over IPv4.
    UefiHttp,
    /// OVMF with Microsoft's keys, which loads only what is signed.
    SecureBoot,
    /// AAVMF, with its own PXE client over IPv4.
    Arm64,
}

/// What an iPXE has embedded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Script {
    /// `autoexec.ipxe` as it is shipped.
    Autoexec,
    /// Two lines that ask DHCP and chain to `autoexec.ipxe`.
    Chain,
}

/// The files that a server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Image {
    /// Debian 12's iPXE, of 2019, and Debian's shim and GRUB.
    Debian12,
    /// Debian 13's iPXE, of 2025.
    Debian13,
    /// Nothing but `autoexec.ipxe`, as in the repository.
    Bare,
}

/// What DHCP tells firmware and iPXE. In arguments and lines, `SERVER` is the server's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dhcp {
    /// What `bootstone dhcp` prints with these further arguments.
    Printed(&'static str),
    /// The same, with a line after it. Of two lines that fit, dnsmasq takes the last.
    PrintedAnd(&'static str, &'static str),
    /// What `bootstone dhcp` prints, without the line that names a script for iPXE.
    WithoutScript,
    /// These lines.
    Lines(&'static str),
    /// What `bootstone dhcp --format dnsmasq-proxy` prints with these further arguments, beside a
    /// router that offers addresses and names itself as next-server.
    Proxy(&'static str),
}

/// Between machine and server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    /// A bridge.
    Near,
    /// A relay, to a server that keeps so many blocks in flight.
    Far { pipeline: u16 },
}

/// How a request ended: a file, and an outcome in the words of the log.
pub(crate) type Ended = (String, String);

/// One way, on a far path.
pub(crate) const DELAY: Duration = Duration::from_millis(25);
/// Share of the datagrams, each way, on a far path.
pub(crate) const LOSS: f64 = 0.01;

impl Machine {
    pub(crate) fn bridge(&self) -> String {
        format!("boot-br{}", self.number)
    }

    pub(crate) fn tap(&self) -> String {
        format!("boot-tap{}", self.number)
    }

    /// The network card of the router, if there is one.
    pub(crate) fn router(&self) -> String {
        format!("boot-router{}", self.number)
    }

    pub(crate) fn mac(&self) -> String {
        format!("52:54:00:00:00:{:02x}", self.number)
    }

    /// An address of its network (RFC 2544 has the block for tests).
    fn at(&self, host: u8) -> Ipv4Addr {
        Ipv4Addr::new(198, 18, self.number, host)
    }

    pub(crate) fn address(&self) -> Ipv4Addr {
        self.at(10)
    }

    pub(crate) fn server(&self) -> Ipv4Addr {
        self.at(1)
    }

    pub(crate) fn router_address(&self) -> Ipv4Addr {
        self.at(254)
    }

    pub(crate) fn server_6(&self) -> Ipv6Addr {
        Ipv6Addr::new(0x2001, 0xdb8, 0, self.number.into(), 0, 0, 0, 1)
    }

    pub(crate) fn is_far(&self) -> bool {
        self.path != Path::Near
    }

    /// QEMU hands it its iPXE.
    pub(crate) fn has_kernel(&self) -> bool {
        matches!(self.firmware, Firmware::Kernel | Firmware::KernelWith(_))
    }

    pub(crate) fn is_behind_proxy(&self) -> bool {
        matches!(self.dhcp, Dhcp::Proxy(_))
    }

    /// The server's address as DHCP names it.
    pub(crate) fn named_server(&self) -> IpAddr {
        match self.firmware {
            Firmware::UefiOverIpv6 => self.server_6().into(),
            _ => self.server().into(),
        }
    }

    /// True if its server knows it by this address. A relay asks for its machine.
    pub(crate) fn is_known_as(&self, peer: SocketAddr) -> bool {
        match peer.ip() {
            IpAddr::V4(peer) => self.is_far() || peer == self.address(),
            IpAddr::V6(_) => self.firmware == Firmware::UefiOverIpv6,
        }
    }

    pub(crate) fn requests(&self) -> Vec<Ended> {
        let owned = |(file, outcome): &(&str, &str)| ((*file).to_owned(), (*outcome).to_owned());
        self.requests.iter().map(owned).collect()
    }

    /// Where everything about it is written.
    pub(crate) fn folder(&self, work: &File) -> PathBuf {
        work.join(self.number.to_string())
    }
}
