//! Tables in Markdown documents: what was measured is put between two markers, and the prose around
//! stays.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Puts `text` between the lines `<!-- NAME -->` and `<!-- /NAME -->` of a document.
///
/// # Errors
/// The document is not there, or the two lines are not in it.
pub fn fill(document: &Path, name: &str, text: &str) -> Result<()> {
    let old = fs::read_to_string(document)
        .with_context(|| format!("{} cannot be read", document.display()))?;
    let new = filled(&old, name, text).with_context(|| {
        format!(
            "{}: put the lines <!-- {name} --> and <!-- /{name} --> where the tables belong",
            document.display()
        )
    })?;
    Ok(fs::write(document, new)?)
}

fn filled(document: &str, name: &str, text: &str) -> Option<String> {
    let (opening, closing) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = document.split_once(&opening)?;
    let (_, after) = rest.split_once(&closing)?;
    Some(format!(
        "{before}{opening}\n{}\n\n{closing}{after}",
        text.trim()
    ))
}

/// A table. The first column holds names, the others numbers.
pub fn table(head: &[String], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let ruler: Vec<String> = (0..head.len())
        .map(|i| if i == 0 { "---" } else { "---:" }.to_owned())
        .collect();
    let body: String = rows.iter().map(|row| line(row)).collect();
    line(head) + &line(&ruler) + &body
}

/// A number with as many digits as a reader can use: three, but all in front of the point.
pub fn digits(number: f64) -> String {
    match number.abs() {
        n if n >= 99.95 => format!("{number:.0}"),
        n if n >= 9.995 => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_around_the_markers_stays() {
        let document = "before\n<!-- a -->\nold\n<!-- /a -->\nafter <!-- b -->\n";
        let new = filled(document, "a", "new\n").unwrap();
        assert_eq!(
            new,
            "before\n<!-- a -->\n\nnew\n\n<!-- /a -->\nafter <!-- b -->\n"
        );
        assert_eq!(filled(&new, "a", "new\n").unwrap(), new);
        assert_eq!(filled(document, "b", "new"), None);
    }

    #[test]
    fn digits_that_can_be_used() {
        for (number, text) in [
            (0.0, "0.00"),
            (1.234, "1.23"),
            (12.345, "12.3"),
            (999.9, "1000"),
            (-12.34, "-12.3"),
        ] {
            assert_eq!(digits(number), text);
        }
    }

    #[test]
    fn a_table_has_its_ruler() {
        let cells = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(
            table(&cells("a b"), &[cells("c 1")]),
            "| a | b |\n| --- | ---: |\n| c | 1 |\n"
        );
    }
}
