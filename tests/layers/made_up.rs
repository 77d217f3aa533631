//! Made-up sources that break each rule.

use crate::graph::Crate;
use crate::source::Source;

fn made_up(files: &[(&str, &str)]) -> Crate {
    let sources = files.iter().map(|(path, text)| Source::parse(path, text));
    Crate::new(sources.collect())
}

#[test]
fn an_import_from_a_higher_layer_is_found() {
    let server = ("net/server.rs", "pub struct Server;");
    for text in [
        "use crate::net::server::Server;",
        "fn f() { crate::net::server::Server; }",
        "#[cfg(test)] mod tests { } use crate::{net::server::Server, wire};",
        "#[cfg(test)] use std::fs; fn f() { let _: Vec<crate::net::server::Server>; }",
        "fn f() { assert!(crate::net::server::Server::new()); }",
        "mod inner { use crate::net::server; }",
    ] {
        let found = made_up(&[("wire/packet.rs", text), server]).upward_imports();
        let expected = "wire/packet.rs (layer 1) imports net/server.rs (layer 3)";
        assert_eq!(found, [expected], "{text}");
    }
}

#[test]
fn tests_comments_and_lower_layers_may_be_imported() {
    let files = [
        (
            "wire/packet.rs",
            "/// See [`crate::net::server`].\n\
             #[cfg(test)] mod tests { use crate::net::server; }\n\
             #[cfg(test)] use crate::net::server::Server;\n\
             #[test] fn f() { crate::net::server::f(); }\n\
             use crate::manifest::Digest; // crate::net::server",
        ),
        ("net/server.rs", "use crate::wire::packet::Packet;"),
        ("manifest.rs", ""),
    ];
    let made_up = made_up(&files);
    assert!(made_up.upward_imports().is_empty());
    assert!(made_up.cycles().is_empty());
}

#[test]
fn a_cycle_between_modules_is_found() {
    let files = [
        ("http/mod.rs", "use crate::net::status;"),
        ("net/status.rs", "use super::driver::Driver;"),
        ("net/driver.rs", "use crate::http::Site;"),
        ("log.rs", "use crate::http::Site;"),
    ];
    let made_up = made_up(&files);
    let cycles: Vec<Vec<&str>> = made_up
        .cycles()
        .into_iter()
        .map(|c| c.into_iter().collect())
        .collect();
    assert_eq!(cycles, [["http/mod.rs", "net/driver.rs", "net/status.rs"]]);
}

#[test]
fn a_cycle_between_files_of_a_module_is_found() {
    for (parent, one, other) in [
        ("", "use super::b::B;", "use super::a::A;"),
        (
            "pub use self::a::A; pub use b::B;",
            "use super::B;",
            "use super::A;",
        ),
        (
            "",
            "use crate::log::b;",
            "fn f() { crate::log::a::A::new(); }",
        ),
        (
            "",
            "use super::{b::{B, C}};",
            "#[cfg(test)] mod t {} use super::a;",
        ),
    ] {
        let files = [
            ("log/mod.rs", parent),
            ("log/a.rs", one),
            ("log/b.rs", other),
        ];
        let made_up = made_up(&files);
        let cycles = made_up.cycles();
        assert_eq!(cycles.len(), 1, "{one}");
        assert!(cycles[0].contains("log/a.rs") && cycles[0].contains("log/b.rs"));
    }
}

#[test]
fn a_cycle_between_a_module_and_its_child_is_found() {
    let child = ("log/a.rs", "use super::Level;");
    for parent in [
        "mod a; pub struct Level; fn f() { a::start(); }",
        "mod a; use self::a::start; pub struct Level;",
    ] {
        assert_eq!(made_up(&[("log/mod.rs", parent), child]).cycles().len(), 1);
    }
    let declares = ("log/mod.rs", "mod a; pub struct Level;");
    assert!(made_up(&[declares, child]).cycles().is_empty());
}

#[test]
fn a_forbidden_use_is_found() {
    for (text, expected) in [
        ("use std::{fs::File, fmt};", "proto/a.rs uses std::fs::File"),
        (
            "fn f() { std::thread::spawn(g); }",
            "proto/a.rs uses std::thread::spawn",
        ),
        (
            "use std::time::Instant;",
            "proto/a.rs uses std::time::Instant",
        ),
        (
            "#[cfg(test)] mod t {} use tokio::net;",
            "proto/a.rs uses tokio::net",
        ),
        ("fn f() { println!(); }", "proto/a.rs uses println!"),
    ] {
        assert_eq!(
            made_up(&[("proto/a.rs", text)]).forbidden_uses(),
            [expected]
        );
        assert!(made_up(&[("net/a.rs", text)]).forbidden_uses().is_empty());
    }
    let in_manifest = made_up(&[("manifest/mod.rs", "use crate::wire::Packet;")]);
    assert_eq!(in_manifest.forbidden_uses().len(), 1);
}

#[test]
fn long_files_and_functions_are_found() {
    let body = |lines: usize| format!("fn f() {{\n{}}}\n", "g();\n".repeat(lines - 2));
    let too_long = |text: String| made_up(&[("net/a.rs", &text)]).too_long();
    assert!(too_long(body(60)).is_empty());
    assert_eq!(too_long(body(61)), ["net/a.rs: fn f has 61 lines"]);
    assert!(too_long(body(60).repeat(5) + "// a comment\n\n").is_empty());
    assert_eq!(
        too_long(body(60).repeat(5) + "const A: u8 = 1;\n"),
        ["net/a.rs has 301 lines of code"]
    );
    let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", body(100));
    assert!(too_long(body(60).repeat(5) + &tests).is_empty());
    let after_tests = tests + &body(60).repeat(5) + "const A: u8 = 1;\n";
    assert_eq!(too_long(after_tests), ["net/a.rs has 301 lines of code"]);
}

#[test]
fn a_module_without_a_layer_is_found() {
    let found = made_up(&[("util.rs", "")]).unknown_modules();
    assert!(found.contains(&"util.rs is in no layer".to_owned()));
    assert!(found.contains(&"there is no module wire".to_owned()));
}

#[test]
fn a_name_of_two_types_is_found() {
    let files = [
        (
            "net/a.rs",
            "pub struct Limits; #[cfg(test)] mod tests { struct Config; }",
        ),
        (
            "log/b.rs",
            "mod inner { enum Limits {} } struct Config(u8);",
        ),
    ];
    let found = made_up(&files).ambiguous_types();
    assert_eq!(found, ["Limits is defined in log/b.rs and net/a.rs"]);
}
