//! Signals: some end the program, and the server ignores others.

#[cfg(unix)]
use std::future::poll_fn;
use std::io;
#[cfg(unix)]
use std::task::Poll;

/// A signal by its name and its number, which is the same on every Unix.
pub(super) type Named = (&'static str, i32);

pub(super) const SIGHUP: Named = ("SIGHUP", 1);
pub(super) const SIGINT: Named = ("SIGINT", 2);
pub(super) const SIGQUIT: Named = ("SIGQUIT", 3);
pub(super) const SIGTERM: Named = ("SIGTERM", 15);

/// Caught signals; on systems without them, Ctrl-C.
pub(super) struct Signals {
    #[cfg(unix)]
    caught: Vec<(&'static str, tokio::signal::unix::Signal)>,
}

#[cfg(unix)]
impl Signals {
    /// Catches these signals. From then on they do not end the program by themselves.
    pub(super) fn catch(signals: &[Named]) -> io::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        let caught = signals
            .iter()
            .map(|&(name, number)| Ok((name, signal(SignalKind::from_raw(number))?)));
        Ok(Signals {
            caught: caught.collect::<io::Result<_>>()?,
        })
    }

    /// Catches the signals that end the server. Those that some programs take as a request (to read
    /// the configuration again, to open the log again) have no effect: there is nothing to read or
    /// to open.
    pub(super) fn of_the_server() -> io::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        let ignored = [
            SignalKind::hangup(),
            SignalKind::user_defined1(),
            SignalKind::user_defined2(),
            SignalKind::quit(),
        ];
        for kind in ignored {
            // It stays caught when this value is dropped.
            drop(signal(kind)?);
        }
        Signals::catch(&[SIGTERM, SIGINT])
    }

    /// Waits for the next signal and returns its name.
    pub(super) async fn next(&mut self) -> &'static str {
        poll_fn(|context| {
            let caught = self.caught.iter_mut().find_map(|(name, signal)| {
                let is_caught = signal.poll_recv(context).is_ready();
                is_caught.then_some(*name)
            });
            caught.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

#[cfg(not(unix))]
impl Signals {
    /// Catches Ctrl-C.
    pub(super) fn catch(_: &[Named]) -> io::Result<Signals> {
        Ok(Signals {})
    }

    /// Catches Ctrl-C.
    pub(super) fn of_the_server() -> io::Result<Signals> {
        Ok(Signals {})
    }

    /// Waits for the next signal and returns its name.
    pub(super) async fn next(&mut self) -> &'static str {
        match tokio::signal::ctrl_c().await {
            Ok(()) => "Ctrl-C",
            Err(_) => std::future::pending().await,
        }
    }
}
