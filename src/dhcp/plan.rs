//! Which machine is sent to which file.

use super::choice::{Choice, choose};
use super::server::BootServer;
use super::warnings::warnings;
use crate::manifest::{Kind, Manifest, Record};

/// What the operator asks for.
pub struct PlanRequest {
    /// Where machines reach this server.
    pub server: BootServer,
    /// The URL of the script for iPXE; an embedded one without it.
    pub script: Option<String>,
    /// The URL under which this server's HTTP listener serves the boot files, for UEFI HTTP Boot.
    pub http: Option<String>,
    /// Whether UEFI machines verify signatures.
    pub secure_boot: bool,
}

/// Which machine is sent to which file.
pub struct Plan {
    /// Where machines reach this server.
    pub server: BootServer,
    /// The groups of machines, each with its file.
    pub targets: Vec<BootTarget>,
    /// The URL of a script for iPXE, if there is one.
    pub script: Option<String>,
    /// What does not boot as it is, and what to do.
    pub warnings: Vec<String>,
}

/// A group of machines, and their file.
pub struct BootTarget {
    /// Names the group in a configuration: `efi-x86-64`, `efi-x86-64-http`.
    pub tag: String,
    /// The architecture codes by which machines of the group are known: option 93, over IPv6
    /// option 61.
    pub codes: &'static [u16],
    /// What DHCP names: a file name, or a URL for HTTP Boot and over IPv6.
    pub file: String,
    /// Whether these machines use UEFI HTTP Boot. They take answers only from a server of the
    /// vendor class `HTTPClient`.
    pub is_http: bool,
}

/// A BOOTP header has 128 bytes for the file name, with a NUL at its end (RFC 2131 §2).
const LONGEST_FILE: usize = 127;

impl Plan {
    /// Sends machines to the files of `manifest`, and iPXE to a script.
    ///
    /// # Errors
    /// An address that is not one server's, nothing to boot, or a name that not every configuration
    /// can hold.
    pub fn new(manifest: &Manifest, request: PlanRequest) -> Result<Plan, String> {
        let PlanRequest {
            server,
            script,
            http,
            secure_boot,
        } = request;
        server.check()?;
        let mut choice = choose(manifest, secure_boot);
        if server.is_ipv6() {
            choice.files.remove(&Kind::Bios);
        }
        let is_asked_for = |kind: &Kind| *kind != Kind::Bios || !secure_boot;
        if !choice.files.keys().any(is_asked_for) {
            return Err(nothing_to_boot(&choice, secure_boot, server.is_ipv6()));
        }
        let http = http.map(|url| http_base(&url)).transpose()?;
        let plan = Plan {
            targets: targets(&choice, &server, http.as_deref())?,
            script: script.or_else(|| embedded_script(manifest, &server)),
            warnings: warnings(&choice, manifest, secure_boot),
            server,
        };
        plan.check()?;
        Ok(plan)
    }

    /// The file of every target, and the script.
    fn files(&self) -> impl Iterator<Item = &String> {
        let files = self.targets.iter().map(|target| &target.file);
        files.chain(&self.script)
    }

    fn check(&self) -> Result<(), String> {
        for file in self.files() {
            if !is_plain(file, URL_PUNCTUATION) {
                return Err(unwritable(file, URL_PUNCTUATION));
            }
            if !self.server.is_ipv6() && file.len() > LONGEST_FILE {
                return Err(format!(
                    "{file:?} has {} bytes, but at most {LONGEST_FILE} fit into a DHCP answer. Use \
                     a shorter name or URL",
                    file.len()
                ));
            }
        }
        Ok(())
    }
}

fn targets(
    choice: &Choice,
    server: &BootServer,
    http: Option<&str>,
) -> Result<Vec<BootTarget>, String> {
    let mut names = choice.files.values().map(|record| &record.name);
    if let Some(odd) = names.find(|name| !is_plain(name, NAME_PUNCTUATION)) {
        return Err(unwritable(odd, NAME_PUNCTUATION));
    }
    let over_tftp = |(kind, record): (&Kind, &&Record)| BootTarget {
        tag: kind.to_string(),
        codes: kind.dhcp_architectures(),
        file: match server.is_ipv6() {
            true => format!("tftp://{}/{}", server.in_url(), record.name),
            false => record.name.clone(),
        },
        is_http: false,
    };
    let over_http = |(kind, record): (&Kind, &&Record)| {
        let codes = kind.http_architectures();
        let base = http.filter(|_| !codes.is_empty())?;
        Some(BootTarget {
            tag: format!("{kind}-http"),
            codes,
            file: format!("{base}/{}", record.name),
            is_http: true,
        })
    };
    let files = || choice.files.iter();
    let targets = files().map(over_tftp);
    Ok(targets.chain(files().filter_map(over_http)).collect())
}

/// The URL without slashes at its end.
fn http_base(url: &str) -> Result<String, String> {
    let rest = url.strip_prefix("http://").or(url.strip_prefix("https://"));
    match rest.map(|rest| rest.trim_matches('/')) {
        None | Some("") => Err(format!(
            "{url:?} is not the URL of an HTTP server: write --http http://192.0.2.1:8080"
        )),
        Some(_) => Ok(url.trim_end_matches('/').to_owned()),
    }
}

fn embedded_script(manifest: &Manifest, server: &BootServer) -> Option<String> {
    let has = |name: &&str| manifest.records().iter().any(|record| record.name == *name);
    let name = ["boot.ipxe", "autoexec.ipxe"].into_iter().find(has)?;
    Some(format!("tftp://{}/{name}", server.authority()))
}

fn nothing_to_boot(choice: &Choice, secure_boot: bool, is_ipv6: bool) -> String {
    if !secure_boot && let Some(file) = choice.left_out.values().next() {
        return format!(
            "the boot files for UEFI are for Secure Boot only ({}): use --secure-boot, or embed \
             ipxe.efi",
            file.name
        );
    }
    let what = match (secure_boot, is_ipv6) {
        (true, _) => "no signed boot file for UEFI is embedded",
        (false, true) => "no boot file for UEFI is embedded, and a BIOS does not boot over IPv6",
        (false, false) => "no boot file for any firmware is embedded",
    };
    format!(
        "{what}: there is nowhere to send machines to. boot-assets/README.md says how to bring in \
         iPXE"
    )
}

/// What file names may contain beside letters and digits, so that they mean themselves in every
/// configuration, and in a URL.
const NAME_PUNCTUATION: &[u8] = b"-._~/=@+";
const URL_PUNCTUATION: &[u8] = b"-._~/=@+:?&%[]";

fn is_plain(text: &str, punctuation: &[u8]) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || punctuation.contains(&b);
    !text.is_empty() && text.bytes().all(plain)
}

fn unwritable(text: &str, punctuation: &[u8]) -> String {
    format!(
        "{text:?} cannot be written into every configuration: only letters, digits and {} can",
        punctuation.escape_ascii()
    )
}
