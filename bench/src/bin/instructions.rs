//! Counts the CPU instructions of `proto::server` per ACK in lock-step with callgrind. The figure
//! has no noise.
//!
//! The program runs itself twice under valgrind, with few and with many transfers. The difference
//! does not contain the cost of its start.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use argh::FromArgs;

use bootstone_bench::document;
use bootstone_bench::lock_step::{BLOCKS, LockStep};

const FEW: u64 = 10;
const MANY: u64 = 110;

/// Count the CPU instructions per ACK in lock-step.
#[derive(FromArgs)]
struct Arguments {
    /// only run this many transfers; the program uses this option under valgrind
    #[argh(option)]
    transfers: Option<u64>,

    /// fail if an ACK takes more instructions than this
    #[argh(option)]
    most: Option<f64>,

    /// write the figure between the markers of this document
    #[argh(option)]
    write: Option<PathBuf>,

    /// write callgrind's output to this file, which shows the instructions of each function
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
        "{each:.0} instructions for each ACK in lock-step: from its datagram to the next one, a \
         block of 512 bytes."
    );
    println!("{text}");
    if let Some(path) = &arguments.write {
        document::fill(path, "instructions", &text)?;
    }
    if let Some(most) = arguments.most {
        ensure!(
            each <= most,
            "an ACK takes more than {most:.0} instructions"
        );
    }
    Ok(())
}

fn drive(transfers: u64) -> Result<()> {
    let mut lock_step = LockStep::default();
    for _ in 0..transfers {
        ensure!(
            lock_step.transfer() == u64::from(BLOCKS),
            "a transfer did not send each block once"
        );
    }
    Ok(())
}

/// Counts the instructions of a run.
fn count(transfers: u64, profile: &str) -> Result<u64> {
    let output = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            &format!("--callgrind-out-file={profile}"),
        ])
        .arg(std::env::current_exe()?)
        .args(["--transfers", &transfers.to_string()])
        .output()
        .context("cannot start valgrind: install the package valgrind")?;
    let text = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("valgrind failed:\n{text}");
    }
    let line = text
        .lines()
        .find_map(|line| line.split("Collected : ").nth(1));
    let number = line.and_then(|number| number.trim().parse().ok());
    number.with_context(|| format!("valgrind printed no instruction count:\n{text}"))
}
