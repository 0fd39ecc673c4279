//! Ticks of a time axis.

use std::time::Duration;

/// Steps that people count in, in milliseconds.
const STEPS: [u64; 29] = [
    1,
    2,
    5,
    10,
    20,
    50,
    100,
    200,
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    15_000,
    30_000,
    60_000,
    120_000,
    300_000,
    600_000,
    900_000,
    1_800_000,
    3_600_000,
    7_200_000,
    14_400_000,
    28_800_000,
    43_200_000,
    86_400_000,
    604_800_000,
    2_592_000_000,
];

/// At most `count` ticks with a round distance, from zero up to `whole`.
pub(crate) fn ticks(whole: Duration, count: usize) -> Vec<Duration> {
    let count = u32::try_from(count.max(1)).unwrap_or(u32::MAX);
    let at_least = whole / count;
    let step = STEPS
        .iter()
        .map(|&ms| Duration::from_millis(ms))
        .find(|&step| step >= at_least)
        .unwrap_or(at_least);
    let mut ticks = vec![Duration::ZERO];
    let mut at = step;
    while at <= whole && !step.is_zero() {
        ticks.push(at);
        at += step;
    }
    ticks
}

/// The time at a tick: `250ms`, `45s`, `2:30`, `1:02:30`.
pub(crate) fn tick_label(at: Duration) -> String {
    let (ms, s) = (at.subsec_millis(), at.as_secs());
    match (s / 3600, s / 60 % 60, s % 60) {
        (0, 0, 0) if ms > 0 => format!("{ms}ms"),
        (0, 0, s) if ms > 0 => format!("{}s", format!("{s}.{ms:03}").trim_end_matches('0')),
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}:{s:02}"),
        (h, m, s) => format!("{h}:{m:02}:{s:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        let labels = |ms, count| -> Vec<String> {
            ticks(Duration::from_millis(ms), count)
                .into_iter()
                .map(tick_label)
                .collect()
        };
        assert_eq!(labels(1_062_800, 8), ["0s", "5:00", "10:00", "15:00"]);
        assert_eq!(labels(7, 4), ["0s", "2ms", "4ms", "6ms"]);
        assert_eq!(labels(4_700, 5), ["0s", "1s", "2s", "3s", "4s"]);
        assert_eq!(labels(0, 5), ["0s"]);
        assert!(ticks(Duration::from_secs(400 * 86_400 * 365), 8).len() <= 9);
    }
}
