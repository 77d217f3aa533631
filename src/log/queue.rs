//! Lines on their way to standard output. Whoever reads them may stall; the server must not.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{Format, lines};

/// What may wait for a slow reader, in bytes: some thousand lines. Past that, lines are lost, and counted.
const WAITING: usize = 1 << 20;

/// How long lines gather once some have been written: to wake the writer for each of thousands a second would cost more
/// than to serve a small file.
const GATHERING: Duration = Duration::from_millis(20);

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Of the lines.
    pub(super) format: Format,
    lines: Mutex<Lines>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Lines {
    text: Vec<u8>,
    lost: u64,
    /// The writer waits for something to do.
    is_idle: bool,
    is_closed: bool,
}

/// Writes the lines on a thread of its own. When it is dropped, what waits is written, and no more.
#[derive(Debug)]
pub struct Log {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

impl Log {
    pub(super) fn start(queue: Arc<Queue>) -> io::Result<Log> {
        let source = Arc::clone(&queue);
        let thread = std::thread::Builder::new().name("log".to_owned());
        let thread = thread.spawn(move || source.write_all_to(io::stdout()))?;
        Ok(Log {
            queue,
            thread: Some(thread),
        })
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.queue.lock().is_closed = true;
        self.queue.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // It has panicked: there is nobody left to tell.
            let _ = thread.join();
        }
    }
}

impl Queue {
    pub(super) fn new(format: Format) -> Queue {
        Queue {
            format,
            ..Queue::default()
        }
    }

    fn write_all_to(&self, mut out: impl Write) {
        let mut text = Vec::new();
        while self.take(&mut text) {
            // A closed pipe is no reason to stop serving.
            let _ = out.write_all(&text).and_then(|()| out.flush());
            self.gather();
        }
    }

    /// Lets lines come together, unless these are the last.
    fn gather(&self) {
        let lines = self.lock();
        let is_open = |lines: &mut Lines| !lines.is_closed;
        drop(self.changed.wait_timeout_while(lines, GATHERING, is_open));
    }

    /// Waits for lines and swaps them for the empty buffer `text`. False when there will be none.
    fn take(&self, text: &mut Vec<u8>) -> bool {
        text.clear();
        let mut lines = self.lock();
        while lines.text.is_empty() && !lines.is_closed {
            lines.is_idle = true;
            let waited = self.changed.wait(lines);
            lines = waited.unwrap_or_else(PoisonError::into_inner);
        }
        lines.is_idle = false;
        std::mem::swap(&mut lines.text, text);
        let lost = std::mem::take(&mut lines.lost);
        if lost > 0 {
            text.extend_from_slice(lines::lost(self.format, lost).as_bytes());
        }
        !text.is_empty()
    }

    /// Puts a whole line at the end.
    pub(super) fn push(&self, line: &[u8]) {
        let mut lines = self.lock();
        if lines.text.len() + line.len() > WAITING {
            lines.lost += 1;
            return;
        }
        lines.text.extend_from_slice(line);
        if lines.is_idle {
            self.changed.notify_one();
        }
    }

    /// Whatever a thread was doing when it panicked, the lines are whole: each is pushed in one go.
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Queue {
        /// All that was written, as a reader gets it.
        pub(in super::super) fn taken(&self) -> String {
            let mut text = Vec::new();
            self.lock().is_closed = true;
            self.take(&mut text);
            String::from_utf8(text).unwrap()
        }
    }

    #[test]
    fn lines_come_out_as_they_went_in() {
        let queue = Arc::new(Queue::default());
        queue.push(b"one\n");
        queue.push(b"two\n");
        assert_eq!(queue.taken(), "one\ntwo\n");
        assert_eq!(queue.taken(), "");
    }

    #[test]
    fn what_a_slow_reader_leaves_waiting_is_bounded_and_the_loss_is_told() {
        let queue = Queue::new(Format::Json);
        let line = [b'x'; 1000];
        for _ in 0..2000 {
            queue.push(&line);
        }
        let text = queue.taken();
        assert!(text.len() < WAITING + 200);
        let lost = 2000 - WAITING / 1000;
        let (_, last) = text.trim_end().rsplit_once('x').unwrap();
        let last: serde_json::Value = serde_json::from_str(last).unwrap();
        assert_eq!(last["level"], "WARN");
        let message = format!("{lost} lines lost: their reader is too slow");
        assert_eq!(last["message"], message);
    }

    #[test]
    fn the_writer_writes_all_and_ends() {
        let queue = Arc::new(Queue::default());
        queue.push(b"last\n");
        queue.lock().is_closed = true;
        let mut out = Vec::new();
        queue.write_all_to(&mut out);
        assert_eq!(out, b"last\n");
    }
}
