//! `timings export`, and writing to files for the others.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::json;
use stage_timer::{History, RunRecord};

use super::find::find;
use crate::app::App;
use crate::failure::Failure;
use crate::{output, speech};

/// What to write, as what, and where to.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The run: latest, previous, its name or the beginning of it, or the path of its record
    #[arg(default_value = "latest")]
    run: String,
    #[command(flatten)]
    target: Target<Format>,
}

/// As what something is written, and where to.
#[derive(Debug, Args)]
pub(super) struct Target<F: ValueEnum + Clone + Send + Sync + 'static> {
    /// What to write it as; without it, what the file's name ends with
    #[arg(long, value_enum, value_name = "FORM")]
    format: Option<F>,
    /// The file to write; standard output without it
    #[arg(long, short, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// What a run can be written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A picture of the lanes.
    Svg,
    /// A page for a browser.
    #[value(alias = "htm")]
    Html,
    /// A trace for Perfetto, or the page about:tracing of Chromium.
    #[value(alias = "trace")]
    Chrome,
    /// Everything, as data.
    Json,
    /// A summary for a CI job or an issue.
    #[value(alias = "md")]
    Markdown,
    /// Metrics for Prometheus and its like.
    #[value(alias = "prom")]
    Openmetrics,
}

/// Writes it.
pub(super) fn run(app: &App, history: &History, args: &ExportArgs) -> Result<(), Failure> {
    let record = find(history, &args.run)?;
    let Some(format) = args.target.format()? else {
        return Err(no_format::<Format>());
    };
    args.target.write(app, &text(&record, format, app))
}

fn text(record: &RunRecord, format: Format, app: &App) -> String {
    let lang = app.lang();
    // Programs read English whatever people do.
    let said = || speech::record_in(record, lang);
    match format {
        Format::Svg => said().to_svg_in(lang),
        Format::Html => said().to_html_in(lang),
        Format::Chrome => said().to_chrome_trace_in(lang),
        Format::Json => record.to_json(),
        Format::Markdown => said().to_markdown(lang),
        Format::Openmetrics => record.to_openmetrics(),
    }
}

impl<F: ValueEnum + Clone + Send + Sync + 'static> Target<F> {
    /// The form that was asked for, by its name or by that of the file. `None` if neither was given.
    pub(super) fn format(&self) -> Result<Option<F>, Failure> {
        if self.format.is_some() {
            return Ok(self.format.clone());
        }
        let Some(file) = &self.file else { return Ok(None) };
        let extension = file.extension().unwrap_or_default().to_string_lossy();
        match F::from_str(&extension, true) {
            Ok(format) => Ok(Some(format)),
            Err(_) => Err(no_format::<F>()),
        }
    }

    /// Writes it to the file, or to standard output.
    pub(super) fn write(&self, app: &App, text: &str) -> Result<(), Failure> {
        let text = if text.ends_with('\n') {
            text.to_owned()
        } else {
            format!("{text}\n")
        };
        let Some(path) = &self.file else {
            return output::bytes(text.as_bytes());
        };
        output::file(path, text.as_bytes())?;
        app.answer(&json!({ "written": path }), || {
            format!("{}: {}\n", app.words().written, path.display())
        })
    }
}

fn no_format<F: ValueEnum>() -> Failure {
    let names: Vec<String> = F::value_variants()
        .iter()
        .filter_map(|form| Some(form.to_possible_value()?.get_name().to_owned()))
        .collect();
    Failure::usage(
        "what to write it as is not said",
        format!("add --format with one of {}", names.join(", ")),
    )
}
