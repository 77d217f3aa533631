//! The alert rule about slow boots, evaluated by Prometheus's own tool.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use super::skip::skip;

/// The upper bounds of `bootstone_boot_seconds`.
const BOUNDS: [&str; 11] = [
    "1", "3", "10", "20", "30", "60", "120", "300", "600", "1800", "+Inf",
];

/// A test for `promtool test rules`: at each minute, `per_minute` boots end, and each takes
/// `seconds`. It expects the alert if `is_slow`.
fn scenario(seconds: f64, per_minute: f64, is_slow: bool) -> String {
    let mut text = "  - interval: 1m\n    input_series:\n".to_owned();
    let mut series = |name: &str, labels: &str, rate: f64| {
        let labels = format!("instance=\"a\",result=\"complete\"{labels}");
        let _ = writeln!(text, "      - series: 'bootstone_boot_{name}{{{labels}}}'");
        let _ = writeln!(text, "        values: '0+{rate}x60'");
    };
    for bound in BOUNDS {
        let is_below = bound.parse::<f64>().is_ok_and(|bound| bound < seconds);
        let rate = if is_below { 0.0 } else { per_minute };
        series("seconds_bucket", &format!(",le=\"{bound}\""), rate);
    }
    series("seconds_count", "", per_minute);
    text += "    alert_rule_test:\n      - eval_time: 50m\n        alertname: BootstoneBootsSlow\n";
    if is_slow {
        text += "        exp_alerts:\n          - exp_labels: {severity: warning, instance: a}\n            \
                 exp_annotations:\n              \
                 summary: At a, one boot in ten takes longer than a minute.\n              \
                 description: See docs/operating.md for the causes, and how to find the machines.\n";
    }
    text
}

#[test]
fn slow_boots_raise_an_alert() {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/grafana/alerts.yaml");
    let mut text = format!("rule_files: ['{}']\ntests:\n", rules.display());
    for (seconds, per_minute, is_slow) in [
        (70.0, 1.0, true),
        (500.0, 0.25, true),
        (50.0, 1.0, false),
        // Three in half an hour say nothing.
        (500.0, 0.1, false),
    ] {
        text += &scenario(seconds, per_minute, is_slow);
    }
    let file = std::env::temp_dir().join(format!("bootstone-alerts-{}.yaml", std::process::id()));
    std::fs::write(&file, text).unwrap();
    let output = Command::new("promtool")
        .args(["test", "rules"])
        .arg(&file)
        .output();
    std::fs::remove_file(&file).unwrap();
    let Ok(output) = output else {
        return skip("promtool (package prometheus)");
    };
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{message}");
}
