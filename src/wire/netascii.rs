//! netascii (RFC 764, RFC 1350 §1): on the wire a line ends in CR LF, and a bare CR is CR NUL.
//!
//! A file is translated while it is sent, block by block, so that no request makes the server hold
//! a translated copy.

/// Length of `bytes` once translated. Each LF and each CR costs one byte more.
pub fn encoded_len(bytes: &[u8]) -> u64 {
    let doubled = bytes.iter().filter(|&&b| b == b'\n' || b == b'\r').count();
    (bytes.len() + doubled) as u64
}

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

#[cfg(test)]
mod tests {
    use super::*;
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
        assert_eq!(encoded_len(b"a\nb\r\n\r"), 10);
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
            prop_assert_eq!(whole.len() as u64, encoded_len(&file));
            prop_assert_eq!(translated(&file, blksize), whole);
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
