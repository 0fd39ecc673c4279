//! What a command in a guest complained of.

/// The last line that says something: what went wrong stands there.
pub(crate) fn last_line(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty());
    line.unwrap_or("no message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_that_is_not_blank_counts() {
        assert_eq!(
            last_line(b"warning: old\n\nError: no such unit \n \n"),
            "Error: no such unit"
        );
        assert_eq!(last_line(b" \n"), "no message");
    }
}
