//! The command line: one file or folder for each command.

#[cfg(feature = "canary")]
mod canary;
mod console;
mod dhcp;
mod get;
mod host;
mod list;
pub mod panics;
#[cfg(test)]
mod reference;
mod runtime;
mod serve;
mod signals;
mod value;
mod verify;

use std::process::ExitCode;

use argh::FromArgs;

use self::console::{could_not, print};
use self::value::HELP;

/// A read-only TFTP server whose boot files are compiled in. The default command is serve.
#[derive(FromArgs, Debug)]
#[cfg_attr(test, derive(argh::ArgsInfo))]
struct Arguments {
    /// print version and content id
    #[argh(switch, short = 'V')]
    version: bool,

    #[argh(subcommand)]
    command: Option<Command>,
}

#[derive(FromArgs, Debug)]
#[cfg_attr(test, derive(argh::ArgsInfo))]
#[argh(subcommand)]
enum Command {
    Serve(serve::Serve),
    Get(get::Get),
    Verify(verify::Verify),
    List(list::List),
    Dhcp(dhcp::Dhcp),
}

/// Runs the program with these arguments, the first of which is its name.
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

/// Inserts the default command: `bootstone --listen …` is `bootstone serve --listen …`.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_command_is_serve() {
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
