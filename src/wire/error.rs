//! Errors of decoding.

/// Why a datagram is not a valid TFTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// It is shorter than its kind requires.
    Truncated,
    /// The first two bytes, given here, are not an opcode.
    UnknownOpcode(u16),
    /// A request without a terminated, non-empty file name.
    NoFilename,
    /// A request without a mode.
    NoMode,
}

impl std::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            DecodeError::Truncated => f.write_str("the datagram ends too early"),
            DecodeError::UnknownOpcode(opcode) => write!(f, "{opcode} is not a TFTP opcode"),
            DecodeError::NoFilename => f.write_str("the request has no file name"),
            DecodeError::NoMode => f.write_str("the request has no mode"),
        }
    }
}

impl std::error::Error for DecodeError {}
