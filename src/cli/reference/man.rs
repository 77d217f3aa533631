//! The man page, for man(7).

use std::fmt::Write as _;

use super::{CommandEntry, OptionEntry, program};

/// The date of the last change to the text of the page. The tables may change without it.
const DATE: &str = "2026-11-27";

const DESCRIPTION: &str = "\
Bootstone is a TFTP server whose boot files are compiled into the program. \
It serves them, read-only, on one UDP port, and over HTTP if that is configured. \
Without a command it serves.
.PP
An option and its value are separated by a space or by an equals sign. \
Every command prints its options with
.B \\-\\-help
and
.BR \\-h .
";

const AFTER: &str = "\
.SH EXIT STATUS
.TP
.B 0
The command has done its work.
.TP
.B 1
A file differs from what was published, or is missing.
.TP
.B 2
The command could not do its work: a wrong command line, no network, no permission.
.SH SIGNALS
.TP
.BR SIGTERM ,\\  SIGINT
The server finishes the transfers in progress, for at most the time of
.BR \\-\\-drain\\-timeout ,
and ends. A second signal ends it at once.
.TP
.BR SIGHUP ,\\  SIGUSR1 ,\\  SIGUSR2 ,\\  SIGQUIT
The server ignores them: there is no file to read again.
.SH FILES
.TP
.I /etc/default/bootstone
The variables of the systemd service.
.SH EXAMPLES
.TP
.B bootstone \\-\\-listen [::]:6969 \\-\\-http [::]:8080
Serve on a port that needs no privilege, and over HTTP.
.TP
.B bootstone serve \\-\\-print\\-config
Show the settings that the options and variables result in.
.TP
.B bootstone dhcp \\-\\-server 192.0.2.1
Write the lines with which dnsmasq sends machines to this server.
.TP
.B bootstone verify boot.example.net
Compare what a server serves with the files in this program.
.SH SEE ALSO
.BR dnsmasq (8),
.BR systemd.exec (5)
.PP
https://github.com/bootstone/bootstone
";

/// The source of the page.
pub(super) fn page() -> String {
    let (program, commands) = program();
    let mut text = format!(
        ".\\\" Written by the tests of src/cli/reference.\n\
         .TH BOOTSTONE 1 {DATE} bootstone\n\
         .SH NAME\n\
         bootstone \\- read\\-only TFTP server with its boot files compiled in\n\
         .SH SYNOPSIS\n"
    );
    for (index, command) in commands.iter().enumerate() {
        text.push_str(if index > 0 { ".br\n" } else { "" });
        write_synopsis(&mut text, command);
    }
    let _ = write!(text, ".SH DESCRIPTION\n{DESCRIPTION}.SH OPTIONS\n");
    program
        .options
        .iter()
        .for_each(|option| write_option(&mut text, option));
    text.push_str(".SH COMMANDS\n");
    for command in &commands {
        write_command(&mut text, command);
    }
    text.push_str(".SH ENVIRONMENT\nEach variable gives the option of\n.B serve\nthat has its name, unless the option is given. An empty variable counts as not set.\n");
    let serve = commands.iter().find(|command| command.name == "serve");
    let options = serve.into_iter().flat_map(|command| &command.options);
    for option in options.filter(|option| option.long != "--help") {
        let variable = option.long.trim_start_matches('-').replace('-', "_");
        let _ = writeln!(
            text,
            ".TP\n.B BOOTSTONE_{}\n{}",
            variable.to_ascii_uppercase(),
            of_option(option)
        );
    }
    text.push_str(AFTER);
    text
}

/// What a variable holds, beside the option's own description.
fn of_option(option: &OptionEntry) -> String {
    let name = escaped(&option.long);
    match (&option.value, option.is_repeatable) {
        (None, _) => format!("true or false, for\n.BR {name} ."),
        (Some(_), false) => format!("the value of\n.BR {name} ."),
        (Some(_), true) => format!("values of\n.BR {name} ,\nseparated by commas."),
    }
}

fn write_synopsis(text: &mut String, command: &CommandEntry) {
    let _ = writeln!(text, ".B bootstone {}", escaped(&command.name));
    for option in command.options.iter().filter(|option| option.is_required) {
        let value = option.value.as_deref().unwrap_or_default();
        let _ = writeln!(text, ".B {}\n.I {}", escaped(&option.long), escaped(value));
    }
    if command.options.len() > 1 {
        text.push_str("[options]\n");
    }
    if let Some(positional) = &command.positional {
        let dots = if positional.is_repeatable {
            "\\&..."
        } else {
            ""
        };
        let name = escaped(&positional.name);
        let _ = match positional.is_optional {
            true => writeln!(text, ".RI [ {name} {dots}]"),
            false => writeln!(text, ".IR {name} {dots}"),
        };
    }
    if command.name == "help" {
        text.push_str(".RI [ COMMAND ]\n");
    }
}

fn write_command(text: &mut String, command: &CommandEntry) {
    let _ = writeln!(
        text,
        ".SS {}\n{}",
        escaped(&command.name),
        sentence(&command.description)
    );
    if let Some(positional) = &command.positional {
        let name = escaped(&positional.name);
        let _ = writeln!(
            text,
            ".TP\n.I {name}\n{}",
            sentence(&positional.description)
        );
    }
    let options = command
        .options
        .iter()
        .filter(|option| option.long != "--help");
    options.for_each(|option| write_option(text, option));
}

fn write_option(text: &mut String, option: &OptionEntry) {
    let names: Vec<String> = option
        .names()
        .iter()
        .map(|name| format!("\\fB{}\\fR", escaped(name)))
        .collect();
    let names = names.join(", ");
    let value = option
        .value
        .as_deref()
        .map(|value| format!(" \\fI{}\\fR", escaped(value)));
    let value = value.unwrap_or_default();
    let _ = writeln!(
        text,
        ".TP\n{names}{value}\n{}",
        sentence(&option.description)
    );
}

/// A description as a sentence: it begins with a capital and ends with a full stop.
fn sentence(text: &str) -> String {
    let mut quotes = text.split('`').map(escaped);
    let first = quotes.next().unwrap_or_default();
    let mut sentence = quotes.enumerate().fold(first, |all, (index, part)| {
        all + if index % 2 == 0 { "\\fB" } else { "\\fR" } + &part
    });
    if let Some(first) = sentence.get_mut(..1).filter(|_| !text.starts_with("tftp:")) {
        first.make_ascii_uppercase();
    }
    if !sentence.ends_with('.') {
        sentence.push('.');
    }
    sentence
}

/// Text as roff source: it keeps every hyphen and backslash as it is.
fn escaped(text: &str) -> String {
    let escaped = text
        .replace('\\', "\\e")
        .replace('-', "\\-")
        .replace('…', "\\&...");
    match escaped.starts_with(['.', '\'']) {
        true => format!("\\&{escaped}"),
        false => escaped,
    }
}
