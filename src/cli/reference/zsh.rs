//! Completions for zsh.

use std::fmt::Write as _;

use super::{CommandEntry, Completion, OptionEntry, program};

/// The function that zsh loads.
pub(super) fn script() -> String {
    let (program, commands) = program();
    let mut text = "#compdef bootstone\n\
         # Completions of bootstone for zsh. Written by the tests of src/cli/reference.\n\n\
         _bootstone_commands() {\n    \
         local -a commands=(\n"
        .to_owned();
    for command in &commands {
        let entry = format!("{}:{}", command.name, command.summary());
        let _ = writeln!(text, "        {}", quoted(&entry));
    }
    text.push_str("    )\n    _describe command commands\n}\n\n");
    text.push_str(
        "_bootstone() {\n    \
         local curcontext=$curcontext state line\n    \
         # Without a command, the options are those of serve.\n    \
         if (( CURRENT > 2 )) && [[ $words[2] == -* ]]; then\n        \
         words=($words[1] serve $words[2,-1])\n        \
         (( CURRENT += 1 ))\n    \
         fi\n    \
         if (( CURRENT == 2 )); then\n        \
         if [[ $PREFIX != -* ]]; then\n            \
         _bootstone_commands\n            \
         return\n        \
         fi\n        \
         _arguments \\\n",
    );
    let serve = commands.iter().find(|command| command.name == "serve");
    let of_serve = serve.into_iter().flat_map(|command| &command.options);
    let of_serve = of_serve.filter(|option| option.long != "--help");
    for option in program.options.iter().chain(of_serve) {
        write_option(&mut text, option, "            ");
    }
    text.push_str(
        "            ;\n        return\n    fi\n    \
         local command=$words[2]\n    \
         shift words\n    \
         (( CURRENT -= 1 ))\n    \
         case $command in\n    \
         help) _bootstone_commands ;;\n",
    );
    for command in commands.iter().filter(|it| !it.options.is_empty()) {
        write_command(&mut text, command);
    }
    text.push_str("    esac\n}\n\n_bootstone \"$@\"\n");
    text
}

fn write_command(text: &mut String, command: &CommandEntry) {
    let _ = writeln!(text, "    {})\n        _arguments \\", command.name);
    for option in &command.options {
        write_option(text, option, "            ");
    }
    if let Some(positional) = &command.positional {
        let number = if positional.is_repeatable { "*" } else { "1" };
        let entry = format!("{number}:{}: ", positional.name);
        let _ = writeln!(text, "            {} \\", quoted(&entry));
    }
    text.push_str("            ;;\n");
}

/// Writes a specification for each name of the option.
fn write_option(text: &mut String, option: &OptionEntry, indent: &str) {
    let summary = option.summary().replace('[', r"\[").replace(']', r"\]");
    let value = match (&option.value, option.completion()) {
        (Some(value), Some(completion)) => {
            let name = value.replace(':', r"\:").replace(['[', ']'], "");
            match completion {
                Completion::File => format!(":{name}:_files"),
                Completion::Words(words) => format!(":value:({})", words.join(" ")),
                Completion::Other => format!(":{name}: "),
            }
        }
        _ => String::new(),
    };
    let repeat = if option.is_repeatable { "*" } else { "" };
    for name in option.names() {
        let sign = if value.is_empty() || !name.starts_with("--") {
            ""
        } else {
            "="
        };
        let entry = format!("{repeat}{name}{sign}[{summary}]{value}");
        let _ = writeln!(text, "{indent}{} \\", quoted(&entry));
    }
}

/// In single quotes, in which zsh reads nothing but the end.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
