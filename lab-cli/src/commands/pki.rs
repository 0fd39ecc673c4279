//! `pki`: the registry's certificates: issue them, look at them, and ask whether a client would accept one.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use clap::{Args, Subcommand};
use lab_engine::{ErrorKind, LabError, NoEvents};
use registry_pki::verify::{self, Candidate, ConnectOptions, Verdict};
use registry_pki::{Ensured, PkiRequest, PkiStore, RegistryHost};
use serde_json::json;

use crate::app::App;
use crate::failure::{Context as _, Exit, Failure};

/// What can be done with the certificates.
#[derive(Debug, Subcommand)]
pub(crate) enum PkiCommand {
    /// Issue the registry's certificate and its CA, or renew what is about to end
    Init {
        #[command(flatten)]
        store: Store,
        /// What nodes reach the registry by; the lab's `registry.host` without it. May be repeated
        #[arg(long = "host", value_name = "HOST")]
        hosts: Vec<RegistryHost>,
    },
    /// Show what there is
    Show {
        #[command(flatten)]
        store: Store,
    },
    /// Say whether a client would accept a certificate, and if not, why not
    Verify(VerifyArgs),
}

/// Where the certificates are.
#[derive(Debug, Args)]
pub(crate) struct Store {
    /// The directory of the certificates; the lab's own without it
    #[arg(long, value_name = "DIRECTORY")]
    dir: Option<PathBuf>,
}

/// What `pki verify` takes.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The certificate, PEM; CAs in between may follow in the same file
    #[arg(
        long,
        value_name = "FILE",
        requires = "host",
        conflicts_with = "connect",
        required_unless_present = "connect"
    )]
    cert: Option<PathBuf>,
    /// The certificate's private key, PEM: does it belong to the certificate?
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// The server whose certificate is judged
    #[arg(long, value_name = "HOST:PORT")]
    connect: Option<String>,
    /// What the client reaches the server by; the host of `--connect` without it
    #[arg(long, value_name = "HOST")]
    host: Option<RegistryHost>,
    /// The CAs that the client trusts, PEM; the lab's own without it
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// Does it.
pub(crate) fn run(app: &App, command: PkiCommand) -> Result<Exit, Failure> {
    match command {
        PkiCommand::Init { store, hosts } => init(app, store, hosts),
        PkiCommand::Show { store } => show(app, store),
        PkiCommand::Verify(args) => judge(app, args),
    }
}

fn init(app: &App, store: Store, hosts: Vec<RegistryHost>) -> Result<Exit, Failure> {
    let ensured = if store.dir.is_none() && hosts.is_empty() {
        let lab = app.lab(Arc::new(NoEvents))?;
        lab.certificates()?.ok_or_else(|| {
            let ca = lab.config().registry.ca.clone().unwrap_or_default();
            let message = format!(
                "the lab uses a CA of your own, {}, so there is nothing to issue",
                ca.display()
            );
            Failure::usage(
                message,
                "leave registry.ca out to have the lab issue the certificate, or name a `--dir`",
            )
        })?
    } else {
        let hosts = if hosts.is_empty() {
            vec![registry_host(app)?]
        } else {
            hosts
        };
        let dir = directory(app, store)?;
        let what = || format!("could not issue the certificate in {}", dir.display());
        let store = PkiStore::open(&dir).context(ErrorKind::Failed, what())?;
        store
            .ensure(&PkiRequest::new(hosts))
            .context(ErrorKind::Failed, what())?
    };
    app.answer(&ensured, || text(app, &ensured))?;
    Ok(Exit::OK)
}

fn text(app: &App, ensured: &Ensured) -> String {
    let w = app.words();
    let paths = [
        (w.certificate, &ensured.cert_path),
        (w.key, &ensured.key_path),
        (w.ca, &ensured.ca_path),
        (w.bundle, &ensured.bundle_path),
    ];
    let rows = paths.map(|(name, path)| [name.to_owned(), path.display().to_string()]);
    format!("{ensured}\n{}", crate::table::columns(&rows))
}

fn show(app: &App, store: Store) -> Result<Exit, Failure> {
    let dir = directory(app, store)?;
    let nothing = || {
        let message = format!("no certificate has been issued in {}", dir.display());
        LabError::new(ErrorKind::NotReady, message).help("`lab-cli pki init` issues one")
    };
    if !dir.is_dir() {
        return Err(nothing().into());
    }
    let what = || format!("could not look at the certificates in {}", dir.display());
    let store = PkiStore::open_existing(&dir).context(ErrorKind::Failed, what())?;
    let summary = store.show().context(ErrorKind::Failed, what())?.ok_or_else(nothing)?;
    app.answer(&summary, || format!("{summary}\n"))?;
    Ok(if summary.problem.is_none() {
        Exit::OK
    } else {
        Exit::NOT_READY
    })
}

