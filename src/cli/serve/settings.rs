//! The settings of `serve`: options, else environment variables, else defaults.

use std::time::Duration;

use super::table::Serve;
use crate::cli::value::{Ranged, option_or_variable};
use crate::log::LogFormat;
use crate::proto::config::ServerConfig;
use crate::proto::negotiate::NegotiationLimits;
use crate::sandbox::SandboxConfig;

/// The settings in effect.
pub(super) struct Settings {
    /// Addresses to listen on; empty by default.
    pub(super) listen: Vec<String>,
    /// Settings of the server. The number of sessions is that of a whole address.
    pub(super) server: ServerConfig,
    pub(super) workers: usize,
    /// Address of the HTTP listener, if there is one.
    pub(super) http: Option<String>,
    /// The region of this machine, if the environment names one, as Fly.io does.
    pub(super) region: Option<String>,
    pub(super) log_format: LogFormat,
    pub(super) drain_timeout: Duration,
    pub(super) sandbox: SandboxConfig,
}

impl Settings {
    /// Reads the variables and fills in the defaults.
    ///
    /// # Errors
    /// A variable has an invalid value, with a message.
    pub(super) fn new(options: Serve) -> Result<Settings, String> {
        let options = options.with_variables()?;
        Ok(Settings {
            server: server(&options),
            listen: options.listen,
            workers: options.workers.map_or_else(cores, Ranged::get_usize),
            http: options.http,
            region: option_or_variable(None, "FLY_REGION")?,
            log_format: options.log_format.unwrap_or_default(),
            drain_timeout: Duration::from_secs(options.drain_timeout.map_or(30, Ranged::get)),
            sandbox: SandboxConfig {
                user: options.user,
                without_filters: options.no_sandbox,
            },
        })
    }
}

fn server(options: &Serve) -> ServerConfig {
    let default = ServerConfig::default();
    let limits = default.limits;
    ServerConfig {
        limits: NegotiationLimits {
            mtu: options.mtu.map_or(limits.mtu, Ranged::get_u16),
            max_windowsize: options
                .max_windowsize
                .map_or(limits.max_windowsize, Ranged::get_u16),
        },
        pipeline: options.pipeline.map_or(default.pipeline, Ranged::get_u16),
        max_sessions: options
            .max_sessions
            .map_or(default.max_sessions, Ranged::get_usize),
    }
}

fn cores() -> usize {
    let cores = std::thread::available_parallelism();
    cores.map_or(1, usize::from).min(256)
}

#[cfg(test)]
mod tests {
    use argh::FromArgs;

    use super::*;
    use crate::cli::serve::table::TABLE;

    /// Giving each number its default of the table changes nothing.
    #[test]
    fn the_table_has_the_defaults_in_effect() {
        let numbers = TABLE.iter().filter_map(|row| row.default_number());
        let arguments: Vec<String> = numbers
            .flat_map(|(option, default)| [option, default.to_owned()])
            .collect();
        assert!(arguments.len() >= 8);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let given = Settings::new(Serve::from_args(&["serve"], &arguments).unwrap()).unwrap();
        let default = Settings::new(Serve::from_args(&["serve"], &[]).unwrap()).unwrap();
        assert_eq!(
            format!("{:?}", given.server),
            format!("{:?}", default.server)
        );
        assert_eq!(given.drain_timeout, default.drain_timeout);
    }
}
