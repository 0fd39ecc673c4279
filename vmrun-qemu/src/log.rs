//! `vmware.log` beside the `.vmx`: where vmrun's users look when it says no more than "The operation was canceled".

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Appends a message. A log that cannot be written is no reason for a command to fail.
pub(crate) fn note(directory: &Path, message: &str) {
    append(
        directory,
        &message.lines().map(|line| format!("vmx {line}")).collect::<Vec<_>>(),
    );
}

/// Appends what VMware would show in an error dialog, in the form in which it logs one.
pub(crate) fn dialog(directory: &Path, message: &str) {
    let mut lines = vec!["vmx Msg_Post: Error".to_owned()];
    lines.extend(message.lines().map(|line| format!("vmx [msg.vmrunQemu] {line}")));
    lines.push("vmx ----------------------------------------".to_owned());
    append(directory, &lines);
}

fn append(directory: &Path, lines: &[String]) {
    let path = directory.join("vmware.log");
    let Ok(mut file) = OpenOptions::new().create(true).append(true).open(path) else {
        return;
    };
    let now = timestamp(SystemTime::now());
    let mut text = String::new();
    for line in lines {
        let _ = writeln!(text, "{now} In(05) {line}");
    }
    let _ = file.write_all(text.as_bytes());
}

/// `2026-11-22T07:27:55.123Z`
pub(crate) fn timestamp(at: SystemTime) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z",
        since.subsec_millis()
    )
}

/// The Gregorian date of a day counted from 1970-01-01. Years are counted from March, so that the leap day comes last.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468; // from 0000-03-01
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn dates_are_right_around_leap_days() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399, "2000-02-28T23:59:59.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_709_251_200, "2024-03-01T00:00:00.000Z"),
            (1_735_689_599, "2024-12-31T23:59:59.000Z"),
        ] {
            assert_eq!(timestamp(UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn a_dialog_is_logged_after_the_line_that_tools_search_for() {
        let directory = tempfile::tempdir().expect("a directory");
        dialog(directory.path(), "Cannot open the disk\nsecond line");
        let text = std::fs::read_to_string(directory.path().join("vmware.log")).expect("a log");
        let after: Vec<&str> = text
            .lines()
            .skip_while(|line| !line.contains("Msg_Post: Error"))
            .collect();
        assert!(after[1].ends_with("vmx [msg.vmrunQemu] Cannot open the disk"), "{text}");
        assert!(after[2].ends_with("second line"), "{text}");
    }
}
