#![no_main]

#[path = "../../tests/http/conversation.rs"]
mod conversation;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| conversation::play(bytes));
