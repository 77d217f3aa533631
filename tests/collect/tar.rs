//! Writes tar archives, also ones that no tar program would write.

use std::io::Write;
use std::process::{Command, Stdio};

/// An archive under construction.
#[derive(Default)]
pub(crate) struct Tar(Vec<u8>);

impl Tar {
    pub(crate) fn new() -> Tar {
        Tar::default()
    }

    pub(crate) fn file(self, name: &str, content: impl AsRef<[u8]>) -> Tar {
        self.member(b'0', name, "", content.as_ref())
    }

    pub(crate) fn directory(self, name: &str) -> Tar {
        self.member(b'5', name, "", b"")
    }

    pub(crate) fn link(self, name: &str, target: &str) -> Tar {
        self.member(b'2', name, target, b"")
    }

    pub(crate) fn hard_link(self, name: &str, target: &str) -> Tar {
        self.member(b'1', name, target, b"")
    }

    /// A member of any type.
    pub(crate) fn member(self, kind: u8, name: &str, link: &str, content: &[u8]) -> Tar {
        let size = format!("{:011o}", content.len());
        self.header(kind, name, link, size.as_bytes()).data(content)
    }

    /// An extended header of POSIX for the next member, or with `g` for all of them.
    pub(crate) fn extended(self, kind: u8, key: &str, value: &str) -> Tar {
        let rest = format!(" {key}={value}\n");
        let mut length = rest.len();
        while length != rest.len() + length.to_string().len() {
            length = rest.len() + length.to_string().len();
        }
        self.member(kind, "header", "", format!("{length}{rest}").as_bytes())
    }

    /// A header alone, with these bytes in its field for the size.
    pub(crate) fn header(mut self, kind: u8, name: &str, link: &str, size: &[u8]) -> Tar {
        let mut header = [0; 512];
        let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, name.as_bytes());
        put(100, b"0000644\0");
        put(124, size);
        put(148, b"        ");
        put(156, &[kind]);
        put(157, link.as_bytes());
        put(257, b"ustar\x0000");
        let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        self.0.extend(header);
        self
    }

    fn data(mut self, content: &[u8]) -> Tar {
        self.0.extend(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    /// The last place of some bytes has others, and no checksum knows of it.
    pub(crate) fn altered(mut self, old: &[u8], new: &[u8]) -> Tar {
        let place = self.0.windows(old.len()).rposition(|bytes| bytes == old);
        let place = place.unwrap();
        self.0[place..place + new.len()].copy_from_slice(new);
        self
    }

    /// Without the two empty blocks that end an archive.
    pub(crate) fn truncated(self) -> Vec<u8> {
        gzip(&self.0)
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        gzip(&self.0)
    }
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut child = Command::new("gzip")
        .arg("-c")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || input.write_all(&bytes).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output.stdout
}
