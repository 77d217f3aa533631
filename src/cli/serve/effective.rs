//! The settings in effect, with where each comes from, and the variables that are no settings.

use std::fmt::Write as _;

use super::settings::cores;
use super::table::{Given, TABLE, variable_of};
use crate::cli::nearest::nearest;

/// What the variables of this program begin with.
const PREFIX: &str = "BOOTSTONE_";

/// Variables that only the build reads. `cargo run` passes them on.
const OF_THE_BUILD: [&str; 2] = ["BOOTSTONE_ASSETS", "BOOTSTONE_REQUIRE_PUBLISHED"];

/// Fields that the start line shows by themselves, as bound.
const SHOWN_APART: [&str; 4] = ["listen", "workers", "http", "user"];

/// The value in effect.
fn value(given: &Given) -> String {
    let default = || match given.row.field {
        "workers" => cores().to_string(),
        // The default is a variable of the platform.
        "region" => std::env::var(given.row.default).unwrap_or("none".to_owned()),
        _ if given.row.default.is_empty() => "false".to_owned(),
        _ => given.row.default.replace('`', ""),
    };
    given.value.clone().unwrap_or_else(default)
}

/// Where the value comes from, as in `option --mtu`.
fn source(given: &Given) -> String {
    match (&given.value, given.is_option) {
        (None, _) if std::env::var_os(given.row.default).is_some() => {
            format!("variable {}", given.row.default)
        }
        (None, _) => "default".to_owned(),
        (Some(_), true) => format!("option {}", given.row.option()),
        (Some(_), false) => format!("variable {}", variable_of(given.row.field)),
    }
}

/// A line for each setting: its name, its value, and where that comes from.
pub(super) fn table(settings: &[Given]) -> String {
    let settings = settings.iter();
    let settings = settings.filter(|given| given.row.field != "print_config");
    let cells = settings.map(|given| [given.row.name(), value(given), source(given)]);
    let cells: Vec<[String; 3]> = cells.collect();
    let width = |column: usize| cells.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let (names, values) = (width(0), width(1));
    let mut text = String::new();
    for [name, value, source] in &cells {
        let _ = writeln!(text, "{name:names$}  {value:values$}  {source}");
    }
    text
}

/// For the start line: every setting that has no field of its own there, as in `mtu=1500
/// pipeline=32`. A switch is listed if it is on.
///
/// The value of `--workers` is not asked for: counting the cores reads files of the kernel, which the
/// sandbox forbids when the start line is written.
pub(super) fn summary(settings: &[Given]) -> String {
    let mut listed = Vec::new();
    let settings = settings.iter();
    for given in settings.filter(|given| !SHOWN_APART.contains(&given.row.field)) {
        let value = value(given);
        if value != "false" {
            listed.push(format!("{}={value}", given.row.name()));
        }
    }
    listed.join(" ")
}

/// A warning for each variable that begins like those of this program and is none of them.
pub(super) fn unknown_variables() -> Vec<String> {
    let names = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    unknown(names.collect())
}

fn unknown(names: Vec<String>) -> Vec<String> {
    let known: Vec<String> = TABLE.iter().map(|row| variable_of(row.field)).collect();
    // Kubernetes gives each container variables for a Service of this name.
    let has_service = names.iter().any(|name| name == "BOOTSTONE_SERVICE_HOST");
    let is_of_service = |name: &str| {
        has_service
            && (name.starts_with("BOOTSTONE_SERVICE_") || name.starts_with("BOOTSTONE_PORT"))
    };
    let is_unknown = |name: &&String| {
        name.starts_with(PREFIX)
            && !known.contains(*name)
            && !OF_THE_BUILD.contains(&name.as_str())
            && !is_of_service(name)
    };
    let warning = |name: &String| {
        let known = known.iter().map(String::as_str);
        let nearest = nearest(name, known).unwrap_or_default();
        format!(
            "{} is not a setting and has no effect. The nearest is {nearest}",
            name.escape_debug()
        )
    };
    let mut warnings: Vec<String> = names.iter().filter(is_unknown).map(warning).collect();
    warnings.sort();
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warnings(names: &[&str]) -> Vec<String> {
        unknown(names.iter().map(|&name| name.to_owned()).collect())
    }

    #[test]
    fn unknown_variables_are_named_with_the_nearest() {
        let found = warnings(&["BOOTSTONE_MTUU", "BOOTSTONE_MTU", "PATH", "BOOTSTONE_\x1b"]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("BOOTSTONE_MTUU is not"), "{found:?}");
        assert!(
            found[0].ends_with("The nearest is BOOTSTONE_MTU"),
            "{found:?}"
        );
        assert!(
            found[1].starts_with("BOOTSTONE_\\u{1b} is not"),
            "{found:?}"
        );
    }

    #[test]
    fn variables_of_the_build_and_of_kubernetes_are_no_mistakes() {
        let service = [
            "BOOTSTONE_PORT",
            "BOOTSTONE_PORT_69_UDP",
            "BOOTSTONE_SERVICE_PORT",
        ];
        assert_eq!(warnings(&service).len(), 3);
        assert_eq!(
            warnings(&[&service[..], &["BOOTSTONE_SERVICE_HOST"]].concat()),
            [""; 0]
        );
        assert_eq!(warnings(&OF_THE_BUILD), [""; 0]);
    }
}
