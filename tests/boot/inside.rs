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
use crate::image::{self, Files, PAYLOAD};
use crate::left::{self, Surroundings};
use crate::machine::{DELAY, Firmware, LOSS, MACHINES, Machine, Path as Way};
use crate::relay::{self, Conditions, Relay};
use crate::server::{self, Server};
use crate::{capture, missing, network, qemu, times};

/// The first argument of the program that runs in the network of its own; the second is where it works.
pub(crate) const WORD: &str = "inside";
/// Said when a server has sent something, and all machines have much before them.
pub(crate) const HALF_WAY: &str = "half-way";

/// That many machines are on at the same time: each keeps a core busy.
const AT_ONCE: usize = 2;
/// Far more than any boot takes.
const LIMIT: Duration = Duration::from_secs(150);
/// How long a server may wait for a last ACK that was lost.
const LAST_ACK: Duration = Duration::from_secs(30);
/// With this one both ways lose something.
const SEED: u64 = 1;

pub(crate) fn real_firmware_boots() {
    if !missing::is_all_here() {
        return;
    }
    let work = prepare();
    let before = Surroundings::look();
    let status = command(&work).status().unwrap();
    assert!(status.success(), "see {} for what was said", work.display());
    assert_eq!(left::processes(&work), []);
    assert_eq!(Surroundings::look(), before);
}

/// An empty folder for all that is written, with Bootstone in it.
fn prepare() -> PathBuf {
    let work = work();
    let _ = fs::remove_dir_all(&work);
    fs::create_dir_all(&work).unwrap();
    image::build(&work);
    work
}

/// Where everything is written; it stays, for people.
pub(crate) fn work() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("boot")
}

/// This program once more, as the first process of its namespaces. The kernel kills it with this thread, and with it all
/// that it started.
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
    let lab = Lab::start(work);
    let waiting = Mutex::new(MACHINES.iter());
    let booted = Mutex::new(Vec::new());
    let next = || waiting.lock().unwrap().next();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(machine) = next() {
                    let took = lab.boot(machine);
                    booted.lock().unwrap().push((machine, took));
                }
            });
        }
    });
    let mut boots = booted.into_inner().unwrap();
    boots.sort_by_key(|(machine, _): &(&Machine, _)| machine.number);
    let boots = boots.into_iter().map(|(machine, took)| Boot {
        machine,
        took,
        log: lab.checked_log(machine),
    });
    let boots: Vec<Boot> = boots.collect();
    lab.stop();
    times::report(&boots);
}

/// Whoever goes on without the machine that has failed finds out nothing new.
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
}

struct Lab {
    work: PathBuf,
    files: Files,
    dhcp: Dhcp,
    near: Server,
    far: Vec<(&'static Machine, Server)>,
}

impl Lab {
    fn start(work: &Path) -> Lab {
        let port_69 = [(network::SERVER, 69).into(), (network::SERVER_6, 69).into()];
        let far = |machine: &'static Machine| match machine.path {
            Way::Near => None,
            Way::Far { run_ahead } => Some((machine, far_server(work, machine, run_ahead))),
        };
        Lab {
            work: work.to_owned(),
            files: image::files(work),
            near: Server::start(work, "near", &port_69, &[]),
            far: MACHINES.iter().filter_map(far).collect(),
            dhcp: Dhcp::start(work),
        }
    }

    fn server(&self, machine: &Machine) -> &Server {
        let far = self.far.iter().find(|(of, _)| *of == machine);
        far.map_or(&self.near, |(_, server)| server)
    }

