//! Finds the line that decides among everything a command printed.

use std::borrow::Cow;

use super::table::{self, Row};
use super::{Failure, FailureClass};

/// What a command prints when it succeeds: decides how much an `Error:` on a successful exit is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutputKind {
    /// Nothing or fixed text, so any `Error:` line is a failure.
    #[default]
    Fixed,
    /// Data that other people chose (a variable's value, file names), so with exit code 0 only a known message counts.
    Data,
}

/// Classifies what a command left behind, or `None` if it succeeded.
///
/// `exit` is the exit code (`None`: killed by a signal). Exit code 0 with an `Error:` line is a failure. Noise lines,
/// CRLF, a trailing `: <path>` in any encoding and UTF-16 with a byte-order mark make no difference.
///
/// ```
/// use vmrun_rs::failure::{FailureClass, classify};
///
/// let failure = classify(Some(255), b"Error: The file is already in use\r\n", b"").unwrap();
/// assert_eq!((failure.class, failure.vix, failure.retryable), (FailureClass::FileLocked, Some(15), true));
/// assert!(classify(Some(0), b"Total running VMs: 0\n", b"").is_none());
/// ```
pub fn classify(exit: Option<i32>, stdout: &[u8], stderr: &[u8]) -> Option<Failure> {
    classify_as(OutputKind::Fixed, exit, stdout, stderr)
}

/// [`classify`] for a command whose successful output is of the given kind.
pub fn classify_as(kind: OutputKind, exit: Option<i32>, stdout: &[u8], stderr: &[u8]) -> Option<Failure> {
    classify_masking(kind, exit, stdout, stderr, &<[u8]>::to_vec)
}

/// [`classify_as`], with every line that gets into the failure going through `mask` first.
pub(crate) fn classify_masking(
    kind: OutputKind,
    exit: Option<i32>,
    stdout: &[u8],
    stderr: &[u8],
    mask: &dyn Fn(&[u8]) -> Vec<u8>,
) -> Option<Failure> {
    let text = |line: &[u8]| printable(&mask(line));
    let (stdout, stderr) = (decode_utf16(stdout), decode_utf16(stderr));
    let mut seen = Seen::default();
    // Errors come on standard output; standard error carries noise and crashes. So stdout is read last and wins.
    seen.read(&stderr);
    seen.read(&stdout);

    let succeeded = exit == Some(0);
    let Seen {
        known,
        unknown,
        bare,
        guest_exit,
        no_host,
        no_program,
        last,
    } = seen;
    if let Some((line, row)) = known {
        let mut failure = from_row(row, text(line), no_host);
        if let (FailureClass::Unknown, Some((crash, row))) = (failure.class, bare)
            && row.class == FailureClass::Unknown
        {
            // "Unknown error" is what a crash prints behind its own message.
            failure = from_row(row, text(crash), false);
            failure.vix = Some(1);
        }
        return Some(failure);
    }
    if succeeded && kind == OutputKind::Data {
        return None;
    }
    if let Some(line) = unknown {
        let class = if no_host {
            FailureClass::HostConnection
        } else {
            FailureClass::Unknown
        };
        if line.is_empty() {
            return Some(Failure::new(class, "an error without a message"));
        }
        let mut failure = Failure::new(class, text(line));
        if !no_host {
            UNKNOWN_TEXT.clone_into(&mut failure.hint);
        }
        return Some(failure);
    }
    if let Some((line, code)) = guest_exit {
        let mut failure = Failure::new(FailureClass::GuestProgram, text(line));
        failure.guest_exit_code = code;
        return Some(failure);
    }
    if let Some((line, row)) = bare {
        return Some(from_row(row, text(line), no_host));
    }
    if no_host {
        return Some(Failure::new(FailureClass::HostConnection, "Unable to connect to host."));
    }
    if succeeded {
        return None;
    }
    let status = exit.map_or_else(|| "ended by a signal".to_owned(), |code| format!("exit code {code}"));
    let class = if exit == Some(SHELL_NOT_FOUND) || no_program {
        FailureClass::Spawn
    } else {
        FailureClass::Unknown
    };
    Some(match last {
        Some(line) => {
            let mut failure = Failure::new(class, format!("{} ({status})", text(line)));
            if class == FailureClass::Unknown {
                UNKNOWN_TEXT.clone_into(&mut failure.hint);
            }
            failure
        }
        None => Failure::new(class, format!("{status} and no message")),
    })
}

const UNKNOWN_TEXT: &str = "this message is not known; vmware.log beside the .vmx file may say more";

/// The exit code of the Windows command prompt for a program that is not there, whatever the language of its message.
const SHELL_NOT_FOUND: i32 = 9009;

