//! `pki verify`: whether a client would accept a certificate, anyone's, and if not, every reason why.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::time::SystemTime;

use clap::Args;
use lab_engine::{ErrorKind, LabError};
use registry_pki::RegistryHost;
use registry_pki::verify::{self, Candidate, ConnectOptions, Verdict};
use secrecy::ExposeSecret;
use serde_json::json;

use super::files;
use super::store::{StoreArgs, registry_host};
use crate::app::App;
use crate::failure::{Exit, Failure};
use crate::speech;

/// What `pki verify` takes.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The certificate, PEM; CAs in between may follow in the same file. Without it, that of the directory
    #[arg(long, value_name = "FILE", requires = "hosts", conflicts_with = "connect")]
    cert: Option<PathBuf>,
    /// The certificate's private key, PEM: does it belong to the certificate?
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// The server whose certificate is judged
    #[arg(long, value_name = "HOST:PORT")]
    connect: Option<String>,
    /// What the client reaches the server by; the host of `--connect` without it. May be repeated
    #[arg(long = "host", value_name = "HOST")]
    hosts: Vec<RegistryHost>,
    /// The CAs that the client trusts, PEM; those of the directory without it
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// Judges. Exit code 5 if a client would refuse.
pub(crate) fn run(app: &App, args: &VerifyArgs) -> Result<Exit, Failure> {
    let trust = match &args.ca {
        Some(ca) => files::pem(ca)?,
        None => trusted(app, &args.store)?,
    };
    let verdicts = match (&args.connect, &args.cert) {
        (Some(server), _) => served(server, &args.hosts, &trust)?,
        (None, Some(cert)) => {
            let key = args.key.as_deref().map(files::key).transpose()?;
            let key = key.as_ref().map(ExposeSecret::expose_secret);
            judge(&files::pem(cert)?, key, &args.hosts, &trust)
        }
        (None, None) => own(app, args, &trust)?,
    };
    let accepted = verdicts.iter().all(|verdict| verdict.accepted);
    app.answer(&json!({ "accepted": accepted, "verdicts": verdicts }), || {
        let lines: Vec<String> = verdicts.iter().map(|verdict| format!("{verdict:#}")).collect();
        speech::lines(&lines.join("\n"), app.lang()) + "\n"
    })?;
    Ok(if accepted { Exit::OK } else { Exit::NOT_READY })
}

fn judge(chain: &str, key: Option<&str>, hosts: &[RegistryHost], trust: &str) -> Vec<Verdict> {
    let at = SystemTime::now();
    let verdict = |host: &RegistryHost| {
        verify::verify(&Candidate {
            chain_pem: chain,
            key_pem: key,
            trust_pem: trust,
            address: host.clone(),
            at,
        })
    };
    hosts.iter().map(verdict).collect()
}

/// The directory's own certificate and key: for the lab's registry, or for all that a named directory's covers.
fn own(app: &App, args: &VerifyArgs, trust: &str) -> Result<Vec<Verdict>, Failure> {
    let (_, summary) = args.store.look(app)?;
    let hosts = match (&args.hosts[..], &args.store.dir) {
        ([], None) => vec![registry_host(app)?],
        ([], Some(_)) => summary.leaf.hosts(),
        (hosts, _) => hosts.to_vec(),
    };
    let hosts: Vec<_> = hosts.into_iter().filter(|host| !host.is_wildcard()).collect();
    if hosts.is_empty() {
        let message = "the certificate covers no single host by name";
        return Err(Failure::usage(
            message,
            "say what clients reach the registry by: `--host`",
        ));
    }
    let chain = files::pem(&summary.paths.cert)?;
    let key = files::key(&summary.paths.key)?;
    Ok(judge(&chain, Some(key.expose_secret()), &hosts, trust))
}

/// What the directory's clients trust: the CA of the lab's configuration, else the one that was issued.
pub(super) fn trusted(app: &App, store: &StoreArgs) -> Result<String, Failure> {
    let configured = if store.dir.is_none() {
        app.config()?.config.registry.ca
    } else {
        None
    };
    let ca = match configured {
        Some(ca) => ca,
        None => store.directory(app)?.join("bundle.crt"),
    };
    if !ca.is_file() {
        let message = match &store.dir {
            None => format!("the lab has no CA yet: {} does not exist", ca.display()),
            Some(dir) => format!("there is no CA in {}: bundle.crt does not exist", dir.display()),
        };
        return Err(LabError::new(ErrorKind::NotReady, message)
            .help("name one with `--ca`, or issue it with `lab-cli pki init`")
            .into());
    }
    files::pem(&ca)
}

/// Judges what a live server shows, as clients that reach it by each of `hosts` would, wherever it is reached from here.
fn served(server: &str, hosts: &[RegistryHost], trust: &str) -> Result<Vec<Verdict>, Failure> {
    let (name, port) = parse_server(server)?;
    let mut options = ConnectOptions::default();
    let own_name = [name.clone()];
    let hosts = if hosts.is_empty() {
        &own_name[..]
    } else {
        options.dial = Some(resolve(&name, port, server)?);
        hosts
    };
    hosts
        .iter()
        .map(|host| {
            let connected = verify::connect_with(host, port, trust, &options).map_err(|e| {
                LabError::new(
                    ErrorKind::Failed,
                    format!("no certificate could be fetched from {server}"),
                )
                .help("is the registry running, and is it reachable from this machine?")
                .source(e)
            })?;
            Ok(connected.verdict)
        })
        .collect()
}

fn parse_server(server: &str) -> Result<(RegistryHost, u16), Failure> {
    let wrong = |why: String| {
        Failure::usage(
            format!("`{server}` is no server to connect to: {why}"),
            "write it as host:port, such as 192.168.6.1:5000",
        )
    };
    if server.contains("://") {
        return Err(wrong("it is a URL".to_owned()));
    }
    match RegistryHost::parse_endpoint(server) {
        Ok((host, Some(port))) => Ok((host, port)),
        Ok((_, None)) => Err(wrong("there is no port".to_owned())),
        Err(registry_pki::HostError::Port { port, host: None, .. }) => Err(wrong(format!("`{port}` is no port"))),
        Err(e) => Err(wrong(e.to_string())),
    }
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
            "fd00::1",
            ":5000",
        ] {
            parse_server(wrong).unwrap_err();
        }
    }
}
