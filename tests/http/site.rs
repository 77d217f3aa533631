//! A test server with made-up files.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bootstone::catalog::{Catalog, Entry};
use bootstone::http::{self, ConnectionLimits, HttpConfig, Location, Site};
use bootstone::manifest::{Digest, Kind, Machine, Manifest, Record, SUMS_NAME};
use bootstone::net::Clock;
use bootstone::net::driver::ActiveDrivers;
use bootstone::net::observer::SharedObserver;
use bootstone::net::socket::BoundSocket;
use bootstone::net::status::{StatusRequester, StatusResponder};
use bootstone::net::worker::{self, Assignment, WorkerConfig};
use bootstone::proto::config::ServerConfig;
use tokio::sync::{mpsc, watch};

/// More than the kernel's buffers hold.
pub(crate) const LARGE: usize = 24 << 20;

pub(crate) const ODD_NAME: &str = "a&b <'c'> %41.ipxe";

/// Short enough to wait for, and long enough on a busy machine.
pub(crate) const SHORT: Duration = Duration::from_millis(300);

/// Limits that no test reaches unintentionally.
pub(crate) fn no_limits() -> ConnectionLimits {
    ConnectionLimits {
        connections: 64,
        downloads: 32,
        request_timeout: Duration::from_secs(60),
        eviction_age: Duration::from_secs(60),
        write_timeout: Duration::from_secs(60),
        queue_timeout: Duration::from_secs(60),
    }
}

pub(crate) fn content(name: &str) -> Vec<u8> {
    match name {
        "large.bin" => vec![7; LARGE],
        "ipxe.efi" => (0..=255).cycle().take(100_000).collect(),
        "1.21.1/snponly.efi" => content("ipxe.efi"),
        _ => name.repeat(10).into_bytes(),
    }
}

fn record(name: &str, kind: Kind) -> Record {
    let content = content(name);
    Record {
        name: name.to_owned(),
        size: content.len() as u64,
        netascii_size: content.len() as u64,
        sha256: Digest::of(&content),
        kind,
        version: (name == "ipxe.efi").then(|| "2.0.0+ <g1a2b>".to_owned()),
        authenticode: None,
        published: name == "ipxe.efi",
        alias_of: (name == "1.21.1/snponly.efi").then(|| "ipxe.efi".to_owned()),
    }
}

pub(crate) fn manifest() -> &'static Manifest {
    static MANIFEST: LazyLock<Manifest> = LazyLock::new(make_manifest);
    &MANIFEST
}

fn make_manifest() -> Manifest {
    Manifest::new(vec![
        record("ipxe.efi", Kind::Efi(Machine::X86_64)),
        record("1.21.1/snponly.efi", Kind::Efi(Machine::X86_64)),
        record("undionly.kpxe", Kind::Bios),
        record("large.bin", Kind::Other),
        record("healthz", Kind::Other),
        record(ODD_NAME, Kind::IpxeScript),
    ])
}

fn catalog(manifest: &Manifest) -> Arc<Catalog> {
    let files = manifest.records().iter();
    let texts = files
        .clone()
        .map(|r| Entry::new(r.sum_name(), r.sum().into_bytes()));
    let files = files.map(|r| Entry {
        name: r.name.clone(),
        bytes: content(&r.name).into(),
        netascii_size: r.netascii_size,
    });
    let sums = Entry::new(SUMS_NAME, manifest.sums().into_bytes());
    Arc::new(Catalog::new(files.chain(texts).chain([sums]).collect()))
}

pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    /// The ends of drivers that never reply.
    _stuck: Vec<StatusResponder>,
    _failed: mpsc::UnboundedReceiver<io::Error>,
}

/// Starts a server with one working driver, and this many that are stuck.
pub(crate) fn start(limits: ConnectionLimits, stuck: usize) -> TestServer {
    let manifest = manifest();
    let catalog = catalog(manifest);
    let clock = Clock::start();
    let mut status = StatusRequester::new(clock);
    let (failures, failed) = mpsc::unbounded_channel();
    let observer = SharedObserver::new(clock);
    let config = WorkerConfig {
        routes: Arc::default(),
        local: Arc::default(),
        catalog: Arc::clone(&catalog),
        clock,
        report: |_, _| {},
        observer: Arc::clone(&observer),
        active: ActiveDrivers::new(0),
        failures: failures.clone(),
    };
    let socket = BoundSocket::bind(([127, 0, 0, 1], 0).into()).unwrap();
    let assignment = Assignment {
        socket,
        config: ServerConfig::default(),
        status: status.add_driver(),
    };
    worker::start(config, vec![assignment]).unwrap();
    let stuck = (0..stuck).map(|_| status.add_driver()).collect();

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    http::prepare(&listener).unwrap();
    let address = listener.local_addr().unwrap();
    let (_, draining) = watch::channel(false);
    let location = Location {
        region: Some("<fra>".to_owned()),
        machine: Some("<148e>".to_owned()),
    };
    let site = Site::new(catalog, manifest.clone(), location, 69, status, draining);
    let config = HttpConfig {
        limits,
        report: |_, _| {},
        observer,
        failures,
    };
    http::start(listener, site, config).unwrap();
    TestServer {
        address,
        _stuck: stuck,
        _failed: failed,
    }
}
