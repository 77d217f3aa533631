//! What is opened before the sandbox is entered, because nothing can be opened after it.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;

use super::limits;
use super::listen::Listening;
use super::settings::Settings;
use crate::net::interfaces;
use crate::net::socket::BoundSocket;
use crate::net::systemd::{self, ServiceManager};
use crate::proto::local::LocalNetworks;
use crate::proto::routes::Routes;
use crate::sandbox;

/// What has been opened before the sandbox is entered.
pub(super) struct Opened {
    /// The sockets of each worker.
    pub(super) sockets: Vec<Vec<BoundSocket>>,
    pub(super) http: Option<(TcpListener, SocketAddr)>,
    pub(super) service_manager: ServiceManager,
    /// What was not as expected, for the log.
    pub(super) warnings: Vec<String>,
    /// The routes of this machine, as they are at the start.
    pub(super) routes: Arc<Routes>,
    pub(super) local: Arc<LocalNetworks>,
}

/// Opens everything that the settings name.
///
/// # Errors
/// An address cannot be bound, or there are too few file descriptors, with a message.
pub(super) fn open(settings: &Settings) -> Result<Opened, String> {
    let (inherited, mut warnings) = inherited()?;
    let routes = interfaces::routes();
    let local = LocalNetworks::new(&routes, &settings.trusted);
    let is_broadcast = |address| local.has_broadcast(address);
    let mut listening = Listening::new(&is_broadcast);
    let sockets = listening.open_all(&settings.listen, inherited, settings.workers)?;
    let http = settings.http.as_deref();
    let http = http.map(|name| listening.open_http(name)).transpose()?;
    warnings.extend(listening.warnings());
    let service_manager = ServiceManager::connect().unwrap_or_else(|warning| {
        warnings.push(warning);
        ServiceManager::default()
    });
    limits::reserve(&sockets, http.is_some())?;
    Ok(Opened {
        sockets,
        http,
        service_manager,
        warnings,
        routes: Arc::new(routes),
        local: Arc::new(local),
    })
}

/// Takes the sockets that systemd has bound, and closes all else that the program was started with.
/// With what was not as expected.
fn inherited() -> Result<(Vec<UdpSocket>, Vec<String>), String> {
    let (sockets, warnings) = systemd::sockets().map_err(|error| {
        format!(
            "systemd passed a socket that is not a UDP socket: {error}. Use ListenDatagram= in its \
             socket unit"
        )
    })?;
    sandbox::close_inherited(&sockets).map_err(|error| {
        let advice = limits::advice(&error);
        format!("inherited descriptors cannot be closed: {error}. {advice}")
    })?;
    Ok((sockets, warnings))
}
