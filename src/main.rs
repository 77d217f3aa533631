//! Bootstone.
fn main() {}
