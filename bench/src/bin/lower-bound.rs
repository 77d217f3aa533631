//! The lower bound as a program, which `bench/compare` starts like a server: see
//! `bootstone_bench::lower_bound`.

use std::net::SocketAddrV4;

use anyhow::Result;
use argh::FromArgs;

use bootstone_bench::lower_bound;

/// Answer TFTP clients with the least possible work, and with the bench's files.
#[derive(FromArgs)]
struct Arguments {
    /// address to listen on
    #[argh(option)]
    listen: SocketAddrV4,

    /// poll for the next datagram instead of sleeping until it arrives
    #[argh(switch)]
    busy_poll: bool,
}

fn main() -> Result<()> {
    let arguments: Arguments = argh::from_env();
    match lower_bound::serve(arguments.listen, arguments.busy_poll)? {}
}
