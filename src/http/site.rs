//! What the HTTP listener serves.

use std::sync::Arc;

use tokio::sync::{Mutex, watch};

use crate::catalog::{Catalog, Entry, FileId};
use crate::manifest::{Digest, Manifest, Record};
use crate::net::Clock;
use crate::net::status::StatusRequester;

/// Where this server runs, as far as the operator or the environment says.
#[derive(Clone, Debug, Default)]
pub struct Location {
    /// The region.
    pub region: Option<String>,
    /// The machine.
    pub machine: Option<String>,
}

/// The files, their hashes, and the state of the program.
#[derive(Debug)]
pub struct Site {
    pub(super) catalog: Arc<Catalog>,
    pub(super) manifest: Manifest,
    /// The hash of each file of the catalog.
    hashes: Vec<Digest>,
    pub(super) location: Location,
    /// The UDP port on which the same files are served over TFTP.
    pub(super) tftp_port: u16,
    pub(super) status: Mutex<StatusRequester>,
    pub(super) draining: watch::Receiver<bool>,
    pub(super) clock: Clock,
}

impl Site {
    /// Serves the files of `catalog`, described by `manifest`, which are also served over TFTP on
    /// `tftp_port`. `status` gives the counters of the workers; `draining` says whether the program
    /// is about to end.
    pub fn new(
        catalog: Arc<Catalog>,
        manifest: Manifest,
        location: Location,
        tftp_port: u16,
        status: StatusRequester,
        draining: watch::Receiver<bool>,
    ) -> Site {
        let mut site = Site {
            clock: status.clock(),
            catalog,
            manifest,
            hashes: Vec::new(),
            location,
            tftp_port,
            status: Mutex::new(status),
            draining,
        };
        let files = site.catalog.iter();
        // The manifest has the hashes of the boot files, so their pages are not read.
        let hash = |(file, entry): (FileId, &Entry)| match site.record(file) {
            Some(record) => record.sha256,
            None => Digest::of(&entry.bytes),
        };
        site.hashes = files.map(hash).collect();
        site
    }

    pub(super) fn hash(&self, file: FileId) -> Digest {
        self.hashes[file.index()]
    }

    /// The manifest's record of a boot file; `None` for the texts made from the manifest.
    pub(super) fn record(&self, file: FileId) -> Option<&Record> {
        let name = &self.catalog.entry(file).name;
        let records = self.manifest.records();
        let found = records.binary_search_by(|record| record.name.cmp(name));
        found.ok().map(|index| &records[index])
    }
}
