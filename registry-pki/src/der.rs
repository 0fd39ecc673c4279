//! The little DER that is written by hand: tags, lengths, nesting.

use zeroize::Zeroizing;

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const NULL: u8 = 0x05;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const BMP_STRING: u8 = 0x1e;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;
/// `[0]`, explicit.
pub(crate) const CONTEXT_0: u8 = 0xa0;

/// Encoded DER; wiped when dropped, for a part of it may be a key.
pub(crate) type Der = Zeroizing<Vec<u8>>;

/// One element with these contents.
pub(crate) fn element(tag: u8, contents: &[u8]) -> Der {
    let mut out = Zeroizing::new(Vec::with_capacity(contents.len() + 10));
    out.push(tag);
    let length = contents.len();
    let octets = length.to_be_bytes();
    let significant = &octets[octets.iter().position(|octet| *octet != 0).unwrap_or(octets.len() - 1)..];
    if length >= 0x80 {
        // At most eight octets of length, so the count fits.
        out.push(0x80 | u8::try_from(significant.len()).unwrap_or(8));
    }
    out.extend_from_slice(significant);
    out.extend_from_slice(contents);
    out
}

/// One element around others.
pub(crate) fn nest(tag: u8, parts: &[&[u8]]) -> Der {
    let contents = Zeroizing::new(parts.concat());
    element(tag, &contents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_as_short_as_they_can_be() {
        for (length, header) in [
            (0, vec![0x04, 0x00]),
            (127, vec![0x04, 0x7f]),
            (128, vec![0x04, 0x81, 0x80]),
            (256, vec![0x04, 0x82, 0x01, 0x00]),
        ] {
            let encoded = element(OCTET_STRING, &vec![0; length]);
            assert_eq!(encoded[..header.len()], header);
            assert_eq!(encoded.len(), header.len() + length);
        }
    }
}
