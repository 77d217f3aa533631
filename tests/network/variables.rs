//! Variables of service managers that lead nowhere.

use crate::binary::Bootstone;
use crate::raw_client::RawClient;

pub const TESTS: &[crate::Test] = &[(
    "variables_that_lead_nowhere_are_warnings",
    variables_that_lead_nowhere_are_warnings,
)];

fn variables_that_lead_nowhere_are_warnings() {
    for (variables, expected) in [
        (
            &[("NOTIFY_SOCKET", "/nowhere/at/all")][..],
            "NOTIFY_SOCKET=/nowhere/at/all",
        ),
        (&[("NOTIFY_SOCKET", "/dev/null")], "NOTIFY_SOCKET=/dev/null"),
        (&[("NOTIFY_SOCKET", "@missing")], "NOTIFY_SOCKET=@missing"),
        (
            &[("NOTIFY_SOCKET", "vsock:2:1234")],
            "NOTIFY_SOCKET=vsock:2:1234",
        ),
        (
            &[("LISTEN_FDS", "1")],
            "LISTEN_FDS=1 is ignored: LISTEN_PID= ",
        ),
        (&[("LISTEN_FDS", "1"), ("LISTEN_PID", "1")], "LISTEN_PID=1 "),
    ] {
        let bootstone = Bootstone::start(&[], variables);
        let line = bootstone.line_with(expected);
        assert_eq!(line["level"], "WARN", "{line}");
        RawClient::to("127.0.0.1:69".parse().unwrap()).fetch("SHA256SUMS");
    }
    let empty = [
        ("NOTIFY_SOCKET", ""),
        ("LISTEN_FDS", ""),
        ("LISTEN_PID", ""),
    ];
    let bootstone = Bootstone::start(&[], &empty);
    bootstone.signal(rustix::process::Signal::TERM);
    let (_, lines) = bootstone.last_lines();
    let messages: Vec<String> = lines
        .iter()
        .map(|line| line["message"].to_string())
        .collect();
    let is_about_them = |text: &&String| text.contains("NOTIFY_SOCKET") || text.contains("LISTEN_");
    assert_eq!(messages.iter().find(is_about_them), None);
}
