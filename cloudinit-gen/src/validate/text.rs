//! What is wrong before there is any YAML: encoding, line ends, the first line.

use crate::guestinfo::{GUESTINFO_MAX, GuestInfoEncoding};

use super::{DocumentKind, Finding, Rule};

const BOM: &str = "\u{feff}";
const HEADER: &str = "#cloud-config";
const JINJA: &str = "## template: jinja";

/// First lines of user-data that is no cloud-config and is not read as YAML.
const OTHER_FORMS: [&str; 8] = [
    "#!",
    "#cloud-config-",
    "#include",
    "#cloud-boothook",
    "#part-handler",
    "#upstart-job",
    "content-type:",
    "mime-version:",
];

/// The bytes as text.
pub(super) fn decode<'a>(bytes: &'a [u8], findings: &mut Vec<Finding>) -> Option<&'a str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) => {
            let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
            let utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
            let what = if utf16 {
                "the file is UTF-16"
            } else {
                "the file is not UTF-8"
            };
            findings.push(Finding::error(
                Rule::Encoding,
                (line, column),
                what,
                "save it as UTF-8 without a byte order mark; in PowerShell 5: [IO.File]::WriteAllText(path, text)",
            ));
            None
        }
    }
}

/// Whether the bytes fit into one of VMware's guest variables.
pub(super) fn check_guestinfo(bytes: &[u8], findings: &mut Vec<Finding>) {
    let plain = GuestInfoEncoding::Base64.encoded_len(bytes);
    if plain <= GUESTINFO_MAX {
        return;
    }
    let packed = GuestInfoEncoding::GzipBase64.encoded_len(bytes);
    findings.push(if packed <= GUESTINFO_MAX {
        let message = format!("the document has {plain} bytes as base64, and a guest variable holds {GUESTINFO_MAX}");
        Finding::warning(
            Rule::Size,
            (1, 1),
            message,
            format!("encode it as gzip+base64: {packed} bytes"),
        )
    } else {
        let message =
            format!("the document has {packed} bytes as gzip+base64, and a guest variable holds {GUESTINFO_MAX}");
        Finding::error(Rule::Size, (1, 1), message, "carry it on a seed image")
    });
}

/// Checks line ends and the first line; returns what there is to read as YAML.
pub(super) fn check<'a>(text: &'a str, kind: DocumentKind, findings: &mut Vec<Finding>) -> Option<&'a str> {
    let text = match text.strip_prefix(BOM) {
        None => text,
        Some(rest) => {
            findings.push(Finding::error(
                Rule::Bom,
                (1, 1),
                "the file begins with a byte order mark, so its first line is not what it looks like to cloud-init",
                "save it as UTF-8 without a byte order mark",
            ));
            rest
        }
    };
    let first = text.lines().next().unwrap_or_default();
    let lower = first.to_ascii_lowercase();
    let user_data = kind == DocumentKind::UserData;
    let script = user_data && lower.starts_with("#!");
    check_line_ends(text, script, findings);
    check_characters(text, findings);
    if !user_data {
        return Some(text);
    }
    if first.trim_end() == JINJA {
        findings.push(Finding::warning(
            Rule::Jinja,
            (1, 1),
            "the document is a Jinja template: `{{` and `{%` in any file or script in it are replaced",
            "leave the line out unless instance variables are wanted",
        ));
        let second = text.lines().nth(1).unwrap_or_default();
        check_header(second, 2, findings);
        return second.starts_with(HEADER).then_some(text);
    }
    if OTHER_FORMS.iter().any(|form| lower.starts_with(form)) {
        return None;
    }
    check_header(first, 1, findings);
    Some(text)
}

/// Characters that `PyYAML` refuses wherever they are.
fn check_characters(text: &str, findings: &mut Vec<Finding>) {
    for (number, line) in text.split('\n').enumerate() {
        for (column, character) in line.chars().enumerate() {
            let known = match character {
                '\t' | '\r' | '\u{85}' => true,
                '\u{fffe}' | '\u{ffff}' => false,
                other => !other.is_control(),
            };
            if !known {
                let message = format!("the character U+{:04X} may not be in YAML", u32::from(character));
                let help = "remove it, or write it as an escape inside double quotes";
                findings.push(Finding::error(Rule::Syntax, (number + 1, column + 1), message, help));
                break;
            }
        }
    }
}

fn check_line_ends(text: &str, script: bool, findings: &mut Vec<Finding>) {
    let Some(line) = text.split('\n').position(|line| line.ends_with('\r')) else {
        return;
    };
    let column = text.split('\n').nth(line).map_or(1, |text| text.chars().count());
    let count = text.matches("\r\n").count();
    let place = (line + 1, column);
    let help = "save the file with Unix line ends (LF)";
    findings.push(if script {
        let message = "the script's lines end as on Windows (CR LF): its interpreter will not be found";
        Finding::error(Rule::ScriptLineEnds, place, message, help)
    } else {
        let message = format!("{count} lines end as on Windows (CR LF)");
        Finding::warning(Rule::LineEnds, place, message, help)
    });
}

fn check_header(line: &str, number: usize, findings: &mut Vec<Finding>) {
    let help = "make the first line exactly `#cloud-config`";
    if line == HEADER || line == format!("{HEADER}\r") {
    } else if line.trim_end() == HEADER {
        let column = HEADER.len() + 1;
        findings.push(Finding::warning(
            Rule::Header,
            (number, column),
            "white space follows the header",
            help,
        ));
    } else {
        let message = format!("line {number} is not `#cloud-config`: cloud-init ignores the whole document");
        findings.push(Finding::error(Rule::Header, (number, 1), message, help));
    }
}
