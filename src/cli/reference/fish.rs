//! Completions for fish.

use std::fmt::Write as _;

use super::{Completion, OptionEntry, program};

/// The script that fish loads.
pub(super) fn script() -> String {
    let (program, commands) = program();
    let names: Vec<&str> = commands.iter().map(|it| it.name.as_str()).collect();
    let mut text = format!(
        "# Completions of bootstone for fish. Written by the tests of src/cli/reference.\n\n\
         set -l commands {}\n\n\
         complete -c bootstone -f\n",
        names.join(" ")
    );
    let none = "not __fish_seen_subcommand_from $commands";
    for command in &commands {
        let summary = quoted(command.summary());
        let _ = writeln!(
            text,
            "complete -c bootstone -n \"{none}\" -a {} -d {summary}",
            command.name
        );
    }
    for option in &program.options {
        write_option(&mut text, none, option);
    }
    // Without a command, the options are those of serve.
    for command in &commands {
        for option in &command.options {
            let seen = format!("__fish_seen_subcommand_from {}", command.name);
            write_option(&mut text, &seen, option);
            if command.name == "serve" && option.long != "--help" {
                write_option(&mut text, none, option);
            }
        }
    }
    let seen = "__fish_seen_subcommand_from help";
    let _ = writeln!(text, "complete -c bootstone -n \"{seen}\" -a \"$commands\"");
    text
}

fn write_option(text: &mut String, condition: &str, option: &OptionEntry) {
    let long = option.long.trim_start_matches('-');
    let _ = write!(text, "complete -c bootstone -n \"{condition}\" -l {long}");
    if let Some(short) = option.short {
        let _ = write!(text, " -s {short}");
    }
    match option.completion() {
        None => {}
        Some(Completion::File) => text.push_str(" -r -F"),
        Some(Completion::Other) => text.push_str(" -x"),
        Some(Completion::Words(words)) => {
            let _ = write!(text, " -x -a {}", quoted(&words.join(" ")));
        }
    }
    let _ = writeln!(text, " -d {}", quoted(&option.summary()));
}

/// In single quotes, in which fish reads only the backslash and the quote.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}
