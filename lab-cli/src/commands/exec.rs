//! `exec`: a command on nodes, on several at once.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use lab_engine::{Lab, LabError, NoEvents};
use serde_json::{Value, json};
use vmrun_rs::guest::{GuestCommand, GuestOutput};

use crate::app::{App, password};
use crate::cli::Output;
use crate::failure::{self, Exit, Failure};
use crate::output;
use crate::table::{pad, width};

/// What `exec` takes.
#[derive(Debug, Args)]
pub(crate) struct ExecArgs {
    /// The nodes
    #[arg(value_name = "NODE", required_unless_present = "all", conflicts_with = "all")]
    nodes: Vec<String>,
    /// On all nodes
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    how: How,
    /// The command and its arguments, as they are: no shell on the way
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// How a command is run.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct How {
    /// As root, through sudo
    #[arg(long)]
    root: bool,
    /// Give up after this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
}

type Answers = Vec<(String, Result<GuestOutput, LabError>)>;

/// Runs it. Exit code: the command's own on one node, else the highest.
pub(crate) fn run(app: &App, args: ExecArgs) -> Result<Exit, Failure> {
    let lab = app.lab(Arc::new(NoEvents))?;
    let mut nodes = if args.all { lab.node_names() } else { args.nodes };
    let mut seen = std::collections::HashSet::new();
    nodes.retain(|node| seen.insert(node.clone()));
    on(app, &lab, &nodes, args.how, args.command)
}

/// Runs a command on these nodes and shows what came of it.
pub(crate) fn on(app: &App, lab: &Lab, nodes: &[String], how: How, argv: Vec<String>) -> Result<Exit, Failure> {
    super::known_nodes(lab, nodes)?;
    let mut command = GuestCommand::new(argv).timeout(Duration::from_secs(how.timeout));
    if how.root {
        command = command.as_root();
    }
    let answers = app.block_on(lab.exec(nodes, &command, password()))?;
    let exit = answers
        .iter()
        .map(|(_, answer)| exit_of(answer))
        .max()
        .unwrap_or(Exit::OK);
    match app.output() {
        Output::Json => output::json(&answers.iter().map(|(node, a)| value(node, a)).collect::<Vec<_>>())?,
        Output::Text => show(app, answers)?,
    }
    Ok(exit)
}

fn exit_of(answer: &Result<GuestOutput, LabError>) -> Exit {
    match answer {
        Ok(output) => Exit::of_guest(output.exit_code),
        Err(error) => error.kind().into(),
    }
}

/// One node's output goes through as it is; of several, each line with its node in front.
fn show(app: &App, answers: Answers) -> Result<(), Failure> {
    let several = answers.len() > 1;
    let names = answers.iter().map(|(node, _)| width(node)).max().unwrap_or(0);
    for (node, answer) in answers {
        match answer {
            Ok(answer) if several => {
                output::bytes(&prefixed(&node, names, &answer.stdout))?;
                output::error_bytes(&prefixed(&node, names, &answer.stderr));
            }
            Ok(answer) => {
                output::bytes(&answer.stdout)?;
                output::error_bytes(&answer.stderr);
            }
            Err(error) => {
                failure::report(&error.into(), Output::Text, app.lang());
            }
        }
    }
    Ok(())
}

fn prefixed(node: &str, names: usize, output: &[u8]) -> Vec<u8> {
    let prefix = format!("{} | ", pad(node, names));
    let mut lines = Vec::with_capacity(output.len());
    for line in output.split_inclusive(|b| *b == b'\n') {
        lines.extend_from_slice(prefix.as_bytes());
        lines.extend_from_slice(line);
        if !line.ends_with(b"\n") {
            lines.push(b'\n');
        }
    }
    lines
}

fn value(node: &str, answer: &Result<GuestOutput, LabError>) -> Value {
    match answer {
        Ok(output) => json!({
            "node": node,
            "exit_code": output.exit_code,
            "stdout": String::from_utf8_lossy(&output.stdout),
            "stderr": String::from_utf8_lossy(&output.stderr),
        }),
        Err(error) => json!({ "node": node, "exit_code": null, "error": error.one_line() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lab_engine::ErrorKind;

    #[test]
    fn every_line_of_several_nodes_carries_its_node_and_ends() {
        assert_eq!(prefixed("w", 3, b"a\n\nb"), b"w   | a\nw   | \nw   | b\n");
        assert_eq!(prefixed("w", 1, b""), b"");
    }

    #[test]
    fn a_node_that_cannot_be_reached_counts_as_failed() {
        let reached = |exit_code| {
            Ok(GuestOutput {
                exit_code,
                stdout: Vec::new(),
                stderr: Vec::new(),
            })
        };
        assert_eq!(exit_of(&reached(3)).code(), 3);
        assert_eq!(exit_of(&Err(LabError::new(ErrorKind::Failed, "x"))), Exit::FAILED);
    }
}
