//! `pki trust`: how clients come to trust the registry.

use std::path::PathBuf;

use clap::Args;
use lab_engine::{ErrorKind, LabError};
use registry_pki::RegistryHost;
use registry_pki::trust::{Consumer, TrustError, TrustPlan, TrustRequest, plan};
use serde_json::json;

use super::files;
use super::store::{StoreArgs, registry_host};
use super::verify::trusted;
use crate::app::App;
use crate::failure::{Exit, Failure};

/// What `pki trust` takes.
#[derive(Debug, Args)]
pub(crate) struct TrustArgs {
    /// Who is to trust it: debian, red-hat, docker, podman, containerd, k3s, windows, mac-os, nss; all without it
    #[arg(value_name = "CONSUMER")]
    consumers: Vec<Consumer>,
    #[command(flatten)]
    store: StoreArgs,
    /// The CAs to trust, PEM; those of the directory without it
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// What clients reach the registry by; the lab's `registry.host` without it, or what a named directory's certificate
    /// covers first. May be repeated
    #[arg(long = "host", value_name = "HOST")]
    hosts: Vec<RegistryHost>,
    /// The registry's port; the lab's `registry.port` without it
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Write the files, and only show the commands
    #[arg(long, requires = "consumers")]
    write: bool,
    /// Write below this directory, for example the root of a machine image
    #[arg(long, value_name = "DIRECTORY", default_value = "/", requires = "write")]
    root: PathBuf,
}

/// Shows the plans, or carries their files out. Commands are never run: most need privileges.
pub(crate) fn run(app: &App, args: &TrustArgs) -> Result<Exit, Failure> {
    let bundle_pem = match &args.ca {
        Some(ca) => files::pem(ca)?,
        None => trusted(app, &args.store)?,
    };
    let hosts = if !args.hosts.is_empty() {
        args.hosts.clone()
    } else if args.store.dir.is_some() {
        args.store.look(app)?.1.leaf.hosts()
    } else {
        Vec::new()
    };
    // A directory's certificate covers its registry first, and then the loopback names.
    let hosts = match (&hosts[..], args.hosts.is_empty()) {
        ([], _) => vec![registry_host(app)?],
        ([first, ..], true) => vec![first.clone()],
        (hosts, false) => hosts.to_vec(),
    };
    let port = match args.port {
        Some(port) => port,
        None => app.config()?.config.registry.port,
    };
    let consumers = if args.consumers.is_empty() {
        Consumer::ALL.to_vec()
    } else {
        args.consumers.clone()
    };
    let mut plans = Vec::new();
    for consumer in consumers {
        // Only these keep a CA for each registry; the others would get the same once more.
        let per_registry = matches!(consumer, Consumer::Docker | Consumer::Podman | Consumer::Containerd);
        for host in hosts.iter().take(if per_registry { usize::MAX } else { 1 }) {
            let request = TrustRequest {
                bundle_pem: bundle_pem.clone(),
                endpoint: host.endpoint(port),
                root: args.root.clone(),
                scratch: scratch(app, args)?,
            };
            plans.push(plan(consumer, &request).map_err(|e| unplanned(e, args))?);
        }
    }
    let mut changed = Vec::new();
    if args.write {
        for plan in &plans {
            changed.extend(plan.write().map_err(unwritten)?);
        }
    }
    let json = json!({ "plans": plans, "changed": args.write.then_some(&changed) });
    app.answer(&json, || text(app, &plans, args.write.then_some(&changed[..])))?;
    Ok(Exit::OK)
}

/// Where CA files lie that only a command needs.
fn scratch(app: &App, args: &TrustArgs) -> Result<PathBuf, Failure> {
    let dir = match &args.ca {
        Some(ca) => ca.parent().map(PathBuf::from).unwrap_or_default(),
        None => args.store.directory(app)?.join("trust"),
    };
    Ok(std::path::absolute(&dir).unwrap_or(dir))
}

fn text(app: &App, plans: &[TrustPlan], changed: Option<&[PathBuf]>) -> String {
    let w = app.words();
    let mut lines: Vec<String> = plans.iter().map(ToString::to_string).collect();
    match changed {
        Some([]) => lines.push(w.up_to_date.to_owned()),
        Some(changed) => lines.extend(changed.iter().map(|path| {
            let word = if path.exists() { w.written } else { w.removed };
            format!("{word}: {}", path.display())
        })),
        None => lines.push(format!("{}: {}", w.next, w.trust_write)),
    }
    lines.join("\n") + "\n"
}

fn unplanned(error: TrustError, args: &TrustArgs) -> Failure {
    let from = args
        .ca
        .as_ref()
        .map_or_else(|| "the bundle".to_owned(), |ca| ca.display().to_string());
    LabError::new(ErrorKind::Configuration, format!("there is nothing to trust in {from}"))
        .source(error)
        .into()
}

fn unwritten(error: TrustError) -> Failure {
    let denied =
        matches!(&error, TrustError::Io { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied);
    let failure = LabError::new(ErrorKind::Failed, "the files could not all be written");
    let failure = if denied {
        failure.help("run it as root, or write elsewhere with `--root`")
    } else {
        failure
    };
    failure.source(error).into()
}
