//! A command as data: what is run, and how it may be shown.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::process::Command;

/// One argument.
#[derive(Clone)]
pub enum Arg {
    /// Shown as it is.
    Plain(OsString),
    /// Never shown: a password.
    Secret(SecretString),
    /// Not shown because it may carry a secret or a whole script; the text says what it is.
    Elided(&'static str, OsString),
}

impl Arg {
    /// Hands the argument to a command.
    pub(super) fn append_to(&self, command: &mut Command) {
        match self {
            Self::Plain(value) | Self::Elided(_, value) => command.arg(value),
            Self::Secret(value) => command.arg(value.expose_secret()),
        };
    }
}

impl<S: AsRef<OsStr> + ?Sized> From<&S> for Arg {
    fn from(value: &S) -> Self {
        Self::Plain(value.as_ref().to_owned())
    }
}

impl fmt::Display for Arg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret(_) => f.write_str("***"),
            Self::Elided(what, _) => write!(f, "<{what}>"),
            Self::Plain(value) => {
                let text = value.to_string_lossy();
                let simple = |c: char| c.is_alphanumeric() || "-_./:=+,@%\\".contains(c);
                if !text.is_empty() && text.chars().all(simple) {
                    f.write_str(&text)
                } else {
                    // Escapes control characters and quotes, so that the command stays on one line.
                    write!(f, "{text:?}")
                }
            }
        }
    }
}

impl fmt::Debug for Arg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A program with its arguments, environment and deadline. `Display` and `Debug` show it with secrets masked.
#[derive(Clone)]
pub struct CommandSpec {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<Arg>,
    /// Variables added to the inherited environment; their values are not shown.
    pub env: Vec<(OsString, OsString)>,
    /// Variables of this process that the child does not inherit.
    pub env_removed: Vec<OsString>,
    /// The child and everything it started is killed after this long.
    pub deadline: Duration,
    /// Whether what the child leaves running is meant to stay: a started machine. On Windows everything else that a
    /// command started ends with it, or with this process should that be killed.
    pub leaves_machine: bool,
}

impl CommandSpec {
    /// A program without arguments.
    pub fn new(program: impl Into<PathBuf>, deadline: Duration) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            env_removed: Vec::new(),
            deadline,
            leaves_machine: false,
        }
    }

    /// Adds an argument.
    pub fn arg(mut self, arg: impl Into<Arg>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Replaces every secret of this command that occurs in what a program printed: a usage message repeats the word it
    /// stumbled over, and that word can be the password. Of an elided argument every line of some length counts.
    pub fn scrub(&self, output: &[u8]) -> Vec<u8> {
        /// What is shorter ("1", "TRUE") is no secret, and its letters are part of many a message.
        const SHORTEST: usize = 6;
        let mut out = output.to_vec();
        for arg in &self.args {
            match arg {
                Arg::Secret(secret) => out = replace(&out, secret.expose_secret().as_bytes(), b"***"),
                Arg::Elided(what, value) => {
                    let shown = format!("<{what}>");
                    let lines = value.as_encoded_bytes().split(|&b| b == b'\n').map(<[u8]>::trim_ascii);
                    for line in lines.filter(|line| line.len() >= SHORTEST) {
                        out = replace(&out, line, shown.as_bytes());
                    }
                }
                Arg::Plain(_) => {}
            }
        }
        out
    }
}

fn replace(haystack: &[u8], needle: &[u8], with: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(haystack.len());
    let mut rest = haystack;
    if needle.is_empty() {
        return rest.to_vec();
    }
    while let Some(at) = rest.windows(needle.len()).position(|window| window == needle) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(with);
        rest = &rest[at + needle.len()..];
    }
    out.extend_from_slice(rest);
    out
}

impl fmt::Display for CommandSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let program = self.program.file_name().unwrap_or(self.program.as_os_str());
        write!(f, "{}", Arg::from(program))?;
        self.args.iter().try_for_each(|arg| write!(f, " {arg}"))
    }
}

impl fmt::Debug for CommandSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandSpec")
            .field("command", &format_args!("{self}"))
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(password: &str) -> CommandSpec {
        CommandSpec::new("/opt/vm ware/vmrun", Duration::from_secs(1))
            .arg("-gu")
            .arg("user")
            .arg("-gp")
            .arg(Arg::Secret(password.into()))
            .arg("runProgramInGuest")
            .arg("/vms/한글 vm/a.vmx")
            .arg(Arg::Elided("arguments", "token=abc".into()))
    }

    #[test]
    fn a_command_is_shown_without_its_secrets() {
        for password in ["pa|ss\"w%o rd", "x", "암호"] {
            let spec = spec(password);
            for shown in [spec.to_string(), format!("{spec:?}"), format!("{:?}", spec.args)] {
                assert!(!shown.contains("token"), "{shown}");
                assert!(shown.contains("-gp"), "{shown}");
                assert!(password == "x" || !shown.contains(password), "{shown}");
            }
            assert_eq!(
                spec.to_string(),
                "vmrun -gu user -gp *** runProgramInGuest \"/vms/한글 vm/a.vmx\" <arguments>"
            );
        }
    }

    #[test]
    fn a_secret_in_a_message_is_scrubbed() {
        let text = b"Error: Unrecognized command: pa|ss\"w%o rd \xff";
        assert_eq!(
            spec("pa|ss\"w%o rd").scrub(text),
            b"Error: Unrecognized command: *** \xff"
        );
    }

    #[test]
    fn an_elided_argument_in_a_message_is_scrubbed_line_by_line() {
        let script = CommandSpec::new("vmrun", Duration::from_secs(1))
            .arg(Arg::Elided("script", "set -e\r\n  token=abcdef\nexit".into()));
        assert_eq!(
            script.scrub(b"Error: Unrecognized command: token=abcdef; exit"),
            b"Error: Unrecognized command: <script>; exit"
        );
    }
}
