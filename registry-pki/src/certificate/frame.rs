//! A certificate's outer structure, octet by octet.

use crate::der;

/// The certificate's frame, which no signature covers: the parser is more forgiving here than TLS clients are.
pub(super) fn check_frame(bytes: &[u8]) -> Result<(), String> {
    let Some((frame, behind)) = frame(bytes) else {
        return Err("its outer structure is not that of a certificate".to_owned());
    };
    if !behind.is_empty() {
        return Err("other bytes follow it".to_owned());
    }
    // Octet by octet, as Go compares them: what is parsed no longer shows in what form it was written.
    if signed_algorithm(frame.signed) != Some(frame.algorithm) {
        return Err("the signed and the unsigned name of its signature algorithm differ".to_owned());
    }
    Ok(())
}

/// The contents of two of a certificate's three parts.
struct Frame<'a> {
    signed: &'a [u8],
    algorithm: &'a [u8],
}

/// A certificate's parts, and what follows it.
fn frame(bytes: &[u8]) -> Option<(Frame<'_>, &[u8])> {
    let (tag, body, behind) = der::read(bytes)?;
    let (signed_tag, signed, rest) = der::read(body)?;
    let (algorithm_tag, algorithm, rest) = der::read(rest)?;
    let (signature, bits, rest) = der::read(rest)?;
    let tags = [tag, signed_tag, algorithm_tag, signature];
    let sound = tags == [der::SEQUENCE, der::SEQUENCE, der::SEQUENCE, der::BIT_STRING]
        && rest.is_empty()
        && bits.first() == Some(&0);
    sound.then_some((Frame { signed, algorithm }, behind))
}

/// The signature algorithm's identifier in the part that the signature covers: behind the version, if there is one, and the
/// serial number.
fn signed_algorithm(signed: &[u8]) -> Option<&[u8]> {
    let (mut tag, mut contents, mut rest) = der::read(signed)?;
    for expected in [der::CONTEXT_0, der::INTEGER] {
        if tag == expected {
            (tag, contents, rest) = der::read(rest)?;
        }
    }
    let _ = rest;
    (tag == der::SEQUENCE).then_some(contents)
}