    /// Switches a machine on, and off when it has booted and its server is through with it. The time that the boot took.
    fn boot(&self, machine: &Machine) -> Duration {
        let switched_on = Instant::now();
        let running = qemu::start(&self.work, machine);
        if machine.firmware == Firmware::Bios {
            self.server(machine)
                .wait_for(LIMIT, machine, machine.program);
            self.dhcp.rom_has_loaded_its_program();
            println!("{HALF_WAY}: the ROM has loaded {}", machine.program);
        }
        let said = running.wait_for(LIMIT, |line| line.contains("BOOTSTONE:"));
        let took = switched_on.elapsed();
        let said = said.unwrap_or_else(|said| panic!("{}: {said}", machine.name));
        assert!(
            said.contains("the payload is here"),
            "{}: {said}",
            machine.name
        );
        println!("{}: booted in {:.1} s", machine.name, took.as_secs_f64());
        self.server(machine).wait_for_all(LAST_ACK, machine);
        drop(running);
        self.check_capture(machine);
        took
    }

    /// Every file that the machine asked for arrived whole, and it asked for what it is known to ask for.
    fn check_capture(&self, machine: &Machine) {
        let capture = fs::read(qemu::capture(&self.work, machine)).unwrap();
        let mut requests = Vec::new();
        for transfer in capture::transfers(&capture) {
            println!("{}: {} {}", machine.name, transfer.name, transfer.options);
            let outcome = if transfer.has_error {
                "probe"
            } else {
                let is_whole = transfer.file().as_ref() == self.files.get(&transfer.name);
                assert!(is_whole, "{}: {} is not whole", machine.name, transfer.name);
                "complete"
            };
            requests.push((transfer.name, outcome.to_owned()));
        }
        requests.sort();
        assert_eq!(requests, machine.requests(), "{}", machine.name);
    }

    /// The server's lines about a machine, which say what it is known to do, and nothing else.
    fn checked_log(&self, machine: &Machine) -> Vec<Value> {
        let log = self.server(machine).requests(machine);
        let mut requests: Vec<_> = log.iter().map(server::ended).collect();
        for ((file, outcome), line) in requests.iter_mut().zip(&log) {
            if outcome == "complete" {
                let size = self.files.get(file).map(Vec::len);
                assert_eq!(line["bytes"], size.unwrap(), "{}: {line}", machine.name);
            }
            if machine.is_far() {
                *outcome = without_loss(line).to_owned();
            }
        }
        requests.sort();
        assert_eq!(requests, machine.requests(), "{}", machine.name);
        if let Way::Far { run_ahead } = machine.path {
            assert_far(&log, run_ahead);
        }
        log
    }

    fn stop(self) {
        let near: Vec<_> = MACHINES
            .iter()
            .filter(|machine| !machine.is_far())
            .collect();
        self.near.stop(&near);
        for (machine, server) in self.far {
            server.stop(&[machine]);
        }
    }
}

/// What a request that was logged like this would have been logged as, had nothing been lost.
fn without_loss(line: &Value) -> &str {
    match line["outcome"].as_str().unwrap() {
        // iPXE does not wait to see whether its last ACK arrives.
        "last-ack-missing" => "complete",
        // The ERROR after the OACK, by which OVMF says that it wanted the size alone, is not repeated either.
        "timed-out" if line["bytes"] == 0 => "probe",
        outcome => outcome,
    }
}

/// The path was long, and lost something; and the payload went over it as it should.
fn assert_far(log: &[Value], run_ahead: u16) {
    let payload = log.iter().find(|line| line["file"] == PAYLOAD).unwrap();
    assert!(payload["rtt_ms"].as_f64().unwrap() > 50.0, "{payload}");
    let ahead = payload["run_ahead"].as_u64().unwrap();
    assert_eq!(ahead > 1, run_ahead > 1, "{payload}");
    let resent = log.iter().filter_map(|line| line["resent"].as_u64());
    assert!(resent.sum::<u64>() > 0, "{log:?}");
}

/// A server at the far end of a relay, which listens where the machine believes its server to be.
fn far_server(work: &Path, machine: &'static Machine, run_ahead: u16) -> Server {
    let behind = SocketAddr::from((Ipv4Addr::LOCALHOST, 6900 + u16::from(machine.number)));
    let flag = ["--run-ahead", &run_ahead.to_string()];
    let server = Server::start(work, &format!("far-{run_ahead}"), &[behind], &flag);
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
