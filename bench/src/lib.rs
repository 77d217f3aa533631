//! Compares Bootstone with other TFTP servers.
//!
//! | module | content |
//! |---|---|
//! | [`content`] | the files that the clients read |
//! | [`client`] | a TFTP client as a value |
//! | [`load`] | many clients in one thread |
//! | [`process`] | CPU time and memory of a process |
//! | [`lower_bound`] | the lower bound: the least work of a server |
//! | [`servers`] | starts and stops the servers |
//! | [`measure`] | runs a load, and measures the server |
//! | [`rows`] | the rows of the tables: loads and goals |
//! | [`relay`] | a relay that adds delay and loss |
//! | [`lossy`] | every server with every client through a relay |
//! | [`strict`] | a client that does only what RFC 7440 asks for |
//! | [`simulated`] | the simulation's figures |
//! | [`abuse`] | forged and invalid traffic |
//! | [`lock_step`] | `proto::server` without a network |
//! | [`document`], [`plot`] | tables and plots |

pub mod abuse;
pub mod client;
pub mod content;
pub mod document;
pub mod load;
pub mod lock_step;
pub mod lossy;
pub mod lower_bound;
pub mod measure;
pub mod plot;
pub mod process;
pub mod relay;
pub mod rows;
pub mod servers;
pub mod simulated;
pub mod strict;
