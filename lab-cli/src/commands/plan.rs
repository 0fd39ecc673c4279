//! `plan`: what `up` would do.

use std::sync::Arc;

use lab_engine::NoEvents;
use serde_json::json;

use super::up::Recreate;
use crate::app::App;
use crate::failure::{Exit, Failure};
use crate::{phrases, table, words};

/// Shows it, node by node.
pub(crate) fn run(app: &App, args: &Recreate) -> Result<Exit, Failure> {
    let lab = app.lab(Arc::new(NoEvents))?;
    let options = args.options(&lab)?;
    let steps = app.block_on(lab.plan(&options))?;
    let answer = json!({ "lab": &lab.config().lab.name, "hypervisor": lab.chosen(), "steps": &steps });
    app.answer(&answer, || {
        let (lang, w) = (app.lang(), app.words());
        let rows: Vec<[String; 3]> = steps
            .iter()
            .map(|step| {
                let (action, why) = words::action(&step.action, lang);
                [step.node.clone(), action.to_owned(), why]
            })
            .collect();
        let changes = steps.iter().flat_map(|step| {
            let line = move |change: &lab_engine::Change| phrases::change(&step.node, change, lang);
            step.changes.iter().map(line)
        });
        let changes: String = changes.collect();
        let gap = if changes.is_empty() { "" } else { "\n" };
        format!("{}{gap}{changes}", table::draw([w.node, w.action, w.remark], &rows))
    })?;
    Ok(Exit::OK)
}
