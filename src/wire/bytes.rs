//! Strings and numbers in datagrams.

use super::error::DecodeError;

/// Splits at the first NUL, which belongs to neither part.
pub(super) fn split_string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|&b| b == 0)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

pub(super) fn put_string(text: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(text);
    out.push(0);
}

pub(super) fn split_u16(bytes: &[u8]) -> Result<(u16, &[u8]), DecodeError> {
    let (head, rest) = bytes.split_first_chunk().ok_or(DecodeError::Truncated)?;
    Ok((u16::from_be_bytes(*head), rest))
}

pub(super) fn put_u16(value: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(&value.to_be_bytes());
}
