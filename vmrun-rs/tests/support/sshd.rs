//! A real OpenSSH server of our own, on loopback.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use vmrun_rs::guest::SshAccess;

use super::wait_for;

/// The server with its keys; it ends when this is dropped.
pub(crate) struct Sshd {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) address: SocketAddr,
    child: Child,
}

/// A server, or `None` with a printed reason where OpenSSH is missing. With `LAB_TESTS_REQUIRE=1` that is a failure.
pub(crate) fn sshd() -> Option<Sshd> {
    match Sshd::start() {
        Ok(server) => Some(server),
        Err(reason) => {
            assert!(
                std::env::var_os("LAB_TESTS_REQUIRE").is_none(),
                "an OpenSSH server is required: {reason}"
            );
            println!("skipped: {reason}");
            None
        }
    }
}

impl Sshd {
    fn start() -> Result<Self, String> {
        let program = find("sshd").ok_or("no sshd (Debian: openssh-server)")?;
        find("ssh-keygen").ok_or("no ssh-keygen (Debian: openssh-client)")?;
        let dir = tempfile::tempdir().map_err(|e| e.to_string())?;
        for (name, bytes) in keys()? {
            let path = dir.path().join(name);
            fs::write(&path, bytes).map_err(|e| e.to_string())?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(|e| e.to_string())?;
        }
        // As root the server wants its own empty directory to exist.
        let _ = fs::create_dir_all("/run/sshd");
        let address = TcpListener::bind("127.0.0.1:0")
            .and_then(|l| l.local_addr())
            .map_err(|e| e.to_string())?;
        let child = run(&program, dir.path(), address, "host_ed25519")?;
        Ok(Self { dir, address, child })
    }

    /// Ends the server and starts it at the same address with another host key.
    pub(crate) fn restart_with(&mut self, host_key: &str) {
        self.end();
        self.child = run(&find("sshd").unwrap(), self.dir.path(), self.address, host_key).unwrap();
    }

    pub(crate) fn access(&self, user_key: &str, host_key: &str) -> SshAccess {
        let read = |name: String| fs::read_to_string(self.dir.path().join(name)).unwrap();
        SshAccess {
            endpoint: self.address,
            user: whoami(),
            private_key: read(user_key.to_owned()).into(),
            host_key: read(format!("{host_key}.pub")),
        }
    }

    pub(crate) fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.end();
    }
}

fn run(program: &Path, dir: &Path, address: SocketAddr, host_key: &str) -> Result<Child, String> {
    // A home of its own: the developer's start-up files can take longer than everything that is tested or measured here.
    let config = format!(
        "ListenAddress {address}\nHostKey {dir}/{host_key}\nHostKey {dir}/host_rsa\nAuthorizedKeysFile {dir}/authorized\nStrictModes no\n\
         PidFile none\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n\
         AllowTcpForwarding no\nPrintMotd no\nMaxStartups 100\nSetEnv HOME={dir}\n",
        dir = dir.display()
    );
    let file = dir.join("sshd_config");
    fs::write(&file, config).map_err(|e| e.to_string())?;
    let log = File::create(dir.join("sshd.log")).map_err(|e| e.to_string())?;
    // sshd re-executes itself and needs its absolute path.
    let child = Command::new(program)
        .args(["-D", "-e", "-f"])
        .arg(&file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .map_err(|e| e.to_string())?;
    let up = wait_for(|| TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok());
    if up {
        Ok(child)
    } else {
        Err(format!(
            "sshd did not start: {}",
            fs::read_to_string(dir.join("sshd.log")).unwrap_or_default()
        ))
    }
}

/// File names and contents.
type Keys = Vec<(String, Vec<u8>)>;

/// All keys, made once for all servers: RSA keys take their time.
fn keys() -> Result<&'static [(String, Vec<u8>)], String> {
    static KEYS: OnceLock<Result<Keys, String>> = OnceLock::new();
    let make = || {
        let dir = tempfile::tempdir().map_err(|e| e.to_string())?;
        let path = |name: &str| dir.path().join(name);
        keygen(&path("host_ed25519"), "ed25519")?;
        keygen(&path("host_rsa"), "rsa")?;
        keygen(&path("other"), "ed25519")?;
        keygen(&path("user_ed25519"), "ed25519")?;
        keygen(&path("user_rsa"), "rsa")?;
        let read = |path: &Path| fs::read(path).map_err(|e| e.to_string());
        let authorized = [read(&path("user_ed25519.pub"))?, read(&path("user_rsa.pub"))?].concat();
        let mut all = vec![("authorized".to_owned(), authorized)];
        for entry in fs::read_dir(dir.path()).map_err(|e| e.to_string())?.flatten() {
            all.push((entry.file_name().to_string_lossy().into_owned(), read(&entry.path())?));
        }
        Ok(all)
    };
    KEYS.get_or_init(make).as_deref().map_err(Clone::clone)
}

fn keygen(path: &Path, kind: &str) -> Result<(), String> {
    let bits: &[&str] = if kind == "rsa" { &["-b", "2048"] } else { &[] };
    let done = Command::new("ssh-keygen")
        .args(["-q", "-N", "", "-t", kind])
        .args(bits)
        .arg("-f")
        .arg(path)
        .status();
    match done {
        Ok(status) if status.success() => Ok(()),
        other => Err(format!("ssh-keygen failed: {other:?}")),
    }
}

fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(more)
        .map(|dir| dir.join(name))
        .find(|candidate| candidate.is_file())
}

fn whoami() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
