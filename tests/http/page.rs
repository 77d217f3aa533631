//! The HTML page, and health.

use super::client::Client;
use super::site::{content, manifest, no_limits, start};

fn page(host: &str) -> String {
    let server = start(no_limits(), 0);
    let mut client = Client::new(server.address);
    client.send(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    let response = client.response(true);
    assert_eq!(response.status, 200);
    response.text().to_owned()
}

#[test]
fn the_page_shows_the_manifest() {
    let page = page("boot.example.com");
    let plain = page.replace("<wbr>", "");
    let content_id = manifest().content_id().to_string();
    assert!(plain.contains(&content_id));
    for record in manifest().records() {
        assert!(plain.contains(&format!("<code>{}</code>", record.sha256)));
        assert!(plain.contains(record.kind.description()));
    }
    for text in [
        env!("CARGO_PKG_VERSION"),
        "100,000",
        "2.0.0+ &lt;g1a2b&gt;",
        "<dt>Region<dd>&lt;fra&gt;",
        "<dt>Machine<dd>&lt;148e&gt;",
        "a&amp;b &lt;&#39;c&#39;&gt; %41.ipxe",
        "as published",
        "the same as ipxe.efi",
        "dhcp-boot=tag:efi-x86-64,tag:!ipxe,ipxe.efi,,boot.example.com\n",
        "http://boot.example.com/ipxe.efi",
        "dhcp-boot=tag:bios,tag:!ipxe,undionly.kpxe,,boot.example.com\n",
    ] {
        assert!(plain.contains(text), "{text} in {page}");
    }
    for markup in [
        "<script",
        "<fra>",
        "<g1a2b>",
        "<'c'>",
        "http-equiv",
        " src=",
        " style=",
    ] {
        assert!(!page.contains(markup), "{markup} in {page}");
    }
}

#[test]
fn every_link_of_the_page_works() {
    let server = start(no_limits(), 0);
    let mut client = Client::new(server.address);
    let page = client.get("/").text().to_owned();
    let links: Vec<&str> = page
        .split("href=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    assert_eq!(links.len(), 2 * manifest().records().len() + 3);
    for link in &links {
        assert!(link.starts_with('/'), "{link} leads to another server");
        assert_eq!(client.get(link).status, 200, "{link}");
    }
    let odd = links
        .iter()
        .find(|link| link.starts_with("/a%26b"))
        .unwrap();
    assert_eq!(client.get(odd).body, content(super::site::ODD_NAME));
}

#[test]
fn the_page_does_not_repeat_an_invalid_host() {
    for host in ["<script>alert(1)</script>", "a\"b", "a, b", "a/b", ""] {
        let page = page(host);
        let instead = "dhcp-boot=tag:bios,tag:!ipxe,undionly.kpxe,,127.0.0.1\n";
        assert!(page.contains(instead), "{page}");
        assert!(!page.contains("<script"), "{page}");
    }
    let over_ipv6 = page("[2001:db8::1]:8080");
    assert!(over_ipv6.contains("tftp://[2001:db8::1]/ipxe.efi"));
}

#[test]
fn the_page_may_load_and_run_nothing() {
    let server = start(no_limits(), 0);
    let response = Client::new(server.address).get("/");
    let policy = response.field("Content-Security-Policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'unsafe-inline';"));
    assert_eq!(response.field("Referrer-Policy"), "no-referrer");
    assert_eq!(response.field("X-Content-Type-Options"), "nosniff");
}

#[test]
fn a_driver_that_does_not_respond_is_unhealthy() {
    let server = start(no_limits(), 1);
    let mut client = Client::new(server.address);
    let response = client.get("/healthz");
    assert_eq!(response.status, 503);
    assert_eq!(response.text(), "1 of 2 drivers do not respond\n");
    let metrics = client.get("/metrics");
    assert!(metrics.text().contains("\nbootstone_drivers 2\n"));
    assert!(
        metrics
            .text()
            .contains("\nbootstone_drivers_responding 1\n")
    );
    assert_eq!(client.get("/ipxe.efi").status, 200, "files go on");
}
