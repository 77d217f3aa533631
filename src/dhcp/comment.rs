//! The comment at the top of a configuration.

use super::plan::Plan;

/// `text` in lines that begin with `mark`, and after it what the server's name or port asks for.
pub(super) fn comment(mark: &str, text: &str, plan: &Plan) -> String {
    let lines = text.lines().map(str::to_owned);
    let lines = lines.chain(port(plan)).chain(name(plan));
    lines.map(|line| format!("{mark} {line}\n")).collect()
}

fn port(plan: &Plan) -> Vec<String> {
    let lines = |port| {
        vec![
            format!("Bootstone listens on UDP port {port}, but DHCP cannot name a TFTP port, and"),
            format!(
                "firmware asks port 69. Redirect UDP port 69 to {port}, or start Bootstone on 69."
            ),
        ]
    };
    plan.server.odd_port().map_or(Vec::new(), lines)
}

fn name(plan: &Plan) -> Vec<String> {
    let lines = |name| {
        vec![
            format!(
                "A DHCP server may know no DNS: replace {name} by the server's address, except"
            ),
            "in URLs. (dnsmasq looks the name up in /etc/hosts only.)".to_owned(),
        ]
    };
    plan.server.name().map_or(Vec::new(), lines)
}
