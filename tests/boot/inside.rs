//! A network of its own, and what happens in it.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::dhcp::Dhcp;
use crate::image::{self, Files};
use crate::left::{self, Surroundings};
use crate::machine::{DELAY, Ended, Firmware, LOSS, Machine, Path as Way};
use crate::relay::{self, Conditions, Relay};
use crate::replay::{self, Compared};
use crate::server::{self, Server};
use crate::{capture, inputs, network, qemu, times};

/// The first argument of the program that runs in the network of its own. The second is where it
/// works.
pub(crate) const WORD: &str = "inside";
/// Said when a server has sent something, and all machines have much before them.
pub(crate) const HALF_WAY: &str = "half-way";

/// That many machines are on at the same time: each keeps a core busy.
const AT_ONCE: usize = 2;
/// Far more than any boot takes.
const LIMIT: Duration = Duration::from_secs(150);
/// What a machine says at its end, whether it has booted or not.
const LAST: [&str; 4] = [
    "BOOTSTONE:",
    "Nothing has booted",
    "No bootable device",
    "UEFI Interactive Shell",
];
/// How long a server may wait for a last ACK that was lost. iPXE answers a burst of blocks with one
/// ACK, so it may be the only one of all blocks in flight: the server then waits for 60 s.
const LAST_ACK: Duration = Duration::from_secs(75);
/// With this one both ways lose something.
const SEED: u64 = 1;

pub(crate) fn real_firmware_boots() {
    let machines = inputs::machines();
    if machines.is_empty() {
        return;
    }
    let work = prepare(&machines);
    let before = Surroundings::look();
    let status = command(&work).status().unwrap();
    assert!(status.success(), "see {} for what was said", work.display());
    assert_eq!(left::processes(&work), []);
    assert_eq!(Surroundings::look(), before);
}

/// An empty folder for all that is written, with the images in it.
fn prepare(machines: &[&Machine]) -> PathBuf {
    let work = work();
    let _ = fs::remove_dir_all(&work);
    fs::create_dir_all(&work).unwrap();
    image::build(&work, machines);
    work
}

/// Where everything is written; it stays, for people.
pub(crate) fn work() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("boot")
}

/// This program again, as the first process of its namespaces. The kernel kills it with this
/// thread, and with it all that it started.
fn command(work: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    command.args(["unshare", "--net", "--pid", "--fork", "--kill-child"]);
    command.arg(std::env::current_exe().unwrap());
    command.arg(WORD).arg(work);
    command
}

/// All machines, and what came of them.
pub(crate) fn run(work: &Path) {
    end_at_the_first_panic();
    network::build();
    let machines = inputs::machines();
    let waiting = Mutex::new(machines.iter());
    let booted = Mutex::new(Vec::new());
    let next = || waiting.lock().unwrap().next();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(machine) = next() {
                    let boot = Lab::start(work, machine).boot();
                    booted.lock().unwrap().push(boot);
                }
            });
        }
    });
    let mut boots = booted.into_inner().unwrap();
    boots.sort_by_key(|boot: &Boot| boot.machine.number);
    let compared = boots.iter().flat_map(|boot| boot.compared.iter().copied());
    replay::assert_each_compared(&compared.collect::<Vec<_>>());
    times::report(&boots);
}

/// A run that goes on without the machine that has failed finds out nothing new.
fn end_at_the_first_panic() {
    let say = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        say(info);
        std::process::exit(101);
    }));
}

/// A machine that has booted.
pub(crate) struct Boot {
    pub(crate) machine: &'static Machine,
    /// From switching it on to the line on its console.
    pub(crate) took: Duration,
    /// What its server says of it.
    pub(crate) log: Vec<Value>,
    /// The models that its capture was compared with.
    compared: Vec<Compared>,
}

/// A machine, and the servers of its network.
struct Lab {
    work: PathBuf,
    machine: &'static Machine,
    files: Files,
    dhcp: Dhcp,
    server: Server,
}

impl Lab {
    fn start(work: &Path, machine: &'static Machine) -> Lab {
        let _ = fs::create_dir(machine.folder(work));
        Lab {
            work: work.to_owned(),
            machine,
            files: image::files(work, machine.image),
            server: match machine.path {
                Way::Near => near_server(work, machine),
                Way::Far { pipeline } => far_server(work, machine, pipeline),
            },
            dhcp: Dhcp::start(work, machine),
        }
    }

    /// Switches the machine on, and off when it has booted and its server is through with it.
    fn boot(self) -> Boot {
        let machine = self.machine;
        let switched_on = Instant::now();
        let running = qemu::start(&self.work, machine);
        if machine.firmware == Firmware::Bios {
            self.server.wait_for(LIMIT, machine, machine.program);
            self.dhcp.rom_has_loaded_its_program();
            println!("{HALF_WAY}: the ROM has loaded {}", machine.program);
        }
        let last = LAST.iter().chain([&machine.done]);
        let is_last = |line: &str| {
            last.clone()
                .any(|part| without_escapes(line).contains(part))
        };
        let said = running.wait_for(LIMIT, is_last);
        let took = switched_on.elapsed();
        let said = said.unwrap_or_else(|said| panic!("{}: {said}", machine.name));
        let all = || running.lines().join("\n");
        let is_done = without_escapes(&said).contains(machine.done);
        assert!(is_done, "{}: {}", machine.name, all());
        println!("{}: done in {:.1} s", machine.name, took.as_secs_f64());
        self.server.wait_for_all(LAST_ACK, machine);
        drop(running);
        let compared = self.check_capture();
        let log = self.checked_log();
        self.server.stop(machine);
        Boot {
            machine,
            took,
            log,
            compared,
        }
    }

