//! What is deployed fits together: `fly.toml` against the keys and values that `flyctl` accepts, the
//! Dockerfile and the program itself; the Kubernetes and Compose files against the same; the files
//! for Terraform against themselves.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on has failed; this one starts the program and reads files"
)]

mod schema;
#[path = "../support/skip.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared by several test targets")]
mod skip;
mod terraform;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use toml::{Table, Value};

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn fly() -> Value {
    Value::Table(read("fly.toml").parse::<Table>().unwrap())
}

/// The words behind an instruction of the Dockerfile's last stage.
fn last_stage(instruction: &str) -> String {
    let dockerfile = read("Dockerfile");
    let stage = &dockerfile[dockerfile.rfind("\nFROM ").unwrap()..];
    let line = stage
        .lines()
        .find_map(|line| line.strip_prefix(instruction));
    line.unwrap().trim().to_owned()
}

fn service<'a>(fly: &'a Value, protocol: &str) -> &'a Value {
    let mut services = fly["services"].as_array().unwrap().iter();
    services
        .find(|service| service["protocol"].as_str() == Some(protocol))
        .unwrap()
}

fn seconds(text: &str) -> u64 {
    schema::seconds(text).unwrap_or_else(|| panic!("{text} is not a time"))
}

fn strings(value: &Value) -> Vec<String> {
    let strings = value.as_array().unwrap().iter();
    strings
        .map(|item| item.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn fly_knows_every_key_and_value() {
    let problems = schema::problems(&fly());
    assert!(problems.is_empty(), "{problems:#?}");
}

/// A machine that gets no TCP connection must neither be stopped nor stay down after a failure, and
/// the check of a new image comes before the first old machine is replaced.
#[test]
fn fly_settings_suit_a_udp_service() {
    let fly = fly();
    for service in fly["services"].as_array().unwrap() {
        assert_eq!(service["auto_stop_machines"].as_str(), Some("off"));
        assert_eq!(service["auto_start_machines"].as_bool(), Some(false));
    }
    assert_eq!(fly["deploy"]["strategy"].as_str(), Some("canary"));
    let restart = fly["restart"].as_array().unwrap();
    assert_eq!(
        (restart.len(), restart[0]["policy"].as_str()),
        (1, Some("always"))
    );
}

/// Fly.io does not rewrite the ports of UDP.
#[test]
fn tftp_has_one_port_everywhere() {
    let fly = fly();
    let udp = service(&fly, "udp");
    assert_eq!(udp["internal_port"].as_integer(), Some(69));
    let ports = udp["ports"].as_array().unwrap();
    assert_eq!((ports.len(), ports[0]["port"].as_integer()), (1, Some(69)));
    assert_eq!(last_stage("EXPOSE"), "69/udp");
    let listen = fly["env"]["BOOTSTONE_LISTEN"].as_str().unwrap();
    assert_eq!(listen, "fly-global-services:69,fly-local-6pn:69");
}

#[test]
fn http_has_one_port_everywhere() {
    let fly = fly();
    let tcp = service(&fly, "tcp");
    let port = tcp["internal_port"].as_integer().unwrap();
    let http = fly["env"]["BOOTSTONE_HTTP"].as_str().unwrap();
    assert_eq!(http, format!("[::]:{port}"));
    assert_eq!(fly["metrics"]["port"].as_integer(), Some(port));
    assert_eq!(fly["metrics"]["path"].as_str(), Some("/metrics"));
    assert_eq!(tcp["http_checks"][0]["path"].as_str(), Some("/healthz"));
}

#[test]
fn a_machine_is_given_the_time_that_a_drain_takes() {
    let fly = fly();
    let signal = fly["kill_signal"].as_str().unwrap();
    assert_eq!(signal, last_stage("STOPSIGNAL"));
    assert_eq!(signal, "SIGTERM");
    let killed = seconds(fly["kill_timeout"].as_str().unwrap());
    let of = |name: &str| fly["env"][name].as_str().unwrap().parse::<u64>().unwrap();
    let (min, drained) = (of("BOOTSTONE_MIN_DRAIN"), of("BOOTSTONE_DRAIN_TIMEOUT"));
    assert!(drained < killed && killed <= 300);
    let check = &service(&fly, "tcp")["http_checks"][0];
    let of_the_check = |key: &str| seconds(check[key].as_str().unwrap());
    let noticed = of_the_check("interval") + of_the_check("timeout");
    assert!(noticed <= min && min < drained);
}

/// The number behind the first `key` after the first `from`.
fn number_after(text: &str, from: &str, key: &str) -> u64 {
    let start = text.find(from).unwrap_or_else(|| panic!("no {from}"));
    let found = text[start..]
        .find(key)
        .unwrap_or_else(|| panic!("no {key}"));
    let rest = text[start + found + key.len()..].trim_start_matches([' ', ':', '"']);
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap();
    rest[..digits].parse().unwrap()
}

/// A pod is killed after its transfers had their time, and serves until its first probe has
/// failed.
#[test]
fn a_pod_is_given_the_time_that_a_drain_takes() {
    let manifest = read("deploy/kubernetes/bootstone.yaml");
    let number = |from: &str, key: &str| number_after(&manifest, from, key);
    let killed = number("", "terminationGracePeriodSeconds");
    let min = number("name: BOOTSTONE_MIN_DRAIN", "value");
    let drained = number("name: BOOTSTONE_DRAIN_TIMEOUT", "value");
    let period = number("path: /healthz", "periodSeconds");
    let noticed = period * number("path: /healthz", "failureThreshold");
    assert!(noticed < min && min < drained && drained < killed);
    // The probe of life must not kill a pod that drains.
    let failures = number("livenessProbe:", "failureThreshold");
    assert!(killed < failures * number("livenessProbe:", "periodSeconds"));
}

#[test]
fn a_container_is_given_the_time_that_a_drain_takes() {
    let compose = read("deploy/compose.yaml");
    let killed = number_after(&compose, "", "stop_grace_period");
    assert!(number_after(&compose, "", "BOOTSTONE_DRAIN_TIMEOUT:") < killed);
    // Without a variable: the program's default.
    let readme = read("README.md");
    let default = number_after(&readme, "| `--drain-timeout SECONDS` |", "SECONDS` |");
    assert!(default < number_after(&readme, "docker run --detach", "--stop-timeout"));
}

/// The image's dependencies are built before its tests are there; cargo looks for a test that has no
/// path.
#[test]
fn tests_in_the_manifest_have_a_path() {
    let manifest = read("Cargo.toml").parse::<Table>().unwrap();
    let tests = manifest["test"].as_array().unwrap();
    assert!(!tests.is_empty());
    for test in tests {
        assert!(test.get("path").is_some(), "{test:?}");
    }
}

#[test]
fn build_arguments_are_the_dockerfiles() {
    let (fly, dockerfile) = (fly(), read("Dockerfile"));
    for name in fly["build"]["args"].as_table().unwrap().keys() {
        assert!(dockerfile.contains(&format!("\nARG {name}=")), "{name}");
    }
}

/// The program, once it serves.
struct Serving {
    child: Child,
    /// Where, over UDP.
    address: String,
    first_line: String,
}

impl Serving {
    fn start(variables: &Table, overridden: &[(&str, &str)]) -> Serving {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bootstone"));
        command.env_clear().stdout(Stdio::piped());
        for (name, value) in variables {
            command.env(name, value.as_str().unwrap());
        }
        let mut child = command.envs(overridden.iter().copied()).spawn().unwrap();
        let mut first_line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut first_line).unwrap();
        let line: serde_json::Value = serde_json::from_str(&first_line).unwrap();
        assert_eq!(line["message"], "serving", "{first_line}");
        let address = line["listen"].as_str().unwrap().to_owned();
        // Whatever else it says goes nowhere, and does not stop it.
        std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
        Serving {
            child,
            address,
            first_line,
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// With every variable of fly.toml, on addresses that are to be had here; and the very command of the machine check.
#[test]
fn the_program_takes_what_fly_gives_it() {
    let fly = fly();
    let here = [
        ("BOOTSTONE_LISTEN", "127.0.0.1:0"),
        ("BOOTSTONE_HTTP", "127.0.0.1:0"),
    ];
    let serving = Serving::start(fly["env"].as_table().unwrap(), &here);
    assert!(
        serving.first_line.contains("\"http\":\"127.0.0.1:"),
        "{}",
        serving.first_line
    );

    let check = &service(&fly, "udp")["machine_checks"][0];
    let entrypoint = strings(&check["entrypoint"]);
    assert_eq!(last_stage("ENTRYPOINT"), format!("[\"{}\"]", entrypoint[0]));
    let mut verify = Command::new(env!("CARGO_BIN_EXE_bootstone"));
    verify
        .env_clear()
        .args(strings(&check["command"]))
        .stdout(Stdio::null());
    verify.env("FLY_TEST_MACHINE_IP", &serving.address);
    assert_eq!(verify.status().unwrap().code(), Some(0));
}

/// A variable that the program does not know would be ignored in silence.
#[test]
fn every_variable_is_one_of_the_programs() {
    let help = Command::new(env!("CARGO_BIN_EXE_bootstone"))
        .args(["serve", "--help"])
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for file in [
        "fly.toml",
        "deploy/compose.yaml",
        "deploy/kubernetes/bootstone.yaml",
        "deploy/systemd/bootstone.default",
    ] {
        let text = read(file);
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let names: Vec<&str> = words
            .filter_map(|word| word.strip_prefix("BOOTSTONE_"))
            .filter(|name| !name.is_empty())
            .collect();
        assert!(!names.is_empty(), "{file}");
        for name in names {
            let flag = format!("--{} ", name.to_ascii_lowercase().replace('_', "-"));
            assert!(help.contains(&flag), "{file}: BOOTSTONE_{name}");
        }
    }
}
