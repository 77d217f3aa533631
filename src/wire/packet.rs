//! The six kinds of TFTP packet (RFC 1350 §5, RFC 2347).

use super::bytes::{put_string, put_u16, split_string, split_u16};
use super::error::DecodeError;
use super::options::Options;

/// Length of a DATA header in bytes: opcode and block number.
pub const DATA_HEADER: usize = 4;

/// Default block size in bytes (RFC 1350 §2).
pub const DEFAULT_BLKSIZE: u16 = 512;

/// The first two bytes of every datagram, in network order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Opcode {
    /// Read request.
    Rrq = 1,
    /// Write request.
    Wrq = 2,
    /// One block of the file.
    Data = 3,
    /// Acknowledgement of a block, and of all before it.
    Ack = 4,
    /// Ends a transfer, with a reason.
    Error = 5,
    /// The options that the server accepts (RFC 2347).
    Oack = 6,
}

/// A decoded datagram, which borrows from its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// Read request.
    Rrq(Request<'a>),
    /// Write request, which the server always refuses.
    Wrq(Request<'a>),
    /// A block of the file.
    Data {
        /// Number of the block; the first is 1, and 65535 is followed by 0.
        block: u16,
        /// 0 to 65464 bytes; fewer than the block size end the file.
        payload: &'a [u8],
    },
    /// Acknowledges a block.
    Ack {
        /// Number of the block; 0 acknowledges an OACK.
        block: u16,
    },
    /// Ends a transfer; never acknowledged, never answered.
    Error {
        /// See [`ErrorCode`] for the defined ones.
        code: u16,
        /// A text from the peer: it has to be escaped before it is shown.
        message: &'a [u8],
    },
    /// Answers a request that carried options.
    Oack(Options<'a>),
}

/// A read or write request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// The name as sent: any bytes but NUL, perhaps none.
    pub filename: &'a [u8],
    /// The transfer mode.
    pub mode: Mode<'a>,
    /// The options (RFC 2347).
    pub options: Options<'a>,
}

/// The transfer mode, in any case (RFC 1350 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode<'a> {
    /// The bytes of the file, unchanged.
    Octet,
    /// Lines end in CR LF, a bare CR becomes CR NUL (RFC 764).
    Netascii,
    /// Any other mode, such as `mail`, which is obsolete.
    Other(&'a [u8]),
}

/// The error codes of RFC 1350 §5 and RFC 2347.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum ErrorCode {
    /// See the message.
    NotDefined = 0,
    /// The file does not exist.
    FileNotFound = 1,
    /// The peer may not access the file.
    AccessViolation = 2,
    /// The request is invalid.
    IllegalOperation = 4,
    /// The datagram belongs to no transfer that its receiver knows.
    UnknownTid = 5,
    /// The peer rejects the options (RFC 2347).
    OptionNegotiation = 8,
}

impl<'a> Packet<'a> {
    /// Decodes a datagram.
    ///
    /// The decoder is lenient where clients need it: an ACK may be longer than four bytes (the
    /// Windows boot manager sends a fifth), the last string of a request or an ERROR may lack its
    /// NUL, and [`Options`] ignores everything after the last complete option.
    pub fn decode(datagram: &'a [u8]) -> Result<Packet<'a>, DecodeError> {
        let (opcode, body) = split_u16(datagram)?;
        match opcode {
            1 => Request::decode(body).map(Packet::Rrq),
            2 => Request::decode(body).map(Packet::Wrq),
            3 => split_u16(body).map(|(block, payload)| Packet::Data { block, payload }),
            4 => split_u16(body).map(|(block, _)| Packet::Ack { block }),
            5 => split_u16(body).map(|(code, text)| Packet::Error {
                code,
                message: split_string(text).map_or(text, |(message, _)| message),
            }),
            6 => Ok(Packet::Oack(Options::new(body))),
            other => Err(DecodeError::UnknownOpcode(other)),
        }
    }

    /// Appends the datagram to `out`.
    ///
    /// File names, modes and messages must not contain NUL; the decoder returns none that do.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match *self {
            Packet::Rrq(request) => request.encode(Opcode::Rrq, out),
            Packet::Wrq(request) => request.encode(Opcode::Wrq, out),
            Packet::Data { block, payload } => {
                data_header(block, out);
                out.extend_from_slice(payload);
            }
            Packet::Ack { block } => {
                put_u16(Opcode::Ack as u16, out);
                put_u16(block, out);
            }
            Packet::Error { code, message } => {
                put_u16(Opcode::Error as u16, out);
                put_u16(code, out);
                put_string(message, out);
            }
            Packet::Oack(options) => {
                put_u16(Opcode::Oack as u16, out);
                options.encode(out);
            }
        }
    }
}

/// Appends opcode and block number of a DATA. The caller appends the payload.
pub fn data_header(block: u16, out: &mut Vec<u8>) {
    put_u16(Opcode::Data as u16, out);
    put_u16(block, out);
}

