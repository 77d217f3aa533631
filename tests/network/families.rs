//! A kernel without IPv6. A filter stands for it: `socket(AF_INET6, …)` fails as it does there.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::process::Command;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter,
};

use crate::binary::{Bootstone, command};
use crate::namespace::BOTH;
use crate::processes::run;
use crate::raw_client::RawClient;

pub const TESTS: &[crate::Test] = &[
    (
        "without_ipv6_the_default_is_ipv4",
        without_ipv6_the_default_is_ipv4,
    ),
    (
        "without_ipv6_a_name_stands_for_ipv4",
        without_ipv6_a_name_stands_for_ipv4,
    ),
    (
        "without_ipv6_an_address_of_it_is_an_error",
        without_ipv6_an_address_of_it_is_an_error,
    ),
];

/// The word that starts a program without IPv6.
pub const WITHOUT_IPV6: &str = "without-ipv6";

/// Replaces this process by a program for which there is no IPv6.
pub fn exec(program: &[String]) -> ! {
    let family = libc::AF_INET6 as u64;
    let is_ipv6 =
        SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, family).unwrap();
    let rules = BTreeMap::from([(
        libc::SYS_socket,
        vec![SeccompRule::new(vec![is_ipv6]).unwrap()],
    )]);
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::Errno(libc::EAFNOSUPPORT as u32),
        std::env::consts::ARCH.try_into().unwrap(),
    );
    let filter: BpfProgram = filter.unwrap().try_into().unwrap();
    apply_filter(&filter).unwrap();
    panic!("{}", Command::new(&program[0]).args(&program[1..]).exec());
}

/// The program without IPv6.
fn without_ipv6(flags: &[&str]) -> Command {
    let bootstone = command(flags, &[]);
    let mut without = Command::new(std::env::current_exe().unwrap());
    without.arg(WITHOUT_IPV6).arg(bootstone.get_program());
    without.args(bootstone.get_args()).env_clear();
    without
}

fn without_ipv6_the_default_is_ipv4() {
    for (flags, http) in [
        (&["--http", "[::]:8080"][..], Some("0.0.0.0:8080")),
        (&["--listen", "0.0.0.0:69", "--listen", "[::]:69"], None),
    ] {
        let bootstone = Bootstone::start_as(without_ipv6(flags));
        assert_eq!(bootstone.first_line()["http"].as_str(), http);
        assert_eq!(bootstone.address().to_string(), "0.0.0.0:69");
        let line = bootstone.line_with("the kernel has no IPv6");
        let message = line["message"].as_str().unwrap();
        assert!(message.contains("0.0.0.0:69"), "{message}");
        RawClient::to("127.0.0.1:69".parse().unwrap()).fetch("SHA256SUMS");
    }
}

fn without_ipv6_a_name_stands_for_ipv4() {
    let listen = format!("{BOTH}:69");
    let bootstone = Bootstone::start_as(without_ipv6(&["--listen", &listen]));
    let line = bootstone.line_with("the kernel has no IPv6");
    assert!(
        line["message"].as_str().unwrap().contains("[::1]:69"),
        "{line}"
    );
    let addresses: Vec<String> = bootstone.addresses().iter().map(<_>::to_string).collect();
    assert_eq!(addresses, ["127.0.0.1:69"]);
}

fn without_ipv6_an_address_of_it_is_an_error() {
    let ended = run(&mut without_ipv6(&["--listen", "[::1]:69"]));
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    for text in ["--listen", "[::1]:69", "no IPv6"] {
        assert!(ended.output.contains(text), "`{text}` is not in {ended:?}");
    }
}
