//! The private registry as the lab needs it: its certificate, the nodes' registries.yaml, and whether it answers.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use registry_pki::key::KeyError;
use registry_pki::verify::{ConnectOptions, connect_with};
use registry_pki::{Ensured, PkiRequest, PkiStore, Registries, RegistryHost, StoreError};
use secrecy::SecretString;

use crate::config::Config;
use crate::error::{Context as _, ErrorKind, LabError};
use crate::paths::LabPaths;
use crate::{files, host};

/// The registry's trust as nodes get it.
#[derive(Debug, Clone)]
pub(crate) struct Trust {
    /// The CA certificates, PEM.
    pub(crate) ca_pem: String,
    /// `registries.yaml`.
    pub(crate) registries_yaml: String,
}

/// Issues, renews or reuses the registry's certificate, unless the configuration names a CA of its own.
///
/// `passphrase` opens the CA's key where that is encrypted, and encrypts that of a CA that is made.
pub(crate) fn ensure_certificate(
    config: &Config,
    paths: &LabPaths,
    passphrase: Option<&SecretString>,
) -> Result<Option<Ensured>, LabError> {
    if config.registry.ca.is_some() {
        return Ok(None);
    }
    let mut store = PkiStore::open(paths.pki()).context(NO_STORE)?;
    if let Some(passphrase) = passphrase {
        store = store.with_ca_passphrase(passphrase.clone());
    }
    store
        .ensure(&PkiRequest::new([host(config)?]))
        .map(Some)
        .map_err(not_issued)
}

/// Whether issuing what is missing needs the passphrase of the CA's key.
pub(crate) fn needs_passphrase(config: &Config, paths: &LabPaths) -> Result<bool, LabError> {
    if config.registry.ca.is_some() || !paths.pki().is_dir() {
        return Ok(false);
    }
    let store = PkiStore::open_existing(paths.pki()).context(NO_STORE)?;
    store
        .needs_passphrase(&PkiRequest::new([host(config)?]))
        .map_err(not_issued)
}

const NO_STORE: &str = "could not open the certificate store";

fn not_issued(error: StoreError) -> LabError {
    let help = match &error {
        StoreError::CaKey {
            source: KeyError::PassphraseNeeded,
            ..
        } => Some("give the passphrase with `--passphrase-file` or in LAB_PKI_PASSPHRASE"),
        StoreError::CaKey {
            source: KeyError::WrongPassphrase,
            ..
        } => Some("correct it; if it is lost, `lab-cli pki rotate` with a new one replaces the CA"),
        _ => None,
    };
    let what = "could not issue the registry's certificate";
    match help {
        Some(help) => LabError::new(ErrorKind::Configuration, what).source(error).help(help),
        None => LabError::failed(what).source(error),
    }
}

/// What the nodes are told about the registry.
pub(crate) fn trust(config: &Config, paths: &LabPaths) -> Result<Trust, LabError> {
    let ca = ca_path(config, paths);
    let ca_pem = files::read_foreign_text(&ca).map_err(|e| LabError::io("read the registry's CA", &ca, e))?;
    let mirrors: Vec<&str> = config.registry.mirrors.iter().map(String::as_str).collect();
    let registries = Registries::for_mirrors(&config.registry_endpoint(), &mirrors, cloudinit_gen::guest::CA_FILE)
        .context("could not write registries.yaml for the nodes")?;
    let registries_yaml = registries
        .to_yaml()
        .context("could not write registries.yaml for the nodes")?;
    Ok(Trust {
        ca_pem,
        registries_yaml,
    })
}

/// The certificates that clients must trust.
pub(crate) fn ca_path(config: &Config, paths: &LabPaths) -> PathBuf {
    config
        .registry
        .ca
        .clone()
        .unwrap_or_else(|| paths.pki().join("bundle.crt"))
}

/// Whether the lab issues the registry's certificate itself, and has not done so yet.
pub(crate) fn not_issued_yet(config: &Config, paths: &LabPaths) -> bool {
    config.registry.ca.is_none() && !ca_path(config, paths).exists()
}

