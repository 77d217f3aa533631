//! The files for Terraform, without the providers, which a test does not download: their resources
//! are replaced by one that Terraform has built in.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::read;
use super::skip::report;

/// A directory with a copy of a file.
struct Copy {
    directory: PathBuf,
}

impl Copy {
    /// Copies the file for a test, with each resource's arguments as the input of a built-in resource.
    fn of(file: &str, test: &str) -> Copy {
        let name = format!("{test}-{}", file.replace('/', "-"));
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("main.tf"), without_providers(&read(file))).unwrap();
        Copy { directory }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        terraform()
            .arg(format!("-chdir={}", self.directory.display()))
            .args(arguments)
            .output()
            .unwrap()
    }

    #[track_caller]
    fn must(&self, arguments: &[&str]) {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output));
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

/// Terraform, without the user's configuration and without questions.
fn terraform() -> Command {
    let mut command = Command::new("terraform");
    command
        .env("TF_CLI_CONFIG_FILE", "/dev/null")
        .env("CHECKPOINT_DISABLE", "1")
        .env("TF_INPUT", "0");
    command
}

fn is_here() -> bool {
    terraform()
        .arg("version")
        .output()
        .is_ok_and(|output| output.status.success())
}

/// The text with `terraform_data` instead of each resource, whose arguments become one object.
fn without_providers(text: &str) -> String {
    let mut out = String::new();
    let mut arguments: Option<Vec<&str>> = None;
    let mut depth = 0;
    for line in text.lines() {
        if depth > 0 || line.trim_start().starts_with("required_providers") {
            depth += line.matches('{').count();
            depth -= line.matches('}').count();
            continue;
        }
        let is_argument = line.starts_with("  ") && line.contains(" = ");
        let is_meta = ["count", "prevent_destroy"]
            .iter()
            .any(|name| line.trim_start().starts_with(name));
        match &mut arguments {
            Some(arguments) if is_argument && !is_meta => arguments.push(line),
            Some(taken) if line == "}" => {
                out += &format!("  input = {{\n{}\n  }}\n}}\n", taken.join("\n"));
                arguments = None;
            }
            _ => {
                if line.starts_with("resource ") {
                    arguments = Some(Vec::new());
                }
                out += line;
                out.push('\n');
            }
        }
    }
    out.replace(
        "resource \"cloudflare_dns_record\"",
        "resource \"terraform_data\"",
    )
    .replace("resource \"fly_ip_address\"", "resource \"terraform_data\"")
    .replace("fly_ip_address.boot.address", "terraform_data.boot.id")
}

const FILES: [&str; 2] = [
    "deploy/terraform/main.tf",
    "deploy/terraform/address/main.tf",
];

#[test]
fn terraform_files_are_formatted_and_valid() {
    if !is_here() {
        return report("terraform, which no package of Debian has");
    }
    for file in FILES {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let output = terraform()
            .args(["fmt", "-check", "-diff"])
            .arg(path)
            .output()
            .unwrap();
        assert!(output.status.success(), "{file}: {}", text(&output));
        let copy = Copy::of(file, "valid");
        copy.must(&["init", "-no-color"]);
        copy.must(&["validate", "-no-color"]);
    }
}

#[test]
fn terraform_takes_one_ipv4_address() {
    if !is_here() {
        return report("terraform, which no package of Debian has");
    }
    let copy = Copy::of(FILES[0], "address");
    copy.must(&["init", "-no-color"]);
    let plan = |address: &str, challenge: &str| {
        let address = format!("-var=address={address}");
        let challenge = format!("-var=acme_challenge={challenge}");
        let fixed = [
            "plan",
            "-no-color",
            "-var=zone=example.com",
            "-var=cloudflare_zone_id=1",
        ];
        let output = copy.run(&[&fixed[..], &[&address, &challenge]].concat());
        (output.status.success(), text(&output))
    };
    let (is_valid, printed) = plan("192.0.2.1", "");
    assert!(is_valid && printed.contains("1 to add"), "{printed}");
    for expected in [
        "\"boot.example.com\"",
        "\"A\"",
        "\"192.0.2.1\"",
        "tftp://boot.example.com/",
    ] {
        assert!(printed.contains(expected), "{expected}: {printed}");
    }
    let (is_valid, printed) = plan("192.0.2.1", "boot.example.com.abc.flydns.net");
    assert!(is_valid && printed.contains("2 to add"), "{printed}");
    assert!(
        printed.contains("\"_acme-challenge.boot.example.com\""),
        "{printed}"
    );
    for address in ["2001:db8::1", "192.0.2", "boot.example.com", ""] {
        let (is_valid, printed) = plan(address, "");
        assert!(
            !is_valid && printed.contains("This is not an IPv4 address"),
            "{printed}"
        );
    }
}
