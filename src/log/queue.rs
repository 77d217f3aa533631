//! The queue of log lines for standard output. Its reader may stall; the server must not.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::format::LineStyle;

/// Most bytes in the queue: some thousand lines. Further lines are lost, and counted.
const MAX_QUEUED: usize = 1 << 20;

/// Pause between writes. Waking the writer for each of thousands of lines a second would cost more
/// than serving a small file.
const WRITE_INTERVAL: Duration = Duration::from_millis(20);

/// How long the end of the program waits for a reader of the last lines.
const LAST_LINES_TIMEOUT: Duration = Duration::from_secs(1);

/// The lines that wait to be written.
#[derive(Debug, Default)]
pub(super) struct LineQueue {
    /// How the lines are written.
    pub(super) style: LineStyle,
    pending: Mutex<Pending>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Pending {
    text: Vec<u8>,
    lost: u64,
    /// The writer waits for a line.
    is_idle: bool,
    is_closed: bool,
}

/// The thread that writes the lines.
#[derive(Debug)]
pub(crate) struct LogWriter {
    queue: Arc<LineQueue>,
    /// Ends when the thread has written the last line.
    ended: oneshot::Receiver<()>,
}

impl LogWriter {
    pub(super) fn start(queue: Arc<LineQueue>) -> io::Result<LogWriter> {
        let source = Arc::clone(&queue);
        let (end, ended) = oneshot::channel();
        let run = move || {
            source.write_all_to(io::stdout());
            let _ = end.send(());
        };
        let thread = std::thread::Builder::new().name("log".to_owned());
        thread.spawn(run)?;
        Ok(LogWriter { queue, ended })
    }

    /// Waits until the remaining lines are written, or for [`LAST_LINES_TIMEOUT`]: then standard
    /// output is full or stalled, and the lines are lost.
    pub(crate) async fn close(self) {
        self.queue.lock().is_closed = true;
        self.queue.changed.notify_all();
        let _ = timeout(LAST_LINES_TIMEOUT, self.ended).await;
    }
}

impl LineQueue {
    pub(super) fn new(style: LineStyle) -> LineQueue {
        LineQueue {
            style,
            ..LineQueue::default()
        }
    }

    fn write_all_to(&self, mut out: impl Write) {
        let mut text = Vec::new();
        while self.take(&mut text) {
            // The server goes on if its output is closed.
            let _ = out.write_all(&text).and_then(|()| out.flush());
            self.pause();
        }
    }

    /// Lets lines accumulate, unless the queue is closed.
    fn pause(&self) {
        let pending = self.lock();
        let is_open = |pending: &mut Pending| !pending.is_closed;
        drop(
            self.changed
                .wait_timeout_while(pending, WRITE_INTERVAL, is_open),
        );
    }

    /// Waits for lines and swaps them for the empty buffer `text`. False if there will be no more.
    fn take(&self, text: &mut Vec<u8>) -> bool {
        text.clear();
        let mut pending = self.lock();
        while pending.text.is_empty() && !pending.is_closed {
            pending.is_idle = true;
            let waited = self.changed.wait(pending);
            pending = waited.unwrap_or_else(PoisonError::into_inner);
        }
        pending.is_idle = false;
        std::mem::swap(&mut pending.text, text);
        let lost = std::mem::take(&mut pending.lost);
        if lost > 0 {
            text.extend_from_slice(self.style.lost(lost).as_bytes());
        }
        !text.is_empty()
    }

    /// Appends a whole line.
    pub(super) fn push(&self, line: &[u8]) {
        let mut pending = self.lock();
        if pending.text.len() + line.len() > MAX_QUEUED {
            pending.lost += 1;
            return;
        }
        pending.text.extend_from_slice(line);
        if pending.is_idle {
            self.changed.notify_one();
        }
    }

    /// Locks the lines. They are intact even if a thread has panicked: each line is appended at
    /// once.
    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::format::LogFormat;

    impl LineQueue {
        /// All queued text.
        pub(in super::super) fn taken(&self) -> String {
            let mut text = Vec::new();
            self.lock().is_closed = true;
            self.take(&mut text);
            String::from_utf8(text).unwrap()
        }
    }

    #[test]
    fn lines_keep_their_order() {
        let queue = Arc::new(LineQueue::default());
        queue.push(b"one\n");
        queue.push(b"two\n");
        assert_eq!(queue.taken(), "one\ntwo\n");
        assert_eq!(queue.taken(), "");
    }

    #[test]
    fn the_queue_is_limited_and_lost_lines_are_reported() {
        let queue = LineQueue::new(LineStyle {
            format: LogFormat::Json,
            is_journal: false,
        });
        let line = [b'x'; 1000];
        for _ in 0..2000 {
            queue.push(&line);
        }
        let text = queue.taken();
        assert!(text.len() < MAX_QUEUED + 200);
        let lost = 2000 - MAX_QUEUED / 1000;
        let (_, last) = text.trim_end().rsplit_once('x').unwrap();
        let last: serde_json::Value = serde_json::from_str(last).unwrap();
        assert_eq!(last["level"], "WARN");
        let message = format!("{lost} lines lost: their reader is too slow");
        assert_eq!(last["message"], message);
    }

    #[test]
    fn the_writer_writes_everything_before_it_ends() {
        let queue = Arc::new(LineQueue::default());
        queue.push(b"last\n");
        queue.lock().is_closed = true;
        let mut out = Vec::new();
        queue.write_all_to(&mut out);
        assert_eq!(out, b"last\n");
    }
}
