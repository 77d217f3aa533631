//! Processes of a test. They end by themselves before a deadline, or are killed.

use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use rustix::process::{WaitId, WaitIdOptions, waitid};

/// Far more than anything here takes on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// A program that runs. Dropped, be it in a panic, it is killed and reaped.
pub struct Running {
    pub child: Child,
    /// Becomes readable when the program ends; names it and no other, even after its end.
    pidfd: OwnedFd,
}

impl Running {
    pub fn start(command: &mut Command) -> Running {
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let pidfd = pidfd_open(Pid::from_child(&child), PidfdFlags::empty()).unwrap();
        Running { child, pidfd }
    }

    pub fn signal(&self, signal: Signal) {
        pidfd_send_signal(&self.pidfd, signal).unwrap();
    }

    /// Stops it. Returns once every thread has stopped.
    pub fn stop(&self) {
        self.signal(Signal::STOP);
        let which = WaitId::PidFd(self.pidfd.as_fd());
        retry_on_intr(|| waitid(which.clone(), WaitIdOptions::STOPPED)).unwrap();
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Timespec::try_from(DEADLINE).unwrap();
        let mut fds = [PollFd::new(&self.pidfd, PollFlags::IN)];
        let ended = retry_on_intr(|| poll(&mut fds, Some(&deadline))).unwrap();
        assert_eq!(ended, 1, "still running after {DEADLINE:?}");
        self.child.wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Does nothing to a program that has been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a program left behind.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    /// All that it wrote to standard output and standard error.
    pub output: String,
}

/// A program whose output goes to a file, so that it never waits for a reader.
pub struct Started {
    running: Running,
    output: File,
}

impl Started {
    pub fn new(command: &mut Command) -> Started {
        let output = tempfile::tempfile().unwrap();
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output.try_clone().unwrap());
        Started {
            running: Running::start(command),
            output,
        }
    }

    #[track_caller]
    pub fn end(mut self) -> Ended {
        let status = self.running.wait();
        Ended {
            status,
            output: whole(&mut self.output),
        }
    }
}

/// From start to end.
#[track_caller]
pub fn run(command: &mut Command) -> Ended {
    Started::new(command).end()
}

/// What a file holds, as text.
pub fn whole(file: &mut File) -> String {
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}
