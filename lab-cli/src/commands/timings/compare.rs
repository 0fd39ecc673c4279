//! `timings compare`: two runs side by side.

use clap::{Args, ValueEnum};
use stage_timer::History;
use stage_timer::compare::Comparison;

use super::export::Target;
use super::find::find;
use crate::app::App;
use crate::cli::Output;
use crate::failure::Failure;
use crate::{output, speech};

/// Which runs, and as what.
#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// The earlier run: latest, previous, its name or the beginning of it, or the path of its record
    #[arg(default_value = "previous")]
    base: String,
    /// The later run
    #[arg(default_value = "latest")]
    new: String,
    #[command(flatten)]
    target: Target<Format>,
}

/// What a comparison can be written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A table.
    #[value(alias = "txt")]
    Text,
    /// A picture of both runs.
    Svg,
    /// A page for a browser, with the picture and the table.
    #[value(alias = "htm")]
    Html,
    /// A table for a CI job or an issue.
    #[value(alias = "md")]
    Markdown,
    /// Everything, as data.
    Json,
}

/// Writes it; a table, or JSON if that is what answers are written as, unless something else was asked for.
pub(super) fn run(app: &App, history: &History, args: &CompareArgs) -> Result<(), Failure> {
    let (base, new) = (find(history, &args.base)?, find(history, &args.new)?);
    // Programs read English whatever people do.
    let json = || Comparison::of(&base, &new).to_json();
    let said = |record| speech::record_in(record, app.lang());
    let (said_base, said_new) = (said(&base), said(&new));
    let comparison = Comparison::of(&said_base, &said_new);
    let Some(format) = args.target.format()? else {
        return match app.output() {
            Output::Json => output::text(&format!("{}\n", json())),
            Output::Text => output::text(&comparison.to_text(app.lang())),
        };
    };
    let text = match format {
        Format::Text => comparison.to_text(app.lang()),
        Format::Svg => comparison.to_svg_in(app.lang()),
        Format::Html => comparison.to_html(app.lang()),
        Format::Markdown => comparison.to_markdown(app.lang()),
        Format::Json => json(),
    };
    args.target.write(app, &text)
}
