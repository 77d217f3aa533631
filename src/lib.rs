//! Bootstone.
#![forbid(unsafe_code)]
