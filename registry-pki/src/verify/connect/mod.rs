//! The certificate that a live server presents.
//!
//! The handshake accepts whatever the server sends, so that it can be looked at; nothing is sent over the connection
//! beyond the handshake, and the judgement is made afterwards by [`verify`](super::verify).

mod witness;

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant, SystemTime};

use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use serde::Serialize;

use witness::Witness;

use super::{Candidate, Reason, Verdict, verify};
use crate::host::RegistryHost;
use crate::when;

/// How to reach the server.
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    /// For everything: looking the name up, connecting, the handshake.
    pub timeout: Duration,
    /// Where to connect to, if not to the address itself: a registry that clients reach at 192.168.6.1 may be seen
    /// at 127.0.0.1 from here.
    pub dial: Option<SocketAddr>,
    /// The time to judge for; the clock's where `None`.
    pub at: Option<SystemTime>,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            dial: None,
            at: None,
        }
    }
}

/// Why no certificate could be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// A wildcard is no place to connect to.
    #[error("`{0}` is a wildcard: name one host to connect to")]
    Wildcard(String),
    /// The name could not be looked up.
    #[error("`{host}` could not be looked up")]
    Resolve {
        /// The name.
        host: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Nothing listens there, or the way is blocked.
    #[error("no connection to {peer}")]
    Tcp {
        /// The address.
        peer: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It took too long.
    #[error("{peer} did not finish {what} within {}", when::span(*.timeout))]
    Timeout {
        /// The address or name.
        peer: String,
        /// What it was doing.
        what: &'static str,
        /// The limit.
        timeout: Duration,
    },
    /// The server answered, not with TLS.
    #[error("{peer} does not speak TLS{}", if *.http { ": it answers in plain HTTP; is TLS configured in the registry?" } else { "" })]
    NotTls {
        /// The address.
        peer: SocketAddr,
        /// Whether the answer looks like HTTP.
        http: bool,
    },
    /// The server closed or reset the connection before it sent a certificate.
    #[error("{peer} broke the connection off before it sent a certificate")]
    Broken {
        /// The address.
        peer: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The handshake failed before the certificate came.
    #[error("the TLS handshake with {peer} failed before a certificate came: {reason}")]
    Handshake {
        /// The address.
        peer: SocketAddr,
        /// What rustls said.
        reason: String,
    },
}

/// What a server presents.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Served {
    /// Where it was found.
    pub peer: SocketAddr,
    /// `TLSv1_3`, for instance; `None` where the handshake ended early.
    pub protocol: Option<String>,
    /// The certificates, in the order sent, as PEM.
    pub chain_pem: String,
    /// Whether the server proved that it has the certificate's key; `None` where that could not be checked.
    pub key_proved: Option<bool>,
}

/// What a server presents, and whether a client would accept it.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Connected {
    /// What was served.
    #[serde(flatten)]
    pub served: Served,
    /// The judgement.
    #[serde(flatten)]
    pub verdict: Verdict,
}

impl fmt::Display for Connected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.verdict.fmt(f)
    }
}

/// Connects to `host:port` and judges the certificate that is served there for a client that reaches it by `host`
/// and trusts the CAs in `trust_pem`. Blocks for at most ten seconds.
///
/// # Errors
/// [`ConnectError`] where no certificate came. A certificate that clients refuse is no error but a [`Verdict`].
pub fn connect(host: &RegistryHost, port: u16, trust_pem: &str) -> Result<Connected, ConnectError> {
    connect_with(host, port, trust_pem, &ConnectOptions::default())
}

/// [`connect`] with options.
///
/// # Errors
/// As [`connect`].
pub fn connect_with(
    host: &RegistryHost,
    port: u16,
    trust_pem: &str,
    options: &ConnectOptions,
) -> Result<Connected, ConnectError> {
    let served = fetch_chain(host, port, options)?;
    let mut verdict = verify(&Candidate {
        chain_pem: &served.chain_pem,
        key_pem: None,
        trust_pem,
        address: host.clone(),
        at: options.at.unwrap_or_else(SystemTime::now),
    });
    if served.key_proved == Some(false) {
        verdict.accepted = false;
        verdict.reasons.push(Reason::KeyMismatch);
    }
    Ok(Connected { served, verdict })
}

/// Fetches the certificates that are served at `host:port`, without judging them.
///
/// # Errors
/// [`ConnectError`].
pub fn fetch_chain(host: &RegistryHost, port: u16, options: &ConnectOptions) -> Result<Served, ConnectError> {
    let deadline = Instant::now() + options.timeout;
    let peers = match options.dial {
        Some(peer) => vec![peer],
        None => resolve(host, port, options.timeout)?,
    };
    let mut failure = None;
    for peer in peers {
        let left = remaining(deadline, peer.to_string(), "connecting", options.timeout)?;
        match TcpStream::connect_timeout(&peer, left) {
            Ok(stream) => return handshake(host, peer, stream, deadline, options.timeout),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                failure = Some(ConnectError::Timeout {
                    peer: peer.to_string(),
                    what: "connecting",
                    timeout: options.timeout,
                });
            }
            Err(source) => failure = Some(ConnectError::Tcp { peer, source }),
        }
    }
    Err(failure.unwrap_or_else(|| ConnectError::Resolve {
        host: host.to_string(),
        source: io::Error::new(io::ErrorKind::NotFound, "the name has no address"),
    }))
}

