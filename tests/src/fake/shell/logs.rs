//! What a guest has logged, as a host asks for it: files, and the journal of its units.

use super::run::{Shell, Streams};
use crate::fake::disk::JOURNAL;

/// The lab's own script: `file PATH OFFSET LINES`, `journal CURSOR LINES UNIT`; `-` for no offset, cursor or unit.
pub(super) fn run(shell: &Shell<'_, '_>, words: &[String], out: &mut Streams) -> i32 {
    let words: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
    match words[..] {
        ["file", path, from, lines] => {
            let Ok(bytes) = shell.read(path) else { return 44 };
            out.say(&bytes.len().to_string());
            let offset = from.parse::<usize>().ok();
            match offset.and_then(|from| bytes.get(from..)) {
                Some(new) => out.stdout.extend(new),
                None => last(&String::from_utf8_lossy(&bytes), lines, out),
            }
            0
        }
        ["journal", cursor, lines, unit] => journal(shell, cursor, lines, unit, out),
        _ => 2,
    }
}

/// `journalctl`, with `-n COUNT`, `-u UNIT`, `--after-cursor CURSOR`.
pub(super) fn journalctl(shell: &Shell<'_, '_>, args: &[String], out: &mut Streams) -> i32 {
    let value = |flag: &str| {
        let at = args.iter().position(|a| a == flag)?;
        args.get(at + 1).map(String::as_str)
    };
    let (cursor, lines) = (value("--after-cursor").unwrap_or("-"), value("-n").unwrap_or("1000"));
    journal(shell, cursor, lines, value("-u").unwrap_or("-"), out)
}

/// A cursor is the number of entries before it.
fn journal(shell: &Shell<'_, '_>, cursor: &str, lines: &str, unit: &str, out: &mut Streams) -> i32 {
    let bytes = shell.read(JOURNAL).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let after = cursor.strip_prefix("s=").and_then(|n| n.parse::<usize>().ok());
    let entries: Vec<&str> = text.lines().skip(after.unwrap_or(0)).collect();
    let of_unit = entries.iter().filter_map(|entry| {
        let (of, said) = entry.split_once('\t')?;
        (unit == "-" || of == unit).then(|| format!("{said}\n"))
    });
    let said: String = of_unit.collect();
    if after.is_some() {
        out.stdout.extend(said.as_bytes());
    } else {
        last(&said, lines, out);
    }
    out.say(&format!("-- cursor: s={}", text.lines().count()));
    0
}

fn last(text: &str, lines: &str, out: &mut Streams) {
    let all: Vec<&str> = text.split_inclusive('\n').collect();
    let count = lines.parse().unwrap_or(10).min(all.len());
    out.stdout.extend(all[all.len() - count..].concat().as_bytes());
}
