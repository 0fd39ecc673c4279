//! `pki registries`: k3s's registries.yaml, written or checked.

use std::path::{Path, PathBuf};

use clap::Args;
use lab_engine::{ErrorKind, LabError};
use registry_pki::registries::{CheckOptions, DEFAULT_MIRRORS, Registries, Severity};
use registry_pki::{RegistryHost, registries::Finding};
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::files::Target;
use super::store::registry_host;
use crate::app::App;
use crate::failure::{Context as _, Exit, Failure};
use crate::secret;

/// The environment variable with the password for the registry.
const PASSWORD: &str = "LAB_REGISTRY_PASSWORD";

/// What `pki registries` takes.
#[derive(Debug, Args)]
#[expect(clippy::doc_markdown, reason = "these comments are shown as they are by --help")]
pub(crate) struct RegistriesArgs {
    /// Check this file instead of writing one: what k3s would ignore, misread or fail on
    #[arg(long, value_name = "FILE", conflicts_with_all = ["host", "port", "mirrors", "ca_file", "username", "to"])]
    check: Option<PathBuf>,
    /// Accept insecure_skip_verify and plain HTTP in the file that is checked
    #[arg(long, requires = "check")]
    allow_insecure: bool,
    /// What nodes reach the registry by; the lab's `registry.host` without it
    #[arg(long, value_name = "HOST")]
    host: Option<RegistryHost>,
    /// The registry's port; the lab's `registry.port` without it
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// A registry that it stands in for; the lab's `registry.mirrors` without it. May be repeated
    #[arg(long = "mirror", value_name = "REGISTRY")]
    mirrors: Vec<String>,
    /// Where the CA lies on the nodes
    #[arg(long, value_name = "PATH", default_value = "/etc/rancher/k3s/registry-ca.crt")]
    ca_file: String,
    /// The user that pulls images; needs a password and `--to`
    #[arg(long, value_name = "NAME", requires = "to")]
    username: Option<String>,
    /// A file with the user's password in its first line; `-` is standard input [env: LAB_REGISTRY_PASSWORD]
    #[arg(long, value_name = "FILE", requires = "username")]
    password_file: Option<PathBuf>,
    #[command(flatten)]
    target: Target,
}

/// Writes it, or checks one. Exit code 5 if k3s could not do with it what it says.
pub(crate) fn run(app: &App, args: &RegistriesArgs) -> Result<Exit, Failure> {
    match &args.check {
        Some(file) => check(app, file, args.allow_insecure),
        None => write(app, args),
    }
}

fn check(app: &App, file: &Path, allow_insecure: bool) -> Result<Exit, Failure> {
    let text = lab_engine::read_foreign_text(file)
        .context(ErrorKind::Configuration, format!("could not read {}", file.display()))?;
    let registries = Registries::from_yaml(&text).map_err(|e| {
        LabError::new(
            ErrorKind::NotReady,
            format!("k3s would not do what {} says", file.display()),
        )
        .source(e)
    })?;
    let options = if allow_insecure {
        CheckOptions::allowing_insecure()
    } else {
        CheckOptions::default()
    };
    let findings = registries.check(options);
    let ok = findings.iter().all(|finding| finding.severity != Severity::Error);
    app.answer(&json!({ "ok": ok, "findings": findings }), || {
        if findings.is_empty() {
            return format!("{}: {}\n", file.display(), app.words().ok);
        }
        findings.iter().map(|finding| line(app, finding)).collect()
    })?;
    Ok(if ok { Exit::OK } else { Exit::NOT_READY })
}

fn line(app: &App, finding: &Finding) -> String {
    let w = app.words();
    let word = if finding.severity == Severity::Error {
        w.error
    } else {
        w.warning
    };
    format!("{word}: {finding}\n")
}

fn write(app: &App, args: &RegistriesArgs) -> Result<Exit, Failure> {
    let config = app.config()?.config.registry;
    let host = match &args.host {
        Some(host) => host.clone(),
        None => registry_host(app)?,
    };
    let mirrors = match (&args.mirrors[..], &config.mirrors[..]) {
        ([], []) => DEFAULT_MIRRORS.map(str::to_owned).to_vec(),
        ([], configured) => configured.to_vec(),
        (named, _) => named.to_vec(),
    };
    let endpoint = host.endpoint(args.port.unwrap_or(config.port));
    let what = "registries.yaml could not be made";
    let mut registries =
        Registries::for_mirrors(&endpoint, &mirrors, &args.ca_file).context(ErrorKind::Configuration, what)?;
    if let Some(username) = &args.username {
        let password = secret::given(args.password_file.as_deref(), PASSWORD)?.ok_or_else(|| {
            let help = format!("give it with `--password-file` or in {PASSWORD}");
            Failure::usage(format!("the user {username} needs a password"), help)
        })?;
        registries = registries.with_credentials(username, &password);
    }
    // What is written is held to the same rules as what is read.
    if let Some(finding) = registries.check(CheckOptions::default()).first() {
        return Err(Failure::usage(format!("{what}: {finding}"), "correct the arguments"));
    }
    let secret = registries.has_secrets();
    let yaml = registries.to_secret_yaml().context(ErrorKind::Failed, what)?;
    if let Some(path) = &args.target.to {
        args.target.write(path, yaml.expose_secret().as_bytes(), secret)?;
        app.answer(&json!({ "written": path }), || {
            format!("{}: {}\n", app.words().written, path.display())
        })?;
    } else {
        let text = registries.to_yaml().context(ErrorKind::Failed, what)?;
        app.answer(&json!({ "yaml": text }), || text.clone())?;
    }
    Ok(Exit::OK)
}
