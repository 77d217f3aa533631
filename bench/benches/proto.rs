//! Benchmarks of `proto::server`: a transfer in lock-step, and datagrams outside of any transfer.
#![allow(
    missing_docs,
    reason = "criterion's macros generate functions without documentation"
)]

use std::hint::black_box;
use std::sync::Arc;

use bootstone::catalog::{Catalog, Entry};
use bootstone::proto::config::ServerConfig;
use bootstone::proto::server::Server;
use bootstone::proto::{Instant, Peer};
use bootstone_bench::abuse::{ack, rrq};
use bootstone_bench::lock_step::{BLOCKS, LockStep};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn lock_step(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("proto");
    group.throughput(Throughput::Elements(BLOCKS.into()));
    let mut lock_step = LockStep::default();
    group.bench_function("1,000 blocks in lock-step", |bencher| {
        bencher.iter(|| lock_step.transfer())
    });
    group.finish();
}

fn strays(criterion: &mut Criterion) {
    let catalog = Catalog::new(vec![Entry::new("file", vec![7; 1000])]);
    let mut server = Server::new(Arc::new(catalog), ServerConfig::default());
    let peer = Peer::from(std::net::SocketAddr::from(([127, 0, 0, 1], 2000)));
    let now = Instant::from_millis(1000);
    criterion.bench_function("a stray ACK", |bencher| {
        bencher.iter(|| server.handle_datagram(now, peer, black_box(&ack(1))));
    });
    let mut out = Vec::new();
    let missing = rrq("pxelinux.cfg/C0A80001", &[("tsize", 0)]);
    let mut millis = 1000;
    criterion.bench_function("an RRQ for a file that is not there", |bencher| {
        bencher.iter(|| {
            // Slow enough for the rate limits to allow an answer.
            millis += 10;
            let now = Instant::from_millis(millis);
            server.handle_datagram(now, peer, black_box(&missing));
            while server.poll_event().is_some() {}
            server.request_events().clear();
            server.poll_transmit(now, 1, &mut out).is_some()
        });
    });
}

criterion_group!(benches, lock_step, strays);
criterion_main!(benches);
