//! A site with made-up files, behind a door of its own.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bootstone::catalog::{Catalog, Entry};
use bootstone::http::{self, Limits, Site};
use bootstone::manifest::{Digest, Kind, Machine, Manifest, Record, SUMS_NAME};
use bootstone::net::Clock;
use bootstone::net::driver::Busy;
use bootstone::net::socket::Bound;
use bootstone::net::status::{Line, Pulse};
use bootstone::net::worker::{self, Duty, Post};
use bootstone::proto::config::Config;
use tokio::sync::{mpsc, watch};

/// More than the kernel's buffers take in.
pub(crate) const LARGE: usize = 24 << 20;

pub(crate) const ODD_NAME: &str = "a&b <'c'> %41.ipxe";

/// Short enough to wait for, and long enough for a busy machine to keep.
pub(crate) const SHORT: Duration = Duration::from_millis(300);

/// Limits that no test reaches by chance.
pub(crate) fn wide() -> Limits {
    Limits {
        connections: 64,
        request_time: Duration::from_secs(60),
        crowded_time: Duration::from_secs(60),
        piece_time: Duration::from_secs(60),
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

pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    /// Of drivers that never answer.
    _silent: Vec<Line>,
    _failures: mpsc::UnboundedReceiver<io::Error>,
}

/// With one worker that serves, and so many that are stuck.
pub(crate) fn open(limits: Limits, stuck: usize) -> Door {
    let manifest = manifest();
    let catalog = catalog(manifest);
    let clock = Clock::start();
    let mut pulse = Pulse::new(clock);
    let (failed, failures) = mpsc::unbounded_channel();
    let duty = Duty {
        catalog: Arc::clone(&catalog),
        clock,
        report: |_, _| {},
        busy: Busy::new(0),
        failed,
    };
    let socket = Bound::bind(([127, 0, 0, 1], 0).into()).unwrap();
    let post = Post {
        bound: socket,
        config: Config::default(),
        line: pulse.line(),
    };
    worker::start(duty, vec![post]).unwrap();
    let silent = (0..stuck).map(|_| pulse.line()).collect();

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let (_, draining) = watch::channel(false);
    let region = Some("<fra>".to_owned());
    let site = Site::new(catalog, manifest.clone(), region, 69, pulse, draining);
    http::start(listener, site, limits).unwrap();
    Door {
        address,
        _silent: silent,
        _failures: failures,
    }
}
