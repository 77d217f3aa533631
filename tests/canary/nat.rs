//! A relay that rewrites the server's port, as a NAT does that loses or changes its mapping.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

/// The port from which the relay sends the answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rewrites {
    /// One other port than the requested one.
    Always,
    /// The requested port, and another one after so many datagrams.
    After(usize),
}

/// The threads of a relay end when nothing has arrived for this long.
const IDLE: Duration = Duration::from_secs(60);

/// Starts a relay to `server`, and returns its address.
pub fn start(server: SocketAddr, rewrites: Rewrites) -> SocketAddr {
    let front = Arc::new(bind());
    let address = front.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut backs: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
        let mut buffer = [0; 65_536];
        while let Ok((len, client)) = front.recv_from(&mut buffer) {
            let back = backs.entry(client).or_insert_with(|| {
                let back = Arc::new(bind());
                back.connect(server).unwrap();
                let (back_2, front) = (Arc::clone(&back), Arc::clone(&front));
                std::thread::spawn(move || answer(&back_2, &front, client, rewrites));
                back
            });
            let _ = back.send(&buffer[..len]);
        }
    });
    address
}

/// Passes the answers on, and what the client sends to the other port.
fn answer(back: &Arc<UdpSocket>, front: &UdpSocket, client: SocketAddr, rewrites: Rewrites) {
    let other = bind();
    let (to_server, from_client) = (Arc::clone(back), other.try_clone().unwrap());
    std::thread::spawn(move || {
        let mut buffer = [0; 65_536];
        while let Ok((len, _)) = from_client.recv_from(&mut buffer) {
            let _ = to_server.send(&buffer[..len]);
        }
    });
    let mut buffer = [0; 65_536];
    let mut passed = 0;
    while let Ok(len) = back.recv(&mut buffer) {
        let is_rewritten = match rewrites {
            Rewrites::Always => true,
            Rewrites::After(most) => passed >= most,
        };
        let socket = if is_rewritten { &other } else { front };
        let _ = socket.send_to(&buffer[..len], client);
        passed += 1;
    }
}

fn bind() -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(IDLE)).unwrap();
    socket
}
