//! Debian's docker-registry over TLS, as the lab's users run one.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running registry; it ends with this value.
#[derive(Debug)]
pub struct Registry {
    process: Child,
    port: u16,
}

impl Registry {
    /// Starts a registry on loopback with this certificate and key, and waits until it accepts connections.
    ///
    /// # Panics
    ///
    /// If docker-registry is not installed, the port is taken, or it does not come up within 20 s.
    pub fn start(directory: &Path, port: u16, certificate: &Path, key: &Path) -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        assert!(
            TcpStream::connect(address).is_err(),
            "port {port} is taken by another program"
        );
        let config = directory.join("registry.yml");
        // JSON is YAML: a path with any character in it is written safely.
        let text = serde_json::json!({
            "version": 0.1,
            "storage": {"filesystem": {"rootdirectory": directory.join("registry-data")}},
            "http": {"addr": address.to_string(), "tls": {"certificate": certificate, "key": key}},
            "log": {"level": "warn"},
        });
        std::fs::write(&config, text.to_string()).expect("the registry's configuration can be written");
        let log = std::fs::File::create(directory.join("registry.log")).expect("the registry's log can be written");
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file handle can be cloned"))
            .stderr(log)
            .spawn()
            .expect("docker-registry is installed (Debian package docker-registry)");
        let mut registry = Self { process, port };
        let end = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(address).is_err() {
            let ended = registry.process.try_wait().expect("a child can be asked");
            assert!(
                ended.is_none(),
                "docker-registry ended with {ended:?}; see {}",
                directory.join("registry.log").display()
            );
            assert!(Instant::now() < end, "docker-registry does not listen on {address}");
            std::thread::sleep(Duration::from_millis(50));
        }
        registry
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
