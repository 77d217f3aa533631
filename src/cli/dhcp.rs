//! `bootstone dhcp`: what a DHCP server must be told, in the words of each.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::str::FromStr;

use argh::FromArgs;

use super::{could_not, print};
use crate::dhcp::Plan;
use crate::json::Value;

/// Write the configuration of a DHCP server, for IPv4, that sends each machine to its embedded boot file, and iPXE to its
/// script. (Over IPv6 the file is a URL: docs/boot.md.)
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "dhcp")]
pub struct Dhcp {
    /// dnsmasq, kea, isc-dhcp or openwrt (default: dnsmasq)
    #[argh(option, default = "Format::Dnsmasq")]
    format: Format,

    /// the IPv4 address at which machines reach this server
    #[argh(option)]
    server: Ipv4Addr,

    /// URL of the script for iPXE (default: the embedded boot.ipxe, else autoexec.ipxe)
    #[argh(option)]
    script: Option<String>,
}

#[derive(Clone, Copy, Debug)]
enum Format {
    Dnsmasq,
    Kea,
    IscDhcp,
    Openwrt,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Format, String> {
        match text {
            "dnsmasq" => Ok(Format::Dnsmasq),
            "kea" => Ok(Format::Kea),
            "isc-dhcp" => Ok(Format::IscDhcp),
            "openwrt" => Ok(Format::Openwrt),
            _ => Err(format!(
                "there is no format {text:?}: use dnsmasq, kea, isc-dhcp or openwrt"
            )),
        }
    }
}

impl Dhcp {
    /// Writes the configuration to standard output.
    pub fn run(self) -> ExitCode {
        let server = self.server.to_string();
        match Plan::new(&crate::embedded::manifest(), server, self.script) {
            Ok(plan) => print(&match self.format {
                Format::Dnsmasq => plan.dnsmasq(),
                Format::Kea => kea(&plan),
                Format::IscDhcp => isc_dhcp(&plan),
                Format::Openwrt => openwrt(&plan),
            }),
            Err(message) => could_not(message),
        }
    }
}

fn kea(plan: &Plan) -> String {
    let file = |name: &str| {
        let server = plan.server.as_str().into();
        [("boot-file-name", name.into()), ("next-server", server)]
    };
    let mut ipxe: Vec<(_, Value)> = vec![
        ("name", "ipxe".into()),
        ("test", "substring(option[77].hex, 0, 4) == 'iPXE'".into()),
    ];
    ipxe.extend(plan.script.iter().flat_map(|script| file(script)));
    let mut classes = vec![Value::Object(ipxe)];
    for (kind, name) in &plan.files {
        let codes = kind.dhcp_architectures().iter();
        let codes: Vec<String> = codes
            .map(|code| format!("option[93].hex == 0x{code:04x}"))
            .collect();
        let test = format!("not member('ipxe') and ({})", codes.join(" or "));
        let mut class = vec![("name", kind.to_string().into()), ("test", test.into())];
        class.extend(file(name));
        classes.push(Value::Object(class));
    }
    let dhcp4 = Value::Object(vec![("client-classes", Value::Array(classes))]);
    let config = Value::Object(vec![("Dhcp4", dhcp4)]);
    format!("{config:#}\n")
}

fn isc_dhcp(plan: &Plan) -> String {
    let mut text = format!(
        "option client-architecture code 93 = unsigned integer 16;\n\
         next-server {};\n\
         if exists user-class and option user-class = \"iPXE\" {{\n",
        plan.server
    );
    if let Some(script) = &plan.script {
        let _ = writeln!(text, "  filename \"{script}\";");
    }
    for (kind, name) in &plan.files {
        let codes = kind.dhcp_architectures().iter();
        let codes: Vec<String> = codes
            .map(|code| {
                let [high, low] = code.to_be_bytes();
                format!("option client-architecture = {high:02x}:{low:02x}")
            })
            .collect();
        let _ = writeln!(
            text,
            "}} elsif {} {{ # {kind}\n  filename \"{name}\";",
            codes.join(" or ")
        );
    }
    text + "}\n"
}

