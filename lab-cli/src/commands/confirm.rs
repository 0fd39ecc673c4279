//! Asking before something is lost.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use crate::app::App;
use crate::failure::Failure;

/// Shows on standard error what will happen, and asks. Off a terminal nobody can be asked, which is a wrong request.
pub(crate) fn asked(app: &App, what: &str, question: &str) -> Result<bool, Failure> {
    let _ = writeln!(io::stderr(), "{}", what.trim_end());
    if !io::stdin().is_terminal() {
        return Err(Failure::usage(
            "nobody can be asked here whether to do this",
            "say it with `--yes`",
        ));
    }
    let _ = io::stderr()
        .write_all(question.as_bytes())
        .and_then(|()| io::stderr().flush());
    let mut answer = String::new();
    if io::stdin().lock().read_line(&mut answer).is_err() {
        return Ok(false);
    }
    let answer = answer.trim().to_lowercase();
    Ok(app.words().yes.contains(&answer.as_str()))
}
