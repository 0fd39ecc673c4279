//! Sets of moments, as sorted and disjoint half-open intervals of microseconds.

use std::time::Duration;

/// From and to, in microseconds after the start of the run.
pub(crate) type Interval = (u64, u64);

/// The set that the intervals cover, each moment once.
pub(crate) fn union(mut intervals: Vec<Interval>) -> Vec<Interval> {
    intervals.retain(|(from, to)| from < to);
    intervals.sort_unstable();
    let mut merged: Vec<Interval> = Vec::with_capacity(intervals.len());
    for (from, to) in intervals {
        match merged.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => merged.push((from, to)),
        }
    }
    merged
}

/// What is left of `whole` without the intervals of `holes`, which must be sorted and disjoint.
pub(crate) fn without(whole: Interval, holes: &[Interval]) -> Vec<Interval> {
    let mut left = Vec::new();
    let mut from = whole.0;
    for &(hole_from, hole_to) in holes {
        if hole_from > from {
            left.push((from, hole_from.min(whole.1)));
        }
        from = from.max(hole_to);
    }
    if from < whole.1 {
        left.push((from, whole.1));
    }
    left
}

/// How long the set is.
pub(crate) fn length(set: &[Interval]) -> Duration {
    Duration::from_micros(set.iter().map(|(from, to)| to - from).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_moment_counts_once() {
        assert_eq!(
            union(vec![(5, 9), (0, 2), (2, 3), (6, 7), (8, 12), (4, 4)]),
            [(0, 3), (5, 12)]
        );
        assert_eq!(length(&[(0, 3), (5, 12)]), Duration::from_micros(10));
    }

    #[test]
    fn holes_are_cut_out() {
        assert_eq!(without((2, 20), &[(0, 3), (5, 12), (18, 30)]), [(3, 5), (12, 18)]);
        assert_eq!(without((2, 20), &[]), [(2, 20)]);
        assert_eq!(without((2, 20), &[(0, 40)]), []);
    }
}
