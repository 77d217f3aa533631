//! A client of the program's table of models, with a file to compare with.
//!
//! It is as strict as the strictest of them: an option that was not asked for, or raised, fails it
//! (EDK2), and so does a size that is wrong.

use bootstone::canary::{Fault, ModelClient};
use bootstone::proto::Instant;
use bootstone::wire::options::decimal;
use bootstone::wire::{Options, Packet};

use super::habits::Habits;
use super::{Client, File};
use crate::world::SERVER;

/// The first of its ports.
const PORT: u16 = 2070;

/// See the [module](self).
pub(crate) struct Firmware {
    client: ModelClient,
    file: File,
    windowsize: Option<u16>,
}

impl Firmware {
    pub(crate) fn new(habits: &'static Habits, file: File) -> Firmware {
        Firmware {
            client: ModelClient::new(habits, SERVER, file.name.as_bytes()),
            file,
            windowsize: None,
        }
    }

    /// The same client, asking for windows of `windowsize` blocks.
    pub(crate) fn with_windowsize(self, windowsize: u16) -> Firmware {
        Firmware {
            client: self.client.with_windowsize(windowsize),
            windowsize: Some(windowsize),
            ..self
        }
    }

    /// # Panics
    /// When the server was not allowed to grant that.
    fn check_options(&self, options: Options<'_>) {
        for (name, value) in options.iter() {
            let name = std::str::from_utf8(name).unwrap();
            let value = decimal(value).unwrap();
            let requested = self.client.requested();
            let asked = requested.iter().find(|(asked, _)| *asked == name);
            let (_, asked) = *asked.expect("an option that was asked for");
            match name {
                "tsize" => assert_eq!(value, self.file.content.len() as u64),
                "timeout" => assert_eq!(value, asked),
                _ => assert!(
                    value <= asked,
                    "{value} granted where {asked} was asked for"
                ),
            }
        }
    }
}

impl Client for Firmware {
    fn handle_datagram(&mut self, now: Instant, port: u16, datagram: &[u8]) {
        match Packet::decode(datagram).expect("the server sends TFTP") {
            // The answer to a probe that is over may come late.
            Packet::Oack(options) if port == PORT + self.client.port() => {
                self.check_options(options);
            }
            Packet::Oack(_) | Packet::Data { .. } | Packet::Error { .. } => {}
            other => panic!("{other:?} from a server"),
        }
        let blksize = self.client.observed().blksize;
        let mut check = |block, payload: &[u8]| self.file.check(block, blksize, payload);
        let port = usize::from(port - PORT);
        self.client
            .handle_datagram(now, port, SERVER, datagram, &mut check);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.client.handle_timeout(now);
    }

    fn poll_transmit(&mut self) -> Option<(u16, Vec<u8>)> {
        let transmit = self.client.poll_transmit()?;
        assert_eq!(transmit.to, SERVER);
        Some((PORT + transmit.port as u16, transmit.datagram))
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.client.poll_timeout()
    }

    fn name(&self) -> String {
        let name = self.client.model().name;
        match self.windowsize {
            Some(windowsize) => format!("{name}, window {windowsize}"),
            None => name.to_owned(),
        }
    }

    fn outcome(&self) -> Option<Result<(), &'static str>> {
        Some(match self.client.outcome()? {
            Ok(()) => Ok(()),
            Err(Fault::Silent(_) | Fault::Stalled) => Err("gave up"),
            Err(Fault::Refused { .. }) => Err("was sent an ERROR"),
            Err(fault) => panic!("{fault}"),
        })
    }
}
