//! Whether firmware sends what its model says.
//!
//! The datagrams that a machine received are given to the model, at the times of the capture. What
//! the model then sends is compared with what the machine sent: options and their order, ERRORs,
//! and acknowledgements. A model that has drifted from its firmware fails here.

use std::net::SocketAddr;

use bootstone::canary::{Model, ModelClient, models};
use bootstone::proto::Instant;
use bootstone::wire::Packet;

use crate::capture::{self, Datagram, TFTP};
use crate::machine::{Firmware, Machine};

/// One file that a machine fetched: a request, and the one before it for the size alone.
struct Conversation<'a> {
    name: Vec<u8>,
    /// The ports of the machine, in their order.
    ports: Vec<SocketAddr>,
    server: SocketAddr,
    datagrams: Vec<Datagram<'a>>,
}

/// A model, and whether a whole transfer was compared with it.
pub(crate) type Compared = (&'static str, bool);

/// Compares all that a machine sent with its models. Where the machine's timer or the server repeated
/// something, as on a busy machine, only the request is compared.
pub(crate) fn check(machine: &Machine, capture: &[u8]) -> Vec<Compared> {
    let mut compared = Vec::new();
    let conversations = conversations(capture);
    for (index, conversation) in conversations.iter().enumerate() {
        let name = String::from_utf8_lossy(&conversation.name);
        let is_first = conversations[..index]
            .iter()
            .all(|earlier| earlier.name == conversation.name);
        let model = model_of(machine, name.trim_start_matches('/'), is_first);
        let says = |what: &str| format!("{}, {} for {name}: {what}", machine.name, model.name);
        let (actual, is_undisturbed) = conversation.sent();
        let expected = conversation.expected(&model);
        assert_eq!(actual[0], expected[0], "{}", says("another request"));
        if !is_undisturbed {
            println!("{}", says("not compared, because something was repeated"));
            compared.push((model.name, false));
            continue;
        }
        let is_same = actual == expected || is_closed_early(&actual, &expected);
        assert!(is_same, "{}", says(&difference(&actual, &expected)));
        compared.push((model.name, true));
    }
    compared
}

/// # Panics
/// If no whole transfer of all machines was compared with one of their models.
pub(crate) fn assert_each_compared(all: &[Compared]) {
    for (model, _) in all {
        let is_compared = all.contains(&(*model, true));
        assert!(
            is_compared,
            "{model}: something was repeated in every transfer"
        );
    }
}

/// The client of a request. A UEFI machine loads its first program by itself.
fn model_of(machine: &Machine, name: &str, is_first: bool) -> Model {
    let by_firmware = is_first && name == machine.program;
    match machine.firmware {
        Firmware::UefiOverIpv6 if by_firmware => models::EDK2_IPV6,
        Firmware::Uefi | Firmware::SecureBoot | Firmware::Arm64 if by_firmware => models::EDK2,
        // The model pauses as GRUB does while it unpacks. A script is not packed.
        Firmware::SecureBoot if name.starts_with("grub/") => Model {
            reader: None,
            ..models::GRUB
        },
        Firmware::SecureBoot => models::SHIM,
        _ if machine.program == "pxelinux.0" && !by_firmware => models::PXELINUX,
        _ => models::IPXE,
    }
}

/// GRUB may close a file with ERROR 0 in place of its last ACK, and PXELINUX one that it has read
/// in part.
fn is_closed_early(actual: &[String], expected: &[String]) -> bool {
    let Some((last, before)) = actual.split_last() else {
        return false;
    };
    last == "ERROR 0" && expected.starts_with(before) && expected.len() <= before.len() + 1
}

fn difference(actual: &[String], expected: &[String]) -> String {
    let pairs = actual.iter().zip(expected);
    let same = pairs
        .take_while(|(actual, expected)| actual == expected)
        .count();
    let part = |all: &[String]| format!("{:?}", all.iter().skip(same).take(6).collect::<Vec<_>>());
    format!(
        "after {same} datagrams the machine sent {}, and the model {}",
        part(actual),
        part(expected)
    )
}

/// The files that a machine fetched, in their order.
fn conversations(capture: &[u8]) -> Vec<Conversation<'_>> {
    let mut all: Vec<Conversation<'_>> = Vec::new();
    for datagram in capture::datagrams(capture) {
        let Datagram {
            from, to, payload, ..
        } = datagram;
        let port = if to.port() == TFTP { from } else { to };
        let mut latest = all.iter_mut().rev();
        if let Some(known) = latest.find(|conversation| conversation.ports.contains(&port)) {
            known.datagrams.push(datagram);
        } else if let (TFTP, Ok(Packet::Rrq(request))) = (to.port(), Packet::decode(payload)) {
            let is_probed = |last: &&mut Conversation<'_>| {
                last.name == request.filename
                    && last.sent().0.last().is_some_and(|it| it == "ERROR 8")
            };
            match all.last_mut().filter(is_probed) {
                Some(last) => {
                    last.ports.push(port);
                    last.datagrams.push(datagram);
                }
                None => all.push(Conversation {
                    name: request.filename.to_vec(),
                    ports: vec![port],
                    server: to,
                    datagrams: vec![datagram],
                }),
            }
        }
    }
    all
}

impl Conversation<'_> {
    /// What the machine sent; false if the machine's timer or the server repeated something.
    fn sent(&self) -> (Vec<String>, bool) {
        let mut sent: Vec<String> = Vec::new();
        let mut is_undisturbed = true;
        let mut received: Vec<&[u8]> = Vec::new();
        let mut has_received = true;
        for datagram in &self.datagrams {
            if datagram.from == self.server {
                let header = &datagram.payload[..4.min(datagram.payload.len())];
                is_undisturbed &= !received.contains(&header) || datagram.payload[1] != 3;
                received.push(header);
                has_received = true;
                continue;
            }
            let words = words(datagram.payload);
            let is_repeat = !has_received && sent.last() == Some(&words);
            is_undisturbed &= !is_repeat;
            if !is_repeat {
                sent.push(words);
            }
            has_received = false;
        }
        (sent, is_undisturbed)
    }

    /// What the model sends when it receives the same.
    fn expected(&self, model: &Model) -> Vec<String> {
        let mut client = ModelClient::new(model, self.server, self.name.clone());
        let mut sent = Vec::new();
        let mut collect = |client: &mut ModelClient| {
            while let Some(transmit) = client.poll_transmit() {
                sent.push(words(&transmit.datagram));
            }
        };
        client.handle_timeout(
            self.datagrams
                .first()
                .map_or(Instant::ZERO, |first| first.at),
        );
        collect(&mut client);
        for datagram in &self.datagrams {
            let port = self.ports.iter().position(|port| *port == datagram.to);
            if let Some(port) = port {
                let (at, from) = (datagram.at, datagram.from);
                client.handle_datagram(at, port, from, datagram.payload, &mut |_, _| {});
                collect(&mut client);
            }
        }
        sent
    }
}

/// A datagram of a client, as text. The text of an ERROR may differ between versions.
fn words(datagram: &[u8]) -> String {
    match Packet::decode(datagram) {
        Ok(Packet::Rrq(request)) => {
            let options = request.options.iter();
            let options = options
                .map(|(name, value)| format!(" {}={}", name.escape_ascii(), value.escape_ascii()));
            format!("RRQ {:?}{}", request.mode, options.collect::<String>())
        }
        Ok(Packet::Ack { block }) => format!("ACK {block}"),
        Ok(Packet::Error { code, .. }) => format!("ERROR {code}"),
        other => format!("{other:?}"),
    }
}
