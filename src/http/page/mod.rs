//! The HTML page: the files, their hashes, and how to boot from this server.
//!
//! One document without scripts, fonts, images or anything loaded from other servers.

mod authority;
mod plots;
mod text;

use std::fmt::Write;
use std::net::SocketAddr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use self::authority::Authority;
use self::text::{escape, grouped};
use super::site::{Location, Site};
use crate::dhcp::{Plan, PlanRequest, dnsmasq};
use crate::manifest::{Digest, Kind, Manifest, Record};
use crate::proto::observer::Minute;

const STYLE: &str = include_str!("style.css");

/// Characters that are escaped in links; `/` separates path segments.
const IN_LINKS: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'.')
    .remove(b'-')
    .remove(b'_')
    .remove(b'~');

/// The document, for a request with the Host field `host` that was sent to `local`. `minutes` are
/// those of the last hour.
pub(super) fn html(site: &Site, minutes: &[Minute], host: &str, local: SocketAddr) -> String {
    let authority = Authority::new(host, local, site.tftp_port);
    let files: String = site.manifest.records().iter().map(row).collect();
    format!(
        "<!DOCTYPE html>\n\
         <html lang=\"en\">\n\
         <meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>Boot files on {name}</title>\n\
         <style>\n{STYLE}</style>\n\
         <main>\n\
         <header>\n<h1>Boot files on <span>{name}</span></h1>\n{facts}</header>\n\
         <section>\n<h2>Files</h2>\n\
         <table>\n<thead><tr><th>Name and SHA-256<th>Kind<th>Version<th>Bytes</thead>\n\
         <tbody>\n{files}</tbody>\n</table>\n\
         <p>A click selects a whole hash, ready to copy. All of them: \
         <a href=\"/SHA256SUMS\">SHA256SUMS</a>.</p>\n\
         </section>\n\
         {plots}{check}{boot}\
         <footer>Read-only, from one binary: <a href=\"/healthz\">health</a> · \
         <a href=\"/metrics\">metrics</a></footer>\n\
         </main>\n</html>\n",
        name = escape(&authority.server.to_string()),
        facts = facts(site),
        plots = plots::section(minutes),
        check = check(&authority),
        boot = boot(&site.manifest, authority),
    )
}

fn facts(site: &Site) -> String {
    let content = site.manifest.content_id();
    let mut facts = format!(
        "<dl>\n<div><dt>Version<dd>{}</div>\n",
        env!("CARGO_PKG_VERSION")
    );
    let Location { region, machine } = &site.location;
    for (name, value) in [("Region", region), ("Machine", machine)] {
        if let Some(value) = value {
            let _ = writeln!(facts, "<div><dt>{name}<dd>{}</div>", escape(value));
        }
    }
    facts
        + &format!(
            "<div><dt>Content<dd><code>{}</code></div>\n</dl>\n",
            in_halves(content)
        )
}

fn row(record: &Record) -> String {
    let Record { size, sha256, .. } = record;
    let link = utf8_percent_encode(&record.name, IN_LINKS);
    let mut row = format!(
        "<tr><td><a href=\"/{link}\">{}</a><code>{}</code>\n\
         <small><a href=\"/{link}.sha256\">checksum file</a>",
        escape(&record.name),
        in_halves(*sha256),
    );
    if record.published {
        row += " · as published";
    }
    if let Some(other) = &record.alias_of {
        let _ = write!(row, " · the same as {}", escape(other));
    }
    let version = record.version.as_deref().map_or(String::new(), escape);
    let _ = writeln!(
        row,
        "</small><td>{}<td data-label=\"Version\">{version}<td data-label=\"Bytes\">{}",
        kind(record.kind),
        grouped(*size)
    );
    row
}

/// A hash with a line-break opportunity in its middle, which is not copied.
fn in_halves(hash: Digest) -> String {
    let mut hash = hash.to_string();
    hash.insert_str(hash.len() / 2, "<wbr>");
    hash
}

/// The kind of a file, and the DHCP option 93 codes of the machines that boot it.
fn kind(kind: Kind) -> String {
    let codes: Vec<String> = [kind.dhcp_architectures(), kind.http_architectures()]
        .concat()
        .iter()
        .map(u16::to_string)
        .collect();
    match codes.is_empty() {
        true => kind.description().to_owned(),
        false => format!(
            "{}<small>client-arch {}</small>",
            kind.description(),
            codes.join(", ")
        ),
    }
}

fn check(authority: &Authority) -> String {
    format!(
        "<section>\n<h2>Check</h2>\n\
         <p>Every file, fetched over TFTP and compared with your own build:</p>\n\
         <pre>bootstone verify {}</pre>\n\
         <p>Files that you have fetched, in their directory:</p>\n\
         <pre>curl -sO http://{}/SHA256SUMS\nsha256sum --check --ignore-missing SHA256SUMS</pre>\n\
         </section>\n",
        escape(&authority.server.authority()),
        escape(&authority.http)
    )
}

/// How DHCP sends machines here; nothing if there is nothing to boot.
fn boot(manifest: &Manifest, authority: Authority) -> String {
    let request = PlanRequest {
        http: Some(format!("http://{}", authority.http)),
        server: authority.server,
        script: None,
        secure_boot: false,
    };
    let Ok(plan) = Plan::new(manifest, request) else {
        return String::new();
    };
    format!(
        "<section>\n<h2>Boot from here</h2>\n\
         <p>For <code>dnsmasq.conf</code>; <code>bootstone dhcp</code> writes it for other DHCP \
         servers:</p>\n\
         <pre>{}</pre>\n</section>\n",
        escape(dnsmasq(&plan).trim_end())
    )
}
