//! The client as a value.
