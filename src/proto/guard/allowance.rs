//! The bytes that an unvalidated address may be sent.

/// RFC 9000 §8.1: at most three bytes back for each byte that came, until the address is validated.
const AMPLIFICATION: u32 = 3;

/// Bytes that may still be sent, unasked, to one unvalidated source.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Allowance {
    /// Negative after an answer that cost more than there was.
    left: i32,
}

impl Allowance {
    /// `bytes` came from the source.
    pub(crate) fn earn(&mut self, bytes: usize) {
        let bytes = i32::try_from(bytes).unwrap_or(i32::MAX);
        let earned = bytes.saturating_mul(AMPLIFICATION as i32);
        self.left = self.left.saturating_add(earned);
    }

    /// Pays for an answer that its request has a right to: it may cost more than there is.
    pub(crate) fn charge(&mut self, bytes: usize) {
        let bytes = i32::try_from(bytes).unwrap_or(i32::MAX);
        self.left = self.left.saturating_sub(bytes);
    }

    /// True when `bytes` more may be sent without being asked for.
    pub(crate) fn covers(&self, bytes: usize) -> bool {
        i32::try_from(bytes).is_ok_and(|bytes| bytes <= self.left)
    }
}

/// True when `answer` bytes are more than three times `request` bytes.
pub(super) fn amplifies(request: usize, answer: usize) -> bool {
    answer > request.saturating_mul(AMPLIFICATION as usize)
}
