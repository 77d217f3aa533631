//! The program as a process, with its log and its output.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;

use rustix::process::Signal;
use serde_json::Value;

use crate::processes::{DEADLINE, Ended, Running, run, whole};

/// `bootstone` with these arguments, in an environment of which it knows nothing but these
/// variables.
pub fn command(arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bootstone"));
    command
        .args(arguments)
        .env_clear()
        .envs(variables.iter().copied());
    command
}

/// One that does not get as far as serving.
#[track_caller]
pub fn ends(arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
    run(&mut command(arguments, variables))
}

/// One that serves.
pub struct Bootstone {
    running: Running,
    /// What it logs, in JSON.
    lines: mpsc::Receiver<Value>,
    listen: Vec<SocketAddr>,
    /// The first line.
    first_line: Value,
    /// What it writes to standard error; shown if the test fails.
    stderr: File,
}

impl Bootstone {
    /// On a port of `127.0.0.1` that the kernel chooses, and with these flags besides.
    #[track_caller]
    pub fn serving(flags: &[&str]) -> Bootstone {
        let flags = [&["--listen", "127.0.0.1:0"], flags].concat();
        Bootstone::start(&flags, &[])
    }

    /// Returns once it serves.
    #[track_caller]
    pub fn start(flags: &[&str], variables: &[(&str, &str)]) -> Bootstone {
        Bootstone::start_as(command(flags, variables))
    }

    /// Starts this command. Returns once it serves.
    #[track_caller]
    pub fn start_as(mut command: Command) -> Bootstone {
        command.args(["--log-format", "json"]);
        let stderr = tempfile::tempfile().unwrap();
        command.stdout(Stdio::piped()).stdin(Stdio::null());
        command.stderr(stderr.try_clone().unwrap());
        let mut running = Running::start(&mut command);
        let output = BufReader::new(running.child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        // Ends with the program, whose output it reads.
        std::thread::spawn(move || {
            for line in output.lines() {
                let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
                let _ = sender.send(line);
            }
        });
        let mut bootstone = Bootstone {
            running,
            lines,
            listen: Vec::new(),
            first_line: Value::Null,
            stderr,
        };
        bootstone.first_line = bootstone.line("serving");
        let listen = bootstone.first_line["listen"].as_str().unwrap();
        bootstone.listen = listen
            .split(',')
            .map(|part| part.parse().unwrap())
            .collect();
        bootstone
    }

    /// Where it answers.
    pub fn address(&self) -> SocketAddr {
        self.listen[0]
    }

    /// All of where it answers.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.listen
    }

    /// Its first line.
    pub fn first_line(&self) -> &Value {
        &self.first_line
    }

    pub fn signal(&self, signal: Signal) {
        self.running.signal(signal);
    }

    /// Stops it until it gets `CONT`.
    pub fn stop(&self) {
        self.running.stop();
    }

    /// The next line with this message, as soon as there is one.
    #[track_caller]
    pub fn line(&self, message: &str) -> Value {
        self.line_where(|text| text == message)
    }

    /// The next line whose message has this part.
    #[track_caller]
    pub fn line_with(&self, part: &str) -> Value {
        self.line_where(|text| text.contains(part))
    }

    #[track_caller]
    fn line_where(&self, is_it: impl Fn(&str) -> bool) -> Value {
        loop {
            let line = self.lines.recv_timeout(DEADLINE).unwrap();
            if line["message"].as_str().is_some_and(&is_it) {
                return line;
            }
        }
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        self.running.wait()
    }

    /// What it has written to standard error.
    pub fn stderr(&mut self) -> String {
        whole(&mut self.stderr)
    }

    /// Waits for its end. Returns the lines that were not read before.
    #[track_caller]
    pub fn last_lines(mut self) -> (ExitStatus, Vec<Value>) {
        let status = self.running.wait();
        (status, self.lines.iter().collect())
    }
}

impl Drop for Bootstone {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprint!("{}", self.stderr());
        }
    }
}
