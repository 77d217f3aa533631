//! What makes no plan, and what the message says.

use bootstone::dhcp::{BootServer, Plan, PlanRequest, dnsmasq_proxy, openwrt};
use bootstone::manifest::Manifest;

use crate::catalogs::{debian_12, manifest, one_efi, only_bios, plan, request, with_secure_boot};

fn message(manifest: &Manifest, request: PlanRequest) -> String {
    Plan::new(manifest, request).err().unwrap()
}

#[test]
fn an_address_that_is_not_one_server_is_refused() {
    for (address, part) in [
        ("0.0.0.0", "stands for every address"),
        ("::", "stands for every address"),
        ("::ffff:0.0.0.0", "stands for every address"),
        ("224.0.0.1", "multicast"),
        ("239.255.255.255", "multicast"),
        ("ff02::1", "multicast"),
        ("255.255.255.255", "broadcast"),
    ] {
        let message = message(&debian_12(), request(address));
        assert!(message.contains(part), "{address}: {message}");
        assert!(message.contains("Give the address"), "{message}");
    }
    for address in [
        "192.0.2.1",
        "2001:db8::1",
        "::ffff:192.0.2.1",
        "boot.example.com",
    ] {
        assert!(
            Plan::new(&debian_12(), request(address)).is_ok(),
            "{address}"
        );
    }
}

#[test]
fn nothing_to_boot_is_an_error() {
    let cases = [
        (
            message(&manifest(&["autoexec.ipxe"]), request("192.0.2.1")),
            "boot-assets/README.md",
        ),
        (
            message(&manifest(&["strange.efi"]), request("192.0.2.1")),
            "boot-assets/README.md",
        ),
        (
            message(&only_bios(), request("2001:db8::1")),
            "a BIOS does not boot over IPv6",
        ),
        (
            message(&manifest(&["shimx64.efi"]), request("192.0.2.1")),
            "(shimx64.efi): use --secure-boot",
        ),
        (
            with_secure_boot(&debian_12(), "192.0.2.1").err().unwrap(),
            "no signed boot file",
        ),
        (
            with_secure_boot(&only_bios(), "192.0.2.1").err().unwrap(),
            "UEFI",
        ),
    ];
    for (message, part) in cases {
        assert!(message.contains(part), "{part} in {message}");
    }
}

#[test]
fn what_a_configuration_cannot_hold_is_refused() {
    let script = |url: &str| {
        let script = Some(url.to_owned());
        let request = PlanRequest {
            script,
            ..request("192.0.2.1")
        };
        Plan::new(&debian_12(), request)
    };
    let own = script("http://boot.example.com/menu.ipxe?mac=1&a=%20").unwrap();
    assert_eq!(
        own.script.unwrap(),
        "http://boot.example.com/menu.ipxe?mac=1&a=%20"
    );
    for odd in ["a'b", "a b", "a,b", "a\"b", "a\nb", ""] {
        let message = script(odd).err().unwrap();
        assert!(message.contains(&format!("{odd:?}")), "{message}");
    }
    for odd in ["ipxe,1.efi", "what?.efi", "100%.efi"] {
        let message = message(&one_efi(odd), request("192.0.2.1"));
        assert!(message.contains(odd), "{message}");
    }
    let long = format!("http://boot.example.com/{}", "x".repeat(128));
    assert!(script(&long).err().unwrap().contains("at most 127"));
}

#[test]
fn http_boot_needs_a_url() {
    for url in [
        "192.0.2.1:8080",
        "http://",
        "ftp://192.0.2.1",
        "http:///",
        "",
    ] {
        let http = Some(url.to_owned());
        let message = message(
            &debian_12(),
            PlanRequest {
                http,
                ..request("192.0.2.1")
            },
        );
        assert!(message.contains("--http http://"), "{message}");
    }
}

#[test]
fn formats_without_ipv6_say_so() {
    let plan = plan(&debian_12(), "2001:db8::1");
    assert!(dnsmasq_proxy(&plan).unwrap_err().contains("IPv4"));
    assert!(openwrt(&plan).unwrap_err().contains("IPv4"));
}

#[test]
fn a_port_other_than_69_is_in_every_url_of_ipxe_and_explained() {
    let request = PlanRequest {
        server: BootServer::new("192.0.2.1", 6969),
        ..request("192.0.2.1")
    };
    let text = bootstone::dhcp::dnsmasq(&Plan::new(&debian_12(), request).unwrap());
    assert!(text.contains("dhcp-boot=tag:ipxe,tftp://192.0.2.1:6969/autoexec.ipxe,,192.0.2.1\n"));
    assert!(
        text.contains("# firmware asks port 69. Redirect UDP port 69 to 6969"),
        "{text}"
    );
}

#[test]
fn a_name_is_explained() {
    let text = bootstone::dhcp::dnsmasq(&plan(&debian_12(), "boot.example.com"));
    assert!(
        text.contains("# A DHCP server may know no DNS: replace boot.example.com"),
        "{text}"
    );
}

#[test]
fn without_a_script_ipxe_gets_no_file() {
    let plan = plan(&one_efi("ipxe.efi"), "192.0.2.1");
    let text = bootstone::dhcp::dnsmasq(&plan);
    assert!(!text.contains("dhcp-boot=tag:ipxe"), "{text}");
}