/// Asks the registry for its certificate and judges it as a node would.
pub(crate) async fn check(config: &Config, paths: &LabPaths) -> Result<String, LabError> {
    let endpoint = config.registry_endpoint();
    let ca = ca_path(config, paths);
    let ca_pem = files::read_foreign_text(&ca).map_err(|e| {
        LabError::prerequisite(
            format!("the registry's CA {} cannot be read", ca.display()),
            "issue the certificates with `lab-cli pki init`, or correct registry.ca",
        )
        .source(e)
    })?;
    let host = host(config)?;
    let options = ConnectOptions {
        dial: dial(config, &host),
        ..ConnectOptions::default()
    };
    let at = options.dial.map_or_else(|| endpoint.clone(), |a| a.to_string());
    let port = config.registry.port;
    let connected = tokio::task::spawn_blocking(move || connect_with(&host, port, &ca_pem, &options));
    let connected = connected
        .await
        .context("looking at the registry was interrupted")?
        .map_err(|e| {
            let what =
                format!("the registry https://{endpoint}, which nodes pull images from, does not answer at {at}");
            LabError::new(ErrorKind::Prerequisite, what)
                .source(e)
                .help(start_help(config, paths))
        })?;
    let verdict = &connected.verdict;
    if !verdict.accepted {
        return Err(LabError::prerequisite(
            format!("the registry at {at} shows a certificate that nodes would refuse: {verdict}"),
            start_help(config, paths),
        ));
    }
    Ok(format!(
        "https://{endpoint} answers with a certificate that nodes accept"
    ))
}

fn start_help(config: &Config, paths: &LabPaths) -> String {
    if config.registry.ca.is_some() {
        return "start it with a certificate for that address, or set registry.check = false".to_owned();
    }
    format!(
        "start it with the certificate {} and the key {}, or set registry.check = false",
        paths.pki().join("registry.crt").display(),
        paths.pki().join("registry.key").display(),
    )
}

fn host(config: &Config) -> Result<RegistryHost, LabError> {
    config.registry.host.parse().map_err(|e| {
        LabError::new(
            ErrorKind::Configuration,
            format!("registry.host `{}` cannot be used", config.registry.host),
        )
        .source(e)
    })
}

/// Where this host finds the registry, if not at the nodes' own address for it. The lab's gateway is this host itself: on
/// its own interface where the hypervisor made one (VMware's host adapter), else on loopback (the drop-in's user-mode
/// network).
fn dial(config: &Config, host: &RegistryHost) -> Option<SocketAddr> {
    let gateway = IpAddr::V4(config.network.gateway);
    let elsewhere = matches!(host, RegistryHost::Ip(ip) if *ip == gateway && !host::has(gateway));
    elsewhere.then(|| SocketAddr::new(Ipv4Addr::LOCALHOST.into(), config.registry.port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locked_ca_key_is_needed_only_for_another_certificate_and_the_error_says_who_takes_the_passphrase() {
        let dir = tempfile::tempdir().unwrap();
        let paths = LabPaths::new(Some(dir.path()), "lab").unwrap();
        let mut config = Config::default();
        let store = PkiStore::open(paths.pki()).unwrap();
        let request = PkiRequest::new([host(&config).unwrap()]);
        store
            .with_ca_passphrase("secret".to_owned().into())
            .ensure(&request)
            .unwrap();
        assert!(!needs_passphrase(&config, &paths).unwrap());
        assert!(ensure_certificate(&config, &paths, None).unwrap().is_some());
        config.registry.host = "registry.lab".to_owned();
        assert!(needs_passphrase(&config, &paths).unwrap());
        let error = ensure_certificate(&config, &paths, None).unwrap_err();
        assert!(
            error.help_text().unwrap().contains("--passphrase-file"),
            "{}",
            error.one_line()
        );
        let wrong = SecretString::from("guess");
        let error = ensure_certificate(&config, &paths, Some(&wrong)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(!format!("{error:?}").contains("guess"));
        let right = SecretString::from("secret");
        ensure_certificate(&config, &paths, Some(&right)).unwrap();
        assert!(!needs_passphrase(&config, &paths).unwrap());
    }

    #[test]
    fn a_gateway_without_an_interface_here_is_this_hosts_loopback() {
        let mut config = Config::default();
        // An address of the documentation range: no machine has it.
        config.network.gateway = Ipv4Addr::new(192, 0, 2, 1);
        config.registry.host = "192.0.2.1".to_owned();
        let host = host(&config).unwrap();
        assert_eq!(dial(&config, &host), Some("127.0.0.1:5000".parse().unwrap()));
        config.registry.host = "registry.lab".to_owned();
        let host = self::host(&config).unwrap();
        assert_eq!(dial(&config, &host), None);
    }
}
