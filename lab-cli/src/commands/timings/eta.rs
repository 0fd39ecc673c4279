//! `timings eta`: how long the next `up` will take, and how good such predictions were so far.

use clap::Args;
use lab_engine::{Forecast, UpOptions};
use serde_json::{Value, json};
use stage_timer::History;
use stage_timer::eta::Replay;

use crate::app::App;
use crate::failure::{Context as _, Failure};
use crate::words;

/// What is predicted.
#[derive(Debug, Args)]
pub(crate) struct EtaArgs {
    /// As if `up` were to make this node's machine anew; may be repeated
    #[arg(long, value_name = "NODE", value_delimiter = ',')]
    recreate: Vec<String>,
    /// As if it were to make all of them anew
    #[arg(long, conflicts_with = "recreate")]
    recreate_all: bool,
    /// Predict the recorded runs, each from those before it, and show how far off that is
    #[arg(long)]
    replay: bool,
}

/// Shows it.
pub(super) fn run(app: &App, history: &History, args: &EtaArgs) -> Result<(), Failure> {
    let config = app.config()?.config;
    super::super::known_to(&config, &args.recreate)?;
    let options = UpOptions {
        recreate: args.recreate.clone(),
        recreate_all: args.recreate_all,
    };
    let forecast = Forecast::of(&config, &app.paths()?, &options)?;
    let (eta, typical) = (forecast.whole(), forecast.typical());
    let replay = if args.replay { Some(replay(history)?) } else { None };
    let mut answer = json!({
        "lab": &config.lab.name,
        "shape": forecast.shape(),
        "eta": &eta,
        "typical": &typical,
    });
    if let Some(replay) = &replay {
        answer["replay"] = replayed(replay);
    }
    app.answer(&answer, || {
        let lang = app.lang();
        let labels = lab_engine::stage_labels();
        let mut text = match &eta {
            Some(eta) => words::next_run(
                &config.lab.name,
                forecast.shape(),
                &eta.describe_whole(lang),
                eta.runs,
                lang,
            ),
            None => format!("{} ({})\n", app.words().no_forecast, forecast.shape()),
        };
        if let Some(typical) = &typical {
            text.push('\n');
            text.push_str(&typical.to_text(&labels, lang));
        }
        if let Some(replay) = &replay {
            text.push('\n');
            text.push_str(&replay.to_text(lang));
        }
        text
    })
}

fn replay(history: &History) -> Result<Replay, Failure> {
    let what = format!("could not read the runs in {}", history.directory().display());
    let records = history
        .records(usize::MAX)
        .context(lab_engine::ErrorKind::Failed, what)?;
    Ok(Replay::of(&records))
}

fn replayed(replay: &Replay) -> Value {
    let moments: Vec<Value> = Replay::moments()
        .filter_map(|moment| {
            Some(json!({
                "at": moment,
                "mean_error": replay.mean_error(moment)?,
                "by_total_time_alone": replay.mean_naive_error(moment)?,
                "within_p90": replay.coverage(moment)?,
            }))
        })
        .collect();
    json!({ "moments": moments, "predictions": replay.points.len(), "runs_without_history": replay.without_history })
}
