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

    /// A socket that belongs to a runtime.
    #[derive(Debug)]
    pub(crate) struct Ready {
        io: AsyncFd<UdpSocket>,
        /// The same socket, by another descriptor: the one that waits for room, while there is none.
        again: UdpSocket,
    }

    /// What ICMP says makes a socket readable as well.
    const READABLE: Interest = Interest::READABLE.add(Interest::ERROR);

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
            Ok(Ready { io, again })
        }

        pub(crate) fn socket(&self) -> &UdpSocket {
            self.io.get_ref()
        }

        /// Calls `read` until it finds something.
        pub(crate) async fn read<T>(
            &self,
            mut read: impl FnMut(&UdpSocket) -> io::Result<T>,
        ) -> io::Result<T> {
            self.io.async_io(READABLE, |socket| read(socket)).await
        }

        /// There is no more to read. Saying so here saves asking the kernel once more for each wake-up.
        pub(crate) fn has_been_emptied(&self) {
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
            &self,
            mut read: impl FnMut(&UdpSocket) -> io::Result<T>,
        ) -> io::Result<T> {
            self.0.async_io(Interest::READABLE, || read(&self.0)).await
        }

        /// There is no more to read. Saying so here saves asking the kernel once more for each wake-up.
        pub(crate) fn has_been_emptied(&self) {
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

    #[tokio::test]
    async fn room_is_there_at_once_and_waiting_for_it_leaves_reading_alone() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        socket
            .send_to(b"hello", socket.local_addr().unwrap())
            .unwrap();
        let again = socket.try_clone().unwrap();
        let ready = Ready::new(socket, again).unwrap();
        for _ in 0..2 {
            ready.room().await.unwrap();
        }
        let mut buffer = [0; 10];
        let len = ready.read(|socket| socket.recv(&mut buffer)).await.unwrap();
        assert_eq!(&buffer[..len], b"hello");
    }
}
