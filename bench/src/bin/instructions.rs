//! Instructions of `proto::server` for each ACK in lock-step, counted by callgrind: a figure that
//! no noise touches.
//!
//! Runs itself twice under valgrind, with few and with many transfers; what the start costs falls
//! out of the difference.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use argh::FromArgs;

use bootstone_bench::document;
use bootstone_bench::lock_step::{BLOCKS, LockStep};

const FEW: u64 = 10;
const MANY: u64 = 110;

/// Count the instructions of one ACK in lock-step.
#[derive(FromArgs)]
struct Arguments {
    /// do this many transfers, and nothing else: what runs under valgrind
    #[argh(option)]
    transfers: Option<u64>,

    /// fail if there are more for each ACK
    #[argh(option)]
    most: Option<f64>,

    /// the document that gets the figure, between its markers
    #[argh(option)]
    write: Option<PathBuf>,

    /// keep callgrind's output in this file, to see which function they are in
    #[argh(option)]
    profile: Option<String>,
}

fn main() -> Result<()> {
    let arguments: Arguments = argh::from_env();
    if let Some(transfers) = arguments.transfers {
        return drive(transfers);
    }
    let few = count(FEW, "/dev/null")?;
    let many = count(MANY, arguments.profile.as_deref().unwrap_or("/dev/null"))?;
    let acks = (MANY - FEW) * u64::from(BLOCKS);
    let each = (many - few) as f64 / acks as f64;
    let text = format!(
        "{each:.0} instructions for each ACK in lock-step: from its datagram to the next one, a block of 512 bytes."
    );
    println!("{text}");
    if let Some(path) = &arguments.write {
        document::fill(path, "instructions", &text)?;
    }
    if let Some(most) = arguments.most {
        ensure!(each <= most, "more than {most:.0}");
    }
    Ok(())
}

fn drive(transfers: u64) -> Result<()> {
    let mut lock_step = LockStep::default();
    for _ in 0..transfers {
        ensure!(
            lock_step.transfer() == u64::from(BLOCKS),
            "a transfer did not go as planned"
        );
    }
    Ok(())
}

/// All instructions of a run.
fn count(transfers: u64, profile: &str) -> Result<u64> {
    let output = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            &format!("--callgrind-out-file={profile}"),
        ])
        .arg(std::env::current_exe()?)
        .args(["--transfers", &transfers.to_string()])
        .output()
        .context("valgrind does not start: it is in the package of that name")?;
    let text = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("valgrind failed:\n{text}");
    }
    let line = text
        .lines()
        .find_map(|line| line.split("Collected : ").nth(1));
    let number = line.and_then(|number| number.trim().parse().ok());
    number.with_context(|| format!("valgrind gave no count:\n{text}"))
}
