//! Benchmarks of the codec: the datagrams that a server receives and sends most often.
#![allow(
    missing_docs,
    reason = "criterion's macros generate functions without documentation"
)]

use std::hint::black_box;

use bootstone::wire::packet::data_header;
use bootstone::wire::{Options, Packet};
use bootstone_bench::abuse::{ack, rrq};
use criterion::{Criterion, criterion_group, criterion_main};

fn decode(criterion: &mut Criterion) {
    let request = rrq(
        "efi/boot/ipxe.efi",
        &[("tsize", 0), ("blksize", 1468), ("windowsize", 4)],
    );
    criterion.bench_function("decode an ACK", |bencher| {
        bencher.iter(|| Packet::decode(black_box(&ack(4711))).is_ok());
    });
    criterion.bench_function("decode an RRQ with three options", |bencher| {
        bencher.iter(|| match Packet::decode(black_box(&request)) {
            Ok(Packet::Rrq(request)) => request.options.iter().count(),
            _ => 0,
        });
    });
}

fn encode(criterion: &mut Criterion) {
    let mut out = Vec::with_capacity(65_507);
    let payload = [7; 1428];
    criterion.bench_function("encode an OACK", |bencher| {
        let options = Options::new(b"tsize\x001048576\0blksize\x001468\0windowsize\x004\0");
        bencher.iter(|| {
            out.clear();
            Packet::Oack(black_box(options)).encode(&mut out);
            out.len()
        });
    });
    criterion.bench_function("encode a window of 16 blocks of 1428 bytes", |bencher| {
        bencher.iter(|| {
            out.clear();
            for block in 0..16 {
                data_header(block, &mut out);
                out.extend_from_slice(black_box(&payload));
            }
            out.len()
        });
    });
}

criterion_group!(benches, decode, encode);
criterion_main!(benches);
