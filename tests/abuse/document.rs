//! Tables in `docs/security-measurements.md` that this test writes.

/// Compares the table between the markers of this name with `table`, or writes it, with `BLESS=1`.
pub(crate) fn check(name: &str, table: &str) {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/security-measurements.md");
    let document = std::fs::read_to_string(path).unwrap();
    let (before, rest) = document.split_once(&begin).unwrap();
    let (shown, after) = rest.split_once(&end).unwrap();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, format!("{before}{begin}\n{table}\n{end}{after}")).unwrap();
    } else {
        let how = "BLESS=1 cargo test --test abuse -- --test-threads 1 table writes the new one";
        assert!(shown.trim() == table.trim(), "{how}:\n{table}");
    }
}
