//! Making a connection: TCP, handshake with a pinned host key, login.

use std::borrow::Cow;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use russh::client::{self, Handle};
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Algorithm, HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey, PublicKeyOrCertificate};
use russh::{Disconnect, Preferred};
use secrecy::ExposeSecret;
use tokio::time::timeout;

use super::SshOptions;
use crate::error::ChannelError;
use crate::guest::{SshAccess, probe};

/// A logged-in connection.
pub(super) struct Connection {
    pub(super) handle: Handle<Client>,
    pub(super) endpoint: SocketAddr,
    /// How long opening a session may take before the connection counts as dead.
    pub(super) open_timeout: std::time::Duration,
}

impl Connection {
    pub(super) async fn open(access: &SshAccess, options: &SshOptions) -> Result<Self, ChannelError> {
        let endpoint = access.endpoint;
        let pinned = public_key(&access.host_key)?;
        let key = private_key(access)?;

        let unreachable = |source| ChannelError::Unreachable { endpoint, source };
        let stream = probe::connect(endpoint, options.connect_timeout)
            .await
            .map_err(unreachable)?;
        // A forwarded port accepts and closes, or accepts and is silent, while nothing listens in the guest.
        let first = timeout(options.connect_timeout, stream.peek(&mut [0])).await;
        match first {
            Ok(Ok(0)) => {
                return Err(unreachable(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "accepted and closed at once",
                )));
            }
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(unreachable(error)),
            Err(_) => {
                return Err(unreachable(probe::timed_out(
                    "accepted, but no greeting",
                    options.connect_timeout,
                )));
            }
        }
        // A slow login must not look like a hanging Nagle buffer; a failure here costs speed only.
        let _ = stream.set_nodelay(true);

        let login = async {
            let offered = Arc::default();
            let client = Client {
                pinned: pinned.clone(),
                offered: Arc::clone(&offered),
            };
            let connected = client::connect_stream(Arc::new(config(&pinned, options)), stream, client).await;
            let mut handle = connected.map_err(|error| handshake_error(endpoint, &pinned, &offered, error))?;
            authenticate(&mut handle, access, key).await?;
            Ok(handle)
        };
        let handle = timeout(options.handshake_timeout, login).await.unwrap_or_else(|_| {
            let what = format!("the SSH handshake with {endpoint}");
            Err(ChannelError::Timeout {
                what,
                after: options.handshake_timeout,
            })
        })?;
        Ok(Self {
            handle,
            endpoint,
            open_timeout: options.handshake_timeout,
        })
    }

    pub(super) fn is_closed(&self) -> bool {
        self.handle.is_closed()
    }

    pub(super) async fn close(&self) {
        // It is being given up: whether the goodbye arrives does not matter.
        let _ = self.handle.disconnect(Disconnect::ByApplication, "", "").await;
    }
}

fn invalid(reason: String) -> ChannelError {
    ChannelError::InvalidAccess { reason }
}

fn public_key(text: &str) -> Result<PublicKey, ChannelError> {
    PublicKey::from_openssh(text.trim())
        .map_err(|error| invalid(format!("the pinned host key is no OpenSSH public key ({error})")))
}

/// The error's own text can quote the key's content: it is not repeated.
fn private_key(access: &SshAccess) -> Result<Arc<PrivateKey>, ChannelError> {
    let key = russh::keys::decode_secret_key(access.private_key.expose_secret(), None).map_err(|_| {
        invalid("the private key cannot be read: an unencrypted OpenSSH or PKCS#8 key is needed".to_owned())
    })?;
    Ok(Arc::new(key))
}

