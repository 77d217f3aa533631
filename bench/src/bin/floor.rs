//! The floor, as a server that `bench/compare` starts beside the others: see
//! `bootstone_bench::floor`.

use std::net::SocketAddrV4;

use anyhow::Result;
use argh::FromArgs;

use bootstone_bench::floor;

/// Answer TFTP clients with the least work that a program can, and with the bench's files.
#[derive(FromArgs)]
struct Arguments {
    /// where
    #[argh(option)]
    listen: SocketAddrV4,

    /// look for the next datagram again and again, instead of sleeping until it comes
    #[argh(switch)]
    busy_poll: bool,
}

fn main() -> Result<()> {
    let arguments: Arguments = argh::from_env();
    match floor::serve(arguments.listen, arguments.busy_poll)? {}
}
