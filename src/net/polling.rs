//! Polling: when a socket can be read and, in the rare case that its send buffer is full, written.
//!
//! tokio's own UDP socket waits for both all the time. The kernel then reports each datagram that
//! has left as new space in the send buffer, and wakes a server that only waits for the answer: to
//! a single client in lock-step that is every second wake-up.

#[cfg(target_os = "linux")]
pub(super) use self::linux::PolledSocket;
#[cfg(not(target_os = "linux"))]
pub(super) use self::portable::PolledSocket;

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::net::UdpSocket;
    use std::os::fd::{AsFd, AsRawFd};

    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;
    use tokio::task::coop;

    use super::{AdaptivePolling, READS_PER_POLL};

    /// A socket registered with a runtime.
    #[derive(Debug)]
    pub(crate) struct PolledSocket {
        io: AsyncFd<UdpSocket>,
        /// The socket has been drained, and the runtime waits for more to arrive.
        is_drained: bool,
        adaptive: AdaptivePolling,
        /// A duplicate of the socket, registered only while the send buffer is full.
        duplicate: UdpSocket,
    }

    /// An ICMP message makes a socket readable as well.
    const READABLE: Interest = Interest::READABLE.add(Interest::ERROR);

    /// Reads up to [`READS_PER_POLL`] times. Returns what it has found, and after how many reads.
    fn busy_poll<T>(mut read: impl FnMut() -> io::Result<T>) -> Option<(io::Result<T>, u32)> {
        (1..=READS_PER_POLL).find_map(|reads| match read() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            done => Some((done, reads)),
        })
    }

    #[expect(
        deprecated,
        reason = "a type could lie about its descriptor, so the successor is unsafe, which this \
                  package forbids; std's types do not lie"
    )]
    fn register<T: AsRawFd>(socket: T, interest: Interest) -> io::Result<AsyncFd<T>> {
        AsyncFd::with_interest(socket, interest)
    }

    impl PolledSocket {
        /// Registers `socket`. `duplicate` is a clone of it: the sandbox does not allow to make one
        /// later.
        pub(crate) fn new(socket: UdpSocket, duplicate: UdpSocket) -> io::Result<PolledSocket> {
            let io = register(socket, READABLE)?;
            Ok(PolledSocket {
                io,
                is_drained: false,
                adaptive: AdaptivePolling::default(),
                duplicate,
            })
        }

        pub(crate) fn socket(&self) -> &UdpSocket {
            self.io.get_ref()
        }

        /// Calls `read` until it succeeds. With `may_busy_poll`, it may poll before it sleeps.
        pub(crate) async fn read<T>(
            &mut self,
            may_busy_poll: bool,
            mut read: impl FnMut(&UdpSocket) -> io::Result<T>,
        ) -> io::Result<T> {
            if may_busy_poll && self.is_drained && self.adaptive.should_poll() {
                // The runtime has to run now and then: it has timers to fire.
                coop::consume_budget().await;
                let found = busy_poll(|| read(self.io.get_ref()));
                self.adaptive
                    .record(found.as_ref().map(|(_, reads)| *reads));
                if let Some((found, _)) = found {
                    return found;
                }
            }
            self.is_drained = false;
            self.io.async_io(READABLE, |socket| read(socket)).await
        }

        /// Tells the runtime that the socket has been drained, which saves one read per wake-up.
        pub(crate) fn mark_drained(&mut self) {
            self.is_drained = true;
            let nothing = |_: &UdpSocket| Err::<(), _>(io::ErrorKind::WouldBlock.into());
            let _ = self.io.try_io(READABLE, nothing);
        }

        /// Waits until there is space in the send buffer.
        pub(crate) async fn writable(&self) -> io::Result<()> {
            let duplicate = register(self.duplicate.as_fd(), Interest::WRITABLE)?;
            duplicate.writable().await.map(drop)
        }
    }
}

/// Reads in one busy poll, one system call each.
const READS_PER_POLL: u32 = 100;

/// Busy polling pays while polls take no more reads than this on average. Sleeping and waking cost a core
/// about ten microseconds of work, up to fifty on a virtual machine. On loopback, the answer to a
/// block takes 10 to 20 reads, to a window of 16 about 35, and to one of 64 about 60.
const WORTHWHILE_READS: u32 = 45;

/// A poll that takes no more reads than this is certainly worthwhile.
const FEW_READS: u32 = 20;

/// Most polls skipped in a row: the cost of one poll in a thousand cannot be measured.
const MAX_SKIPPED: u16 = 1023;

