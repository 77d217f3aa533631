//! Completions for bash.

use std::fmt::Write as _;

use super::{CommandEntry, Completion, OptionEntry, program};

/// What stands before the cases of the options; `COMMANDS` is replaced.
const START: &str = r#"# Completions of bootstone for bash. Written by the tests of src/cli/reference.

_bootstone_words() {
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$current")
}

_bootstone() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
    local command= word
    # bash splits --option=value at the sign.
    if [[ $current == = ]]; then
        current=
    elif [[ $previous == = ]]; then
        previous=${COMP_WORDS[COMP_CWORD-2]}
    fi
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case $word in
        COMMANDS) command=$word; break ;;
        -*) command=serve; break ;;
        esac
    done
    COMPREPLY=()
    case $command,$previous in
"#;

/// The script that bash loads.
pub(super) fn script() -> String {
    let (program, commands) = program();
    let names: Vec<&str> = commands.iter().map(|it| it.name.as_str()).collect();
    let mut text = START.replace("COMMANDS", &names.join("|"));
    for command in &commands {
        write_values(&mut text, command);
    }
    text.push_str("    esac\n    case $command in\n");
    let names = names.join(" ");
    let mut write_words = |pattern: &str, words: &str| {
        let _ = writeln!(text, "    {pattern}) _bootstone_words \"{words}\" ;;");
    };
    write_words("help", &names);
    for command in commands.iter().filter(|it| !it.options.is_empty()) {
        let options = all_names(&command.options);
        write_words(&command.name, &options);
        if command.name == "serve" {
            // Without a command, the options are those of serve.
            let of_program = all_names(&program.options[1..]);
            write_words("''", &format!("{names} {of_program} {options}"));
        }
    }
    text.push_str("    esac\n}\n\ncomplete -F _bootstone bootstone\n");
    text
}

/// The cases of options that take a value.
fn write_values(text: &mut String, command: &CommandEntry) {
    for option in &command.options {
        let Some(value) = option.completion() else {
            continue;
        };
        let names = option.names().into_iter();
        let patterns = names.map(|name| format!("{},{name}", command.name));
        let patterns = patterns.collect::<Vec<_>>().join("|");
        let action = match value {
            Completion::Words(words) => format!("_bootstone_words \"{}\"; return", words.join(" ")),
            Completion::File => {
                "mapfile -t COMPREPLY < <(compgen -f -- \"$current\"); return".to_owned()
            }
            Completion::Other => "return".to_owned(),
        };
        let _ = writeln!(text, "    {patterns}) {action} ;;");
    }
}

fn all_names(options: &[OptionEntry]) -> String {
    let names: Vec<String> = options.iter().flat_map(OptionEntry::names).collect();
    names.join(" ")
}
