//! The command line: which command, with which settings.

pub mod dhcp;
pub mod get;
mod host;
pub mod list;
mod listen;
pub mod panics;
pub mod serve;
mod settings;
mod signals;
pub mod verify;

use std::io::Write as _;
use std::process::ExitCode;
use std::str::FromStr;

use argh::FromArgs;

/// What was wanted is done.
pub const DONE: u8 = 0;
/// Something is not as published.
pub const MISMATCH: u8 = 1;
/// It could not be done: a wrong command line, no network, no permission.
pub const COULD_NOT: u8 = 2;

/// The way out of a wrong command line.
const HELP: &str = "See bootstone --help, or bootstone COMMAND --help";

/// A read-only TFTP server whose boot files are compiled in. Without a command: serve.
#[derive(FromArgs, Debug)]
struct Arguments {
    /// print version and content id
    #[argh(switch, short = 'V')]
    version: bool,

    #[argh(subcommand)]
    command: Option<Command>,
}

#[derive(FromArgs, Debug)]
#[argh(subcommand)]
enum Command {
    Serve(serve::Serve),
    Get(get::Get),
    Verify(verify::Verify),
    List(list::List),
    Dhcp(dhcp::Dhcp),
}

/// Does what the command line says.
pub fn run(arguments: impl Iterator<Item = String>) -> ExitCode {
    let arguments = with_command(arguments.skip(1).collect());
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match Arguments::from_args(&["bootstone"], &arguments) {
        Ok(Arguments { version: true, .. }) => print_version(),
        Ok(Arguments {
            command: Some(command),
            ..
        }) => command.run(),
        Ok(Arguments { command: None, .. }) => could_not("no command was given"),
        Err(early) if early.status.is_ok() => print(&format!("{}\n", early.output.trim_end())),
        Err(early) => could_not(format_args!(
            "{}. {HELP}",
            early.output.trim_end_matches(['.', '\n'])
        )),
    }
}

impl Command {
    fn run(self) -> ExitCode {
        match self {
            Command::Serve(serve) => serve.run(),
            Command::Get(get) => get.run(),
            Command::Verify(verify) => verify.run(),
            Command::List(list) => list.run(),
            Command::Dhcp(dhcp) => dhcp.run(),
        }
    }
}

/// `bootstone --listen …` is `bootstone serve --listen …`.
fn with_command(mut arguments: Vec<String>) -> Vec<String> {
    let is_serve = match arguments.first().map(String::as_str) {
        None => true,
        Some("--version" | "-V" | "--help" | "-h") => false,
        Some(first) => first.starts_with('-'),
    };
    if is_serve {
        arguments.insert(0, "serve".to_owned());
    }
    arguments
}

fn print_version() -> ExitCode {
    let content = crate::embedded::manifest().content_id();
    print(&format!(
        "bootstone {} (content {content})\n",
        env!("CARGO_PKG_VERSION")
    ))
}

/// Says what went wrong, on standard error.
pub fn could_not(message: impl std::fmt::Display) -> ExitCode {
    say(format_args!("bootstone: {message}"));
    ExitCode::from(COULD_NOT)
}

/// A line on standard error. Where that takes nothing, nobody is left to be told; `eprintln!` would panic.
fn say(line: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Writes to standard output. A reader that leaves early (`| head`) has had enough, and that is fine.
fn print(text: &str) -> ExitCode {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            could_not(format_args!("cannot write to standard output: {error}"))
        }
        _ => ExitCode::from(DONE),
    }
}

/// What drives the sockets and timers of a command, in this one thread.
fn runtime() -> Result<tokio::runtime::Runtime, String> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build();
    runtime.map_err(|error| format!("the runtime does not start: {error}"))
}

/// The value of a flag, else of its environment variable, else none. A variable that is set but empty
/// counts as not set.
pub fn flag_or_variable<T>(flag: Option<T>, variable: &str) -> Result<Option<T>, String>
where
    T: FromStr<Err: std::fmt::Display>,
{
    if flag.is_some() {
        return Ok(flag);
    }
    match std::env::var(variable) {
        Err(std::env::VarError::NotPresent) => Ok(None),
        Ok(text) if text.is_empty() => Ok(None),
        Ok(text) => match text.parse() {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(format!("{variable}={text}: {error}. {HELP}")),
        },
        Err(std::env::VarError::NotUnicode(_)) => Err(format!("{variable} is not text")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_without_a_command_are_those_of_serve() {
        let complete = |line: &str| {
            with_command(line.split_whitespace().map(str::to_owned).collect()).join(" ")
        };
        assert_eq!(complete(""), "serve");
        assert_eq!(complete("--listen x"), "serve --listen x");
        assert_eq!(complete("list"), "list");
        assert_eq!(complete("--help"), "--help");
        assert_eq!(complete("-V"), "-V");
    }
}
