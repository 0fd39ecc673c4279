//! `status`: what the lab looks like right now.

use std::sync::Arc;

use lab_engine::{LabStatus, NoEvents};

use crate::app::App;
use crate::failure::{Exit, Failure};
use crate::{table, words};

/// Shows it. Exit code 5 unless every node is ready.
pub(crate) fn run(app: &App) -> Result<Exit, Failure> {
    let lab = app.lab(Arc::new(NoEvents))?;
    let status = app.block_on(lab.status())?;
    app.answer(&status, || draw(app, &status))?;
    Ok(if status.ready { Exit::OK } else { Exit::NOT_READY })
}

fn draw(app: &App, status: &LabStatus) -> String {
    let (lang, w) = (app.lang(), app.words());
    let rows: Vec<[String; 7]> = status
        .nodes
        .iter()
        .map(|node| {
            [
                node.name.clone(),
                words::role(node.role, lang).to_owned(),
                node.address.to_string(),
                node.power
                    .map_or(w.unknown, |power| words::power(power, lang))
                    .to_owned(),
                match node.bootstrapped {
                    Some(true) => w.finished,
                    Some(false) => w.unfinished,
                    None => w.unknown,
                }
                .to_owned(),
                if node.ready { w.ready } else { w.not_ready }.to_owned(),
                node.problem
                    .as_ref()
                    .map(|problem| app.say(problem).into_owned())
                    .or_else(|| node.version.clone())
                    .unwrap_or_default(),
            ]
        })
        .collect();
    table::draw(
        [w.node, w.role, w.address, w.machine, w.bootstrap, w.cluster, w.remark],
        &rows,
    )
}
