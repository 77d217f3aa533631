//! The command line: one file or folder for each command.

mod arguments;
#[cfg(feature = "canary")]
mod canary;
mod console;
mod dhcp;
mod get;
mod health;
mod host;
mod list;
mod mistakes;
mod nearest;
pub mod panics;
#[cfg(test)]
mod reference;
mod runtime;
mod serve;
mod signals;
mod value;
mod verdict;
mod verify;

use std::process::ExitCode;

use argh::{EarlyExit, FromArgs, SubCommands as _};

use self::console::{could_not, print};

/// A read-only TFTP server whose boot files are compiled in. The default command is serve.
/// "bootstone help COMMAND" displays the options of a command.
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
    Health(health::Health),
}

/// Runs the program with these arguments, the first of which is its name.
pub fn run(arguments: impl Iterator<Item = String>) -> ExitCode {
    let arguments = arguments::normalized(arguments.skip(1).collect());
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match Arguments::from_args(&["bootstone"], &arguments) {
        Ok(Arguments { version: true, .. }) => print_version(),
        Ok(Arguments {
            command: Some(command),
            ..
        }) => command.run(),
        Ok(Arguments { command: None, .. }) => could_not("no command was given"),
        Err(early) if early.status.is_ok() => print(&format!("{}\n", early.output.trim_end())),
        Err(early) => could_not(explained(&early, &arguments)),
    }
}

/// What is wrong with the arguments.
fn explained(early: &EarlyExit, arguments: &[&str]) -> String {
    let commands: Vec<&str> = Command::COMMANDS.iter().map(|it| it.name).collect();
    let command = arguments.first().copied().unwrap_or_default();
    let help = Arguments::from_args(&["bootstone"], &[command, "--help"]);
    let help = help.map_or_else(|early| early.output, |_| String::new());
    mistakes::explained(&early.output, arguments, &commands, &help)
}

impl Command {
    fn run(self) -> ExitCode {
        match self {
            Command::Serve(serve) => serve.run(),
            Command::Get(get) => get.run(),
            Command::Verify(verify) => verify.run(),
            Command::List(list) => list.run(),
            Command::Dhcp(dhcp) => dhcp.run(),
            Command::Health(health) => health.run(),
        }
    }
}

fn print_version() -> ExitCode {
    let content = crate::embedded::manifest().content_id();
    print(&format!(
        "bootstone {} (content {content})\n",
        env!("CARGO_PKG_VERSION")
    ))
}
