//! How long it took: on the screen, and in `docs/performance.md`.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::image;
use crate::inside::Boot;
use crate::machine::Path as Way;

const DOCUMENT: &str = "docs/performance.md";
/// The table is between these two.
const MARKERS: [&str; 2] = ["<!-- boot -->\n", "<!-- /boot -->"];
const HEAD: &str = "\
| machine | path | blocks in flight | firmware loads its program, s | its last large file, kB | s | switched on to booted, s |
| --- | --- | ---: | ---: | ---: | ---: | ---: |
";

/// Prints the table. With `BLESS=1` it goes into the document as well.
pub(crate) fn report(boots: &[Boot]) {
    let rows: String = boots.iter().map(row).collect();
    let table = format!("{HEAD}{rows}");
    println!("{table}");
    if std::env::var("BLESS").is_ok_and(|value| value == "1") {
        let document = Path::new(env!("CARGO_MANIFEST_DIR")).join(DOCUMENT);
        let old = fs::read_to_string(&document).unwrap();
        let (before, rest) = old.split_once(MARKERS[0]).unwrap();
        let (_, after) = rest.split_once(MARKERS[1]).unwrap();
        let new = [before, MARKERS[0], "\n", &table, "\n", MARKERS[1], after];
        fs::write(document, new.concat()).unwrap();
    }
}

fn row(boot: &Boot) -> String {
    // A machine that loads by HTTP, or has its program already, has no such line.
    let line = |file: &str| {
        let mut log = boot.log.iter();
        log.find(|line| line["file"] == file && line["outcome"] != "probe")
    };
    let seconds = |line: Option<&Value>| {
        line.map_or("–".to_owned(), |line| {
            format!("{:.2}", line["ms"].as_f64().unwrap() / 1000.0)
        })
    };
    let large = image::last_large_file(&boot.log);
    let of_large = |field: &str, unit: u64| {
        large.map_or("–".to_owned(), |line| {
            (line[field].as_u64().unwrap() / unit).to_string()
        })
    };
    format!(
        "| {} | {} | {} | {} | {} | {} | {:.1} |\n",
        boot.machine.name,
        if boot.machine.path == Way::Near {
            "a bridge"
        } else {
            "25 ms each way, 1 % lost"
        },
        of_large("in_flight", 1),
        seconds(line(boot.machine.program)),
        of_large("bytes", 1000),
        seconds(large),
        boot.took.as_secs_f64(),
    )
}
