//! Points in time: certificates count whole seconds of UTC between the years 1950 and 9999 (RFC 5280, 4.1.2.5).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serializer;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The last second that a certificate can name: 9999-12-31T23:59:59Z.
const LAST: i64 = 253_402_300_799;

/// Seconds since 1970, rounded down; saturates at the edges of what a certificate can name.
pub(crate) fn seconds(at: SystemTime) -> i64 {
    let seconds = match at.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).unwrap_or(LAST),
        Err(before) => {
            let before = before.duration();
            let whole = i64::try_from(before.as_secs()).unwrap_or(LAST);
            -whole - i64::from(before.subsec_nanos() > 0)
        }
    };
    seconds.clamp(-LAST, LAST)
}

/// The time `seconds` after (or before) 1970.
pub(crate) fn from_seconds(seconds: i64) -> SystemTime {
    let magnitude = Duration::from_secs(seconds.unsigned_abs());
    if seconds >= 0 {
        UNIX_EPOCH.checked_add(magnitude)
    } else {
        UNIX_EPOCH.checked_sub(magnitude)
    }
    .unwrap_or(UNIX_EPOCH)
}

pub(crate) fn offset(at: SystemTime) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds(at)).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// `2026-11-22T07:12:00Z`.
pub(crate) fn rfc3339(at: SystemTime) -> String {
    offset(at)
        .format(&Rfc3339)
        .unwrap_or_else(|_| format!("{} s after 1970", seconds(at)))
}

/// `2026-11-22`.
pub(crate) fn date(at: SystemTime) -> String {
    rfc3339(at).chars().take(10).collect()
}

/// For `#[serde(serialize_with)]`.
#[cfg_attr(
    windows,
    expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde's signature; smaller than on Unix"
    )
)]
pub(crate) fn serialize<S: Serializer>(at: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*at))
}

/// A span as a person says it: `45 s`, `12 min`, `5 h`, `397 days`; rounded down.
pub(crate) fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// The span between two times, whichever comes first.
pub(crate) fn distance(one: SystemTime, other: SystemTime) -> Duration {
    one.duration_since(other).unwrap_or_else(|error| error.duration())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_survive_the_round_trip_and_no_time_panics() {
        // Windows' own times begin in 1601, certificates' in 1950.
        let first = if cfg!(windows) { -631_152_000 } else { -LAST };
        for seconds_since in [0, -1, 1_700_000_000, LAST, first] {
            assert_eq!(seconds(from_seconds(seconds_since)), seconds_since);
        }
        assert_eq!(rfc3339(from_seconds(1_767_225_600)), "2026-01-01T00:00:00Z");
        assert_eq!(seconds(UNIX_EPOCH - Duration::from_millis(1)), -1);
        for seconds_since in [i64::MAX, i64::MIN, LAST] {
            let _ = rfc3339(from_seconds(seconds_since));
        }
    }

    #[test]
    fn spans_are_said_in_the_unit_a_person_would_use() {
        for (seconds, text) in [
            (45, "45 s"),
            (600, "10 min"),
            (18_000, "5 h"),
            (397 * 86_400, "397 days"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
    }
}
