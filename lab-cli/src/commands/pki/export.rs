//! `pki export`: certificates and keys for programs elsewhere.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use lab_engine::{ErrorKind, LabError};
use registry_pki::store::ExportError;
use secrecy::{ExposeSecret as _, SecretSlice};
use serde_json::json;

use super::files::{self, Target};
use super::store::{StoreArgs, failed};
use crate::app::App;
use crate::failure::{Exit, Failure};
use crate::secret;

/// The environment variable with the password of a PKCS#12 file.
const PASSWORD: &str = "LAB_PKI_PASSWORD";

/// What is handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// What clients trust: the CA, and those that overlap with it (PEM)
    Bundle,
    /// The signing CA alone (PEM)
    Ca,
    /// The registry's certificate (PEM)
    Cert,
    /// The registry's private key (PEM); needs --to
    Key,
    /// The registry's key and certificate with the CA (PKCS#12); needs --to and a password
    Identity,
    /// What clients trust, for Java and others (PKCS#12); needs --to and a password
    TrustStore,
}

/// What `pki export` takes.
#[derive(Debug, Args)]
#[expect(clippy::doc_markdown, reason = "these comments are shown as they are by --help")]
pub(crate) struct ExportArgs {
    /// What to hand out
    #[arg(value_enum, value_name = "WHAT")]
    what: What,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    target: Target,
    /// A file with the PKCS#12 password in its first line; `-` is standard input [env: LAB_PKI_PASSWORD]
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// Hands it out.
pub(crate) fn run(app: &App, args: &ExportArgs) -> Result<Exit, Failure> {
    let (store, summary) = args.store.look(app)?;
    let what = "the PKCS#12 file could not be made";
    let contents = match args.what {
        What::Bundle => files::secret_bytes(&summary.paths.bundle)?,
        What::Ca => files::secret_bytes(&summary.paths.ca)?,
        What::Cert => files::secret_bytes(&summary.paths.cert)?,
        What::Key => files::secret_bytes(&summary.paths.key)?,
        What::Identity | What::TrustStore => {
            let password = secret::given(args.password_file.as_deref(), PASSWORD)?.ok_or_else(|| {
                let message = "a PKCS#12 file needs a password";
                Failure::usage(message, format!("give it with `--password-file` or in {PASSWORD}"))
            })?;
            let made = if args.what == What::Identity {
                store
                    .export_identity(&password)
                    .map(|export| export.contents().to_vec().into())
            } else {
                store.export_trust(&password).map(SecretSlice::from)
            };
            made.map_err(|e| match e {
                ExportError::Store(e) => failed(e, "export", store.dir()),
                other => LabError::new(ErrorKind::Configuration, what).source(other).into(),
            })?
        }
    };
    let secret = matches!(args.what, What::Key | What::Identity);
    let Some(path) = &args.target.to else {
        if matches!(args.what, What::Key | What::Identity | What::TrustStore) {
            let message = if secret {
                "a private key is not written to standard output"
            } else {
                "a PKCS#12 file is not written to standard output"
            };
            return Err(Failure::usage(message, "name a file with `--to`"));
        }
        let text = String::from_utf8_lossy(contents.expose_secret()).into_owned();
        app.answer(&json!({ "pem": text }), || text.clone())?;
        return Ok(Exit::OK);
    };
    args.target.write(path, contents.expose_secret(), secret)?;
    app.answer(&json!({ "written": path }), || {
        format!("{}: {}\n", app.words().written, path.display())
    })?;
    Ok(Exit::OK)
}
