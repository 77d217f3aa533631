//! The request of a health check, and its answer.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use super::client::any_port_towards;
use crate::proto::report::HEALTH_CHECK;
use crate::wire::{Mode, Options, Packet, Request};

/// How long to wait for each answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// Sends the server a request once a second, `attempts` times, until it answers with an ERROR. A
/// file has never the requested name.
///
/// # Errors
/// Nothing has answered, or the network reports an error: no route, a closed port.
pub(crate) fn ask(server: SocketAddr, attempts: u64) -> io::Result<()> {
    let socket = UdpSocket::bind(any_port_towards(server))?;
    // The server answers from the port that was asked. The kernel drops what comes from elsewhere.
    socket.connect(server)?;
    socket.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    let request = request();
    for _ in 0..attempts {
        socket.send(&request)?;
        let mut answer = [0; 512];
        match socket.recv(&mut answer) {
            Ok(len) => return check(&answer[..len]),
            Err(error) if is_timeout(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "nothing answered"))
}

fn request() -> Vec<u8> {
    let mut request = Vec::new();
    let packet = Packet::Rrq(Request {
        filename: HEALTH_CHECK,
        mode: Mode::Octet,
        options: Options::new(b""),
    });
    packet.encode(&mut request);
    request
}

fn check(answer: &[u8]) -> io::Result<()> {
    match Packet::decode(answer) {
        Ok(Packet::Error { .. }) => Ok(()),
        _ => Err(io::Error::other("the answer is not an ERROR of TFTP")),
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}
