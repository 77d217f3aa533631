//! A program that runs, and what it has said so far.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Dropped, be it in a panic, it is killed and reaped.
pub(crate) struct Running {
    child: Child,
    said: Arc<Said>,
}

#[derive(Default)]
struct Said {
    lines: Mutex<Lines>,
    more: Condvar,
}

#[derive(Default)]
struct Lines {
    lines: Vec<String>,
    has_ended: bool,
}

impl Running {
    /// What it says goes to `copy` as well, for people.
    pub(crate) fn start(command: &mut Command, copy: &Path) -> Running {
        let copy = File::create(copy).unwrap();
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(copy.try_clone().unwrap());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let said = Arc::new(Said::default());
        let (output, listener) = (child.stdout.take().unwrap(), Arc::clone(&said));
        // Ends with the program.
        std::thread::spawn(move || listener.listen(output, copy));
        Running { child, said }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// The first line that is wanted, as soon as there is one; or all that was said until the
    /// program ended or `limit` was over.
    pub(crate) fn wait_for(
        &self,
        limit: Duration,
        mut is_wanted: impl FnMut(&str) -> bool,
    ) -> Result<String, String> {
        let deadline = Instant::now() + limit;
        let mut seen = 0;
        let mut said = self.said.lines.lock().unwrap();
        loop {
            if let Some(line) = said.lines[seen..].iter().find(|line| is_wanted(line)) {
                return Ok(line.clone());
            }
            seen = said.lines.len();
            let left = deadline.saturating_duration_since(Instant::now());
            if said.has_ended || left.is_zero() {
                return Err(said.lines.join("\n"));
            }
            said = self.said.more.wait_timeout(said, left).unwrap().0;
        }
    }

    /// All lines so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.said.lines.lock().unwrap().lines.clone()
    }

    /// Waits for its end.
    pub(crate) fn end(mut self, limit: Duration) -> (ExitStatus, Vec<String>) {
        let _ = self.wait_for(limit, |_| false);
        let has_ended = self.said.lines.lock().unwrap().has_ended;
        assert!(has_ended, "still running after {limit:?}");
        (self.child.wait().unwrap(), self.lines())
    }

    /// Returns when it is gone. Does nothing to a program that has been waited for.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Said {
    fn listen(&self, output: impl Read, mut copy: File) {
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        while output.read_until(b'\n', &mut line).is_ok_and(|len| len > 0) {
            copy.write_all(&line).unwrap();
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            self.lines.lock().unwrap().lines.push(text);
            self.more.notify_all();
            line.clear();
        }
        self.lines.lock().unwrap().has_ended = true;
        self.more.notify_all();
    }
}
