//! The little DER that is written by hand: tags, lengths, nesting.

use zeroize::Zeroizing;

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
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

/// The first element: its tag, its contents, and what follows it. `None` where it is cut short, its length is not as short
/// as it can be, or its tag has more than one octet.
pub(crate) fn read(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if octets.len() > 4 || octets.first().is_none_or(|octet| *octet == 0) {
            return None;
        }
        let length = octets.iter().fold(0, |sum, octet| sum << 8 | usize::from(*octet));
        (length >= 0x80).then_some((length, rest))?
    };
    let (contents, behind) = rest.split_at_checked(length)?;
    (tag & 0x1f != 0x1f).then_some((tag, contents, behind))
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
            let read = read(&encoded).unwrap();
            assert_eq!((read.0, read.1.len(), read.2.len()), (OCTET_STRING, length, 0));
        }
    }

    #[test]
    fn what_is_not_der_is_not_read() {
        assert_eq!(read(&[0x04, 0x01, 0xaa, 0xbb]), Some((0x04, &[0xaa][..], &[0xbb][..])));
        for wrong in [
            &[][..],
            &[0x04],
            &[0x04, 0x02, 0xaa],
            // Lengths that could be shorter, that never end, and that no memory holds.
            &[0x04, 0x81, 0x01, 0xaa],
            &[0x04, 0x82, 0x00, 0x80],
            &[0x04, 0x80, 0xaa, 0x00, 0x00],
            &[0x04, 0x85, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[0x1f, 0x01, 0xaa],
        ] {
            assert_eq!(read(wrong), None, "{wrong:02x?}");
        }
    }
}
