#![no_main]

#[path = "../../tests/abuse/fetched.rs"]
mod fetched;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fetched::play(bytes));
