//! `init`: a first lab.toml.

use std::fs::File;
use std::io::{ErrorKind as IoErrorKind, Write as _};

use clap::Args;
use lab_engine::config::commented_template_in;
use lab_engine::{ErrorKind, LabError};
use serde_json::json;

use crate::app::App;
use crate::failure::{Context as _, Exit, Failure};
use crate::output;

/// What `init` takes.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Print it instead of writing it
    #[arg(long, conflicts_with = "force")]
    print: bool,
    /// Write it although there is one already
    #[arg(long)]
    force: bool,
}

/// Writes the file that `--config` names, or ./lab.toml. Never over one that exists, unless told to.
pub(crate) fn run(app: &App, args: &InitArgs) -> Result<Exit, Failure> {
    let text = commented_template_in(|english| app.say(english).into_owned());
    if args.print {
        app.answer(&json!({ "text": text }), || text.clone())?;
        return Ok(Exit::OK);
    }
    let path = app.new_config_file();
    if args.force {
        output::file(&path, text.as_bytes())?;
    } else {
        let failed = || format!("could not write {}", path.display());
        // `create_new` and not a look before: nothing can come in between.
        match File::create_new(&path) {
            Ok(mut file) => file.write_all(text.as_bytes()).context(ErrorKind::Failed, failed())?,
            Err(e) if e.kind() == IoErrorKind::AlreadyExists => {
                let message = format!("{} exists already", path.display());
                return Err(Failure::usage(
                    message,
                    "`--force` writes over it; `--print` shows the new one",
                ));
            }
            Err(e) => return Err(LabError::new(ErrorKind::Failed, failed()).source(e).into()),
        }
    }
    app.answer(&json!({ "written": path }), || {
        let w = app.words();
        format!("{}: {}\n{}: {}\n", w.written, path.display(), w.next, w.fill_in)
    })?;
    Ok(Exit::OK)
}
