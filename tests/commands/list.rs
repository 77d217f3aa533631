//! `list`.

use crate::run::Run;

#[test]
fn all_formats_list_the_same_files() {
    let sums = Run::of(&["list", "--format", "sha256sum"]).out;
    assert_eq!(sums, bootstone::embedded::manifest().sums());
    let Run {
        out: table, err, ..
    } = Run::of(&["list"]);
    let has_note = err.contains("boot-assets/collect");
    assert_eq!(
        has_note,
        !bootstone::embedded::manifest().has_boot_program()
    );
    let listing = Run::of(&["list", "--format", "json"]).out;
    let listing: serde_json::Value = serde_json::from_str(&listing).unwrap();
    let files = listing["files"].as_array().unwrap();
    assert_eq!(files.len(), sums.lines().count());
    assert_eq!(table.lines().count(), 1 + files.len());
    for ((file, sum), row) in files.iter().zip(sums.lines()).zip(table.lines().skip(1)) {
        let text = |key: &str| file[key].as_str().unwrap();
        assert_eq!(sum, format!("{}  {}", text("sha256"), text("name")));
        assert!(row.starts_with(text("name")) && row.ends_with(text("sha256")));
    }
    Run::of(&["list", "--format", "xml"]).failed(2, "use table, json, sha256sum or cyclonedx");
}
