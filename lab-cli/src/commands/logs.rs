//! `logs`: what a node wrote.

use std::sync::Arc;

use clap::{Args, ValueEnum};
use lab_engine::{Lab, LogRequest, LogSource, NoEvents};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::app::{App, password};
use crate::cli::Output;
use crate::failure::{Exit, Failure};
use crate::output;

/// What `logs` takes.
#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    /// The node
    node: String,
    /// Which log
    #[arg(long, value_enum, default_value_t = Source::Console)]
    source: Source,
    /// Go on with what is written to it, until interrupted
    #[arg(short, long)]
    follow: bool,
    /// So many of its last lines
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 200)]
    lines: usize,
}

/// Which log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Source {
    /// The serial console; also of a guest that does not answer
    Console,
    /// What cloud-init's modules printed
    CloudInit,
    /// What the bootstrap did
    Bootstrap,
    /// The journal of k3s
    K3s,
    /// The guest's whole journal
    Journal,
}

impl From<Source> for LogSource {
    fn from(source: Source) -> Self {
        match source {
            Source::Console => Self::Console,
            Source::CloudInit => Self::CloudInit,
            Source::Bootstrap => Self::Bootstrap,
            Source::K3s => Self::K3s,
            Source::Journal => Self::Journal,
        }
    }
}

/// Prints it; as JSON, one object per line while it follows, else one document.
pub(crate) fn run(app: &App, args: &LogsArgs) -> Result<Exit, Failure> {
    let lab = app.lab(Arc::new(NoEvents))?;
    super::known_nodes(&lab, std::slice::from_ref(&args.node))?;
    let request = LogRequest {
        source: args.source.into(),
        lines: args.lines,
        follow: args.follow,
    };
    if args.follow {
        return follow(app, &lab, args, request);
    }
    let mut lines = Vec::new();
    let mut line = |text: &str| lines.push(text.to_owned());
    app.block_on(lab.logs(&args.node, request, password(), &mut line))?;
    let answer = json!({ "node": &args.node, "source": request.source, "lines": &lines });
    match app.output() {
        Output::Json => output::json(&answer)?,
        Output::Text => {
            // Each line ends, the last one too.
            lines.push(String::new());
            output::bytes(lines.join("\n").as_bytes())?;
        }
    }
    Ok(Exit::OK)
}

/// Prints what comes until an interrupt, or until nobody reads it any more.
fn follow(app: &App, lab: &Lab, args: &LogsArgs, request: LogRequest) -> Result<Exit, Failure> {
    let over = CancellationToken::new();
    let mut failed = None;
    let json = app.output() == Output::Json;
    let mut line = |text: &str| {
        let text = if json {
            json!({ "node": &args.node, "line": text }).to_string()
        } else {
            text.to_owned()
        };
        match output::still_read(format!("{text}\n").as_bytes()) {
            Ok(true) => {}
            Ok(false) => over.cancel(),
            Err(error) => {
                failed.get_or_insert(error);
                over.cancel();
            }
        }
    };
    let work = lab.logs(&args.node, request, password(), &mut line);
    let ended = app.until_interrupted(async { over.run_until_cancelled(work).await.transpose() })?;
    if let Some(error) = failed {
        return Err(error);
    }
    Ok(if ended.is_some() { Exit::OK } else { Exit::INTERRUPTED })
}