/// What the lines amount to. Of several lines of one sort the last one counts, except that the first usage line is kept:
/// it names the culprit, what follows is the help text.
#[derive(Default)]
struct Seen<'a> {
    known: Option<(&'a [u8], &'static Row)>,
    unknown: Option<&'a [u8]>,
    bare: Option<(&'a [u8], &'static Row)>,
    guest_exit: Option<(&'a [u8], Option<i32>)>,
    no_host: bool,
    /// A shell said that there is no such program.
    no_program: bool,
    last: Option<&'a [u8]>,
}

impl<'a> Seen<'a> {
    fn read(&mut self, output: &'a [u8]) {
        const GUEST_EXIT: &[u8] = b"Guest program exited with non-zero exit code:";
        const NO_HOST: &[u8] = b"Unable to connect to host";
        const NO_COMMAND: &[u8] = b"is not recognized as an internal or external command";
        for line in output
            .split(|&b| b == b'\n' || b == b'\r')
            .map(<[u8]>::trim_ascii)
            .filter(|l| !l.is_empty())
        {
            self.last = Some(line);
            let error = strip_prefix(line, b"Error:").map(<[u8]>::trim_ascii);
            let message = error.unwrap_or(line);
            if let Some(code) = strip_prefix(message, GUEST_EXIT) {
                let code = str::from_utf8(code.trim_ascii())
                    .ok()
                    .and_then(|c| c.parse::<i64>().ok());
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "Windows programs' codes are unsigned 32-bit values"
                )]
                let code = code.map(|c| c as i32);
                self.guest_exit = Some((message, code));
            } else if strip_prefix(message, NO_HOST).is_some() {
                self.no_host = true;
            } else if error.is_some() {
                match error_row(message) {
                    Some(row) => self.known = Some((message, row)),
                    None => self.unknown = Some(message),
                }
            } else if line.ends_with(b"command not found") || contains(line, NO_COMMAND) {
                self.no_program = true;
            } else if let Some(row) = table::find(table::BARE, line) {
                self.bare.get_or_insert((line, row));
            }
        }
    }
}

/// `Cannot open VM: <path>, <reason>` is decided by its reason. The last `, ` is taken because a path may hold one; the
/// second byte of a Korean, Chinese or Japanese character is never a comma.
fn error_row(message: &[u8]) -> Option<&'static Row> {
    if let Some(rest) = strip_prefix(message, b"Cannot open VM:") {
        let reason = rest
            .windows(2)
            .rposition(|pair| pair == b", ")
            .map(|at| &rest[at + 2..])?;
        return table::find_error(reason);
    }
    table::find_error(message)
}

fn from_row(row: &'static Row, line: String, no_host: bool) -> Failure {
    let class = if no_host {
        FailureClass::HostConnection
    } else {
        row.class
    };
    let mut failure = Failure::new(class, line);
    failure.vix = row.vix;
    failure.retryable = row.retryable;
    if no_host && row.class == FailureClass::NotSupported {
        "under load this is temporary; else the user who runs vmrun is not the one for whom VMware Workstation runs"
            .clone_into(&mut failure.hint);
    } else if let Some(hint) = row.hint {
        hint.clone_into(&mut failure.hint);
    }
    failure
}

fn contains(line: &[u8], words: &[u8]) -> bool {
    line.windows(words.len()).any(|window| window == words)
}

fn strip_prefix<'a>(line: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let head = line.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &line[prefix.len()..])
}

/// A line as one line of text: undecodable bytes replaced, control characters dropped, of bounded length.
pub(super) fn printable(line: &[u8]) -> String {
    const LONGEST: usize = 400;
    let decoded = String::from_utf8_lossy(line);
    let mut out: String = decoded.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    if decoded.chars().nth(LONGEST).is_some() {
        out.push('…');
    }
    out
}

/// PowerShell's `>` writes UTF-16 with a byte-order mark; nobody should have to know that.
fn decode_utf16(bytes: &[u8]) -> Cow<'_, [u8]> {
    let units = |pair: &[u8], little: bool| {
        let pair = [pair[0], pair[1]];
        if little {
            u16::from_le_bytes(pair)
        } else {
            u16::from_be_bytes(pair)
        }
    };
    let little = match bytes {
        [0xFF, 0xFE, ..] => true,
        [0xFE, 0xFF, ..] => false,
        [0xEF, 0xBB, 0xBF, rest @ ..] => return Cow::Borrowed(rest),
        _ => return Cow::Borrowed(bytes),
    };
    let units: Vec<u16> = bytes[2..].chunks_exact(2).map(|pair| units(pair, little)).collect();
    Cow::Owned(String::from_utf16_lossy(&units).into_bytes())
}
