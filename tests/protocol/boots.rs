//! What the observer learns from the server: one boot for each machine.

use bootstone::proto::Instant;
use bootstone::proto::observer::{Boot, Observer};
use bootstone::proto::server::Server;

use crate::dialogue::{datagram, peer, serving};

/// A server and its observer.
struct Watched {
    server: Server,
    observer: Observer,
}

impl Watched {
    /// At `millis`, the port `port` of one machine sends a datagram.
    fn hear(&mut self, millis: u64, port: u16, words: &str) {
        self.wait(millis);
        let now = Instant::from_millis(millis);
        let mut from = peer("a");
        from.address.set_port(port);
        self.server.handle_datagram(now, from, &datagram(words));
        self.drain(now);
    }

    fn wait(&mut self, millis: u64) {
        let until = Instant::from_millis(millis);
        loop {
            let due = [self.server.poll_timeout(), self.observer.poll_timeout()];
            let due = due.into_iter().flatten().min();
            let Some(now) = due.filter(|due| *due <= until) else {
                return;
            };
            self.server.handle_timeout(now);
            self.observer.handle_timeout(now);
            self.drain(now);
        }
    }

    fn drain(&mut self, now: Instant) {
        let mut out = Vec::new();
        while self.server.poll_transmit(now, 1, &mut out).is_some() {}
        while self.server.poll_event().is_some() {}
        for event in self.server.request_events().drain(..) {
            self.observer.record(now, &event);
        }
    }

    /// The only boot, which is known by `millis`.
    fn boot(&mut self, millis: u64) -> Boot {
        self.wait(millis);
        let boots: Vec<_> = std::iter::from_fn(|| self.observer.poll_boot()).collect();
        assert_eq!(boots.len(), 1, "{boots:?}");
        boots[0].0
    }
}

fn watched(size: usize) -> Watched {
    Watched {
        server: serving("f", size).server(),
        observer: Observer::default(),
    }
}

/// UEFI: a size probe from one port, the file from another, a name that is not there.
#[test]
fn from_the_probe_to_the_last_file() {
    let mut machine = watched(1000);
    machine.hear(1000, 1297, "RRQ f octet tsize=0");
    machine.hear(1002, 1297, "ERROR 8 User aborted the transfer");
    machine.hear(1010, 1298, "RRQ f octet tsize=0 blksize=600");
    machine.hear(1012, 1298, "ACK 0");
    machine.hear(1014, 1298, "ACK 1");
    machine.hear(1500, 1298, "ACK 2");
    machine.hear(2000, 1025, "RRQ missing octet");
    machine.hear(3000, 1026, "RRQ f octet");
    machine.hear(3010, 1026, "ACK 1");
    machine.hear(3500, 1026, "ACK 2");
    assert_eq!(machine.observer.stats().in_progress, 1);
    let boot = machine.boot(63_500);
    assert_eq!((boot.files, boot.bytes), (2, 2000));
    assert_eq!(boot.duration.as_millis(), 2500);
    assert_eq!(boot.result.as_str(), "complete");
}

/// Its last ACK of the first file is lost; the server waits for it while the second one is sent.
#[test]
fn a_missing_last_ack_takes_no_time() {
    let mut machine = watched(1000);
    machine.hear(1000, 1, "RRQ f octet");
    machine.hear(1100, 1, "ACK 1");
    machine.hear(1300, 2, "RRQ f octet");
    machine.hear(1400, 2, "ACK 1");
    machine.hear(1500, 2, "ACK 2");
    let boot = machine.boot(90_000);
    assert_eq!((boot.files, boot.duration.as_millis()), (2, 500));
    assert_eq!(boot.result.as_str(), "complete");
}

#[test]
fn a_machine_that_is_switched_off_is_incomplete() {
    let mut machine = watched(10_000);
    machine.hear(1000, 1, "RRQ f octet");
    machine.hear(1100, 1, "ACK 1");
    machine.hear(1200, 1, "ACK 2");
    let boot = machine.boot(90_000);
    assert_eq!((boot.files, boot.bytes), (0, 1024));
    assert_eq!(boot.duration.as_millis(), 200);
    assert_eq!(boot.result.as_str(), "incomplete");
}

/// A forged request without an ACK is no boot.
#[test]
fn a_request_without_an_ack_is_no_boot() {
    let mut machine = watched(1000);
    machine.hear(1000, 1, "RRQ f octet");
    machine.hear(1001, 2, "RRQ missing octet");
    machine.wait(200_000);
    assert_eq!(machine.observer.poll_boot(), None);
    assert_eq!(machine.observer.poll_timeout(), None);
}

/// Nothing is told of an ACK but the first of a transfer.
#[test]
fn an_ack_is_no_event() {
    let mut server = serving("f", 10_000).server();
    let (mut out, mut events) = (Vec::new(), 0);
    let mut hear = |millis: u64, words: &str| {
        let now = Instant::from_millis(millis);
        server.handle_datagram(now, peer("a"), &datagram(words));
        while server.poll_transmit(now, 1, &mut out).is_some() {}
        server.request_events().drain(..).count()
    };
    events += hear(0, "RRQ f octet");
    assert_eq!(events, 0);
    for block in 1..=20 {
        let told = hear(block, &format!("ACK {block}"));
        assert_eq!(told, usize::from([1, 20].contains(&block)), "{block}");
    }
}
