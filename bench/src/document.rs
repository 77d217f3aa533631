//! Tables in Markdown documents. The results are written between two markers; the text around them
//! is left unchanged.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Writes `text` between the lines `<!-- NAME -->` and `<!-- /NAME -->` of a document.
///
/// # Errors
/// The document cannot be read or written, or does not contain the two lines.
pub fn fill(document: &Path, name: &str, text: &str) -> Result<()> {
    let old = fs::read_to_string(document)
        .with_context(|| format!("cannot read {}", document.display()))?;
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

/// Formats a table. The first column contains names, the others numbers.
pub fn table(head: &[String], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let ruler: Vec<String> = (0..head.len())
        .map(|i| if i == 0 { "---" } else { "---:" }.to_owned())
        .collect();
    let body: String = rows.iter().map(|row| line(row)).collect();
    line(head) + &line(&ruler) + &body
}

/// Formats a number with three significant digits, or more if its integer part is longer.
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
    fn the_text_around_the_markers_is_unchanged() {
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
    fn numbers_have_three_significant_digits() {
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
    fn a_table_has_a_head_a_ruler_and_rows() {
        let cells = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(
            table(&cells("a b"), &[cells("c 1")]),
            "| a | b |\n| --- | ---: |\n| c | 1 |\n"
        );
    }
}