impl<'a> Request<'a> {
    fn decode(body: &'a [u8]) -> Result<Request<'a>, DecodeError> {
        let (filename, rest) = split_string(body).ok_or(DecodeError::NoFilename)?;
        let (mode, rest) = split_string(rest).unwrap_or((rest, &[]));
        if mode.is_empty() {
            return Err(DecodeError::NoMode);
        }
        Ok(Request {
            filename,
            mode: Mode::of(mode),
            options: Options::new(rest),
        })
    }

    fn encode(&self, opcode: Opcode, out: &mut Vec<u8>) {
        put_u16(opcode as u16, out);
        put_string(self.filename, out);
        put_string(self.mode.as_bytes(), out);
        self.options.encode(out);
    }
}

impl<'a> Mode<'a> {
    fn of(text: &'a [u8]) -> Mode<'a> {
        if text.eq_ignore_ascii_case(b"octet") {
            Mode::Octet
        } else if text.eq_ignore_ascii_case(b"netascii") {
            Mode::Netascii
        } else {
            Mode::Other(text)
        }
    }

    fn as_bytes(self) -> &'a [u8] {
        match self {
            Mode::Octet => b"octet",
            Mode::Netascii => b"netascii",
            Mode::Other(text) => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(packet: Packet<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        packet.encode(&mut out);
        out
    }

    #[test]
    fn rrq_with_options() {
        let bytes = b"\0\x01ipxe.efi\0OcTeT\0blksize\x001432\0tsize\x000\0";
        let Ok(Packet::Rrq(request)) = Packet::decode(bytes) else {
            panic!("not an RRQ");
        };
        assert_eq!(request.filename, b"ipxe.efi");
        assert_eq!(request.mode, Mode::Octet);
        let options: Vec<_> = request.options.iter().collect();
        assert_eq!(options, [(&b"blksize"[..], &b"1432"[..]), (b"tsize", b"0")]);
    }

    #[test]
    fn the_other_kinds() {
        let data = Packet::Data {
            block: 0x0102,
            payload: b"xyz",
        };
        assert_eq!(encoded(data), b"\0\x03\x01\x02xyz");
        assert_eq!(encoded(Packet::Ack { block: 65535 }), b"\0\x04\xff\xff");
        let error = Packet::Error {
            code: 1,
            message: b"File not found",
        };
        assert_eq!(encoded(error), b"\0\x05\0\x01File not found\0");
        let oack = Packet::Oack(Options::new(b"tsize\x005\0"));
        assert_eq!(encoded(oack), b"\0\x06tsize\x005\0");
        assert!(matches!(
            Packet::decode(b"\0\x02name\0netascii\0"),
            Ok(Packet::Wrq(Request {
                mode: Mode::Netascii,
                ..
            }))
        ));
    }

    #[test]
    fn an_ack_of_the_windows_boot_manager_with_a_fifth_byte_is_decoded() {
        assert_eq!(
            Packet::decode(b"\0\x04\0\x07\0"),
            Ok(Packet::Ack { block: 7 })
        );
    }

    #[test]
    fn an_error_without_nul_is_decoded() {
        assert_eq!(
            Packet::decode(b"\0\x05\0\0closed"),
            Ok(Packet::Error {
                code: 0,
                message: b"closed"
            })
        );
    }

    #[test]
    fn a_mode_without_nul_is_decoded() {
        assert!(matches!(
            Packet::decode(b"\0\x01a\0octet"),
            Ok(Packet::Rrq(Request {
                mode: Mode::Octet,
                ..
            }))
        ));
    }

    /// Firmware whose DHCP server names no file asks for one all the same.
    #[test]
    fn an_empty_name_is_a_name() {
        let Ok(Packet::Rrq(request)) = Packet::decode(b"\0\x01\0octet\0") else {
            panic!("not an RRQ");
        };
        assert_eq!((request.filename, request.mode), (&b""[..], Mode::Octet));
    }

    #[test]
    fn invalid_datagrams() {
        for (bytes, error) in [
            (&b""[..], DecodeError::Truncated),
            (b"\0", DecodeError::Truncated),
            (b"\0\x04\0", DecodeError::Truncated),
            (b"\0\x00", DecodeError::UnknownOpcode(0)),
            (b"\0\x07", DecodeError::UnknownOpcode(7)),
            (b"\x01\0a\0octet\0", DecodeError::UnknownOpcode(256)),
            (b"\0\x01", DecodeError::NoFilename),
            (b"\0\x01name", DecodeError::NoFilename),
            (b"\0\x01name\0", DecodeError::NoMode),
            (b"\0\x01name\0\0", DecodeError::NoMode),
        ] {
            assert_eq!(Packet::decode(bytes), Err(error), "{bytes:?}");
        }
    }

    fn text() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(1..=255u8, 1..40)
    }

    proptest! {
        #[test]
        fn decode_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            if let Ok(Packet::Rrq(request) | Packet::Wrq(request)) = Packet::decode(&bytes) {
                request.options.iter().count();
            }
        }

        #[test]
        fn a_request_is_decoded_as_encoded(
            filename in text(),
            mode in text(),
            options in proptest::collection::vec((text(), text()), 0..5),
        ) {
            let mut pairs = Vec::new();
            for (name, value) in &options {
                put_string(name, &mut pairs);
                put_string(value, &mut pairs);
            }
            let packet = Packet::Rrq(Request {
                filename: &filename,
                mode: Mode::of(&mode),
                options: Options::new(&pairs),
            });
            let bytes = encoded(packet);
            prop_assert_eq!(Packet::decode(&bytes), Ok(packet));
        }

        #[test]
        fn other_packets_are_decoded_as_encoded(
            number in any::<u16>(),
            bytes in proptest::collection::vec(any::<u8>(), 0..600),
            message in text(),
        ) {
            for packet in [
                Packet::Data { block: number, payload: &bytes },
                Packet::Ack { block: number },
                Packet::Error { code: number, message: &message },
            ] {
                let bytes = encoded(packet);
            prop_assert_eq!(Packet::decode(&bytes), Ok(packet));
            }
        }
    }
}
