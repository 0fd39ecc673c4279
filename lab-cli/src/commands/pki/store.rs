//! Which certificates a command is about: a directory that it names, or the lab's own.

use std::path::{Path, PathBuf};

use clap::Args;
use lab_engine::{ErrorKind, LabClaim, LabError};
use registry_pki::authority::IssueError;
use registry_pki::key::KeyError;
use registry_pki::store::StoreSummary;
use registry_pki::{Ensured, PkiStore, RegistryHost, StoreError};
use secrecy::SecretString;

use crate::app::App;
use crate::failure::Failure;
use crate::secret::{CA_PASSPHRASE, Unlock};

/// Where the certificates are.
#[derive(Debug, Args)]
pub(super) struct StoreArgs {
    /// The directory of the certificates; the lab's own without it
    #[arg(long, value_name = "DIRECTORY")]
    pub(super) dir: Option<PathBuf>,
}

impl StoreArgs {
    /// The directory.
    pub(super) fn directory(&self, app: &App) -> Result<PathBuf, Failure> {
        match &self.dir {
            Some(dir) => Ok(dir.clone()),
            None => Ok(app.paths()?.pki()),
        }
    }

    /// Opens the directory for changing it, and makes it where it is missing. The lab's own is claimed, so that no run
    /// of `up` looks at it meanwhile.
    pub(super) fn open(&self, app: &App) -> Result<(PkiStore, Option<LabClaim>), Failure> {
        let claim = if self.dir.is_none() {
            let config = app.config()?.config;
            if let Some(ca) = &config.registry.ca {
                let message = format!(
                    "the lab uses a CA of your own, {}, so it issues no certificate",
                    ca.display()
                );
                let help = "leave registry.ca out to have the lab issue the certificate, or name a `--dir`";
                return Err(Failure::usage(message, help));
            }
            Some(LabClaim::take(&config)?)
        } else {
            None
        };
        let dir = self.directory(app)?;
        let store = PkiStore::open(&dir).map_err(|e| failed(e, "open", &dir))?;
        Ok((store, claim))
    }

    /// The directory's store and what it holds, which must be something. Changes nothing.
    pub(super) fn look(&self, app: &App) -> Result<(PkiStore, StoreSummary), Failure> {
        let dir = self.directory(app)?;
        if !dir.is_dir() {
            return Err(nothing(&dir, self.dir.is_some()));
        }
        let store = PkiStore::open_existing(&dir).map_err(|e| failed(e, "look at", &dir))?;
        let summary = store.show().map_err(|e| failed(e, "look at", &dir))?;
        let summary = summary.ok_or_else(|| nothing(&dir, self.dir.is_some()))?;
        Ok((store, summary))
    }
}

/// Changes what is in the store, with the CA key's passphrase if there is one; if it turns out to be needed, it comes from
/// `ask`. `what` is the change's word for an error.
pub(super) fn unlocked(
    app: &App,
    store: PkiStore,
    unlock: &Unlock,
    ask: impl FnOnce(&App) -> Result<Option<SecretString>, Failure>,
    what: &str,
    change: impl Fn(&PkiStore) -> Result<Ensured, StoreError>,
) -> Result<Ensured, Failure> {
    let dir = store.dir().to_owned();
    let (store, given) = match unlock.given()? {
        Some(passphrase) => (store.with_ca_passphrase(passphrase), true),
        None => (store, false),
    };
    let failed = |e| failed(e, what, &dir);
    match change(&store) {
        Err(error) if !given && needs_passphrase(&error) => match ask(app)? {
            Some(passphrase) => change(&store.with_ca_passphrase(passphrase)).map_err(failed),
            None => Err(failed(error)),
        },
        result => result.map_err(failed),
    }
}

fn needs_passphrase(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::CaKey {
            source: KeyError::PassphraseNeeded,
            ..
        }
    )
}

/// The lab's registry, as nodes reach it.
pub(super) fn registry_host(app: &App) -> Result<RegistryHost, Failure> {
    let host = app.config()?.config.registry.host;
    host.parse().map_err(|e: registry_pki::HostError| {
        Failure::usage(format!("registry.host: {e}"), "correct it, or give `--host`")
    })
}

/// Nothing has been issued there.
fn nothing(dir: &Path, named: bool) -> Failure {
    let message = format!("no certificate has been issued in {}", dir.display());
    let help = if named {
        format!("`lab-cli pki init --dir {} --host HOST` issues one", dir.display())
    } else {
        "`lab-cli pki init` issues one".to_owned()
    };
    LabError::new(ErrorKind::NotReady, message).help(help).into()
}

/// A store's error with what was tried, the exit code that fits, and what to do.
pub(super) fn failed(error: StoreError, what: &str, dir: &Path) -> Failure {
    let unlock = || {
        Some(format!(
            "give the passphrase with `--passphrase-file` or in {CA_PASSPHRASE}"
        ))
    };
    let wildcards = "name the hosts, or allow wildcards with `--allow-wildcards`";
    let (kind, help) = match &error {
        StoreError::Empty { .. } | StoreError::Missing { .. } => return nothing(dir, true),
        StoreError::CaKey {
            source: KeyError::PassphraseNeeded,
            ..
        } => (ErrorKind::Configuration, unlock()),
        StoreError::CaKey {
            source: KeyError::WrongPassphrase,
            ..
        } => (
            ErrorKind::Configuration,
            Some("correct it; if it is lost, `lab-cli pki rotate` with a new one replaces the CA".to_owned()),
        ),
        StoreError::CaKeyMissing { .. } => (
            ErrorKind::Failed,
            Some(
                "put it back for as long as it is needed; if it is lost, `lab-cli pki rotate` replaces the CA"
                    .to_owned(),
            ),
        ),
        StoreError::Request(text) if text.contains("wildcard") => {
            (ErrorKind::Configuration, Some(wildcards.to_owned()))
        }
        StoreError::Issue(IssueError::Wildcard(_)) => (ErrorKind::Configuration, Some(wildcards.to_owned())),
        StoreError::Request(_)
        | StoreError::Issue(IssueError::Lifetime { .. } | IssueError::Key(KeyError::RsaUnavailable(_))) => {
            (ErrorKind::Configuration, None)
        }
        StoreError::NothingToRetire(_) => (
            ErrorKind::Configuration,
            Some("`lab-cli pki show` lists what is trusted".to_owned()),
        ),
        _ => (ErrorKind::Failed, None),
    };
    let failure = LabError::new(kind, format!("could not {what} the certificates in {}", dir.display()));
    let failure = match help {
        Some(help) => failure.help(help),
        None => failure,
    };
    failure.source(error).into()
}
