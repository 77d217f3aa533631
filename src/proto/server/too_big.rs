//! Datagrams that were larger than an interface or a path takes whole.

use super::{Server, SmallMtu, TooBig};
use crate::proto::negotiate::headers;
use crate::proto::path_mtu::least_mtu;
use crate::proto::sender::Transfer;
use crate::proto::{Instant, Peer};
use crate::wire::Opcode;

impl Server {
    /// A datagram to `peer` was larger than `mtu` bytes as an IP packet; 0 if the report does not
    /// say how much is possible.
    ///
    /// The transfer goes on: what it sends may be fragmented from now on, because its block size is
    /// agreed. Later transfers to the network of the peer get smaller blocks, for ten minutes.
    ///
    /// A report is ignored unless the transfer is in progress and sends datagrams of that size; if
    /// the report quotes more than the headers, that has to be a block in flight. It lowers the MTU
    /// to 576 bytes at least, and to 1280 for IPv6. So a forged report slows a network down, and
    /// needs the port of a client.
    pub fn handle_too_big(&mut self, now: Instant, peer: Peer, mtu: u16, source: TooBig<'_>) {
        let address = peer.address.ip();
        let Some(slot) = self.sessions.find_reported(peer) else {
            return;
        };
        let Some(session) = self.sessions.get(slot) else {
            return;
        };
        let mtu = match source {
            TooBig::Interface => mtu,
            TooBig::Path(_) => mtu.max(least_mtu(address)),
        };
        let largest = session
            .transfer
            .terms()
            .blksize
            .saturating_add(headers(address));
        let is_plausible = match source {
            TooBig::Interface => true,
            TooBig::Path(quoted) => is_in_flight(&session.transfer, quoted),
        };
        if session.finished.is_some() || mtu >= largest || !is_plausible {
            return;
        }
        let was_known = std::mem::replace(&mut session.may_fragment, true);
        if !was_known && source != TooBig::Interface {
            session.transfer.on_too_big(now);
            self.make_ready(slot);
        }
        self.stats.too_big += 1;
        if let Some(network) = self.paths.learn(now, address, mtu) {
            self.small_mtu.tell(now, SmallMtu { network, mtu });
        }
    }

    /// A path that was found to take smaller packets than `--mtu` and the routes say; once for
    /// each, and at most once a minute.
    pub fn take_small_mtu(&mut self) -> Option<SmallMtu> {
        self.small_mtu.take()
    }
}

/// True if the quoted part of a datagram can be one that is in flight.
fn is_in_flight(transfer: &Transfer, quoted: &[u8]) -> bool {
    let opcode = [0, Opcode::Data as u8];
    match quoted {
        [a, b, number @ ..] if [*a, *b] == opcode => match number {
            [high, low, ..] => transfer.is_in_flight(u16::from_be_bytes([*high, *low])),
            _ => true,
        },
        // RFC 792 asks for the headers only.
        _ => quoted.is_empty(),
    }
}
