//! Points in time as ISO 9660 writes them. Always UTC.

use std::time::SystemTime;

use crate::calendar::Civil;

/// A date that both of the format's forms can hold: the years 1900 to 2155.
#[derive(Debug, Clone, Copy)]
pub(super) struct IsoDate(Civil);

impl IsoDate {
    /// The moment, moved into the years that the format can hold if it is outside them.
    pub(super) fn new(moment: SystemTime) -> Self {
        let mut civil = Civil::from(moment);
        civil.year = civil.year.clamp(1900, 2155);
        Self(civil)
    }

    /// Seven bytes, for directory records (ECMA-119 9.1.5) and Rock Ridge's TF.
    pub(super) fn short(self) -> [u8; 7] {
        let at = self.0;
        let year = u8::try_from(at.year - 1900).unwrap_or(u8::MAX);
        [year, at.month, at.day, at.hour, at.minute, at.second, 0]
    }

    /// Sixteen digits and the offset from UTC, for volume descriptors (ECMA-119 8.4.26.1).
    pub(super) fn long(self) -> [u8; 17] {
        let at = self.0;
        let mut field = [0; 17];
        let digits = format!(
            "{:04}{:02}{:02}{:02}{:02}{:02}00",
            at.year, at.month, at.day, at.hour, at.minute, at.second
        );
        field[..16].copy_from_slice(&digits.as_bytes()[..16]);
        field
    }

    /// "Not specified".
    pub(super) fn unset_long() -> [u8; 17] {
        let mut field = [b'0'; 17];
        field[16] = 0;
        field
    }
}
