//! The man page and the shell completions, generated from the option tables.
//!
//! A test compares the files under `deploy/` with what these modules write. `BLESS=1 cargo test
//! --lib reference` writes the files. Nothing of this is compiled into the program.

mod bash;
mod fish;
mod man;
mod zsh;

use std::path::Path;

use argh::{ArgsInfo as _, CommandInfoWithArgs, FlagInfo, FlagInfoKind, Optionality};

use super::Arguments;

/// A command and its options. The program itself is one, without a name.
pub(super) struct CommandEntry {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) options: Vec<OptionEntry>,
    pub(super) positional: Option<Positional>,
}

/// What a command takes besides options.
pub(super) struct Positional {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) is_optional: bool,
    pub(super) is_repeatable: bool,
}

/// An option.
pub(super) struct OptionEntry {
    /// As in `--mtu`.
    pub(super) long: String,
    pub(super) short: Option<char>,
    /// Placeholder of its value; `None` for a switch.
    pub(super) value: Option<String>,
    pub(super) description: String,
    pub(super) is_required: bool,
    pub(super) is_repeatable: bool,
}

/// What a value can be, as far as a shell can complete it.
pub(super) enum Completion<'a> {
    /// One of these words.
    Words(Vec<&'a str>),
    File,
    Other,
}

impl OptionEntry {
    fn of(flag: &FlagInfo<'_>) -> OptionEntry {
        let value = match flag.kind {
            FlagInfoKind::Switch => None,
            FlagInfoKind::Option { arg_name } => Some(arg_name.to_owned()),
        };
        OptionEntry {
            long: flag.long.to_owned(),
            short: flag.short.or((flag.long == "--help").then_some('h')),
            value,
            description: flag.description.to_owned(),
            is_required: flag.optionality == Optionality::Required,
            is_repeatable: flag.optionality == Optionality::Repeating,
        }
    }

    /// The names of the option: `-o`, `--output`.
    pub(super) fn names(&self) -> Vec<String> {
        let short = self.short.map(|short| format!("-{short}"));
        short.into_iter().chain([self.long.clone()]).collect()
    }

    /// What to complete; `None` for a switch.
    pub(super) fn completion(&self) -> Option<Completion<'_>> {
        let value = self.value.as_deref()?;
        Some(match value {
            "FILE" => Completion::File,
            _ if value.contains('|') => Completion::Words(value.split('|').collect()),
            _ => Completion::Other,
        })
    }

    /// The description without the Markdown and the default.
    pub(super) fn summary(&self) -> String {
        let plain = self.description.replace('`', "");
        let (plain, _) = plain.split_once(" (default").unwrap_or((&plain, ""));
        plain
            .split_once("; ")
            .map_or(plain, |(first, _)| first)
            .to_owned()
    }
}

impl CommandEntry {
    fn of(command: &CommandInfoWithArgs) -> CommandEntry {
        let positional = command.positionals.first().map(|it| Positional {
            name: it.name.to_owned(),
            description: it.description.to_owned(),
            is_optional: it.optionality != Optionality::Required,
            is_repeatable: it.optionality == Optionality::Repeating,
        });
        CommandEntry {
            name: command.name.to_owned(),
            description: command.description.to_owned(),
            options: command.flags.iter().map(OptionEntry::of).collect(),
            positional,
        }
    }

    /// The first sentence of the description, without its full stop.
    pub(super) fn summary(&self) -> &str {
        let (first, _) = self
            .description
            .split_once(". ")
            .unwrap_or((&self.description, ""));
        first.trim_end_matches('.')
    }
}

/// The program, its commands, and the two commands that only the command line knows.
pub(super) fn program() -> (CommandEntry, Vec<CommandEntry>) {
    let info = Arguments::get_args_info();
    let commands = info.commands.iter();
    let commands = commands.map(|command| CommandEntry::of(&command.command));
    let extra = [
        ("help", "Display the options of a command"),
        ("version", "Print version and content id"),
    ];
    let extra = extra.map(|(name, description)| CommandEntry {
        name: name.to_owned(),
        description: description.to_owned(),
        options: Vec::new(),
        positional: None,
    });
    (CommandEntry::of(&info), commands.chain(extra).collect())
}

/// Compares a file with its generated text, or writes it if `BLESS` is set.
#[track_caller]
#[expect(
    clippy::disallowed_methods,
    reason = "a test that reads and writes files of the source"
)]
fn check(path: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let actual = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        actual == text,
        "{} is not what the options say. Write it: BLESS=1 cargo test --lib reference",
        path.display()
    );
}

#[test]
fn the_man_page_is_up_to_date() {
    check("deploy/man/bootstone.1", &man::page());
}

#[test]
fn the_completions_are_up_to_date() {
    check("deploy/completions/bootstone.bash", &bash::script());
    check("deploy/completions/_bootstone", &zsh::script());
    check("deploy/completions/bootstone.fish", &fish::script());
}

#[test]
fn every_option_has_a_placeholder_in_capitals_or_words_to_choose() {
    let (_, commands) = program();
    for command in &commands {
        for option in command
            .options
            .iter()
            .filter(|option| option.value.is_some())
        {
            let value = option.value.as_deref().unwrap_or_default();
            let is_capital = !value.contains(|c: char| c.is_ascii_lowercase());
            let is_choice = value.contains('|');
            assert!(
                is_capital || is_choice,
                "{} {} {value}",
                command.name,
                option.long
            );
        }
    }
}
