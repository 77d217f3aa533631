//! Reports of skipped tests. Test targets include this file by `#[path]`.

use std::io::Write as _;

/// Reports that the current test, or a part of it, is skipped because something is missing. With
/// `BOOTSTONE_REQUIRE_CLIENTS=1` that is a failure.
///
/// # Panics
/// If the missing thing is required.
pub fn skip(missing: &str) {
    let required = std::env::var("BOOTSTONE_REQUIRE_CLIENTS").is_ok_and(|value| value == "1");
    assert!(!required, "missing: {missing}");
    report(missing);
}

/// Reports the same, whether it is required or not.
pub fn report(missing: &str) {
    let thread = std::thread::current();
    let test = thread.name().filter(|name| *name != "main");
    let test = test.map(|name| format!(" {name}")).unwrap_or_default();
    // The harness captures `eprintln!` of a test that passes; it does not capture this.
    let _ = std::io::stderr().write_all(format!("SKIPPED{test}: missing: {missing}\n").as_bytes());
}
