//! The one file through which parameters reach the shell scripts.

use std::fmt::Write as _;

use secrecy::SecretString;

/// Lines of `KEY='value'`, in the order they were added.
///
/// Inside single quotes a POSIX shell takes every character as itself except the quote, which is written `'\''`. So
/// no value can end its word, start a command or set another key. NUL cannot be in a shell's variable and is dropped
/// by the caller's validation; should one come this far, it is left out.
#[derive(Default)]
pub(crate) struct EnvFile {
    text: String,
}

impl EnvFile {
    /// Adds one parameter. Keys come from this crate, never from a user.
    pub(crate) fn set(&mut self, key: &'static str, value: &str) {
        let quoted = value.replace('\0', "").replace('\'', r"'\''");
        writeln!(self.text, "{key}='{quoted}'").expect("writing to a String does not fail");
    }

    /// The file's text, secret because the join token is among the values.
    pub(crate) fn finish(self) -> SecretString {
        self.text.into()
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_quote_in_a_value_ends_nothing() {
        let mut env = EnvFile::default();
        env.set("A", "x'; touch /tmp/owned; '");
        env.set("B", "$(id) `id` \\ \"");
        assert_eq!(
            env.finish().expose_secret(),
            "A='x'\\''; touch /tmp/owned; '\\'''\nB='$(id) `id` \\ \"'\n"
        );
    }
}
