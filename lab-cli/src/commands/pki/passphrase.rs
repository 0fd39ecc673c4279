//! `pki passphrase`: the passphrase of the CA's key.

use std::path::PathBuf;

use clap::Args;

use super::issue::text;
use super::store::{StoreArgs, unlocked};
use crate::app::App;
use crate::failure::{Exit, Failure};
use crate::secret::{self, Unlock};

/// What `pki passphrase` takes.
#[derive(Debug, Args)]
pub(crate) struct PassphraseArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    unlock: Unlock,
    /// A file with the new passphrase in its first line; `-` is standard input
    #[arg(long, value_name = "FILE", required_unless_present = "remove")]
    new_file: Option<PathBuf>,
    /// Write the key in plain, readable by its owner only
    #[arg(long, conflicts_with = "new_file")]
    remove: bool,
}

/// Changes it.
pub(crate) fn run(app: &App, args: &PassphraseArgs) -> Result<Exit, Failure> {
    // An empty directory must not come into being only to be found empty.
    args.store.look(app)?;
    let new = match &args.new_file {
        Some(file) => secret::given(Some(file), "")?,
        None => None,
    };
    let (store, _claim) = args.store.open(app)?;
    let ensured = unlocked(app, store, &args.unlock, secret::asked, "change", |store| {
        store.change_ca_passphrase(new.as_ref())
    })?;
    app.answer(&ensured, || text(app, &args.store, &ensured, None))?;
    Ok(Exit::OK)
}
