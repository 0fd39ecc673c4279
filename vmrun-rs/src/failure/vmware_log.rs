//! Explains catch-all answers from `vmware.log`.
//!
//! "The operation was canceled" and "Unknown error" hide a dialog that nobody could see. The hypervisor writes that
//! dialog's text to `vmware.log` in the machine's directory, behind a line `Msg_Post: Error`.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::SystemTime;

use super::scan::printable;

/// How many lines of explanation are kept.
const MOST_LINES: usize = 10;

/// How much of the log's end is read.
const TAIL: u64 = 256 * 1024;

/// The texts of the last error dialog in a `vmware.log`, most telling first; at most ten lines.
///
/// Line prefixes of all log formats (`… vmx I125: `, `… In(05) vmx `, `…| vmx| I120: `) and message keys in
/// brackets (`[msg.disk.notConfigured2]`) are removed, and so are control characters: the text goes to a terminal, and
/// a machine's name, which somebody else chose, may be in it.
pub fn causes(log: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(log);
    // A carriage return alone ends a line, too: what follows it would be written over what is before it.
    let lines: Vec<&str> = text.split(['\n', '\r']).map(str::trim_end).collect();
    let Some(start) = lines.iter().rposition(|line| line.contains("Msg_Post: Error")) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for line in &lines[start + 1..] {
        let body = strip_log_prefix(line).trim();
        if body.starts_with("-----") || found.len() == MOST_LINES {
            break;
        }
        let body = printable(strip_message_key(body).as_bytes());
        let body = body.trim();
        if !body.is_empty() && !found.iter().any(|f| f == body) {
            found.push(body.to_owned());
        }
    }
    found
}

/// [`causes`] of the log beside a `.vmx` file, or nothing if the log was not written since `since` (then it tells of an
/// earlier failure) or cannot be read.
pub fn causes_beside(vmx: &Path, since: SystemTime) -> Vec<String> {
    read_tail(&vmx.with_file_name("vmware.log"), since)
        .map(|log| causes(&log))
        .unwrap_or_default()
}

fn read_tail(path: &Path, since: SystemTime) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let meta = file.metadata()?;
    if meta.modified()? < since {
        return Ok(Vec::new());
    }
    file.seek(SeekFrom::Start(meta.len().saturating_sub(TAIL)))?;
    let mut log = Vec::new();
    file.take(TAIL).read_to_end(&mut log)?;
    Ok(log)
}

/// Drops everything up to the thread name `vmx` and, in the older formats, the level after it.
fn strip_log_prefix(line: &str) -> &str {
    // 2019-05-01T10:00:00.123+09:00| vmx| I125: text
    if let Some((_, rest)) = line.split_once("| vmx| ") {
        return rest.split_once(": ").map_or(rest, |(_, text)| text);
    }
    // 2025-01-28T22:07:59.876Z In(05) vmx text   /   … vmx [tid] text   /   … vmx I125: text
    for marker in [" vmx ", "| vmx "] {
        if let Some((head, rest)) = line.split_once(marker)
            && head.len() < 64
        {
            let rest = rest
                .strip_prefix('[')
                .and_then(|r| r.split_once("] "))
                .filter(|(t, _)| !t.contains('.'))
                .map_or(rest, |(_, r)| r);
            return match rest.split_once(": ") {
                Some((level, text)) if is_level(level) => text,
                _ => rest,
            };
        }
    }
    line
}

/// `I125`, `W110`: one letter and digits.
fn is_level(word: &str) -> bool {
    let mut chars = word.chars();
    chars.next().is_some_and(|c| c.is_ascii_uppercase()) && word.len() > 1 && chars.all(|c| c.is_ascii_digit())
}

/// `[msg.disk.notConfigured2] Text` -> `Text`.
fn strip_message_key(body: &str) -> &str {
    match body.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((key, text)) if key.contains('.') && !key.contains(' ') => text,
        _ => body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_dialog_is_found_in_every_log_format() {
        let old = b"2019-05-01T10:00:00.123+09:00| vmx| I125: Msg_Post: Error\r\n\
            2019-05-01T10:00:00.123+09:00| vmx| I125: [msg.device.noPCIeSlot] No PCIe slot available for SCSI0.\r\n\
            2019-05-01T10:00:00.123+09:00| vmx| I125+ Remove some devices.\r\n\
            2019-05-01T10:00:00.123+09:00| vmx| I125: ----------------------------------------\r\n\
            2019-05-01T10:00:00.123+09:00| vmx| I125: unrelated\r\n";
        assert_eq!(causes(old)[0], "No PCIe slot available for SCSI0.");
        assert_eq!(causes(old).len(), 2);

        let new = b"2025-01-28T22:07:59.876Z In(05) vmx Msg_Post: Error\n\
            2025-01-28T22:07:59.876Z In(05) vmx [msg.hostlinux.memory] Not enough physical memory is available.\n\
            2025-01-28T22:07:59.876Z In(05) vmx [msg.moduletable.powerOnFailed] Module 'MainMem' power on failed.\n\
            2025-01-28T22:07:59.876Z In(05) vmx ----------------------------------------\n";
        assert_eq!(
            causes(new),
            [
                "Not enough physical memory is available.",
                "Module 'MainMem' power on failed."
            ]
        );
    }

    #[test]
    fn what_a_terminal_would_obey_is_no_part_of_a_cause() {
        let log = b"x vmx Msg_Post: Error\r\nx vmx [msg.a.b] text\r[msg.c.d] over it\nx vmx \x1b[2Jthe \x07name\n";
        assert_eq!(causes(log), ["text", "over it", "[2Jthe name"]);
    }

    #[test]
    fn a_log_without_a_dialog_explains_nothing() {
        assert!(causes(b"2025-01-28T22:07:59.876Z In(05) vmx all is well\n").is_empty());
        assert!(causes(&[0xff; 4096]).is_empty());
    }

    #[test]
    fn an_old_log_is_not_taken_for_the_present_failure() {
        let dir = tempfile::tempdir().unwrap();
        let vmx = dir.path().join("a.vmx");
        std::fs::write(
            dir.path().join("vmware.log"),
            "x vmx Msg_Post: Error\nx vmx [msg.a.b] Boom.\n",
        )
        .unwrap();
        let now = SystemTime::now();
        assert_eq!(causes_beside(&vmx, now - std::time::Duration::from_secs(60)), ["Boom."]);
        assert!(causes_beside(&vmx, now + std::time::Duration::from_secs(60)).is_empty());
    }
}
