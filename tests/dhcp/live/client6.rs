//! Machines that ask over IPv6 (RFC 8415, RFC 5970).

use std::net::{Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use bootstone::dhcp::Plan;
use socket2::{Domain, Socket, Type};

use super::network::CLIENT_SIDE;
use super::{Client, machines};

const SOLICIT: u8 = 1;
const ALL_SERVERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
/// A server that has just been started takes so long at most.
const LIMIT: Duration = Duration::from_secs(20);

pub(crate) fn check(plan: &Plan, server: &str) {
    for (code, client, file) in machines(plan) {
        let answer = ask(code, client, server);
        let about = format!("{server}, {client:?} {code}: {answer:?}");
        assert_eq!(answer.option(59), Some(file.as_bytes()), "{about}");
        if client == Client::HttpBoot {
            // EDK2 skips the enterprise number and the length, and wants the class behind them.
            let class = answer.option(16).unwrap();
            assert_eq!(&class[4..], b"\0\x0aHTTPClient", "{about}");
        }
    }
    let other = ask(99, Client::Firmware, server);
    assert_eq!(
        other.option(59),
        None,
        "{server}: a machine of another kind"
    );
}

/// Asks again and again, until the server answers.
fn ask(code: u16, client: Client, server: &str) -> Answer {
    let socket = socket();
    let message = solicit(code, client);
    let start = Instant::now();
    while start.elapsed() < LIMIT {
        let _ = socket.send_to(&message, (ALL_SERVERS, 547));
        let mut buffer = [0; 1500];
        while let Ok((len, _)) = socket.recv_from(&mut buffer) {
            if buffer[1..4] == message[1..4] {
                return Answer::read(&buffer[4..len]);
            }
        }
    }
    panic!("{server} does not answer");
}

fn socket() -> UdpSocket {
    let socket = Socket::new(Domain::IPV6, Type::DGRAM, None).unwrap();
    socket.bind_device(Some(CLIENT_SIDE.as_bytes())).unwrap();
    let port_546: SocketAddr = (Ipv6Addr::UNSPECIFIED, 546).into();
    socket.bind(&port_546.into()).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    socket.into()
}

fn solicit(code: u16, client: Client) -> Vec<u8> {
    let [_, id @ ..] = fastrand::u32(..).to_be_bytes();
    let mut message = vec![SOLICIT];
    message.extend(id);
    let mut option = |number: u16, parts: &[&[u8]]| {
        let value = parts.concat();
        message.extend(number.to_be_bytes());
        message.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        message.extend(value);
    };
    let [high, low] = code.to_be_bytes();
    // A DUID of a UUID, with which each machine is another one.
    option(1, &[&[0, 4], &[0; 13], &[client as u8, high, low]]);
    option(3, &[&[0, 0, 0, 1], &[0; 8]]);
    option(6, &[&[0, 59, 0, 60, 0, 23, 0, 16]]);
    option(8, &[&[0, 0]]);
    option(61, &[&[high, low]]);
    option(62, &[&[1, 3, 16]]);
    let class = client.vendor_class(code);
    option(16, &[&343_u32.to_be_bytes(), &counted(&class)]);
    if let Some(class) = client.user_class() {
        option(15, &[&counted(class)]);
    }
    message
}

/// With its length before it.
fn counted(text: &str) -> Vec<u8> {
    let len = u16::try_from(text.len()).unwrap().to_be_bytes();
    [&len, text.as_bytes()].concat()
}

#[derive(Debug)]
struct Answer {
    options: Vec<(u16, Vec<u8>)>,
}

impl Answer {
    fn read(mut bytes: &[u8]) -> Answer {
        let mut options = Vec::new();
        while let [a, b, c, d, rest @ ..] = bytes {
            let len = u16::from_be_bytes([*c, *d]);
            let (value, rest) = rest.split_at(len.into());
            options.push((u16::from_be_bytes([*a, *b]), value.to_vec()));
            bytes = rest;
        }
        Answer { options }
    }

    fn option(&self, number: u16) -> Option<&[u8]> {
        let found = self.options.iter().find(|(it, _)| *it == number);
        found.map(|(_, value)| &value[..])
    }
}
