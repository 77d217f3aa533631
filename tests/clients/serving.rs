//! Bootstone on a thread of the test, wired as `cli/serve.rs` wires it, with a made-up catalog.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use bootstone::catalog::Catalog;
use bootstone::net::Clock;
use bootstone::net::driver::{Busy, Driver};
use bootstone::net::socket::{Bound, Socket};
use bootstone::net::status::Pulse;
use bootstone::proto::config::Config;
use bootstone::proto::report::{Figures, Report, Requested};
use bootstone::proto::server::Server;
use bootstone::proto::stats::Outcome;
use tokio::sync::oneshot;
use tokio::task::LocalSet;

use crate::children::DEADLINE;
use crate::content;
use crate::hand::Hand;

/// A server that runs until it is dropped.
pub struct Serving {
    address: SocketAddr,
    reports: mpsc::Receiver<Seen>,
    /// Ends the thread: when it is idle if told so, at once if dropped.
    end: Option<oneshot::Sender<WhenIdle>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct WhenIdle;

/// A report of the server.
#[derive(Clone, Debug)]
pub struct Seen {
    pub peer: SocketAddr,
    pub file: String,
    pub outcome: Outcome,
    pub figures: Option<Figures>,
}

impl Serving {
    /// The files of [`content`] on `127.0.0.1`.
    pub fn files() -> Serving {
        Serving::on("127.0.0.1", content::catalog())
    }

    /// `catalog` on a port of `listen` that the kernel chooses.
    #[track_caller]
    pub fn on(listen: &str, catalog: Catalog) -> Serving {
        let listen: IpAddr = listen.parse().unwrap();
        let bound = Bound::bind((listen, 0).into()).unwrap();
        let address = bound.address();
        let (tell, reports) = mpsc::channel();
        let (end, ended) = oneshot::channel();
        let thread = std::thread::spawn(move || serve(bound, catalog, ended, &tell));
        Serving {
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

    /// Returns when everything has been answered that was sent before: what there is to be heard can be heard
    /// by then. Leaves two reports, which [`reports`](Self::reports) passes over.
    #[track_caller]
    pub fn settle(&self) {
        // The first answer leaves amid those to the datagrams that came with it; the second one after them.
        for _ in 0..2 {
            let hand = Hand::to(self.at(if self.address.is_ipv4() {
                "127.0.0.1"
            } else {
                "::1"
            }));
            hand.say(Hand::request(SETTLING, &[]));
            assert_eq!(hand.hear()[..2], [0, 5]);
        }
    }

    /// Has everything under way finished. All reports that nobody has taken yet.
    #[track_caller]
    pub fn reports(mut self) -> Vec<Seen> {
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

impl Drop for Serving {
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
    bound: Bound,
    catalog: Catalog,
    end: oneshot::Receiver<WhenIdle>,
    tell: &mpsc::Sender<Seen>,
) {
    let report = |catalog: &Catalog, report: &Report| {
        // Nobody listens any more when the test is over.
        let _ = tell.send(Seen::new(catalog, report));
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, async {
        let server = Server::new(Arc::new(catalog), Config::default());
        let clock = Clock::start();
        let line = Pulse::new(clock).line();
        let driver = Driver::new(Socket::new(bound).unwrap(), server, clock, report);
        let busy = Busy::new(0);
        let mut idle = busy.subscribe();
        let end = async {
            if let Ok(WhenIdle) = end.await {
                idle.wait_for(|busy| *busy == 0).await.unwrap();
            }
        };
        tokio::select! {
            Err(error) = driver.run(busy, line) => panic!("{error}"),
            () = end => {}
        }
    });
}

impl Seen {
    fn new(catalog: &Catalog, report: &Report) -> Seen {
        let file = match &report.file {
            Requested::File(file) => catalog.entry(*file).name.clone(),
            Requested::Name(name) => String::from_utf8_lossy(name).into_owned(),
        };
        Seen {
            peer: report.peer,
            file,
            outcome: report.outcome,
            figures: report.transfer,
        }
    }

    /// A transfer of all of `file`, in which nothing was sent twice for nothing.
    #[track_caller]
    pub fn assert_complete(&self, file: &str, bytes: usize) {
        self.assert_complete_with(file, bytes, 0);
    }

    /// The same with up to `resent` blocks, or OACKs, for which the peer may have asked twice.
    #[track_caller]
    pub fn assert_complete_with(&self, file: &str, bytes: usize, resent: u128) {
        assert_eq!(
            (self.file.as_str(), self.outcome),
            (file, Outcome::Complete)
        );
        let figures = self.figures.unwrap();
        assert_eq!(figures.bytes, bytes as u64, "{self:?}");
        // Nothing is lost on loopback, so only timers may have resent, where the machine was so busy that a peer had
        // to wait for its turn: for 50 ms at least before a block asks for the ACK of a window, for 200 ms before
        // all of it leaves again.
        let (millis, windowsize) = (figures.duration.as_millis(), u128::from(figures.windowsize));
        let asked = if windowsize > 1 { millis / 50 } else { 0 };
        let most = resent + asked + millis / 200 * windowsize;
        assert!(u128::from(figures.resent) <= most, "{self:?}");
    }
}
