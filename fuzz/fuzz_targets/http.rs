#![no_main]

#[allow(dead_code, reason = "one check of several")]
#[path = "../../tests/abuse/formats.rs"]
mod formats;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| formats::http(bytes));
