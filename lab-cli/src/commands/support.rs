//! `support`: one archive with everything that helps to understand a lab's trouble.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use lab_engine::NoEvents;

use crate::app::{App, password};
use crate::failure::{Exit, Failure};
use crate::phrases;

/// What `support` takes.
#[derive(Debug, Args)]
pub(crate) struct SupportArgs {
    /// The archive to write; `LAB-support-TIME.tar.gz` in this directory without it
    #[arg(long, short, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Writes it.
pub(crate) fn run(app: &App, args: &SupportArgs) -> Result<Exit, Failure> {
    let lab = app.offline_lab(Arc::new(NoEvents))?;
    let path = args.file.clone().unwrap_or_else(|| {
        let time = stage_timer::WallTime::now().to_string();
        let time: String = time.chars().filter(char::is_ascii_digit).collect();
        format!("{}-support-{time}.tar.gz", lab.config().lab.name).into()
    });
    let bundle = app.block_on(lab.support(&path, password()))?;
    app.answer(&bundle, || phrases::bundled(&bundle, app.lang()))?;
    Ok(Exit::OK)
}
