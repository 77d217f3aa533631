//! When a socket can be read, and, for the rare moment when its send buffer is full, written.
//!
//! A runtime's own UDP socket waits for both all the time. Then the kernel reports each datagram that has left as room
//! to write in, and wakes a server that only waits for the answer: for a single client in lock-step that is every
//! second wake-up.

#[cfg(target_os = "linux")]
pub(super) use self::linux::Ready;
#[cfg(not(target_os = "linux"))]
pub(super) use self::portable::Ready;

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::net::UdpSocket;
    use std::os::fd::{AsFd, AsRawFd};

    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;
    use tokio::task::coop;

    use super::Eagerness;

    /// A socket that belongs to a runtime.
    #[derive(Debug)]
    pub(crate) struct Ready {
        io: AsyncFd<UdpSocket>,
        /// It has been emptied, and the runtime waits for more to come.
        is_empty: bool,
        eagerness: Eagerness,
        /// The same socket, by another descriptor: the one that waits for room, while there is none.
        again: UdpSocket,
    }

    /// What ICMP says makes a socket readable as well.
    const READABLE: Interest = Interest::READABLE.add(Interest::ERROR);

    /// To sleep and to be woken costs a core some ten microseconds of work, on a virtual machine up to fifty. So it
    /// first looks again, each time by one system call, for about as long.
    const LOOKS: u32 = 100;

    fn look_again<T>(mut read: impl FnMut() -> io::Result<T>) -> Option<io::Result<T>> {
        (0..LOOKS).find_map(|_| match read() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            done => Some(done),
        })
    }

    #[expect(
        deprecated,
        reason = "a type could lie about its descriptor, so the successor is unsafe, which this package forbids; \
                  std's types do not lie"
    )]
    fn watch<T: AsRawFd>(socket: T, interest: Interest) -> io::Result<AsyncFd<T>> {
        AsyncFd::with_interest(socket, interest)
    }

    impl Ready {
        /// `again` is a clone of `socket`: inside the sandbox there is none to be had.
        pub(crate) fn new(socket: UdpSocket, again: UdpSocket) -> io::Result<Ready> {
            let io = watch(socket, READABLE)?;
            Ok(Ready {
                io,
                is_empty: false,
                eagerness: Eagerness::default(),
                again,
            })
        }

        pub(crate) fn socket(&self) -> &UdpSocket {
            self.io.get_ref()
        }

        /// Calls `read` until it finds something. `soon`: it may be worth it to look again before sleeping.
        pub(crate) async fn read<T>(
            &mut self,
            soon: bool,
            mut read: impl FnMut(&UdpSocket) -> io::Result<T>,
        ) -> io::Result<T> {
            if soon && self.is_empty && self.eagerness.is_worth_it() {
                // The runtime's turn, now and then: it has timers to look after.
                coop::consume_budget().await;
                let found = look_again(|| read(self.io.get_ref()));
                self.eagerness.learn(found.is_some());
                if let Some(found) = found {
                    return found;
                }
            }
            self.is_empty = false;
            self.io.async_io(READABLE, |socket| read(socket)).await
        }

        /// There is no more to read. Saying so here saves asking the kernel once more for each wake-up.
        pub(crate) fn has_been_emptied(&mut self) {
            self.is_empty = true;
            let nothing = |_: &UdpSocket| Err::<(), _>(io::ErrorKind::WouldBlock.into());
            let _ = self.io.try_io(READABLE, nothing);
        }

        /// Waits until there is room to write.
        pub(crate) async fn room(&self) -> io::Result<()> {
            let again = watch(self.again.as_fd(), Interest::WRITABLE)?;
            again.writable().await.map(drop)
        }
    }
}

/// Whether it is worth it to look again, instead of sleeping: as long as it has paid. Where the last look has not, twice as many
/// are left out as before it.
#[derive(Debug, Default)]
struct Eagerness {
    left_out: u16,
    to_leave_out: u16,
}

/// Looks left out at most: one in a thousand costs nothing.
const MOST_LEFT_OUT: u16 = 1023;

impl Eagerness {
    fn is_worth_it(&mut self) -> bool {
        let is_due = self.left_out >= self.to_leave_out;
        self.left_out = if is_due { 0 } else { self.left_out + 1 };
        is_due
    }

    fn learn(&mut self, has_paid: bool) {
        self.to_leave_out = match has_paid {
            true => 0,
            false => (2 * self.to_leave_out + 1).min(MOST_LEFT_OUT),
        };
    }
}

/// Elsewhere the runtime's own.
#[cfg(not(target_os = "linux"))]
mod portable {
    use std::io;

    use tokio::io::Interest;
    use tokio::net::UdpSocket;

    /// A socket that belongs to a runtime.
    #[derive(Debug)]
    pub(crate) struct Ready(UdpSocket);

    impl Ready {
        pub(crate) fn new(
            socket: std::net::UdpSocket,
            _again: std::net::UdpSocket,
        ) -> io::Result<Ready> {
            UdpSocket::from_std(socket).map(Ready)
        }

        pub(crate) fn socket(&self) -> &UdpSocket {
            &self.0
        }

        /// Calls `read` until it finds something.
        pub(crate) async fn read<T>(
            &mut self,
            _soon: bool,
            mut read: impl FnMut(&UdpSocket) -> io::Result<T>,
        ) -> io::Result<T> {
            self.0.async_io(Interest::READABLE, || read(&self.0)).await
        }

        /// There is no more to read. Saying so here saves asking the kernel once more for each wake-up.
        pub(crate) fn has_been_emptied(&mut self) {
            let nothing = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
            let _ = self.0.try_io(Interest::READABLE, nothing);
        }

        /// Waits until there is room to write.
        pub(crate) async fn room(&self) -> io::Result<()> {
            self.0.writable().await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_that_do_not_pay_become_rare_and_one_that_does_brings_them_back() {
        let mut eagerness = Eagerness::default();
        let mut looks = 0;
        for _ in 0..100_000 {
            if eagerness.is_worth_it() {
                looks += 1;
                eagerness.learn(false);
            }
        }
        assert!((50..150).contains(&looks), "{looks}");
        while !eagerness.is_worth_it() {}
        eagerness.learn(true);
        assert!((0..10).all(|_| eagerness.is_worth_it()));
    }

    #[tokio::test]
    async fn room_is_there_at_once_and_waiting_for_it_leaves_reading_alone() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        socket
            .send_to(b"hello", socket.local_addr().unwrap())
            .unwrap();
        let again = socket.try_clone().unwrap();
        let mut ready = Ready::new(socket, again).unwrap();
        for _ in 0..2 {
            ready.room().await.unwrap();
        }
        let mut buffer = [0; 10];
        let len = ready
            .read(true, |socket| socket.recv(&mut buffer))
            .await
            .unwrap();
        assert_eq!(&buffer[..len], b"hello");
    }
}
