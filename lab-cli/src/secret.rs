//! Secrets that a command is given: in a file, in the environment, or by the person at the terminal. Never as an argument,
//! which other users could read.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use lab_engine::{ErrorKind, LabError, read_foreign, read_foreign_stream};
use secrecy::{ExposeSecret as _, ExposeSecretMut as _, SecretSlice, SecretString};

use crate::app::{App, variable};
use crate::failure::{Context as _, Failure};
use crate::phrases;
use crate::progress::Mode;

/// The environment variable with the passphrase of the CA's key.
pub(crate) const CA_PASSPHRASE: &str = "LAB_PKI_PASSPHRASE";

/// Longest secret that can be typed, in bytes.
const LONGEST: u64 = 4096;

/// The secret that opens the CA's key.
#[derive(Debug, Args)]
#[expect(clippy::doc_markdown, reason = "these comments are shown as they are by --help")]
pub(crate) struct Unlock {
    /// A file with the CA key's passphrase in its first line; `-` is standard input [env: LAB_PKI_PASSPHRASE]
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl Unlock {
    /// From the file, else from the environment.
    pub(crate) fn given(&self) -> Result<Option<SecretString>, Failure> {
        given(self.passphrase_file.as_deref(), CA_PASSPHRASE)
    }

    /// From the file or the environment; if it is needed and neither has it, from the person at the terminal.
    pub(crate) fn given_or_asked(
        &self,
        app: &App,
        needed: impl FnOnce() -> Result<bool, Failure>,
    ) -> Result<Option<SecretString>, Failure> {
        match self.given()? {
            None if can_ask(app) && needed()? => asked(app),
            given => Ok(given),
        }
    }
}

/// The passphrase of the CA's key, from the person at the terminal if there is one.
pub(crate) fn asked(app: &App) -> Result<Option<SecretString>, Failure> {
    if !can_ask(app) {
        return Ok(None);
    }
    ask(phrases::ca_passphrase(app.lang()))
}

/// One for the key of a new CA, which nothing tells a mistyped one from: asked for twice.
pub(crate) fn asked_twice(app: &App) -> Result<Option<SecretString>, Failure> {
    if !can_ask(app) {
        return Ok(None);
    }
    let Some(first) = ask(phrases::new_ca_passphrase(app.lang()))? else {
        return Ok(None);
    };
    let again = ask(phrases::passphrase_again(app.lang()))?;
    if again.is_some_and(|again| again.expose_secret() == first.expose_secret()) {
        return Ok(Some(first));
    }
    Err(Failure::usage(
        "the two passphrases differ",
        "nothing was changed; try again",
    ))
}

/// A secret: the first line of a file (`-` is standard input), else an environment variable.
pub(crate) fn given(file: Option<&Path>, name: &str) -> Result<Option<SecretString>, Failure> {
    let Some(file) = file else {
        return Ok(variable(name).map(SecretString::from));
    };
    let bytes = if file == Path::new("-") {
        read_foreign_stream(io::stdin(), LONGEST).context(ErrorKind::Configuration, "could not read standard input")
    } else {
        read_foreign(file).context(ErrorKind::Configuration, format!("could not read {}", file.display()))
    };
    // All of it becomes a secret first, so that it is wiped.
    let bytes = SecretSlice::from(bytes?);
    let line = bytes.expose_secret().split(|byte| matches!(byte, b'\n' | b'\r')).next();
    let Ok(line) = std::str::from_utf8(line.unwrap_or_default()) else {
        let message = format!("the first line of {} is not UTF-8 text", file.display());
        return Err(Failure::usage(message, "write the passphrase into a file as UTF-8"));
    };
    if line.is_empty() {
        let message = format!("there is no passphrase in the first line of {}", file.display());
        return Err(Failure::usage(message, "write it into the first line"));
    }
    Ok(Some(SecretString::from(line)))
}

/// Whether somebody sits there who can be asked.
fn can_ask(app: &App) -> bool {
    let stream = matches!(app.progress_mode(), Mode::Json);
    !stream && io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks on standard error, without showing what is typed. Nothing typed is no secret.
fn ask(prompt: &str) -> Result<Option<SecretString>, Failure> {
    let what = "could not ask for the passphrase";
    let raw = Raw::enter().context(ErrorKind::Failed, what)?;
    let mut screen = io::stderr();
    let _ = screen.write_all(prompt.as_bytes()).and_then(|()| screen.flush());
    let typed = read_line(&mut io::stdin().lock());
    drop(raw);
    let _ = screen.write_all(b"\n");
    match typed.context(ErrorKind::Failed, what)? {
        Some(text) if text.expose_secret().is_empty() => Ok(None),
        Some(text) => Ok(Some(text)),
        None => Err(LabError::new(ErrorKind::Interrupted, "interrupted").into()),
    }
}

/// Keys come one by one and are not shown while this lives.
struct Raw;

impl Raw {
    fn enter() -> io::Result<Self> {
        crossterm::terminal::enable_raw_mode()?;
        Ok(Self)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = crossterm::terminal::disable_raw_mode();
    }
}

/// What is typed up to the end of the line, as a terminal in its usual mode would take it. `None` at Ctrl-C.
fn read_line(keys: &mut impl io::Read) -> io::Result<Option<SecretString>> {
    // Wiped whatever comes of it; it never moves, for that would leave a part behind.
    let mut line = SecretSlice::from(vec![0; usize::try_from(LONGEST).unwrap_or(usize::MAX)]);
    let line = line.expose_secret_mut();
    let (mut len, mut key) = (0, [0]);
    loop {
        let ended = keys.read(&mut key)? == 0;
        match key[0] {
            _ if ended => break,
            b'\r' | b'\n' | 0x04 => break,
            0x03 => return Ok(None),
            0x15 => len = 0,
            0x7f | 0x08 => {
                // A character can be several bytes: those that go on one begin with the bits 10.
                let start = line[..len].iter().rposition(|byte| byte & 0xc0 != 0x80);
                len = start.unwrap_or(0);
            }
            byte => {
                let room = line
                    .get_mut(len)
                    .ok_or_else(|| io::Error::other("what was typed is too long"))?;
                (*room, len) = (byte, len + 1);
            }
        }
    }
    let text = std::str::from_utf8(&line[..len]).map_err(|_| io::Error::other("what was typed is not text"))?;
    Ok(Some(SecretString::from(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_taken_as_it_is_corrected_and_ctrl_c_is_none() {
        let typed = |keys: &str| {
            read_line(&mut keys.as_bytes())
                .unwrap()
                .map(|s| s.expose_secret().to_owned())
        };
        assert_eq!(typed("open sesame\rmore").as_deref(), Some("open sesame"));
        assert_eq!(typed("wrong\u{15}right\n").as_deref(), Some("right"));
        assert_eq!(typed("암호\u{7f}x\u{8}구\r").as_deref(), Some("암구"));
        assert_eq!(typed("\u{7f}\u{7f}a").as_deref(), Some("a"));
        assert_eq!(typed("\r").as_deref(), Some(""));
        assert_eq!(typed("abc\u{3}"), None);
        assert!(read_line(&mut "x".repeat(5000).as_bytes()).is_err());
    }
}
