//! A file as the numbered blocks of one transfer; block 0 is the OACK.

use crate::proto::negotiate::Terms;
use crate::wire::netascii::BlockReader;
use crate::wire::packet::{DATA_HEADER, data_header};

/// What is sent under which number.
#[derive(Debug)]
pub(super) struct Blocks {
    terms: Terms,
    /// Length in bytes, in the mode of the transfer.
    size: u64,
    /// Number of the last block.
    last: u32,
    /// Present where the file is translated.
    netascii: Option<Box<BlockReader>>,
}

impl Blocks {
    /// The blocks of a file of `size` bytes, counted in the mode of `terms`. A multiple of the block
    /// size ends in an empty block (RFC 1350 §6).
    pub(super) fn new(terms: Terms, size: u64) -> Blocks {
        let last = size / u64::from(terms.blksize) + 1;
        Blocks {
            terms,
            size,
            // What is embedded is shorter than the 32 GiB that would be too much for 32 bits.
            last: u32::try_from(last).unwrap_or(u32::MAX),
            netascii: terms.netascii.then(Box::default),
        }
    }

    /// What was agreed.
    pub(super) fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Number of the last block, which is shorter than the others.
    pub(super) fn last(&self) -> u32 {
        self.last
    }

    /// Bytes of the file in all blocks before `block`.
    pub(super) fn bytes_before(&self, block: u32) -> u64 {
        let blocks = u64::from(block.saturating_sub(1));
        (blocks * u64::from(self.terms.blksize)).min(self.size)
    }

    /// Length in bytes of the datagram that carries `block`.
    pub(super) fn datagram_len(&self, block: u32) -> usize {
        if block > 0 {
            let rest = self.size - self.bytes_before(block);
            return DATA_HEADER + rest.min(self.terms.blksize.into()) as usize;
        }
        let mut oack = Vec::new();
        self.terms.encode_oack(self.size, &mut oack);
        oack.len()
    }

    /// Appends the datagram that carries `block` of `file`. `oldest` is the first block that may ever
    /// be asked for again.
    pub(super) fn encode(&mut self, block: u32, oldest: u32, file: &[u8], out: &mut Vec<u8>) {
        if block == 0 {
            return self.terms.encode_oack(self.size, out);
        }
        // Truncated to what the wire has space for: the number rolls over to 0.
        data_header(block as u16, out);
        let blksize = usize::from(self.terms.blksize);
        if let Some(reader) = &mut self.netascii {
            reader.copy_block(file, blksize, oldest, block, out);
        } else {
            let start = (block as usize - 1) * blksize;
            let end = file.len().min(start + blksize);
            out.extend_from_slice(&file[start..end]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::netascii_size;
    use crate::proto::negotiate::NegotiationLimits;
    use crate::wire::Options;
    use std::net::{IpAddr, Ipv4Addr};

    fn blocks(options: &[u8], netascii: bool, size: u64) -> Blocks {
        let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let terms = Terms::negotiate(
            Options::new(options),
            netascii,
            peer,
            NegotiationLimits::default(),
        );
        Blocks::new(terms, size)
    }

    #[test]
    fn every_datagram_is_as_long_as_foretold() {
        let file: Vec<u8> = (0..100u8).collect();
        for (netascii, size) in [(false, 100), (true, netascii_size(&file))] {
            let mut blocks = blocks(b"blksize\x0010\0tsize\x000\0", netascii, size);
            for block in 0..=blocks.last() {
                let mut out = Vec::new();
                blocks.encode(block, block, &file, &mut out);
                assert_eq!(out.len(), blocks.datagram_len(block), "block {block}");
            }
        }
    }

    #[test]
    fn a_multiple_of_the_block_size_ends_in_an_empty_block() {
        assert_eq!(blocks(b"", false, 0).last(), 1);
        assert_eq!(blocks(b"", false, 511).last(), 1);
        assert_eq!(blocks(b"", false, 512).last(), 2);
        assert_eq!(blocks(b"", false, 512).datagram_len(2), DATA_HEADER);
    }

    #[test]
    fn numbers_roll_over_to_zero() {
        let file = vec![7; 70_000 * 8];
        let mut blocks = blocks(b"blksize\x008\0", false, file.len() as u64);
        let mut out = Vec::new();
        blocks.encode(65_536, 65_536, &file, &mut out);
        assert_eq!(&out[..5], b"\0\x03\0\0\x07");
    }
}
