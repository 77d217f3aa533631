//! The forms of a command line that argh does not know, rewritten into those that it knows.

/// Rewrites the arguments, which come without the name of the program:
///
/// | form | becomes |
/// |---|---|
/// | no command | `serve` |
/// | `--option=value` | `--option value` |
/// | `-h` | `--help` |
/// | `help COMMAND` | `COMMAND --help` |
/// | `version` | `--version` |
///
/// Nothing after `--` is changed. A value of the form `--name=value` has to be given as
/// `--option=--name=value`.
pub(super) fn normalized(arguments: Vec<String>) -> Vec<String> {
    let mut arguments = with_command(arguments).into_iter();
    let mut all = Vec::new();
    for argument in arguments.by_ref() {
        if argument == "--" {
            all.push(argument);
            break;
        }
        match argument.split_once('=') {
            Some((name, value)) if is_long_option(name) => {
                all.extend([name.to_owned(), value.to_owned()]);
            }
            _ if argument == "-h" => all.push("--help".to_owned()),
            _ => all.push(argument),
        }
    }
    all.extend(arguments);
    all
}

fn is_long_option(name: &str) -> bool {
    let name = name.strip_prefix("--").unwrap_or_default();
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
}

/// Inserts the default command, and replaces `help` and `version`.
fn with_command(mut arguments: Vec<String>) -> Vec<String> {
    match arguments.first().map(String::as_str) {
        Some("--version" | "-V" | "--help" | "-h") => {}
        Some("version") => arguments[0] = "--version".to_owned(),
        Some("help") => {
            arguments.remove(0);
            arguments.retain(|argument| !matches!(argument.as_str(), "help" | "version"));
            arguments.push("--help".to_owned());
        }
        Some(first) if !first.starts_with('-') => {}
        _ => arguments.insert(0, "serve".to_owned()),
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_rewritten() {
        for (line, expected) in [
            ("", "serve"),
            ("--listen x", "serve --listen x"),
            ("--listen=x=y", "serve --listen x=y"),
            ("-x", "serve -x"),
            ("list", "list"),
            ("list --format=json", "list --format json"),
            ("get --output=--a=b u", "get --output --a=b u"),
            ("get -- --a=b -h", "get -- --a=b -h"),
            ("get a=b", "get a=b"),
            ("--help", "--help"),
            ("-h", "--help"),
            ("list -h", "list --help"),
            ("help", "--help"),
            ("help list", "list --help"),
            ("help version", "--help"),
            ("-V", "-V"),
            ("version", "--version"),
        ] {
            let arguments = line.split_whitespace().map(str::to_owned);
            assert_eq!(
                normalized(arguments.collect()).join(" "),
                expected,
                "{line}"
            );
        }
        let empty = normalized(vec!["--listen=".to_owned()]);
        assert_eq!(empty, ["serve", "--listen", ""]);
    }
}
