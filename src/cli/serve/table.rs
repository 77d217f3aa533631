//! The options of `serve`, as one table: the command line, `--help`, the environment variables and
//! the checked ranges come from it, and a test compares it with README.

use argh::{FromArgValue, FromArgs};

use crate::cli::value::{Ranged, option_or_variable};
use crate::log::LogFormat;
use crate::sandbox::User;

/// An option of `serve`: a row of [`TABLE`].
#[derive(Debug)]
pub(super) struct ServeOption {
    /// Name of the field of [`Serve`].
    pub(super) field: &'static str,
    /// Placeholder of the value; empty for a switch.
    #[cfg_attr(not(test), expect(dead_code, reason = "compared with README"))]
    placeholder: &'static str,
    /// The default.
    pub(super) default: &'static str,
    /// The smallest and the largest value of a number.
    #[cfg_attr(not(test), expect(dead_code, reason = "compared with --help"))]
    range: Option<(u64, u64)>,
    /// The text of `--help`.
    #[cfg_attr(not(test), expect(dead_code, reason = "compared with --help"))]
    help: &'static str,
}

/// An option with the value that it was given, by itself or by its variable.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) row: &'static ServeOption,
    /// `None` if the default is in effect.
    pub(super) value: Option<String>,
    /// The value is from the command line, not from the variable.
    pub(super) is_option: bool,
}

/// Makes the argh struct [`Serve`] and the [`TABLE`] from one list.
macro_rules! serve_options {
    ($($kind:ident $field:ident [$($type:tt)+] $placeholder:tt $default:literal $help:tt;)*) => {
        /// Serve the embedded boot files. Each option has an environment variable: BOOTSTONE_ and
        /// its name in capitals (BOOTSTONE_LISTEN takes several addresses, separated by commas).
        #[derive(FromArgs, Debug)]
        #[cfg_attr(test, derive(argh::ArgsInfo))]
        #[argh(subcommand, name = "serve")]
        pub(crate) struct Serve {
            $(#[doc = $help]
            #[argh($kind, arg_name = $placeholder)]
            pub(super) $field: $($type)+,)*
        }

        /// All options, in the order of `--help`.
        pub(super) const TABLE: &[ServeOption] = &[$(ServeOption {
            field: stringify!($field),
            placeholder: $placeholder,
            default: $default,
            range: <$($type)+ as OptionValue>::RANGE,
            help: $help,
        }),*];

        impl Serve {
            /// Fills in the environment variables of the options that were not given. Returns also
            /// what was given for each option.
            ///
            /// # Errors
            /// A variable has an invalid value, with a message.
            pub(super) fn with_variables(self) -> Result<(Serve, Vec<Given>), String> {
                let is_option = [$(self.$field.text().is_some()),*];
                let serve = Serve {
                    $($field: self.$field.or_variable(&variable_of(stringify!($field)))?,)*
                };
                let values = [$(serve.$field.text()),*];
                let rows = TABLE.iter().zip(values).zip(is_option);
                let given = rows.map(|((row, value), is_option)| Given { row, value, is_option });
                Ok((serve, given.collect()))
            }
        }
    };
}

serve_options! {
    option listen [Vec<String>] "ADDR:PORT" "`[::]:69`"
        "address and port to listen on; repeatable, names allowed (default: `[::]:69`, which \
         includes IPv4)";
    option mtu [Option<Ranged<576, 65535>>] "BYTES" "1500"
        "largest IP packet that the path carries, 576 to 65535 bytes (default: 1500)";
    option max_windowsize [Option<Ranged<1, 64>>] "N" "16"
        "most blocks per acknowledgement, 1 to 64 (default: 16)";
    option pipeline [Option<Ranged<1, 64>>] "N" "32"
        "most blocks in flight to a client with a high RTT, 1 to 64, but at least its window; 1 \
         turns pipelining off (default: 32)";
    option max_sessions [Option<Ranged<1, 1_000_000>>] "N" "16384"
        "most transfers at once on each listening address, 1 to 1000000 (default: 16384)";
    option workers [Option<Ranged<1, 256>>] "N" "one per core"
        "threads, each with its share of the clients, 1 to 256 (default: one per core)";
    option http [Option<String>] "ADDR:PORT" "none"
        "address and port for HTTP: health, metrics, hashes, the boot files, a page (default: none)";
    option trust [Vec<String>] "NETWORK" "none"
        "network whose clients have no rate limit, as those of private networks and of our own \
         links, such as 198.51.100.0/24; repeatable (default: none)";
    option region [Option<String>] "NAME" "FLY_REGION"
        "region of this server, for the log, the metrics and the page (default: FLY_REGION, if that \
         is set)";
    option log_format [Option<LogFormat>] "text|json" "text"
        "text or json (default: text)";
    switch no_boot_log [bool] "" ""
        "write no log line for each boot; BOOTSTONE_NO_BOOT_LOG takes true or false";
    option drain_timeout [Option<Ranged<0, 86_400>>] "SECONDS" "30"
        "seconds that transfers get to finish after SIGTERM, 0 to 86400 (default: 30)";
    option min_drain [Option<Ranged<0, 86_400>>] "SECONDS" "0"
        "seconds to serve after SIGTERM even if no transfer is in progress, 0 to 86400, at most the \
         drain timeout (default: 0)";
    option user [Option<User>] "UID[:GID]" "65532 if started as root"
        "user to become once the sockets are bound, UID or UID:GID (default: 65532 if started as \
         root)";
    switch no_sandbox [bool] "" ""
        "turn off Landlock and seccomp, for debugging; BOOTSTONE_NO_SANDBOX takes true or false";
    switch print_config [bool] "" ""
        "print each setting, its value and where it comes from, and do not serve";
}

