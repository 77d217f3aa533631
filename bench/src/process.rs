//! CPU time and memory of a process, and the core on which it runs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use rustix::thread::CpuSet;

/// Sampling interval of a [`MemoryWatch`]. With many clients, a forked child of a TFTP server lives
/// longer than this.
const SAMPLE_EVERY: Duration = Duration::from_millis(50);

/// CPU time and memory of a process and its children.
///
/// A control group (cgroups(7), version 2) counts every child, to the microsecond. If this process
/// may not make one, the figures come from `/proc`: to 10 ms, and without children that their
/// parent does not wait for.
#[derive(Clone, Debug)]
pub struct Account {
    pid: u32,
    group: Option<PathBuf>,
}

impl Account {
    /// The account of a process that is already running.
    pub fn of(pid: u32) -> Account {
        Account { pid, group: None }
    }

    /// The account of a process that has just been started, in a new control group.
    pub fn open(pid: u32) -> Account {
        let group = make_group(pid).ok();
        Account { pid, group }
    }

    /// CPU time so far.
    pub fn cpu_time(&self) -> io::Result<Duration> {
        let Some(group) = &self.group else {
            return cpu_time(self.pid);
        };
        let stat = fs::read_to_string(group.join("cpu.stat"))?;
        let line = stat
            .lines()
            .find_map(|line| line.strip_prefix("usage_usec "));
        let micros = line.and_then(|micros| micros.parse().ok());
        micros
            .map(Duration::from_micros)
            .ok_or(io::ErrorKind::InvalidData.into())
    }

    /// True if children that their parent does not wait for are counted.
    pub fn is_whole(&self) -> bool {
        self.group.is_some()
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Resident bytes of the process, plus the anonymous memory of its children.
    pub fn resident(&self) -> u64 {
        let started = match &self.group {
            Some(group) => numbers(&group.join("cgroup.procs")),
            None => children(self.pid),
        };
        let started = started.into_iter().filter(|&pid| pid != self.pid);
        let own = started.map(|child| memory(child, "RssAnon").unwrap_or(0));
        memory(self.pid, "VmRSS").unwrap_or(0) + own.sum::<u64>()
    }

    /// Sends the process SIGTERM.
    pub fn ask_to_end(&self) {
        self.signal(Signal::TERM);
    }

    /// Kills the process and its children.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
        self.close();
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) {
            // The process may have ended already.
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    /// Kills the children that are left after the process has ended, and removes the control group.
    pub fn close(&self) {
        let Some(group) = &self.group else {
            return;
        };
        let _ = fs::write(group.join("cgroup.kill"), "1");
        // The last child may take a moment to end.
        for _ in 0..100 {
            if fs::remove_dir(group).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Moves a process into a new control group below that of this process.
fn make_group(pid: u32) -> io::Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    let mount = mounts.lines().find(|line| line.contains(" - cgroup2 "));
    let mount = mount
        .and_then(|line| line.split(' ').nth(4))
        .ok_or(io::ErrorKind::NotFound)?;
    let groups = fs::read_to_string("/proc/self/cgroup")?;
    let own = groups
        .lines()
        .find_map(|line| line.strip_prefix("0::/"))
        .unwrap_or_default();
    let group = Path::new(mount)
        .join(own)
        .join(format!("bootstone-bench-{pid}"));
    fs::create_dir(&group)?;
    let moved = fs::write(group.join("cgroup.procs"), pid.to_string());
    if moved.is_err() {
        fs::remove_dir(&group)?;
    }
    moved.map(|()| group)
}

/// CPU time of a process since its start, including its threads, and including the children that
/// are running or that it has waited for. The kernel reports it in steps of 10 ms.
fn cpu_time(pid: u32) -> io::Result<Duration> {
    let mut ticks = ticks_of(pid)?;
    for child in children(pid) {
        // If the child has ended since, its time is part of its parent's.
        ticks += ticks_of(child).unwrap_or(0);
    }
    let per_second = rustix::param::clock_ticks_per_second();
    Ok(Duration::from_millis(ticks * 1000 / per_second))
}

/// CPU time of this process.
pub fn own_cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// utime, stime, cutime and cstime: fields 14 to 17 of proc_pid_stat(5).
fn ticks_of(pid: u32) -> io::Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // Field 2, the name, may contain any character. It ends at the last parenthesis.
    let rest = stat.rsplit(')').next().unwrap_or_default();
    let times = rest.split_whitespace().skip(11).take(4);
    Ok(times.filter_map(|field| field.parse::<u64>().ok()).sum())
}

fn children(pid: u32) -> Vec<u32> {
    numbers(Path::new(&format!("/proc/{pid}/task/{pid}/children")))
}

/// The numbers in a file; empty if it cannot be read.
fn numbers(path: &Path) -> Vec<u32> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace()
        .filter_map(|number| number.parse().ok())
        .collect()
}

/// True while the process exists and is not a zombie.
pub fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit(") ")
        .next()
        .and_then(|rest| rest.chars().next());
    state.is_some_and(|state| !"ZX".contains(state))
}