/// Only host key algorithms of the pinned key's kind are offered: a server with several keys then shows the pinned one.
fn config(pinned: &PublicKey, options: &SshOptions) -> client::Config {
    let algorithms = match pinned.algorithm() {
        Algorithm::Rsa { .. } => {
            vec![
                Algorithm::Rsa {
                    hash: Some(HashAlg::Sha512),
                },
                Algorithm::Rsa {
                    hash: Some(HashAlg::Sha256),
                },
            ]
        }
        other => vec![other],
    };
    client::Config {
        preferred: Preferred {
            key: Cow::Owned(algorithms),
            ..Preferred::default()
        },
        keepalive_interval: Some(options.keepalive_interval),
        keepalive_max: 3,
        nodelay: true,
        ..client::Config::default()
    }
}

/// Checks the host key.
pub(super) struct Client {
    pinned: PublicKey,
    /// What the server showed, if that was not the pinned key.
    offered: Arc<Mutex<Option<String>>>,
}

impl client::Handler for Client {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        let shown: KeyData = match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => key.key_data().clone(),
            PublicKeyOrCertificate::Certificate(certificate) => certificate.public_key().clone(),
        };
        if shown == *self.pinned.key_data() {
            return Ok(true);
        }
        let fingerprint = format!("{} {}", shown.algorithm(), shown.fingerprint(HashAlg::Sha256));
        *self.offered.lock().unwrap_or_else(PoisonError::into_inner) = Some(fingerprint);
        Ok(false)
    }
}

fn handshake_error(
    endpoint: SocketAddr,
    pinned: &PublicKey,
    offered: &Mutex<Option<String>>,
    error: russh::Error,
) -> ChannelError {
    let expected = format!("{} {}", pinned.algorithm(), pinned.fingerprint(HashAlg::Sha256));
    if let Some(offered) = offered.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return ChannelError::HostKeyMismatch {
            endpoint,
            expected,
            offered,
        };
    }
    match error {
        russh::Error::NoCommonAlgo {
            kind: russh::AlgorithmKind::Key,
            theirs,
            ..
        } => ChannelError::HostKeyMismatch {
            endpoint,
            expected,
            offered: format!("of another kind ({})", theirs.join(", ")),
        },
        russh::Error::IO(source) => ChannelError::Unreachable { endpoint, source },
        // A server that goes away in the middle of the handshake is one that is not up yet, or is going down.
        error @ (russh::Error::Disconnect | russh::Error::HUP | russh::Error::SendError | russh::Error::RecvError) => {
            let source = io::Error::new(
                io::ErrorKind::ConnectionReset,
                format!("closed during the handshake ({error})"),
            );
            ChannelError::Unreachable { endpoint, source }
        }
        error => ChannelError::Protocol {
            endpoint,
            reason: error.to_string(),
        },
    }
}

async fn authenticate(
    handle: &mut Handle<Client>,
    access: &SshAccess,
    key: Arc<PrivateKey>,
) -> Result<(), ChannelError> {
    let endpoint = access.endpoint;
    let failed = |error: russh::Error| {
        let source = io::Error::new(
            io::ErrorKind::ConnectionReset,
            format!("closed during the login ({error})"),
        );
        ChannelError::Unreachable { endpoint, source }
    };
    // RSA keys sign with SHA-2; SHA-1 is not offered even to servers that name nothing else.
    let hash = if key.algorithm().is_rsa() {
        handle
            .best_supported_rsa_hash()
            .await
            .map_err(failed)?
            .flatten()
            .or(Some(HashAlg::Sha512))
    } else {
        None
    };
    let fingerprint = key.fingerprint(HashAlg::Sha256);
    let signer = PrivateKeyWithHashAlg::new(key, hash);
    let result = handle
        .authenticate_publickey(&access.user, signer)
        .await
        .map_err(failed)?;
    if result.success() {
        return Ok(());
    }
    if handle.is_closed() {
        return Err(failed(russh::Error::Disconnect));
    }
    Err(ChannelError::AuthenticationRefused {
        user: access.user.clone(),
        by: endpoint.to_string(),
        reason: format!("the key {fingerprint} is not accepted (is it in the guest's authorized_keys?)"),
    })
}
