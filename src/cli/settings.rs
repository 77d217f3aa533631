//! The flags of `serve`, with environment variables and defaults filled in, and checked.

use std::fmt::Display;
use std::time::Duration;

use super::flag_or_variable;
use super::serve::Serve;
use crate::log;
use crate::proto::config::Config;
use crate::proto::negotiate::Limits;
use crate::sandbox::Wish;

/// See the [module](self).
pub(super) struct Settings {
    /// Empty if nothing was asked for.
    pub(super) listen: Vec<String>,
    /// With the sessions of a whole address.
    pub(super) config: Config,
    pub(super) workers: usize,
    /// Where HTTP listens, if it does.
    pub(super) http: Option<String>,
    /// Where this machine stands, if its surroundings say so (Fly.io does).
    pub(super) region: Option<String>,
    pub(super) log_format: log::Format,
    pub(super) drain_timeout: Duration,
    pub(super) sandbox: Wish,
}

impl Settings {
    /// # Errors
    /// What is wrong with which flag or variable.
    pub(super) fn new(flags: Serve) -> Result<Settings, String> {
        let mtu = flag_or_variable(flags.mtu, "BOOTSTONE_MTU")?;
        let windowsize = flag_or_variable(flags.max_windowsize, "BOOTSTONE_MAX_WINDOWSIZE")?;
        let pipeline = flag_or_variable(flags.pipeline, "BOOTSTONE_PIPELINE")?;
        let sessions = flag_or_variable(flags.max_sessions, "BOOTSTONE_MAX_SESSIONS")?;
        let workers = flag_or_variable(flags.workers, "BOOTSTONE_WORKERS")?;
        let log_format = flag_or_variable(flags.log_format, "BOOTSTONE_LOG_FORMAT")?;
        let drain = flag_or_variable(flags.drain_timeout, "BOOTSTONE_DRAIN_TIMEOUT")?;
        let user = flag_or_variable(flags.user, "BOOTSTONE_USER")?;
        let no_sandbox = flags.no_sandbox.then_some(true);
        let no_sandbox = flag_or_variable(no_sandbox, "BOOTSTONE_NO_SANDBOX")?;

        let defaults = Config::default();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = within("--workers", workers, cores.min(256), 1, 256)?;
        let sessions = within(
            "--max-sessions",
            sessions,
            defaults.max_sessions,
            1,
            1_000_000,
        )?;
        let limits = Limits {
            mtu: within("--mtu", mtu, defaults.limits.mtu, 576, u16::MAX)?,
            max_windowsize: within(
                "--max-windowsize",
                windowsize,
                defaults.limits.max_windowsize,
                1,
                64,
            )?,
        };
        Ok(Settings {
            listen: listen_addresses(flags.listen)?,
            config: Config {
                limits,
                pipeline: within("--pipeline", pipeline, defaults.pipeline, 1, 64)?,
                max_sessions: sessions,
            },
            workers,
            http: flag_or_variable(flags.http, "BOOTSTONE_HTTP")?,
            region: flag_or_variable(None, "FLY_REGION")?,
            log_format: log_format.unwrap_or_default(),
            drain_timeout: Duration::from_secs(drain.unwrap_or(30)),
            sandbox: Wish {
                user,
                without_filters: no_sandbox.unwrap_or(false),
            },
        })
    }
}

fn listen_addresses(flags: Vec<String>) -> Result<Vec<String>, String> {
    if !flags.is_empty() {
        return Ok(flags);
    }
    let text = flag_or_variable::<String>(None, "BOOTSTONE_LISTEN")?.unwrap_or_default();
    let parts = text.split(',').filter(|_| !text.is_empty());
    Ok(parts.map(|part| part.trim().to_owned()).collect())
}

/// `--pipeline` is `BOOTSTONE_PIPELINE`.
pub(super) fn variable_of(flag: &str) -> String {
    let name = flag.trim_start_matches('-').replace('-', "_");
    format!("BOOTSTONE_{}", name.to_ascii_uppercase())
}

fn within<T>(flag: &str, given: Option<T>, default: T, least: T, most: T) -> Result<T, String>
where
    T: PartialOrd + Display,
{
    match given.unwrap_or(default) {
        value if least <= value && value <= most => Ok(value),
        value => Err(format!(
            "{flag} (or {}) {value} is out of range: {least} to {most}",
            variable_of(flag)
        )),
    }
}