/// A field of `/proc/PID/status` in bytes: `VmRSS`, `VmHWM`, `RssAnon`.
pub fn memory(pid: u32, what: &str) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(what)?.strip_prefix(':'));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    Ok(kilobytes.unwrap_or(0) * 1024)
}

/// Measures the peak memory of a process and its children.
#[derive(Debug)]
pub struct MemoryWatch {
    pid: u32,
    most: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    watcher: Option<JoinHandle<()>>,
}

impl MemoryWatch {
    /// Starts measuring.
    pub fn start(account: &Account) -> MemoryWatch {
        let account = account.clone();
        let pid = account.pid;
        // 5 resets the peak, see proc_pid_clear_refs(5). If that is not allowed, the peak is that
        // since the start of the process.
        let _ = fs::write(format!("/proc/{pid}/clear_refs"), "5");
        let most = Arc::new(AtomicU64::new(0));
        let over = Arc::new(AtomicBool::new(false));
        let (seen, stop) = (Arc::clone(&most), Arc::clone(&over));
        let watcher = std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                seen.fetch_max(account.resident(), Ordering::Relaxed);
                std::thread::park_timeout(SAMPLE_EVERY);
            }
        });
        MemoryWatch {
            pid,
            most,
            over,
            watcher: Some(watcher),
        }
    }

    /// Stops measuring, and returns the peak in bytes: exact for the process, sampled for its
    /// children.
    pub fn stop(mut self) -> u64 {
        self.end();
        let own = memory(self.pid, "VmHWM").unwrap_or(0);
        own.max(self.most.load(Ordering::Relaxed))
    }

    fn end(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(watcher) = self.watcher.take() {
            watcher.thread().unpark();
            let _ = watcher.join();
        }
    }
}

impl Drop for MemoryWatch {
    fn drop(&mut self) {
        self.end();
    }
}

/// Datagrams that the sockets on a UDP port have dropped: the last column of `/proc/net/udp`.
pub fn socket_drops(port: u16) -> u64 {
    let tables = ["/proc/net/udp", "/proc/net/udp6"].map(fs::read_to_string);
    let lines = tables.iter().flatten().flat_map(|table| table.lines());
    let of_port = lines.filter(|line| {
        let local = line.split_whitespace().nth(1).unwrap_or_default();
        local.ends_with(&format!(":{port:04X}"))
    });
    of_port
        .filter_map(|line| line.split_whitespace().last()?.parse::<u64>().ok())
        .sum()
}

/// Pins this thread, and the threads that it starts, to one core.
pub fn pin(core: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    Ok(rustix::thread::sched_setaffinity(None, &set)?)
}

/// The first and the last core that this process may use: for the server, and for the load.
pub fn cores() -> io::Result<(usize, usize)> {
    let set = rustix::thread::sched_getaffinity(None)?;
    let allowed: Vec<usize> = (0..CpuSet::MAX_CPU)
        .filter(|&core| set.is_set(core))
        .collect();
    let first = allowed.first().copied().unwrap_or(0);
    Ok((first, allowed.last().copied().unwrap_or(first)))
}

/// Describes the machine in one line, without its host name.
pub fn machine() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = cpuinfo.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split(": ").nth(1))
            .unwrap_or("unknown")
            .to_owned()
    };
    let virtual_machine = cpuinfo.contains(" hypervisor");
    let count = cpuinfo
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let version: String = kernel
        .chars()
        .take_while(|c| c.is_ascii_digit() || *c == '.')
        .collect();
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = meminfo
        .split_whitespace()
        .nth(1)
        .and_then(|kb| kb.parse::<f64>().ok());
    let gib = total.unwrap_or(0.0) / f64::from(1 << 20);
    format!(
        "{} ({count} cores{}, {gib:.0} GiB), Linux {}",
        field("model name"),
        if virtual_machine { ", virtual" } else { "" },
        version.trim_end_matches('.'),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_cpu_time_and_memory() {
        let pid = std::process::id();
        let account = Account::of(pid);
        let before = account.cpu_time().unwrap();
        let mut sum = 0u64;
        while account.cpu_time().unwrap() < before + Duration::from_millis(30) {
            sum = (0..100_000u64).fold(sum, |sum, i| sum.wrapping_mul(31) ^ i);
        }
        assert_ne!(sum, 1);
        assert!(own_cpu_time() >= before);
        assert!(memory(pid, "VmRSS").unwrap() > 100_000);
        assert!(is_alive(pid));
    }

    #[test]
    fn the_peak_is_measured() {
        let watch = MemoryWatch::start(&Account::of(std::process::id()));
        let many = vec![1u8; 64 << 20];
        assert_eq!(
            many.iter().map(|&byte| usize::from(byte)).sum::<usize>(),
            many.len()
        );
        drop(many);
        assert!(watch.stop() > 64 << 20);
    }

    #[test]
    fn drops_of_a_full_socket_are_counted() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        assert_eq!(socket_drops(port), 0);
        let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..20_000 {
            sender.send_to(&[0; 512], ("127.0.0.1", port)).unwrap();
        }
        assert!(socket_drops(port) > 0);
    }
}
