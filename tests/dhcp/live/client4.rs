//! Machines that ask over IPv4 (RFC 2131, RFC 4578).

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use bootstone::dhcp::Plan;
use socket2::{Domain, Socket, Type};

use super::network::{CLIENT, CLIENT_SIDE};
use super::{Client, machines};

const DISCOVER: u8 = 1;
const REQUEST: u8 = 3;
const COOKIE: [u8; 4] = [0x63, 0x82, 0x53, 0x63];
/// A server that has just been started takes so long at most.
const LIMIT: Duration = Duration::from_secs(20);

pub(crate) fn check(plan: &Plan, server: &str) {
    for (code, client, file) in machines(plan) {
        let answer = Question::discover(code, client).ask(server);
        let about = format!("{server}, {client:?} {code}: {answer:?}");
        assert_eq!(answer.file, file, "{about}");
        if client == Client::HttpBoot {
            assert_eq!(answer.option(60), Some(&b"HTTPClient"[..]), "{about}");
        } else {
            assert_eq!(
                answer.next_server.to_string(),
                plan.server.to_string(),
                "{about}"
            );
        }
    }
    let other = Question::discover(99, Client::Firmware).ask(server);
    assert_eq!(other.file, "", "{server}: a machine of another kind");
}

/// As [`check`], where the file comes by way of port 4011.
pub(crate) fn check_proxy(plan: &Plan, server: &str) {
    for (code, client, file) in machines(plan) {
        let offer = Question::discover(code, client).ask(server);
        let about = format!("{server}, {client:?} {code}: {offer:?}");
        let class = match client {
            Client::HttpBoot => &b"HTTPClient"[..],
            Client::Firmware | Client::Ipxe => b"PXEClient",
        };
        assert_eq!(offer.option(60), Some(class), "{about}");
        if client != Client::Firmware {
            assert_eq!(offer.file, file, "{about}");
            continue;
        }
        let answer = Question::to_4011(code, &offer).ask(server);
        let about = format!("{about}, then {answer:?}");
        assert_eq!(answer.file, file, "{about}");
        assert_eq!(
            answer.next_server.to_string(),
            plan.server.to_string(),
            "{about}"
        );
    }
}

/// What a machine sends.
struct Question {
    port: u16,
    message: Vec<u8>,
}

impl Question {
    fn discover(code: u16, client: Client) -> Question {
        Question {
            port: 67,
            message: message(DISCOVER, code, client, &[0; 4], &[]),
        }
    }

    /// What firmware asks after an offer without a file. A BIOS asks for the first item of the
    /// menu in the offer.
    fn to_4011(code: u16, offer: &Answer) -> Question {
        let menu = offer.option(43).and_then(|options| suboption(options, 9));
        let item = menu.map(|menu| [43, 7, 71, 4, menu[0], menu[1], 0, 0, 255]);
        Question {
            port: 4011,
            message: message(
                REQUEST,
                code,
                Client::Firmware,
                &CLIENT,
                &item.map_or(Vec::new(), Vec::from),
            ),
        }
    }

    /// Asks again and again, until the server answers.
    fn ask(&self, server: &str) -> Answer {
        let socket = socket();
        let start = Instant::now();
        while start.elapsed() < LIMIT {
            let _ = socket.send_to(&self.message, (Ipv4Addr::BROADCAST, self.port));
            let mut buffer = [0; 1500];
            while let Ok((len, from)) = socket.recv_from(&mut buffer) {
                let is_answer = from.port() == self.port && buffer[4..8] == self.message[4..8];
                if is_answer && buffer[0] == 2 {
                    return Answer::read(&buffer[..len]);
                }
            }
        }
        panic!("{server} does not answer on port {}", self.port);
    }
}

fn socket() -> UdpSocket {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
    socket.set_broadcast(true).unwrap();
    socket.bind_device(Some(CLIENT_SIDE.as_bytes())).unwrap();
    let port_68: SocketAddr = (Ipv4Addr::UNSPECIFIED, 68).into();
    socket.bind(&port_68.into()).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    socket.into()
}

fn message(kind: u8, code: u16, client: Client, address: &[u8; 4], more: &[u8]) -> Vec<u8> {
    let mut message = vec![0; 236];
    message[..4].copy_from_slice(&[1, 1, 6, 0]);
    message[4..8].copy_from_slice(&fastrand::u32(..).to_be_bytes());
    // Answer by broadcast.
    message[10] = 0x80;
    message[12..16].copy_from_slice(address);
    message[28..34].copy_from_slice(&mac(code, client));
    message.extend(COOKIE);
    let mut option = |number: u8, value: &[u8]| {
        message.extend([number, u8::try_from(value.len()).unwrap()]);
        message.extend(value);
    };
    option(53, &[kind]);
    option(93, &code.to_be_bytes());
    option(94, &[1, 3, 16]);
    option(97, &[0; 17]);
    option(60, client.vendor_class(code).as_bytes());
    if let Some(class) = client.user_class() {
        option(77, class.as_bytes());
    }
    option(55, &[1, 3, 6, 43, 60, 66, 67]);
    message.extend(more);
    message.push(255);
    message.resize(message.len().max(300), 0);
    message
}

/// Each machine has an address of its own.
fn mac(code: u16, client: Client) -> [u8; 6] {
    let [high, low] = code.to_be_bytes();
    [2, 0, 0, client as u8, high, low]
}

#[derive(Debug)]
struct Answer {
    /// Option 67, else the field of the header.
    file: String,
    next_server: Ipv4Addr,
    options: Vec<(u8, Vec<u8>)>,
}

impl Answer {
    fn read(message: &[u8]) -> Answer {
        let (header, options) = message.split_at(240);
        let options = read_options(options);
        let next_server: [u8; 4] = header[20..24].try_into().unwrap();
        let in_header = header[108..236].to_vec();
        let file = options.iter().find(|(number, _)| *number == 67);
        let file = file.map_or(in_header, |(_, value)| value.clone());
        let file = file.split(|b| *b == 0).next().unwrap();
        Answer {
            file: String::from_utf8(file.to_vec()).unwrap(),
            next_server: next_server.into(),
            options,
        }
    }

    fn option(&self, number: u8) -> Option<&[u8]> {
        let found = self.options.iter().find(|(it, _)| *it == number);
        found.map(|(_, value)| &value[..])
    }
}

fn read_options(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut options = Vec::new();
    while let [number, rest @ ..] = bytes {
        match (number, rest) {
            (0, _) => bytes = rest,
            (255, _) | (_, []) => break,
            (_, [len, rest @ ..]) => {
                let (value, rest) = rest.split_at(usize::from(*len));
                options.push((*number, value.to_vec()));
                bytes = rest;
            }
        }
    }
    options
}

fn suboption(options: &[u8], number: u8) -> Option<Vec<u8>> {
    let found = read_options(options)
        .into_iter()
        .find(|(it, _)| *it == number);
    found.map(|(_, value)| value)
}
