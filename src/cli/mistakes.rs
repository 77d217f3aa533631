//! Messages about a wrong command line. argh's own neither list the commands nor name the option
//! that was meant.

use super::nearest::nearest;
use super::value::invalid;

/// What is wrong with these arguments, given the output of argh, the names of all commands, and
/// the text of `--help` of the given one.
pub(super) fn explained(output: &str, arguments: &[&str], commands: &[&str], help: &str) -> String {
    let command = arguments.first().copied().unwrap_or_default();
    let is_command = commands.contains(&command);
    let output = output.trim_end();
    let problem = match output.strip_prefix("Unrecognized argument: ") {
        Some(_) if !is_command && !command.starts_with('-') => {
            return unknown_command(command, commands);
        }
        Some(argument) => unknown_argument(argument, command, help),
        None => bad_value(output)
            .or_else(|| missing(output))
            .unwrap_or_else(|| output.trim_end_matches('.').to_owned()),
    };
    match is_command {
        true => format!("{problem}. See bootstone {command} --help"),
        false => format!("{problem}. See bootstone --help"),
    }
}

fn unknown_command(command: &str, commands: &[&str]) -> String {
    let commands = commands.join(", ");
    format!("there is no command {command:?}. The commands are {commands}, help and version")
}

fn unknown_argument(argument: &str, command: &str, help: &str) -> String {
    if !argument.starts_with('-') {
        return format!("{command} does not take {argument:?}");
    }
    // The names of the options begin the lines of the list.
    let lines = help.lines().filter(|line| line.starts_with("  -"));
    let words = lines.flat_map(|line| line.split_whitespace().take(2));
    let options = words.map(|word| word.trim_end_matches(','));
    let options = options.filter(|word| word.starts_with("--"));
    match nearest(argument, options) {
        Some(nearest) => format!("{command} has no option {argument}. The nearest is {nearest}"),
        None => format!("{command} has no option {argument}"),
    }
}

/// A value that cannot be read, or that is missing.
fn bad_value(output: &str) -> Option<String> {
    if let Some(rest) = output.strip_prefix("No value provided for option '") {
        let (option, _) = rest.split_once('\'')?;
        return Some(format!("{option} takes a value"));
    }
    // Errors about a URL or a host repeat it.
    if let Some(rest) = output.strip_prefix("Error parsing positional argument '") {
        return rest.split_once("': ").map(|(_, error)| error.to_owned());
    }
    let rest = output.strip_prefix("Error parsing option '")?;
    let (name, rest) = rest.split_once("' with value '")?;
    let (value, error) = rest.split_once("': ")?;
    Some(match error {
        "duplicate values provided" => format!("{name} can be given only once"),
        _ => invalid(name, value, error),
    })
}

/// `Required options not provided:`, with one in each of the lines that follow.
fn missing(output: &str) -> Option<String> {
    let (_, names) = output.split_once(" not provided:")?;
    let names: Vec<&str> = names.split_whitespace().collect();
    let verb = if names.len() == 1 { "is" } else { "are" };
    Some(format!("{} {verb} missing", names.join(" and ")))
}

#[cfg(test)]
mod tests {
    use argh::FromArgs as _;

    use crate::cli::{Arguments, arguments, explained};

    #[test]
    fn every_mistake_is_explained() {
        for (line, expected) in [
            (
                "frob",
                "there is no command \"frob\". The commands are serve, get, ",
            ),
            (
                "serve --mtuu 3",
                "serve has no option --mtuu. The nearest is --mtu. See bootstone serve --help",
            ),
            (
                "get --windowssize 3 u",
                "get has no option --windowssize. The nearest is --windowsize.",
            ),
            ("list -x", "list has no option -x. "),
            (
                "serve foo",
                "serve does not take \"foo\". See bootstone serve --help",
            ),
            (
                "serve --mtu",
                "--mtu takes a value. See bootstone serve --help",
            ),
            (
                "serve --mtu 100",
                "--mtu takes 576 to 65535, not \"100\". See",
            ),
            (
                "serve --mtu 1400 --mtu 1500",
                "--mtu can be given only once. See",
            ),
            (
                "serve --log-format xml",
                "--log-format takes \"text\" or \"json\", not \"xml\". See",
            ),
            ("get", "URL is missing. See bootstone get --help"),
            ("get http:", "\"http:\" is not tftp://"),
            ("dhcp", "--server is missing. See bootstone dhcp --help"),
            ("--frob", "serve has no option --frob"),
        ] {
            let arguments = line.split_whitespace().map(str::to_owned).collect();
            let arguments = arguments::normalized(arguments);
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let early = Arguments::from_args(&["bootstone"], &arguments).unwrap_err();
            let message = explained(&early, &arguments);
            assert!(message.starts_with(expected), "{line}: {message}");
        }
    }
}
