//! Checksums by their text.

use super::macros::text_value;

text_value!(
    /// A SHA-256 digest: 64 digits in lower-case hex, as `sha256sum` prints it.
    Sha256Digest,
    "SHA-256 digest",
    check
);

impl Sha256Digest {
    /// How many digits it has.
    pub(crate) const DIGITS: usize = 64;

    /// The digest that these bytes are.
    pub(crate) fn new(bytes: [u8; Self::DIGITS / 2]) -> Self {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
        Self(digits.map(|digit| char::from(HEX[usize::from(digit)])).collect())
    }
}

fn check(text: &str) -> Result<(), &'static str> {
    if text.len() == Sha256Digest::DIGITS && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        Ok(())
    } else {
        Err("is not 64 digits of lower-case hex")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_64_digits_of_lower_case_hex() {
        let mut bytes = [0; 32];
        (bytes[0], bytes[31]) = (0x0f, 0xa0);
        let digest = Sha256Digest::new(bytes);
        assert_eq!(digest.as_str(), format!("0f{}a0", "0".repeat(60)));
        assert_eq!(digest.as_str().parse(), Ok(digest.clone()));
        let upper = digest.as_str().to_uppercase();
        for bad in ["", "00", upper.as_str(), &"g".repeat(64), &"0".repeat(65)] {
            assert!(bad.parse::<Sha256Digest>().is_err(), "{bad:?}");
        }
    }
}
