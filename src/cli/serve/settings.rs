//! The settings of `serve`: options, else environment variables, else defaults.

use std::time::Duration;

use super::form::{http_form, listen_form};
use super::table::{Given, Serve, names_of};
use crate::cli::value::{Ranged, option_or_variable};
use crate::http::Location;
use crate::log::LogFormat;
use crate::proto::config::ServerConfig;
use crate::proto::negotiate::NegotiationLimits;
use crate::proto::routes::Network;
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
    pub(super) location: Location,
    /// Networks whose sources count as local, beyond those that always do.
    pub(super) trusted: Vec<Network>,
    pub(super) log_format: LogFormat,
    /// Write a log line for each boot.
    pub(super) boot_log: bool,
    /// How long transfers get to finish after a signal.
    pub(super) drain_timeout: Duration,
    /// How long the server serves after a signal in any case, at most `drain_timeout`.
    pub(super) min_drain: Duration,
    pub(super) sandbox: SandboxConfig,
    /// Print the settings instead of serving.
    pub(super) print_config: bool,
    /// What was given for each option.
    pub(super) given: Vec<Given>,
}

impl Settings {
    /// Reads the variables and fills in the defaults.
    ///
    /// # Errors
    /// A variable or an address has an invalid value, with a message.
    pub(super) fn new(options: Serve) -> Result<Settings, String> {
        let (options, given) = options.with_variables()?;
        let (min_drain, drain_timeout) = drain(&options)?;
        Ok(Settings {
            server: server(&options),
            listen: options
                .listen
                .iter()
                .map(|text| listen_form(text))
                .collect::<Result<_, _>>()?,
            workers: options.workers.map_or_else(cores, Ranged::get_usize),
            http: options.http.map(http_form).transpose()?,
            trusted: trusted(&options.trust)?,
            location: Location {
                region: option_or_variable(options.region, "FLY_REGION")?,
                // As Fly.io names them.
                machine: option_or_variable(None, "FLY_MACHINE_ID")?,
            },
            log_format: options.log_format.unwrap_or_default(),
            boot_log: !options.no_boot_log,
            drain_timeout,
            min_drain,
            sandbox: SandboxConfig {
                user: options.user,
                without_filters: options.no_sandbox,
            },
            print_config: options.print_config,
            given,
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

/// The shortest and the longest time between a signal and the end.
///
/// # Errors
/// The shortest is the longer one: the operator, or a service manager, expects an end after the
/// drain timeout.
fn drain(options: &Serve) -> Result<(Duration, Duration), String> {
    let timeout = options.drain_timeout.map_or(30, Ranged::get);
    let min = options.min_drain.map_or(0, Ranged::get);
    if min > timeout {
        return Err(format!(
            "{} is {min} s, longer than the drain timeout of {timeout} s. Raise {}, so that \
             transfers that begin in the last of these seconds can finish",
            names_of("min_drain"),
            names_of("drain_timeout"),
        ));
    }
    Ok((Duration::from_secs(min), Duration::from_secs(timeout)))
}

fn trusted(networks: &[String]) -> Result<Vec<Network>, String> {
    let parse = |text: &String| {
        let network = text.parse();
        network.map_err(|error| format!("{} {text}: {error}", names_of("trust")))
    };
    networks.iter().map(parse).collect()
}

/// The number of workers by default: one for each core.
pub(super) fn cores() -> usize {
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
        assert_eq!(given.min_drain, default.min_drain);
    }
}
