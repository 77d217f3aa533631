//! netascii (RFC 764, RFC 1350 §1): on the wire a line ends in CR LF, and a bare CR is CR NUL.
//!
//! A file is translated while it is sent, block by block, so that no request makes the server hold
//! a translated copy.

/// A place in the translated form of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// Index of the next byte of the file.
    offset: usize,
    /// The first half of the pair that stands for that byte has been written already.
    halfway: bool,
}

impl Cursor {
    /// Appends up to `len` translated bytes of `file` and moves on; fewer only at the end.
    pub fn copy(&mut self, file: &[u8], len: usize, out: &mut Vec<u8>) {
        let end = out.len() + len;
        while out.len() < end {
            let Some(&byte) = file.get(self.offset) else {
                return;
            };
            out.push(self.next(byte));
        }
    }

    /// Moves on by `len` translated bytes without writing them.
    pub fn skip(&mut self, file: &[u8], len: usize) {
        for _ in 0..len {
            let Some(&byte) = file.get(self.offset) else {
                return;
            };
            self.next(byte);
        }
    }

    fn next(&mut self, byte: u8) -> u8 {
        let second = match byte {
            b'\n' => b'\n',
            b'\r' => b'\0',
            _ => {
                self.offset += 1;
                return byte;
            }
        };
        self.halfway = !self.halfway;
        if self.halfway {
            return b'\r';
        }
        self.offset += 1;
        second
    }
}

/// Reads a translated file in blocks, forward but for going back to a block that was lost.
///
/// Where block *n* begins depends on every byte before it, so two places are kept: one behind the
/// last block read, and one that trails it, at a block to which the reader may have to go back.
#[derive(Clone, Debug, Default)]
pub struct BlockReader {
    lead: Place,
    trail: Place,
}

/// The place where a block begins.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    /// Blocks before it.
    blocks: u32,
    cursor: Cursor,
}

impl BlockReader {
    /// Appends block `block` of `file`, up to `blksize` bytes. Blocks count from 1. No later call may ask
    /// for a block before `oldest`.
    pub fn copy_block(
        &mut self,
        file: &[u8],
        blksize: usize,
        oldest: u32,
        block: u32,
        out: &mut Vec<u8>,
    ) {
        self.trail.seek(file, blksize, oldest.min(block));
        if self.lead.blocks >= block {
            self.lead = self.trail;
        }
        self.lead.seek(file, blksize, block);
        self.lead.cursor.copy(file, blksize, out);
        self.lead.blocks = block;
    }
}

impl Place {
    /// Moves forward to where `block` begins; stays when it is there or past it.
    fn seek(&mut self, file: &[u8], blksize: usize, block: u32) {
        while self.blocks + 1 < block {
            self.cursor.skip(file, blksize);
            self.blocks += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::netascii_size;
    use proptest::prelude::*;

    fn translated(file: &[u8], blksize: usize) -> Vec<u8> {
        let mut out = Vec::new();
        let mut cursor = Cursor::default();
        loop {
            let before = out.len();
            cursor.copy(file, blksize, &mut out);
            if out.len() - before < blksize {
                return out;
            }
        }
    }

    #[test]
    fn line_ends_and_bare_cr() {
        assert_eq!(translated(b"a\nb\r\n\r", 512), b"a\r\nb\r\0\r\n\r\0");
        assert_eq!(netascii_size(b"a\nb\r\n\r"), 10);
    }

    #[test]
    fn a_pair_may_straddle_two_blocks() {
        assert_eq!(translated(b"1234567\n9", 8), b"1234567\r\n9");
    }

    proptest! {
        #[test]
        fn any_blksize_gives_the_same_bytes(
            file in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..300),
            blksize in 1usize..40,
        ) {
            let whole = translated(&file, 1 << 16);
            prop_assert_eq!(whole.len() as u64, netascii_size(&file));
            prop_assert_eq!(translated(&file, blksize), whole);
        }

        #[test]
        fn blocks_can_be_read_again(
            file in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..300),
            blksize in 8usize..40,
            window in 1u32..8,
            steps in proptest::collection::vec(0u32..8, 0..60),
        ) {
            let whole = translated(&file, 1 << 16);
            let blocks: Vec<_> = whole.chunks(blksize).collect();
            let mut reader = BlockReader::default();
            let mut oldest = 1;
            for step in steps {
                let block = oldest + step % window;
                let mut out = Vec::new();
                reader.copy_block(&file, blksize, oldest, block, &mut out);
                prop_assert_eq!(&out[..], blocks.get(block as usize - 1).copied().unwrap_or(&[]));
                oldest += step / 4;
            }
        }

        #[test]
        fn skipping_is_copying_without_the_bytes(
            file in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..300),
            len in 0usize..400,
        ) {
            let (mut copied, mut skipped) = (Cursor::default(), Cursor::default());
            copied.copy(&file, len, &mut Vec::new());
            skipped.skip(&file, len);
            prop_assert_eq!(copied, skipped);
        }
    }
}
