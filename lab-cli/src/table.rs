//! Columns that line up, Hangul counted as two.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Columns on a terminal that the text takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// The text, and blanks up to `columns`.
pub(crate) fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// The text cut to `columns`, with an ellipsis where something is missing.
pub(crate) fn fit(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut cut = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > columns {
            break;
        }
        cut.push(c);
    }
    if columns > 0 {
        cut.push('…');
    }
    cut
}

/// A heading and rows.
pub(crate) fn draw<const N: usize>(heading: [&str; N], rows: &[[String; N]]) -> String {
    let mut all = vec![heading.map(str::to_owned)];
    all.extend_from_slice(rows);
    columns(&all)
}

/// Rows; the last column is not padded, and no line ends in blanks.
pub(crate) fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (w, cell) in widths.iter_mut().zip(row) {
            *w = (*w).max(width(cell));
        }
    }
    let line = |cells: &[String; N]| {
        let cells: Vec<String> = cells.iter().zip(widths).map(|(c, w)| pad(c, w)).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_with_hangul_in_them() {
        let rows = [
            ["가나".to_owned(), "x".to_owned()],
            ["abcdef".to_owned(), String::new()],
        ];
        assert_eq!(draw(["노드", "b"], &rows), "노드    b\n가나    x\nabcdef\n");
    }

    #[test]
    fn a_cut_text_never_takes_more_than_its_columns() {
        assert_eq!(fit("abcdef", 6), "abcdef");
        assert_eq!(fit("abcdef", 4), "abc…");
        assert_eq!(fit("가나다", 4), "가…");
        assert_eq!(fit("abc", 0), "");
        for columns in 0..12 {
            assert!(width(&fit("a가b나c다", columns)) <= columns);
        }
    }
}
