//! Calendar time as people of one place write it.

use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A moment with the UTC offset of the place where it was noted, to the microsecond.
///
/// Displays as `yyyy-MM-dd HH:mm:ss`, the form in front of log lines; serialises as RFC 3339 with the offset, so that
/// a record that is read on another machine still shows the time of the place where the run took place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallTime {
    timestamp: Timestamp,
    offset: Offset,
}

impl WallTime {
    /// A moment in the machine's own time zone. A moment outside of the years -9999 to 9999 is taken as 1970.
    pub fn local(time: SystemTime) -> Self {
        let timestamp = to_timestamp(time);
        Self {
            timestamp,
            offset: TimeZone::system().to_offset(timestamp),
        }
    }

    /// A moment in a place `seconds` east of Greenwich. An offset of 26 hours or more is taken as UTC.
    pub fn with_offset(time: SystemTime, seconds: i32) -> Self {
        Self {
            timestamp: to_timestamp(time),
            offset: Offset::from_seconds(seconds).unwrap_or(Offset::UTC),
        }
    }

    /// Now, in the machine's own time zone.
    pub fn now() -> Self {
        Self::local(SystemTime::now())
    }

    /// The same place's time `later`. A time outside of the calendar stays where it is.
    pub fn after(self, later: std::time::Duration) -> Self {
        let timestamp = self.timestamp.checked_add(later).map_or(self.timestamp, to_micros);
        Self {
            timestamp,
            offset: self.offset,
        }
    }

    /// RFC 3339 with the offset: `2026-08-01T12:34:56.000001+09:00`.
    pub fn rfc3339(&self) -> String {
        self.zoned().strftime("%Y-%m-%dT%H:%M:%S%.6f%:z").to_string()
    }

    /// The form for file names, in UTC: `20260801T033456Z`.
    pub fn compact_utc(&self) -> String {
        self.timestamp.strftime("%Y%m%dT%H%M%SZ").to_string()
    }

    /// Without the place.
    pub fn system_time(&self) -> SystemTime {
        self.timestamp.into()
    }

    /// Seconds since 1970, with the microseconds as a fraction.
    #[expect(
        clippy::cast_precision_loss,
        reason = "microseconds of any real date fit an f64 to the microsecond"
    )]
    pub fn unix_seconds(&self) -> f64 {
        self.timestamp.as_microsecond() as f64 / 1e6
    }

    /// Seconds east of Greenwich.
    pub fn offset_seconds(&self) -> i32 {
        self.offset.seconds()
    }

    fn zoned(&self) -> Zoned {
        self.timestamp.to_zoned(self.offset.to_time_zone())
    }
}

fn to_timestamp(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time).map_or(Timestamp::UNIX_EPOCH, to_micros)
}

/// Records hold microseconds; a value in memory must equal the same value read back.
fn to_micros(timestamp: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(timestamp.as_microsecond()).unwrap_or(timestamp)
}

impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.zoned().strftime("%Y-%m-%d %H:%M:%S").fmt(f)
    }
}

impl fmt::Debug for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

/// The text is no RFC 3339 time with an offset.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{text:?} is not a time like 2026-08-01T12:34:56+09:00")]
pub struct ParseWallTimeError {
    text: String,
    #[source]
    source: jiff::Error,
}

impl FromStr for WallTime {
    type Err = ParseWallTimeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = |source| ParseWallTimeError {
            text: text.to_owned(),
            source,
        };
        let pieces = jiff::fmt::temporal::Pieces::parse(text).map_err(fail)?;
        let timestamp = to_micros(text.parse::<Timestamp>().map_err(fail)?);
        let offset = match pieces.to_numeric_offset() {
            Some(offset) => offset,
            None => Offset::UTC,
        };
        Ok(Self { timestamp, offset })
    }
}

impl Serialize for WallTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.rfc3339())
    }
}

impl<'de> Deserialize<'de> for WallTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn it_is_shown_in_the_time_of_its_own_place() {
        let seoul = WallTime::with_offset(UNIX_EPOCH + Duration::from_micros(1_785_556_496_000_001), 9 * 3600);
        assert_eq!(seoul.to_string(), "2026-08-01 12:54:56");
        assert_eq!(seoul.rfc3339(), "2026-08-01T12:54:56.000001+09:00");
        assert_eq!(seoul.compact_utc(), "20260801T035456Z");
    }

    #[test]
    fn it_survives_being_written_and_read() {
        let time = WallTime::with_offset(
            UNIX_EPOCH + Duration::from_nanos(1_785_555_296_123_456_789),
            -5 * 3600 - 1800,
        );
        assert_eq!(time.rfc3339().parse::<WallTime>().unwrap(), time);
    }

    #[test]
    fn text_that_is_no_time_is_refused() {
        assert!("yesterday".parse::<WallTime>().is_err());
        assert!("2026-08-01".parse::<WallTime>().is_err());
    }
}