/// For /etc/config/dhcp, from which dnsmasq's own is made there.
fn openwrt(plan: &Plan) -> String {
    let mut text =
        "config userclass\n\toption networkid 'ipxe'\n\toption userclass 'iPXE'\n".to_owned();
    for (kind, code) in plan.codes() {
        let _ = writeln!(
            text,
            "\nconfig match\n\toption networkid '{kind}'\n\toption match 'option:client-arch,{code}'"
        );
    }
    let files = plan.files.iter();
    let files = files.map(|(kind, name)| (format!("{kind},tag:!ipxe"), name));
    let script = plan.script.iter().map(|script| ("ipxe".to_owned(), script));
    for (tags, name) in files.chain(script) {
        let _ = writeln!(
            text,
            "\nconfig boot\n\toption networkid '{tags}'\n\toption filename '{name}'\n\t\
             option servername 'bootstone'\n\toption serveraddress '{}'",
            plan.server
        );
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::disallowed_methods,
        reason = "the DHCP servers read what is written, if they are installed"
    )]

    use std::process::Command;

    use super::*;
    use crate::manifest::testing::record;
    use crate::manifest::{Kind, Machine, Manifest};

    fn plan() -> Plan {
        let (x86, arm) = (Kind::Efi(Machine::X86_64), Kind::Efi(Machine::Arm64));
        let manifest = Manifest::new(vec![
            record("2.0.0/ipxe.efi", x86),
            record("autoexec.ipxe", Kind::IpxeScript),
            record("ipxe-arm64.efi", arm),
            record("ipxe.efi", x86),
            record("ipxe.lkrn", Kind::Kernel),
            record("ipxe.pxe", Kind::Bios),
            record("undionly.kkpxe", Kind::Bios),
            record("undionly.kpxe", Kind::Bios),
        ]);
        Plan::new(&manifest, "192.0.2.1".to_owned(), None).unwrap()
    }

    /// Has a program read a configuration, if it is installed; with `BOOTSTONE_REQUIRE_CLIENTS=1` it has to be.
    fn accepts(program: &str, arguments: &[&str], config: &str) {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("config");
        std::fs::write(&file, config).unwrap();
        let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
        let arguments = arguments.iter().map(|argument| match *argument {
            "FILE" => file.to_str().unwrap(),
            other => other,
        });
        match Command::new(program)
            .args(arguments)
            .env("PATH", path)
            .output()
        {
            Ok(output) => assert!(output.status.success(), "{output:?}\n{config}"),
            Err(error) => {
                let required = std::env::var("BOOTSTONE_REQUIRE_CLIENTS").is_ok_and(|it| it == "1");
                assert!(!required, "{program}: {error}");
                eprintln!("left out: there is no {program}");
            }
        }
    }

    #[test]
    fn dnsmasq_reads_it() {
        let config = plan().dnsmasq();
        let expected = "\
dhcp-userclass=set:ipxe,iPXE
dhcp-match=set:efi-x86-64,option:client-arch,7
dhcp-match=set:efi-x86-64,option:client-arch,9
dhcp-match=set:efi-arm64,option:client-arch,11
dhcp-match=set:bios,option:client-arch,0
dhcp-boot=tag:efi-x86-64,tag:!ipxe,ipxe.efi,,192.0.2.1
dhcp-boot=tag:efi-arm64,tag:!ipxe,ipxe-arm64.efi,,192.0.2.1
dhcp-boot=tag:bios,tag:!ipxe,undionly.kpxe,,192.0.2.1
dhcp-boot=tag:ipxe,tftp://192.0.2.1/autoexec.ipxe,,192.0.2.1
";
        assert_eq!(config, expected);
        accepts("dnsmasq", &["--test", "-C", "FILE"], &config);
    }

    #[test]
    fn kea_reads_it() {
        let config = kea(&plan());
        let read: serde_json::Value = serde_json::from_str(&config).unwrap();
        let classes = &read["Dhcp4"]["client-classes"];
        assert_eq!(
            classes[0]["boot-file-name"],
            "tftp://192.0.2.1/autoexec.ipxe"
        );
        let test = "not member('ipxe') and (option[93].hex == 0x0007 or option[93].hex == 0x0009)";
        assert_eq!(classes[1]["test"], test);
        assert_eq!(classes[1]["boot-file-name"], "ipxe.efi");
        accepts("kea-dhcp4", &["-t", "FILE"], &config);
    }

    #[test]
    fn isc_dhcp_reads_it() {
        let config = isc_dhcp(&plan());
        assert!(config.contains(
            "} elsif option client-architecture = 00:07 or option client-architecture = 00:09 { # efi-x86-64\n  \
             filename \"ipxe.efi\";\n"
        ));
        let tested = config + "subnet 192.0.2.0 netmask 255.255.255.0 { }\n";
        accepts("dhcpd", &["-t", "-cf", "FILE"], &tested);
    }

    /// What OpenWrt's start script makes of the sections is what dnsmasq itself is given elsewhere.
    #[test]
    fn openwrt_makes_the_same_of_it() {
        let text = openwrt(&plan());
        let mut lines = Vec::new();
        for section in text.split("\n\n") {
            let option = |name: &str| {
                let start = format!("option {name} '");
                let mut found = section
                    .lines()
                    .filter_map(|line| line.trim().strip_prefix(&start));
                found
                    .next()
                    .and_then(|rest| rest.strip_suffix('\''))
                    .unwrap()
            };
            let tag = option("networkid");
            lines.push(match section.lines().next().unwrap() {
                "config userclass" => format!("dhcp-userclass=set:{tag},{}", option("userclass")),
                "config match" => format!("dhcp-match=set:{tag},{}", option("match")),
                "config boot" => {
                    let [file, name] = [option("filename"), option("servername")];
                    format!(
                        "dhcp-boot=tag:{tag},{file},{name},{}",
                        option("serveraddress")
                    )
                }
                other => panic!("{other}"),
            });
        }
        let made = lines.join("\n") + "\n";
        assert_eq!(made.replace(",bootstone,", ",,"), plan().dnsmasq());
        accepts("dnsmasq", &["--test", "-C", "FILE"], &made);
    }

    #[test]
    fn a_script_of_the_operators_own() {
        let efi = Manifest::new(vec![record("ipxe.efi", Kind::Efi(Machine::X86_64))]);
        let server = || "192.0.2.1".to_owned();
        let script = |url: &str| Plan::new(&efi, server(), Some(url.to_owned()));
        let own = script("http://boot.example.com/menu.ipxe?mac=1").unwrap();
        assert!(
            own.dnsmasq()
                .contains("tag:ipxe,http://boot.example.com/menu.ipxe?mac=1,,")
        );
        assert!(script("a'b").is_err_and(|message| message.contains("a'b")));
        // Without any, iPXE is given no file: certainly not itself.
        let none = Plan::new(&efi, server(), None).unwrap();
        assert!(!none.dnsmasq().contains("dhcp-boot=tag:ipxe"));
        accepts("dhcpd", &["-t", "-cf", "FILE"], &isc_dhcp(&none));
        accepts("kea-dhcp4", &["-t", "FILE"], &kea(&none));
    }

    #[test]
    fn nothing_to_boot_is_an_error() {
        let script = Manifest::new(vec![record("autoexec.ipxe", Kind::IpxeScript)]);
        let message = Plan::new(&script, "192.0.2.1".to_owned(), None)
            .err()
            .unwrap();
        assert!(message.contains("boot-assets/README.md"), "{message}");
    }
}
