#![no_main]

#[path = "../../tests/abuse/hostile_server.rs"]
mod hostile_server;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile_server::play(bytes));
