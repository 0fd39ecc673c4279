//! Durations as text, and columns that line up.

use std::time::Duration;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::{Lane, Lang};

/// One decimal and the unit: `959.1s`. The form of summaries: comparable at a glance, never in mixed units.
pub fn seconds(duration: Duration) -> String {
    format!("{:.1}s", duration.as_secs_f64())
}

/// For sentences: `0.5s`, `45s`, `17m 43s`, `2h 05m`; in Korean `45초`, `17분 43초`, `2시간 5분`.
pub fn rough(duration: Duration, lang: Lang) -> String {
    let tenths = (duration.as_millis() + 50) / 100;
    let whole = (duration.as_millis() + 500) / 1000;
    let (hours, minutes, secs) = (whole / 3600, whole / 60 % 60, whole % 60);
    match lang {
        Lang::En if tenths < 100 && !tenths.is_multiple_of(10) => format!("{}.{}s", tenths / 10, tenths % 10),
        Lang::En if whole < 60 => format!("{whole}s"),
        Lang::En if hours == 0 => format!("{minutes}m {secs:02}s"),
        Lang::En => format!("{hours}h {minutes:02}m"),
        Lang::Ko if tenths < 100 && !tenths.is_multiple_of(10) => format!("{}.{}초", tenths / 10, tenths % 10),
        Lang::Ko if whole < 60 => format!("{whole}초"),
        Lang::Ko if hours == 0 => format!("{minutes}분 {secs}초"),
        Lang::Ko => format!("{hours}시간 {minutes}분"),
    }
}

/// A share as `90.2%`.
pub(crate) fn percent(part: Duration, whole: Duration) -> String {
    format!("{:.1}%", share(part, whole) * 100.0)
}

/// A part of a whole, 0 to 1; 0 of nothing.
pub(crate) fn share(part: Duration, whole: Duration) -> f64 {
    if whole.is_zero() {
        0.0
    } else {
        part.as_secs_f64() / whole.as_secs_f64()
    }
}

/// ` [lane]` behind a stage's name; nothing for the main lane.
pub(crate) fn lane_suffix(lane: &Lane) -> String {
    if *lane == Lane::MAIN {
        String::new()
    } else {
        format!(" [{lane}]")
    }
}

/// Columns a terminal needs for the text: Hangul and other wide characters take two.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// The text, or as much of it as fits into so many columns with an ellipsis.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut used = 0;
    let fitting = text.char_indices().find(|(_, c)| {
        used += c.width().unwrap_or(0);
        used + 1 > columns
    });
    let end = fitting.map_or(text.len(), |(end, _)| end);
    format!("{}…", text[..end].trim_end())
}

/// The text and spaces up to `columns`.
pub(crate) fn pad_end(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// Spaces up to `columns` and the text.
pub(crate) fn pad_start(text: &str, columns: usize) -> String {
    format!("{}{text}", " ".repeat(columns.saturating_sub(width(text))))
}

/// Lays out rows in columns that line up, two spaces apart; the last column is not padded, lines do not end in blanks.
pub(crate) fn columns(rows: &[Vec<String>], right: &[bool]) -> Vec<String> {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count)
        .map(|i| {
            rows.iter()
                .filter_map(|row| row.get(i))
                .map(|cell| width(cell))
                .max()
                .unwrap_or(0)
        })
        .collect();
    rows.iter()
        .map(|row| {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .enumerate()
                .map(|(i, (cell, &columns))| {
                    if right.get(i).copied().unwrap_or(false) {
                        pad_start(cell, columns)
                    } else {
                        pad_end(cell, columns)
                    }
                })
                .collect();
            cells.join("  ").trim_end().to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_use_the_units_people_use() {
        let ms = Duration::from_millis;
        assert_eq!(rough(ms(0), Lang::En), "0s");
        assert_eq!(rough(ms(460), Lang::En), "0.5s");
        assert_eq!(rough(ms(45_200), Lang::En), "45s");
        assert_eq!(rough(ms(59_700), Lang::En), "1m 00s");
        assert_eq!(rough(ms(1_062_800), Lang::En), "17m 43s");
        assert_eq!(rough(ms(1_062_800), Lang::Ko), "17분 43초");
        assert_eq!(rough(ms(7_500_000), Lang::Ko), "2시간 5분");
    }

    #[test]
    fn text_is_cut_by_its_width() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdefg", 6), "abcde…");
        assert_eq!(cut("가나다라", 6), "가나…");
        assert_eq!(cut("가나다라", 0), "…");
    }

    #[test]
    fn hangul_counts_as_two_columns() {
        let rows = vec![
            vec!["단계".to_owned(), "1.0s".to_owned(), "x".to_owned()],
            vec!["abcdef".into(), "10.0s".into()],
        ];
        assert_eq!(columns(&rows, &[false, true]), ["단계     1.0s  x", "abcdef  10.0s"]);
    }
}
