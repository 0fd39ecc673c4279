//! `destroy`: takes the lab away, after saying what goes.

use std::sync::Arc;

use clap::Args;
use lab_engine::{Doomed, EventSink, Lab};
use serde_json::json;

use super::confirm;
use crate::app::App;
use crate::cli::Output;
use crate::failure::{Exit, Failure};
use crate::output;
use crate::words;

/// What `destroy` takes.
#[derive(Debug, Args)]
pub(crate) struct DestroyArgs {
    /// Only this node's machine; may be repeated
    #[arg(long = "node", value_name = "NODE", value_delimiter = ',')]
    nodes: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

/// Shows what would be deleted, asks, deletes. Off a terminal it needs `--yes`.
pub(crate) fn run(app: &App, args: &DestroyArgs) -> Result<Exit, Failure> {
    let lab = app.lab(app.lines() as Arc<dyn EventSink>)?;
    let Some(doomed) = lab.doomed(&args.nodes)? else {
        let answer = json!({ "lab": &lab.config().lab.name, "existed": false, "deleted": [] });
        app.answer(&answer, || format!("{}\n", app.words().nothing_to_destroy))?;
        return Ok(Exit::OK);
    };
    known(&lab, &doomed, &args.nodes)?;
    if !args.yes && !confirmed(app, &doomed)? {
        app.answer(
            &json!({ "lab": &lab.config().lab.name, "existed": true, "deleted": [] }),
            || format!("{}\n", app.words().kept),
        )?;
        return Ok(Exit::FAILED);
    }
    if args.yes && app.output() == Output::Text {
        output::text(&list(app, &doomed))?;
    }
    let contexts = app.block_on(lab.destroy(&args.nodes))?;
    let answer = json!({
        "lab": &lab.config().lab.name,
        "existed": true,
        "deleted": &doomed.nodes,
        "directory": &doomed.directory,
        "contexts": contexts,
    });
    app.answer(&answer, || format!("{}\n", app.words().destroyed))?;
    Ok(Exit::OK)
}

/// A node that left lab.toml can still be destroyed, so what counts is what was made.
fn known(lab: &Lab, doomed: &Doomed, nodes: &[String]) -> Result<(), Failure> {
    let there = |name: &&String| doomed.nodes.contains(name) || lab.config().node(name).is_some();
    match nodes.iter().find(|name| !there(name)) {
        None => Ok(()),
        Some(name) => {
            let help = format!("the nodes are: {}", lab.node_names().join(", "));
            Err(Failure::usage(format!("there is no node `{name}`"), help))
        }
    }
}

fn list(app: &App, doomed: &Doomed) -> String {
    let lang = app.lang();
    let machines = doomed.nodes.iter().map(|node| words::doomed_machine(node, lang));
    let directory = doomed
        .directory
        .iter()
        .map(|d| words::doomed_directory(&d.display().to_string(), lang));
    let contexts = doomed
        .contexts
        .iter()
        .map(|c| words::doomed_context(&c.context, &c.path.display().to_string(), lang));
    let lines: Vec<String> = machines
        .chain(directory)
        .chain(contexts)
        .map(|line| format!("\n  {line}"))
        .collect();
    format!("{}{}\n", app.words().will_delete, lines.concat())
}

fn confirmed(app: &App, doomed: &Doomed) -> Result<bool, Failure> {
    confirm::asked(app, &list(app, doomed), app.words().go_on)
}
