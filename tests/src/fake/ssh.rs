//! The guests' SSH servers: the host key and the login key are those of the guest's seed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use russh::keys::PrivateKey;
use russh::keys::ssh_key::LineEnding;
use russh::server::{self, Auth, ChannelOpenHandle, Msg, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, SshId};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::server::Shared;

/// Answers one connection until either side ends it, or the guest is cut off.
pub(crate) async fn serve(stream: TcpStream, key: String, shared: Arc<Shared>) {
    let Some((guest, epoch)) = guest(&shared, &key) else {
        return;
    };
    let Ok(host_key) = russh::keys::decode_secret_key(&guest.host_key, None) else {
        return;
    };
    let config = server::Config {
        server_id: SshId::Standard("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3".into()),
        keys: vec![host_key],
        auth_rejection_time: Duration::from_millis(10),
        auth_rejection_time_initial: Some(Duration::ZERO),
        nodelay: true,
        ..server::Config::default()
    };
    // A second leg, so that a guest that loses its power takes the connection with it at once.
    let (near, far) = tokio::io::duplex(64 * 1024);
    let handler = Handler {
        key: key.clone(),
        guest,
        shared: Arc::clone(&shared),
        lines: HashMap::new(),
        reset: Arc::default(),
    };
    let reset = Arc::clone(&handler.reset);
    let session = tokio::spawn(async move {
        if let Ok(session) = server::run_stream(Arc::new(config), far, handler).await {
            // However it ended, it ended.
            let _ = session.await;
        }
    });
    let (mut from_host, mut to_host) = stream.into_split();
    let (mut from_guest, mut to_guest) = tokio::io::split(near);
    let there = async {
        let _ = tokio::io::copy(&mut from_host, &mut to_guest).await;
        let _ = to_guest.shutdown().await;
    };
    let back = async {
        let _ = tokio::io::copy(&mut from_guest, &mut to_host).await;
        let _ = to_host.shutdown().await;
    };
    let silent = tokio::select! {
        ((), ()) = async { tokio::join!(there, back) } => false,
        silent = cut_off(&shared, &key, epoch) => silent,
        () = reset.notified() => false,
    };
    session.abort();
    if silent {
        // Nobody says goodbye: the host's end finds out by itself.
        while from_host.read(&mut [0; 1024]).await.is_ok_and(|n| n > 0) {}
    }
}

/// What a connection needs to know of its guest.
struct Guest {
    host_key: String,
    user: String,
    authorized_keys: Vec<String>,
}

fn guest(shared: &Shared, key: &str) -> Option<(Guest, u64)> {
    let mut world = shared.world();
    let now = shared.now();
    world.advance(now);
    let config = world.config.clone();
    let machine = world.machines.get(key)?;
    let identity = machine.ssh(now, &config)?;
    let host_key = if machine.in_window("hostkey", now) {
        other_key()?
    } else {
        identity.host_key.clone()
    };
    let guest = Guest {
        host_key,
        user: identity.user.clone(),
        authorized_keys: identity.authorized_keys.clone(),
    };
    Some((guest, machine.epoch))
}

/// A key that is nobody's.
fn other_key() -> Option<String> {
    let mut seed = [7; 32];
    seed[0] = 1;
    let pair = russh::keys::ssh_key::private::Ed25519Keypair::from_seed(&seed);
    Some(PrivateKey::from(pair).to_openssh(LineEnding::LF).ok()?.to_string())
}

/// Ends when the guest's connections break; whether silently.
async fn cut_off(shared: &Shared, key: &str, epoch: u64) -> bool {
    loop {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let mut world = shared.world();
        let now = shared.now();
        world.advance(now);
        match world.machines.get(key) {
            Some(machine) if machine.epoch == epoch && !machine.in_window("ssh-refuse", now) => {}
            machine => return machine.is_some_and(|m| m.silent),
        }
    }
}

struct Handler {
    key: String,
    guest: Guest,
    shared: Arc<Shared>,
    /// Commands that wait for the end of their input.
    lines: HashMap<ChannelId, (String, Vec<u8>)>,
    reset: Arc<tokio::sync::Notify>,
}

impl Handler {
    fn is_authorized(&self, key: &russh::keys::PublicKey) -> bool {
        let known =
            |line: &String| russh::keys::PublicKey::from_openssh(line).is_ok_and(|k| k.key_data() == key.key_data());
        self.guest.authorized_keys.iter().any(known)
    }

    /// Runs a command without holding up the other sessions of the connection.
    fn start(&self, channel: ChannelId, line: String, input: Vec<u8>, session: &Session) {
        let (shared, key, handle) = (Arc::clone(&self.shared), self.key.clone(), session.handle());
        let reset = Arc::clone(&self.reset);
        tokio::spawn(async move {
            let fault = shared.world().strike_ssh(shared.now(), &key).map(|fault| fault.kind);
            let latency =
                shared.world().config.latency.ssh * if fault.as_deref() == Some("slow") { 100.0 } else { 1.0 };
            shared.sleep(latency).await;
            match fault.as_deref() {
                Some("ssh-reset") => return reset.notify_one(),
                Some("ssh-hang") => return,
                _ => {}
            }
            let outcome = shared.world().run_in_guest(shared.now(), &key, &line, &input);
            let Some(outcome) = outcome else {
                return reset.notify_one();
            };
            shared.sleep(outcome.slept).await;
            // A host that has gone does not hear the answer.
            if !outcome.stdout.is_empty() {
                let _ = handle.data(channel, outcome.stdout).await;
            }
            if !outcome.stderr.is_empty() {
                let _ = handle.extended_data(channel, 1, outcome.stderr).await;
            }
            let _ = handle.exit_status_request(channel, outcome.exit.cast_unsigned()).await;
            let _ = handle.eof(channel).await;
            let _ = handle.close(channel).await;
        });
    }
}

impl server::Handler for Handler {
    type Error = russh::Error;

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        Ok(if user == self.guest.user && self.is_authorized(key.public_key) {
            Auth::Accept
        } else {
            Auth::reject()
        })
    }

    async fn channel_open_session(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        data: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(channel)?;
        let line = String::from_utf8_lossy(data).into_owned();
        if line.starts_with("cat >") || line.contains(" tee ") {
            self.lines.insert(channel, (line, Vec::new()));
        } else {
            self.start(channel, line, Vec::new(), session);
        }
        Ok(())
    }

    async fn data(&mut self, channel: ChannelId, data: &[u8], _: &mut Session) -> Result<(), Self::Error> {
        if let Some((_, input)) = self.lines.get_mut(&channel) {
            input.extend_from_slice(data);
        }
        Ok(())
    }

    async fn channel_eof(&mut self, channel: ChannelId, session: &mut Session) -> Result<(), Self::Error> {
        if let Some((line, input)) = self.lines.remove(&channel) {
            self.start(channel, line, input, session);
        }
        Ok(())
    }
}
