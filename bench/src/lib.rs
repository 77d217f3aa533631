//! What Bootstone costs, beside what other TFTP servers cost.
//!
//! | module | duty |
//! |---|---|
//! | [`content`] | the files that are read |
//! | [`client`] | a TFTP client as a value |
//! | [`load`] | many of them in one thread |
//! | [`process`] | CPU time and memory of a server |
//! | [`servers`] | starts and stops them |
//! | [`measure`] | a load on a server, with what it costs there |
//! | [`relay`] | a long, lossy path |

pub mod client;
pub mod content;
pub mod load;
pub mod measure;
pub mod process;
pub mod relay;
pub mod servers;
