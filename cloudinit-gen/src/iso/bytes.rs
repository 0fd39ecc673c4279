//! Numbers as ISO 9660 writes them: in both byte orders, one after the other.

/// 16 bits, little end first, then big end first (ECMA-119 7.2.3).
pub(super) fn both16(value: u16) -> [u8; 4] {
    let (le, be) = (value.to_le_bytes(), value.to_be_bytes());
    [le[0], le[1], be[0], be[1]]
}

/// 32 bits, little end first, then big end first (ECMA-119 7.3.3).
pub(super) fn both32(value: u32) -> [u8; 8] {
    let mut both = [0; 8];
    both[..4].copy_from_slice(&value.to_le_bytes());
    both[4..].copy_from_slice(&value.to_be_bytes());
    both
}
