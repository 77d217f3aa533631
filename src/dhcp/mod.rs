//! What a DHCP server has to be told, so that each machine loads its own file from this server.
//!
//! A machine asks DHCP twice. Its firmware is sent to iPXE; iPXE then asks again. iPXE names itself
//! (user class `iPXE`) and is sent to a script. If it were sent to the same file again, it would
//! load itself for ever.
//!
//! [`Plan`] decides which machine gets which file. The other modules write the plan for one DHCP
//! server each.

mod choice;
mod comment;
mod dnsmasq;
mod isc_dhcp;
mod kea;
mod openwrt;
mod plan;
mod proxy;
mod server;
mod warnings;

pub use dnsmasq::dnsmasq;
pub use isc_dhcp::isc_dhcp;
pub use kea::kea;
pub use openwrt::openwrt;
pub use plan::{BootTarget, Plan, PlanRequest};
pub use proxy::dnsmasq_proxy;
pub use server::BootServer;
