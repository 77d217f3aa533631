//! What Bootstone costs, beside what other TFTP servers cost.
//!
//! | module | content |
//! |---|---|
//! | [`content`] | the files that are read |
//! | [`client`] | a TFTP client as a value |
//! | [`load`] | many of them in one thread |
//! | [`process`] | CPU time and memory of a server |
//! | [`floor`] | the least that one could do |
//! | [`servers`] | starts and stops them |
//! | [`measure`] | a load on a server, with what it costs there |
//! | [`rows`] | the loads that servers are compared by |
//! | [`relay`] | a long, lossy path |
//! | [`lossy`] | every server with every client over one |
//! | [`simulated`] | what the simulation says of it |
//! | [`abuse`] | abuse: forged and invalid traffic |
//! | [`lock_step`] | the server without a network |
//! | [`document`], [`plot`] | tables and pictures |

pub mod abuse;
pub mod client;
pub mod content;
pub mod document;
pub mod floor;
pub mod load;
pub mod lock_step;
pub mod lossy;
pub mod measure;
pub mod plot;
pub mod process;
pub mod relay;
pub mod rows;
pub mod servers;
pub mod simulated;