impl ServeOption {
    /// The name of the setting, as in `max-sessions`.
    pub(super) fn name(&self) -> String {
        self.field.replace('_', "-")
    }

    /// The option, as in `--max-sessions`.
    pub(super) fn option(&self) -> String {
        format!("--{}", self.name())
    }

    /// The option and its default, if that is a number.
    #[cfg(test)]
    pub(super) fn default_number(&self) -> Option<(String, &'static str)> {
        let is_number = self.default.parse::<u64>().is_ok();
        is_number.then(|| (self.option(), self.default))
    }
}

/// The environment variable of a field: `max_sessions` has `BOOTSTONE_MAX_SESSIONS`.
pub(super) fn variable_of(field: &str) -> String {
    format!("BOOTSTONE_{}", field.to_ascii_uppercase())
}

/// The names of an option, for messages: `--listen (or BOOTSTONE_LISTEN)`.
pub(super) fn names_of(field: &str) -> String {
    let row = TABLE.iter().find(|row| row.field == field);
    let option = row.map_or_else(String::new, ServeOption::option);
    format!("{option} (or {})", variable_of(field))
}

/// The value of a field of [`Serve`].
trait OptionValue: Sized {
    const RANGE: Option<(u64, u64)>;

    /// The value, or else that of the environment variable.
    fn or_variable(self, variable: &str) -> Result<Self, String>;

    /// The value as text; `None` if there is none.
    fn text(&self) -> Option<String>;
}

/// A single value, and its range if it is a number.
trait SingleValue: FromArgValue + ToString {
    const RANGE: Option<(u64, u64)> = None;
}

impl<const MIN: u64, const MAX: u64> SingleValue for Ranged<MIN, MAX> {
    const RANGE: Option<(u64, u64)> = Some((MIN, MAX));
}
impl SingleValue for String {}
impl SingleValue for LogFormat {}
impl SingleValue for User {}

impl<T: SingleValue> OptionValue for Option<T> {
    const RANGE: Option<(u64, u64)> = T::RANGE;

    fn or_variable(self, variable: &str) -> Result<Self, String> {
        option_or_variable(self, variable)
    }

    fn text(&self) -> Option<String> {
        self.as_ref().map(T::to_string)
    }
}

/// A repeatable option; its variable separates the values by commas.
impl OptionValue for Vec<String> {
    const RANGE: Option<(u64, u64)> = None;

    fn or_variable(self, variable: &str) -> Result<Self, String> {
        if !self.is_empty() {
            return Ok(self);
        }
        let text = option_or_variable::<String>(None, variable)?.unwrap_or_default();
        let parts = text.split(',').filter(|_| !text.is_empty());
        Ok(parts.map(|part| part.trim().to_owned()).collect())
    }

    fn text(&self) -> Option<String> {
        (!self.is_empty()).then(|| self.join(","))
    }
}

/// A switch.
impl OptionValue for bool {
    const RANGE: Option<(u64, u64)> = None;

    fn or_variable(self, variable: &str) -> Result<Self, String> {
        let value = option_or_variable(self.then_some(true), variable)?;
        Ok(value.unwrap_or(false))
    }

    fn text(&self) -> Option<String> {
        self.then(|| "true".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_states_the_default_and_the_range() {
        for row in TABLE {
            if let Some((min, max)) = row.range {
                let range = format!("{min} to {max}");
                assert!(row.help.contains(&range), "{}: {range}", row.option());
            }
            let default = format!("(default: {}", row.default);
            let is_stated = row.default.is_empty() || row.help.contains(&default);
            assert!(is_stated, "{}: {default}", row.option());
        }
    }

    #[test]
    fn help_has_every_option_with_its_text() {
        let help = Serve::from_args(&["serve"], &["--help"])
            .unwrap_err()
            .output;
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let help = words(&help);
        for row in TABLE {
            let line = format!("{} {}", row.option(), words(row.help));
            assert!(help.contains(&line), "{line}\n{help}");
        }
    }

    /// README's table has one row for each option, in this order, with placeholder and default.
    #[test]
    fn readme_has_the_same_table() {
        let readme = include_str!("../../../README.md");
        let escaped = readme.replace(r"\|", "\0");
        let rows = escaped.lines().filter(|line| line.starts_with("| `--"));
        let rows = rows.map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            [cells[1], cells[2]].map(|cell| cell.replace('\0', r"\|"))
        });
        let expected = TABLE.iter().map(|row| {
            let placeholder = row.placeholder.replace('|', r"\|");
            let option = format!("`{} {placeholder}", row.option());
            [format!("{}`", option.trim_end()), row.default.to_owned()]
        });
        assert_eq!(rows.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }
}
