//! `doctor`: everything that `up` needs.

use std::fmt::Write as _;
use std::sync::Arc;

use anstyle::{AnsiColor, Style};
use lab_engine::{Check, CheckStatus, NoEvents};
use serde_json::json;

use crate::app::App;
use crate::failure::{Exit, Failure};
use crate::table::{pad, width};
use crate::words;

/// Looks, and shows each thing with its remedy. Exit code 3 if something is missing.
pub(crate) fn run(app: &App) -> Result<Exit, Failure> {
    let lab = app.offline_lab(Arc::new(NoEvents))?;
    let checks = app.block_on(async { Ok(lab.doctor().await) })?;
    let ok = checks.iter().all(|c| c.status != CheckStatus::Failed);
    app.answer(&json!({ "ok": ok, "checks": &checks }), || draw(app, &checks))?;
    Ok(if ok { Exit::OK } else { Exit::PREREQUISITE })
}

fn draw(app: &App, checks: &[Check]) -> String {
    let (lang, words) = (app.lang(), app.words());
    let ids = checks.iter().map(|c| width(&app.say(c.id))).max().unwrap_or(0);
    let states = checks
        .iter()
        .map(|c| width(words::check(c.status, lang)))
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for check in checks {
        let style = match check.status {
            CheckStatus::Ok => AnsiColor::Green.on_default(),
            CheckStatus::Warning => AnsiColor::Yellow.on_default(),
            CheckStatus::Failed => AnsiColor::Red.on_default().bold(),
        };
        let state = pad(words::check(check.status, lang), states);
        let _ = writeln!(
            text,
            "{style}{state}{style:#}  {}  {}",
            pad(&app.say(check.id), ids),
            app.say(&check.detail)
        );
        if let Some(remedy) = &check.remedy {
            let faint = Style::new().dimmed();
            let _ = writeln!(
                text,
                "{}{faint}{}:{faint:#} {}",
                " ".repeat(states + ids + 4),
                words.help,
                app.say(remedy)
            );
        }
    }
    text
}
