//! Errors of decoding.

/// Why a datagram is not a valid TFTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// It is shorter than its kind requires.
    Truncated,
    /// The first two bytes, given here, are not an opcode.
    UnknownOpcode(u16),
    /// A request without a terminated file name.
    NoFilename,
    /// A request without a mode.
    NoMode,
}
