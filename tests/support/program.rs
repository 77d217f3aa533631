//! The program, serving TFTP and HTTP on free ports of the loopback address. Test targets include
//! this file by `#[path]`.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

/// A running program. It is killed when this value is dropped.
pub struct Program {
    pub child: Child,
    /// The log after its first line.
    pub log: BufReader<ChildStdout>,
    /// The first line of the log.
    pub serving: Value,
    pub tftp: SocketAddr,
    pub http: SocketAddr,
}

impl Program {
    /// Starts the program that `command` names, and waits until it serves.
    pub fn spawn(command: &mut Command) -> Program {
        let mut child = command
            .args(["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"])
            .args(["--log-format", "json"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        log.read_line(&mut line).unwrap();
        let serving: Value = serde_json::from_str(&line).unwrap();
        let address = |field: &str| serving[field].as_str().unwrap().parse().unwrap();
        Program {
            tftp: address("listen"),
            http: address("http"),
            child,
            log,
            serving,
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
