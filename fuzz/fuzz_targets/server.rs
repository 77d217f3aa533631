#![no_main]

#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../../tests/abuse/invariants.rs"]
mod invariants;
#[path = "../../tests/abuse/script.rs"]
mod script;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| script::play(bytes));
