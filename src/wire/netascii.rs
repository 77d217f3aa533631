//! netascii (RFC 764, RFC 1350 §1): LF is sent as CR LF, and CR as CR NUL.
//!
//! A file is translated block by block while it is sent, so the server never holds a translated
//! copy.

/// A position in the translated form of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// Index of the next byte of the file.
    offset: usize,
    /// The first byte of the pair for that byte has been written.
    in_pair: bool,
}

impl Cursor {
    /// Appends the next `len` translated bytes of `file`; fewer only at its end.
    pub(crate) fn copy(&mut self, file: &[u8], len: usize, out: &mut Vec<u8>) {
        let end = out.len() + len;
        while out.len() < end {
            let Some(&byte) = file.get(self.offset) else {
                return;
            };
            out.push(self.next(byte));
        }
    }

    /// Skips `len` translated bytes.
    pub(crate) fn skip(&mut self, file: &[u8], len: usize) {
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
        self.in_pair = !self.in_pair;
        if self.in_pair {
            return b'\r';
        }
        self.offset += 1;
        second
    }
}

/// How many bytes of `file` stand in the first `translated` bytes of its translated form.
pub(crate) fn source_len(file: &[u8], translated: u64) -> u64 {
    let mut cursor = Cursor::default();
    cursor.skip(file, usize::try_from(translated).unwrap_or(usize::MAX));
    cursor.offset as u64
}

/// Reads a translated file in blocks, forward, and back to a lost block.
///
/// The start of a block depends on every byte before it. So two positions are kept: one after the
/// last block read, and one at the oldest block that may have to be read again.
#[derive(Clone, Debug, Default)]
pub(crate) struct BlockReader {
    newest: BlockStart,
    oldest: BlockStart,
}

/// The position at which a block starts.
#[derive(Clone, Copy, Debug, Default)]
struct BlockStart {
    /// Blocks before it.
    blocks: u32,
    cursor: Cursor,
}

impl BlockReader {
    /// Appends block `block` of `file`, up to `blksize` bytes; the first block is 1. No later call
    /// may read a block before `oldest`.
    pub(crate) fn copy_block(
        &mut self,
        file: &[u8],
        blksize: usize,
        oldest: u32,
        block: u32,
        out: &mut Vec<u8>,
    ) {
        self.oldest.seek(file, blksize, oldest.min(block));
        if self.newest.blocks >= block {
            self.newest = self.oldest;
        }
        self.newest.seek(file, blksize, block);
        self.newest.cursor.copy(file, blksize, out);
        self.newest.blocks = block;
    }
}

impl BlockStart {
    /// Moves forward to the start of `block`, unless it is there or beyond.
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

    #[test]
    fn translated_bytes_are_counted_back() {
        for (translated, expected) in [(0, 0), (1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (99, 4)] {
            assert_eq!(source_len(b"a\n\rb", translated), expected, "{translated}");
        }
    }
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
    fn lf_and_cr_are_translated() {
        assert_eq!(translated(b"a\nb\r\n\r", 512), b"a\r\nb\r\0\r\n\r\0");
        assert_eq!(netascii_size(b"a\nb\r\n\r"), 10);
    }

    #[test]
    fn a_pair_may_span_two_blocks() {
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
        fn skipping_moves_as_far_as_copying(
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
