//! Bootstone on a thread of the test, with a made-up catalog, set up as in `cli/serve`.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use bootstone::catalog::Catalog;
use bootstone::net::Clock;
use bootstone::net::driver::{ActiveDrivers, Driver};
use bootstone::net::observer::SharedObserver;
use bootstone::net::socket::{BoundSocket, Socket};
use bootstone::net::status::StatusRequester;
use bootstone::proto::config::ServerConfig;
use bootstone::proto::report::{Report, Requested};
use bootstone::proto::server::Server;
use bootstone::proto::stats::Figures;
use bootstone::proto::stats::Outcome;
use tokio::sync::oneshot;
use tokio::task::LocalSet;

use crate::content;
use crate::processes::DEADLINE;
use crate::raw_client::RawClient;

/// A server that runs until it is dropped.
pub struct TestServer {
    address: SocketAddr,
    reports: mpsc::Receiver<ServerReport>,
    /// Ends the thread: once it is idle if sent, at once if dropped.
    end: Option<oneshot::Sender<WhenIdle>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct WhenIdle;

/// A report of the server.
#[derive(Clone, Debug)]
pub struct ServerReport {
    pub peer: SocketAddr,
    pub file: String,
    pub outcome: Outcome,
    pub figures: Option<Figures>,
}

impl TestServer {
    /// The files of [`content`] on `127.0.0.1`.
    pub fn files() -> TestServer {
        TestServer::on("127.0.0.1", content::catalog())
    }

    /// `catalog` on a port of `listen` that the kernel chooses.
    #[track_caller]
    pub fn on(listen: &str, catalog: Catalog) -> TestServer {
        let listen: IpAddr = listen.parse().unwrap();
        let socket = BoundSocket::bind((listen, 0).into()).unwrap();
        let address = socket.address();
        let (sender, reports) = mpsc::channel();
        let (end, ended) = oneshot::channel();
        let thread = std::thread::spawn(move || serve(socket, catalog, ended, &sender));
        TestServer {
            address,
            reports,
            end: Some(end),
            thread: Some(thread),
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its port at an address that it was not bound to by name.
    pub fn at(&self, host: &str) -> SocketAddr {
        (host.parse::<IpAddr>().unwrap(), self.address.port()).into()
    }

    /// Waits until every datagram sent before has been answered. Adds two reports, which
    /// [`reports`](Self::reports) leaves out.
    #[track_caller]
    pub fn settle(&self) {
        // The first answer leaves amid those to the datagrams that came with it; the second one
        // after them.
        for _ in 0..2 {
            let client = RawClient::to(self.at(if self.address.is_ipv4() {
                "127.0.0.1"
            } else {
                "::1"
            }));
            client.send(RawClient::request(SETTLING, &[]));
            assert_eq!(client.receive()[..2], [0, 5]);
        }
    }

    /// Waits until all transfers are finished. Returns the reports that were not read before.
    #[track_caller]
    pub fn reports(mut self) -> Vec<ServerReport> {
        // The last ACK of a client that has ended may still be on its way.
        self.settle();
        self.end.take().unwrap().send(WhenIdle).unwrap();
        let mut seen = Vec::new();
        loop {
            match self.reports.recv_timeout(DEADLINE) {
                Ok(report) if report.file == SETTLING => {}
                Ok(report) => seen.push(report),
                Err(mpsc::RecvTimeoutError::Disconnected) => return seen,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    panic!("not idle after {DEADLINE:?}: {seen:?}")
                }
            }
        }
    }
}

/// A name that is not served.
const SETTLING: &str = "settling";

impl Drop for TestServer {
    fn drop(&mut self) {
        self.end.take();
        let ended = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            return ended.unwrap().unwrap();
        }
        for seen in self.reports.try_iter() {
            println!("{seen:?}");
        }
    }
}

fn serve(
    socket: BoundSocket,
    catalog: Catalog,
    end: oneshot::Receiver<WhenIdle>,
    sender: &mpsc::Sender<ServerReport>,
) {
    let report = |catalog: &Catalog, report: &Report| {
        // The receiver is gone when the test is over.
        let _ = sender.send(ServerReport::new(catalog, report));
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, async {
        let server = Server::new(Arc::new(catalog), ServerConfig::default());
        let clock = Clock::start();
        let status = StatusRequester::new(clock).add_driver();
        let observer = SharedObserver::new(clock);
        let socket = Socket::new(socket).unwrap();
        let driver = Driver::new(socket, server, clock, report, observer);
        let active = ActiveDrivers::new(0);
        let mut idle = active.subscribe();
        let end = async {
            if let Ok(WhenIdle) = end.await {
                idle.wait_for(|active| *active == 0).await.unwrap();
            }
        };
        tokio::select! {
            Err(error) = driver.run(active, status) => panic!("{error}"),
            () = end => {}
        }
    });
}

impl ServerReport {
    fn new(catalog: &Catalog, report: &Report) -> ServerReport {
        let file = match &report.file {
            Requested::File(file) => catalog.entry(*file).name.clone(),
            Requested::Name(name) => String::from_utf8_lossy(name).into_owned(),
        };
        ServerReport {
            peer: report.peer.address,
            file,
            outcome: report.outcome,
            figures: report.transfer,
        }
    }

    /// Asserts a complete transfer of `file` without unnecessary resends.
    #[track_caller]
    pub fn assert_complete(&self, file: &str, bytes: usize) {
        self.assert_complete_with(file, bytes, 0);
    }

    /// The same, with up to `resent` blocks or OACKs that the peer may have requested twice.
    #[track_caller]
    pub fn assert_complete_with(&self, file: &str, bytes: usize, resent: u128) {
        assert_eq!(
            (self.file.as_str(), self.outcome),
            (file, Outcome::Complete)
        );
        let figures = self.figures.unwrap();
        assert_eq!(figures.bytes, bytes as u64, "{self:?}");
        // Nothing is lost on loopback, so only timers may have resent, where the machine was so
        // busy that a peer had to wait for its turn: for 50 ms at least before a block asks for the
        // ACK of a window, for 200 ms before all of it leaves again.
        let (millis, windowsize) = (figures.duration.as_millis(), u128::from(figures.windowsize));
        let asked = if windowsize > 1 { millis / 50 } else { 0 };
        let most = resent + asked + millis / 200 * windowsize;
        assert!(u128::from(figures.resent) <= most, "{self:?}");
    }
}
