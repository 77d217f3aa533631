//! The generated files of deploy/: the shells complete with them, and the man page has no errors.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::skip::skip;

/// What is typed, and what the shell makes of it when the Tab key is pressed at its end.
const TYPED: &[(&str, &str)] = &[
    ("bootstone se", "serve"),
    ("bootstone serve --max-se", "--max-sessions"),
    ("bootstone --mt", "--mtu"),
    ("bootstone serve --log-format j", "json"),
    ("bootstone --log-format t", "text"),
    ("bootstone dhcp --server a --sec", "--secure-boot"),
    ("bootstone list --format sha", "sha256sum"),
    ("bootstone help li", "list"),
    ("bootstone verify --sums Cargo.l", "Cargo.lock"),
];

/// The output of a program that reads this script; `None` if the program is missing.
fn output_of(program: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    let Ok(output) = command.output() else {
        skip(program);
        return None;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program}: {text}{errors}");
    Some(text + &errors)
}

#[test]
fn bash_completes() {
    let script = "source deploy/completions/bootstone.bash
        COMP_WORDS=($1); COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 ))
        _bootstone; printf '%s\n' \"${COMPREPLY[*]}\"";
    // bash splits at the equals sign before it calls the function.
    for (typed, expected) in [TYPED, &[("bootstone serve --log-format = j", "json")]].concat() {
        let Some(completed) = output_of("bash", &["-c", script, "bash", typed]) else {
            return;
        };
        assert_eq!(completed.trim_end(), expected, "{typed}");
    }
}

#[test]
fn fish_completes() {
    let script = "source deploy/completions/bootstone.fish; complete -C $argv[1]";
    let with_sign = ("bootstone serve --log-format=j", "--log-format=json");
    for (typed, expected) in [TYPED, &[with_sign]].concat() {
        let Some(completed) = output_of("fish", &["--no-config", "-c", script, "--", typed]) else {
            return;
        };
        let words = completed.lines().filter_map(|line| line.split('\t').next());
        assert_eq!(words.collect::<Vec<_>>(), [expected], "{typed}");
    }
}

/// The shell runs on a terminal of its own. A function in place of the program prints what the
/// shell has completed.
const ZSH: &str = r#"
zmodload zsh/zpty
zpty shell zsh -f
zpty -w shell 'PS1= RPS1=; fpath=($PWD/deploy/completions $fpath)'
zpty -w shell 'autoload -Uz compinit; compinit -u -D; bootstone() { print -r -- "END<$*>" }'
zpty -w shell "$1"
while zpty -r shell line; do
    [[ $line == *END\<* ]] && [[ $line != *print* ]] && { print -r -- "$line"; break }
done
zpty -d shell
"#;

#[test]
fn zsh_completes() {
    let with_sign = ("bootstone serve --log-format=j", "--log-format=json");
    for (typed, expected) in [TYPED, &[with_sign]].concat() {
        let typed = format!("{typed}\t");
        let Some(completed) = output_of("zsh", &["-f", "-c", ZSH, "zsh", &typed]) else {
            return;
        };
        let (_, line) = completed.split_once("END<").unwrap();
        let (line, _) = line.split_once('>').unwrap();
        assert_eq!(line.split_whitespace().last(), Some(expected), "{typed}");
    }
}

#[test]
fn the_man_page_has_no_errors() {
    let page = "deploy/man/bootstone.1";
    if let Some(warnings) = output_of("mandoc", &["-T", "lint", "-W", "warning", page]) {
        assert_eq!(warnings, "");
    }
    if Path::new("/usr/bin/groff").exists() {
        let format = ["--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page];
        let output = Command::new("man").args(format).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }
}
