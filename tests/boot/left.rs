//! What is left of a run: nothing, also when it was killed half-way.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::machine::Firmware;
use crate::{inputs, inside, network};

/// Far more than the kernel needs to kill a handful of processes.
const LIMIT: Timespec = Timespec {
    tv_sec: 10,
    tv_nsec: 0,
};

pub(crate) fn a_run_that_is_killed_leaves_nothing() {
    if inputs::machines()
        .iter()
        .all(|machine| machine.firmware != Firmware::Bios)
    {
        return;
    }
    let before = Surroundings::look();
    let mut run = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "real_firmware_boots"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(run.stdout.take().unwrap()).lines();
    let is_half_way = |line: &String| line.starts_with(inside::HALF_WAY);
    let half_way = lines.find(|line| line.as_ref().is_ok_and(is_half_way));
    let running = processes(&inside::work());
    let ends = running.iter().map(|(pid, _)| {
        let pid = Pid::from_raw(*pid).unwrap();
        pidfd_open(pid, PidfdFlags::empty()).unwrap()
    });
    let ends: Vec<_> = ends.collect();
    run.kill().unwrap();
    run.wait().unwrap();

    assert!(half_way.is_some(), "it did not get half-way");
    for program in ["qemu", "dnsmasq", "bootstone", inside::WORD] {
        let is_there = running.iter().any(|(_, line)| line.contains(program));
        assert!(is_there, "no {program} in {running:?}");
    }
    for (end, process) in ends.iter().zip(&running) {
        let mut fds = [PollFd::new(end, PollFlags::IN)];
        let has_ended = retry_on_intr(|| poll(&mut fds, Some(&LIMIT))).unwrap();
        assert_eq!(has_ended, 1, "still running: {process:?}");
    }
    assert_eq!(processes(&inside::work()), []);
    assert_eq!(Surroundings::look(), before);
}

/// All processes on whose command line this folder is, with that line.
pub(crate) fn processes(work: &Path) -> Vec<(i32, String)> {
    let work = work.to_str().unwrap();
    let process = |entry: fs::DirEntry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        line.contains(work).then_some((pid, line))
    };
    let entries = fs::read_dir("/proc").unwrap();
    entries
        .filter_map(|entry| process(entry.unwrap()))
        .collect()
}

/// What a run could leave behind besides processes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Surroundings {
    /// Network namespaces in use, and mounts of ours.
    mounts: BTreeSet<String>,
    /// Bridges and taps by our names.
    interfaces: BTreeSet<String>,
}

impl Surroundings {
    pub(crate) fn look() -> Surroundings {
        let work = inside::work();
        let work = work.to_str().unwrap();
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let mounts = mounts
            .lines()
            .filter(|line| line.contains(" nsfs ") || line.contains(work));
        let interfaces = fs::read_dir("/sys/class/net").unwrap();
        let interfaces = interfaces.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let is_ours = |name: &String| name.starts_with(network::PREFIX);
        Surroundings {
            mounts: mounts.map(str::to_owned).collect(),
            interfaces: interfaces.filter(is_ours).collect(),
        }
    }
}