fn remaining(deadline: Instant, peer: String, what: &'static str, timeout: Duration) -> Result<Duration, ConnectError> {
    let left = deadline.saturating_duration_since(Instant::now());
    // A zero timeout means "no timeout" to the socket functions.
    if left < Duration::from_millis(1) {
        Err(ConnectError::Timeout { peer, what, timeout })
    } else {
        Ok(left)
    }
}

/// The system's resolver takes no deadline, so it runs in a thread that is left behind when it takes too long.
fn resolve(host: &RegistryHost, port: u16, timeout: Duration) -> Result<Vec<SocketAddr>, ConnectError> {
    let name = match host {
        RegistryHost::Ip(address) => return Ok(vec![SocketAddr::new(*address, port)]),
        RegistryHost::Dns(name) if name.is_wildcard() => return Err(ConnectError::Wildcard(name.as_str().to_owned())),
        RegistryHost::Dns(name) => name.as_str().to_owned(),
    };
    let (sender, receiver) = mpsc::channel();
    let query = name.clone();
    std::thread::spawn(move || {
        let found = (query.as_str(), port)
            .to_socket_addrs()
            .map(Iterator::collect::<Vec<_>>);
        // Nobody listens any more once the deadline has passed.
        let _ = sender.send(found);
    });
    match receiver.recv_timeout(timeout) {
        Ok(found) => found.map_err(|source| ConnectError::Resolve { host: name, source }),
        Err(_) => Err(ConnectError::Timeout {
            peer: name,
            what: "being looked up",
            timeout,
        }),
    }
}

fn handshake(
    host: &RegistryHost,
    peer: SocketAddr,
    mut stream: TcpStream,
    deadline: Instant,
    timeout: Duration,
) -> Result<Served, ConnectError> {
    let failed = |reason: String| ConnectError::Handshake { peer, reason };
    let witness = Arc::new(Witness::new());
    let config = ClientConfig::builder_with_provider(Arc::clone(&witness.provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&witness) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    let name = server_name(host).ok_or_else(|| failed(format!("`{host}` is no name for a TLS server")))?;
    let mut connection = ClientConnection::new(Arc::new(config), name).map_err(|error| failed(error.to_string()))?;
    let outcome = drive(&mut connection, &mut stream, peer, deadline, timeout);
    let protocol = connection
        .protocol_version()
        .and_then(|version| version.as_str())
        .map(str::to_owned);
    connection.send_close_notify();
    // The goodbye is a courtesy; the server may be gone already.
    let _ = connection.write_tls(&mut stream);
    let seen = witness.seen();
    if seen.chain.is_empty() {
        outcome?;
        return Err(failed("the server sent no certificate".to_owned()));
    }
    // With the certificate at hand, it does not matter how the handshake went on: a server that asks for a client's
    // certificate ends it, for instance.
    let blocks: Vec<String> = seen
        .chain
        .iter()
        .map(|der| crate::key::encode(&pem::Pem::new("CERTIFICATE", der.as_slice())))
        .collect();
    Ok(Served {
        peer,
        protocol,
        chain_pem: blocks.concat(),
        key_proved: seen.key_proved,
    })
}

/// Runs the handshake to its end or to the deadline.
fn drive(
    connection: &mut ClientConnection,
    stream: &mut TcpStream,
    peer: SocketAddr,
    deadline: Instant,
    timeout: Duration,
) -> Result<(), ConnectError> {
    let mut first = Vec::new();
    while connection.is_handshaking() {
        let left = remaining(deadline, peer.to_string(), "the TLS handshake", timeout)?;
        let io_error = |source: io::Error| match source.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => ConnectError::Timeout {
                peer: peer.to_string(),
                what: "the TLS handshake",
                timeout,
            },
            _ => ConnectError::Broken { peer, source },
        };
        stream
            .set_read_timeout(Some(left))
            .and_then(|()| stream.set_write_timeout(Some(left)))
            .map_err(io_error)?;
        while connection.wants_write() {
            connection.write_tls(stream).map_err(io_error)?;
        }
        stream.flush().map_err(io_error)?;
        if !connection.wants_read() {
            continue;
        }
        let mut buffer = [0_u8; 4096];
        let count = stream.read(&mut buffer).map_err(io_error)?;
        if count == 0 {
            let source = io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection");
            return Err(ConnectError::Broken { peer, source });
        }
        if first.is_empty() {
            first = buffer[..count.min(8)].to_vec();
        }
        let mut rest = &buffer[..count];
        while !rest.is_empty() {
            connection.read_tls(&mut rest).map_err(io_error)?;
            if let Err(error) = connection.process_new_packets() {
                // 22 is a handshake record, 21 an alert: anything else was not TLS.
                return Err(match first.first() {
                    Some(21 | 22) => ConnectError::Handshake {
                        peer,
                        reason: error.to_string(),
                    },
                    _ => ConnectError::NotTls {
                        peer,
                        http: first.starts_with(b"HTTP"),
                    },
                });
            }
        }
    }
    Ok(())
}

fn server_name(host: &RegistryHost) -> Option<ServerName<'static>> {
    match host {
        RegistryHost::Ip(address) => Some(ServerName::IpAddress(IpAddr::into(*address))),
        RegistryHost::Dns(name) => ServerName::try_from(name.as_str().to_owned()).ok(),
    }
}