/// Adaptive polling: decides whether a busy poll is likely to cost less than to sleep and to wake.
/// While it is not, polls are skipped, twice as many after each poll.
#[derive(Debug, Default)]
struct AdaptivePolling {
    skipped: u16,
    to_skip: u16,
    /// How many reads a poll takes, as a moving average, in eighths. One that finds nothing counts
    /// as [`READS_PER_POLL`].
    mean_reads: u32,
}

impl AdaptivePolling {
    /// True if it is time to poll; else the poll is skipped.
    fn should_poll(&mut self) -> bool {
        let is_due = self.skipped >= self.to_skip;
        self.skipped = if is_due { 0 } else { self.skipped + 1 };
        is_due
    }

    /// Records after how many reads a poll has found a datagram, if it has.
    fn record(&mut self, reads: Option<u32>) {
        self.mean_reads = match reads {
            Some(reads @ ..=FEW_READS) => 8 * reads,
            _ => self.mean_reads - self.mean_reads / 8 + reads.unwrap_or(READS_PER_POLL),
        };
        self.to_skip = match reads.is_some() && self.mean_reads <= 8 * WORTHWHILE_READS {
            true => 0,
            false => (2 * self.to_skip + 1).min(MAX_SKIPPED),
        };
    }
}

/// Other systems use tokio's own socket.
#[cfg(not(target_os = "linux"))]
mod portable {
    use std::io;
    use std::net::UdpSocket;

    use tokio::io::Interest;

    /// A socket registered with a runtime.
    #[derive(Debug)]
    pub(crate) struct PolledSocket {
        registered: tokio::net::UdpSocket,
        /// The same socket, for calls that must not wait.
        socket: UdpSocket,
    }

    impl PolledSocket {
        pub(crate) fn new(socket: UdpSocket, duplicate: UdpSocket) -> io::Result<PolledSocket> {
            let registered = tokio::net::UdpSocket::from_std(duplicate)?;
            Ok(PolledSocket { registered, socket })
        }

        pub(crate) fn socket(&self) -> &UdpSocket {
            &self.socket
        }

        /// Calls `read` until it succeeds.
        pub(crate) async fn read<T>(
            &mut self,
            _may_busy_poll: bool,
            mut read: impl FnMut(&UdpSocket) -> io::Result<T>,
        ) -> io::Result<T> {
            let read = || read(&self.socket);
            self.registered.async_io(Interest::READABLE, read).await
        }

        /// Tells the runtime that the socket has been drained, which saves one read per wake-up.
        pub(crate) fn mark_drained(&mut self) {
            let nothing = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
            let _ = self.registered.try_io(Interest::READABLE, nothing);
        }

        /// Waits until there is space in the send buffer.
        pub(crate) async fn writable(&self) -> io::Result<()> {
            self.registered.writable().await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of so many waits begin with a poll that takes so many reads, or finds nothing.
    fn polls(adaptive: &mut AdaptivePolling, waits: u32, reads: Option<u32>) -> u32 {
        let mut polls = 0;
        for _ in 0..waits {
            if adaptive.should_poll() {
                polls += 1;
                adaptive.record(reads);
            }
        }
        polls
    }

    #[test]
    fn polls_that_find_nothing_become_rare_until_one_finds_a_datagram() {
        let mut adaptive = AdaptivePolling::default();
        let rare = polls(&mut adaptive, 100_000, None);
        assert!((50..150).contains(&rare), "{rare}");
        while !adaptive.should_poll() {}
        adaptive.record(Some(12));
        assert_eq!(polls(&mut adaptive, 10, Some(12)), 10);
    }

    #[test]
    fn polls_that_take_longer_than_to_sleep_and_wake_become_rare() {
        let mut adaptive = AdaptivePolling::default();
        assert_eq!(polls(&mut adaptive, 1000, Some(35)), 1000);
        let rare = polls(&mut adaptive, 100_000, Some(60));
        assert!((50..150).contains(&rare), "{rare}");
        // A client with a shorter window has come.
        let most = polls(&mut adaptive, 20_000, Some(35));
        assert!(most > 10_000, "{most}");
    }

    #[tokio::test]
    async fn waiting_until_writable_does_not_disturb_reading() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        socket
            .send_to(b"hello", socket.local_addr().unwrap())
            .unwrap();
        let duplicate = socket.try_clone().unwrap();
        let mut polled = PolledSocket::new(socket, duplicate).unwrap();
        for _ in 0..2 {
            polled.writable().await.unwrap();
        }
        let mut buffer = [0; 10];
        let len = polled
            .read(true, |socket| socket.recv(&mut buffer))
            .await
            .unwrap();
        assert_eq!(&buffer[..len], b"hello");
    }
}