    /// Every file that the machine asked for arrived whole, it asked for what it is known to ask for,
    /// and sent what its models send.
    fn check_capture(&self) -> Vec<Compared> {
        let machine = self.machine;
        let capture = fs::read(qemu::capture(&self.work, machine)).unwrap();
        let mut requests = Vec::new();
        for transfer in capture::transfers(&capture) {
            println!("{}: {} {}", machine.name, transfer.name, transfer.options);
            let outcome = if transfer.has_error {
                "probe"
            } else if transfer.is_refused {
                "not-found"
            } else {
                let is_whole = transfer.file().as_ref() == self.files.get(transfer.embedded());
                assert!(is_whole, "{}: {} is not whole", machine.name, transfer.name);
                "complete"
            };
            requests.push((transfer.embedded().to_owned(), outcome.to_owned()));
        }
        assert_requests(machine, requests);
        // On a far path something is lost.
        match machine.is_far() {
            true => Vec::new(),
            false => replay::check(machine, &capture),
        }
    }

    /// The server's lines about a machine, which say what it is known to do, and nothing else.
    fn checked_log(&self) -> Vec<Value> {
        let machine = self.machine;
        let log = self.server.requests(machine);
        let mut requests: Vec<_> = log.iter().map(server::ended).collect();
        for ((file, outcome), line) in requests.iter_mut().zip(&log) {
            // A name that is not found is logged as it was asked for.
            *file = file.trim_start_matches('/').to_owned();
            if outcome == "complete" {
                let size = self.files.get(file).map(Vec::len);
                assert_eq!(line["bytes"], size.unwrap(), "{}: {line}", machine.name);
            }
            if machine.is_far() {
                *outcome = without_loss(line).to_owned();
            }
        }
        assert_requests(machine, requests);
        if let Way::Far { pipeline } = machine.path {
            assert_far(&log, pipeline);
        }
        log
    }
}

/// The text of a line without what moves the cursor. PXELINUX moves it within a word at times.
fn without_escapes(line: &str) -> String {
    let mut parts = line.split("\x1b[");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| c.is_ascii_alphabetic());
        text += end.map_or("", |end| &part[end + 1..]);
    }
    text
}

/// What a request that was logged like this would have been logged as, had nothing been lost.
fn without_loss(line: &Value) -> &str {
    match line["outcome"].as_str().unwrap() {
        // iPXE does not wait to see whether its last ACK arrives.
        "last-ack-missing" => "complete",
        // OVMF does not repeat the ERROR that ends its size probe.
        "timed-out" if line["bytes"] == 0 => "probe",
        outcome => outcome,
    }
}

/// The machine made the requests that it is known to make, with these ends. On a far path, a machine whose answer was
/// lost asks again, perhaps from another port.
#[track_caller]
fn assert_requests(machine: &Machine, mut requests: Vec<Ended>) {
    let mut expected = machine.requests();
    requests.retain(server::is_of_every_version);
    requests.sort();
    if machine.is_far() {
        requests.dedup();
        expected.dedup();
        requests.retain(|request| request.1 != "probe" || expected.contains(request));
    }
    assert_eq!(requests, expected, "{}", machine.name);
}

/// The path was long, and lost something; and the last large file went over it as it should.
fn assert_far(log: &[Value], pipeline: u16) {
    let large = image::last_large_file(log).unwrap();
    assert!(large["rtt_ms"].as_f64().unwrap() > 50.0, "{large}");
    let in_flight = large["in_flight"].as_u64().unwrap();
    assert_eq!(in_flight > 1, pipeline > 1, "{large}");
    let resent = log.iter().filter_map(|line| line["resent"].as_u64());
    assert!(resent.sum::<u64>() > 0, "{log:?}");
}

fn near_server(work: &Path, machine: &Machine) -> Server {
    let port_69 = [
        (machine.server(), 69).into(),
        (machine.server_6(), 69).into(),
    ];
    Server::start(work, machine, &port_69, &[])
}

/// A server at the far end of a relay, which listens where the machine believes its server to be.
fn far_server(work: &Path, machine: &'static Machine, pipeline: u16) -> Server {
    let behind = SocketAddr::from((Ipv4Addr::LOCALHOST, 6900 + u16::from(machine.number)));
    let flag = ["--pipeline", &pipeline.to_string()];
    let server = Server::start(work, machine, &[behind], &flag);
    let way = Conditions {
        delay: DELAY,
        loss: LOSS,
        ..Conditions::default()
    };
    let mut relay = Relay::new(relay::Path {
        listen: (machine.server(), 69).into(),
        server: behind,
        up: way,
        down: way,
        seed: SEED,
    })
    .unwrap();
    // Ends with the process.
    std::thread::spawn(move || relay.run(&AtomicBool::new(false), None));
    server
}
