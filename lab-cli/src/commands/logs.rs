//! `logs`: what a node wrote.

use std::sync::Arc;

use clap::{Args, ValueEnum};
use lab_engine::{LogRequest, LogSource, NoEvents};
use serde_json::json;

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
    let mut collected = Vec::new();
    let mut failed = None;
    let as_json = app.output() == Output::Json;
    let mut line = |text: &str| {
        let written = match (as_json, args.follow) {
            (false, _) => output::bytes(format!("{text}\n").as_bytes()),
            (true, true) => output::bytes(format!("{}\n", json!({ "node": &args.node, "line": text })).as_bytes()),
            (true, false) => {
                collected.push(text.to_owned());
                Ok(())
            }
        };
        if let Err(error) = written {
            failed.get_or_insert(error);
        }
    };
    app.block_on(lab.logs(&args.node, request, password(), &mut line))?;
    if let Some(error) = failed {
        return Err(error);
    }
    if as_json {
        output::json(&json!({ "node": &args.node, "source": request.source, "lines": collected }))?;
    }
    Ok(Exit::OK)
}
