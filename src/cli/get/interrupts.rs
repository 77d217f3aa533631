//! The signals that end `get`. They are caught, so that no temporary file is left.

#[cfg(unix)]
use std::future::poll_fn;
use std::io;
#[cfg(unix)]
use std::task::Poll;

/// The signals that a terminal, a service manager or a script ends a program by.
#[cfg(unix)]
const NAMES: [(&str, i32); 4] = [
    ("SIGHUP", 1),
    ("SIGINT", 2),
    ("SIGQUIT", 3),
    ("SIGTERM", 15),
];

/// The caught signals; on systems without them, Ctrl-C.
pub(super) struct Interrupts {
    #[cfg(unix)]
    signals: Vec<(&'static str, tokio::signal::unix::Signal)>,
}

#[cfg(unix)]
impl Interrupts {
    /// Catches the signals. From then on they do not end the program by themselves.
    pub(super) fn catch() -> io::Result<Interrupts> {
        use tokio::signal::unix::{SignalKind, signal};
        let caught = NAMES.map(|(name, number)| Ok((name, signal(SignalKind::from_raw(number))?)));
        let signals = caught.into_iter().collect::<io::Result<_>>()?;
        Ok(Interrupts { signals })
    }

    /// Waits for a signal and returns its name.
    pub(super) async fn next(&mut self) -> &'static str {
        poll_fn(|context| {
            let caught = self.signals.iter_mut().find_map(|(name, signal)| {
                let is_caught = signal.poll_recv(context).is_ready();
                is_caught.then_some(*name)
            });
            caught.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

#[cfg(not(unix))]
impl Interrupts {
    /// Catches Ctrl-C.
    pub(super) fn catch() -> io::Result<Interrupts> {
        Ok(Interrupts {})
    }

    /// Waits for a signal and returns its name.
    pub(super) async fn next(&mut self) -> &'static str {
        match tokio::signal::ctrl_c().await {
            Ok(()) => "Ctrl-C",
            Err(_) => std::future::pending().await,
        }
    }
}