/// Exit code 5 if a client would refuse.
fn judge(app: &App, args: VerifyArgs) -> Result<Exit, Failure> {
    let trust = match args.ca {
        Some(ca) => read(&ca)?,
        None => trusted_by_the_lab(app)?,
    };
    let verdict = match (args.connect, args.cert, args.host) {
        (Some(server), _, host) => served(&server, host, &trust)?,
        (None, Some(cert), Some(host)) => {
            let key = args.key.as_deref().map(read).transpose()?;
            let (chain, key) = (read(&cert)?, key.as_deref());
            let at = SystemTime::now();
            verify::verify(&Candidate {
                chain_pem: &chain,
                key_pem: key,
                trust_pem: &trust,
                address: host,
                at,
            })
        }
        // The command line's definition does not let this through.
        (None, ..) => {
            return Err(Failure::usage(
                "nothing to judge",
                "give `--cert` and `--host`, or `--connect`",
            ));
        }
    };
    let accepted = verdict.accepted;
    app.answer(&json!(verdict), || format!("{verdict:#}\n"))?;
    Ok(if accepted { Exit::OK } else { Exit::NOT_READY })
}

/// Judges what a live server shows, as a client that reaches it by `host` would, wherever it is reached from here.
fn served(server: &str, host: Option<RegistryHost>, trust: &str) -> Result<Verdict, Failure> {
    let (name, port) = parse_server(server)?;
    let mut options = ConnectOptions::default();
    let host = match host {
        Some(host) => {
            options.dial = Some(resolve(&name, port, server)?);
            host
        }
        None => name,
    };
    let connected = verify::connect_with(&host, port, trust, &options).map_err(|e| {
        LabError::new(
            ErrorKind::Failed,
            format!("no certificate could be fetched from {server}"),
        )
        .help("is the registry running, and is it reachable from this machine?")
        .source(e)
    })?;
    Ok(connected.verdict)
}

fn parse_server(server: &str) -> Result<(RegistryHost, u16), Failure> {
    let wrong = |why: String| {
        Failure::usage(
            format!("`{server}` is no server to connect to: {why}"),
            "write it as host:port",
        )
    };
    let (host, port) = server
        .rsplit_once(':')
        .ok_or_else(|| wrong("there is no port".to_owned()))?;
    let port = port.parse().map_err(|_| wrong(format!("`{port}` is no port")))?;
    Ok((
        host.parse()
            .map_err(|e: registry_pki::HostError| wrong(e.to_string()))?,
        port,
    ))
}

fn resolve(host: &RegistryHost, port: u16, server: &str) -> Result<SocketAddr, Failure> {
    let failed = || LabError::new(ErrorKind::Failed, format!("{server} could not be looked up"));
    let name = match host {
        RegistryHost::Ip(ip) => return Ok(SocketAddr::new(*ip, port)),
        RegistryHost::Dns(name) => name.as_str().to_owned(),
    };
    let mut found = (name.as_str(), port)
        .to_socket_addrs()
        .map_err(|e| failed().source(e))?;
    Ok(found.next().ok_or_else(failed)?)
}

fn directory(app: &App, store: Store) -> Result<PathBuf, Failure> {
    match store.dir {
        Some(dir) => Ok(dir),
        None => Ok(app.paths()?.pki()),
    }
}

fn registry_host(app: &App) -> Result<RegistryHost, Failure> {
    let host = app.config()?.config.registry.host;
    host.parse().map_err(|e: registry_pki::HostError| {
        Failure::usage(format!("registry.host: {e}"), "correct it, or give `--host`")
    })
}

/// The CA of the configuration, else the one that the lab issued.
fn trusted_by_the_lab(app: &App) -> Result<String, Failure> {
    let ca = app.config()?.config.registry.ca;
    let ca = ca.map_or_else(|| app.paths().map(|p| p.pki().join("bundle.crt")), Ok)?;
    if !ca.is_file() {
        let message = format!("the lab has no CA yet: {} does not exist", ca.display());
        return Err(LabError::new(ErrorKind::NotReady, message)
            .help("name one with `--ca`, or issue it with `lab-cli pki init`")
            .into());
    }
    read(&ca)
}

fn read(path: &Path) -> Result<String, Failure> {
    Ok(
        std::fs::read_to_string(path)
            .context(ErrorKind::Configuration, format!("could not read {}", path.display()))?,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_host_of_any_kind_and_a_port() {
        assert_eq!(parse_server("192.168.6.1:5000").unwrap().1, 5000);
        assert_eq!(parse_server("[fd00::1]:443").unwrap().1, 443);
        assert_eq!(parse_server("registry.lab:5000").unwrap().1, 5000);
        for wrong in [
            "registry.lab",
            "registry.lab:",
            "registry.lab:port",
            "https://registry.lab:5000",
            ":5000",
        ] {
            parse_server(wrong).unwrap_err();
        }
    }
}
