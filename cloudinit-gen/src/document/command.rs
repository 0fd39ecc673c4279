//! A command for `runcmd` and `bootcmd`.

use serde::Serialize;

/// One command as an argument list: cloud-init quotes each argument, so no shell reads them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Command(Vec<String>);

impl Command {
    /// A command by its program and its arguments.
    pub fn new<A: Into<String>>(program: impl Into<String>, arguments: impl IntoIterator<Item = A>) -> Self {
        let mut words = vec![program.into()];
        words.extend(arguments.into_iter().map(Into::into));
        Self(words)
    }

    /// The program, then its arguments.
    pub fn words(&self) -> &[String] {
        &self.0
    }
}
