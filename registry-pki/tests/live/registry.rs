//! Debian's docker-registry as a child, and an image to push.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A registry on a loopback port of its own; it ends with the value.
pub(crate) struct Registry {
    child: Child,
    config: PathBuf,
    log: PathBuf,
    pub(crate) port: u16,
}

impl Registry {
    pub(crate) fn start(dir: &Path, certificate: &Path, key: &Path) -> Self {
        // Free a moment ago; nobody else on this machine is likely to take it in between.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = dir.join("registry.yml");
        let text = format!(
            "version: 0.1\nlog: {{level: warn}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n\
             http:\n  addr: 127.0.0.1:{port}\n  tls: {{certificate: {}, key: {}}}\n",
            dir.join("data").display(),
            certificate.display(),
            key.display()
        );
        fs::write(&config, text).unwrap();
        let log = dir.join("registry.log");
        let child = spawn(&config, &log);
        let mut registry = Self {
            child,
            config,
            log,
            port,
        };
        registry.wait();
        registry
    }

    /// Ends it and starts it again, as one does after a certificate was replaced.
    pub(crate) fn restart(&mut self) {
        self.end();
        self.child = spawn(&self.config, &self.log);
        self.wait();
    }

    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    fn wait(&mut self) {
        let start = Instant::now();
        while TcpStream::connect_timeout(&self.address(), Duration::from_secs(1)).is_err() {
            let ended = self.child.try_wait().unwrap();
            let log = || fs::read_to_string(&self.log).unwrap_or_default();
            assert!(ended.is_none(), "docker-registry ended: {ended:?}\n{}", log());
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "docker-registry does not listen\n{}",
                log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.end();
    }
}

fn spawn(config: &Path, log: &Path) -> Child {
    let log = fs::File::create(log).unwrap();
    Command::new("docker-registry")
        .arg("serve")
        .arg(config)
        .env("OTEL_TRACES_EXPORTER", "none")
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// Writes the smallest image there is (one empty layer) as an OCI layout, and returns skopeo's name for it.
pub(crate) fn oci_image(dir: &Path) -> String {
    let blobs = dir.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let blob = |contents: &[u8]| {
        let digest = ring::digest::digest(&ring::digest::SHA256, contents);
        let digest = digest
            .as_ref()
            .iter()
            .fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        fs::write(blobs.join(&digest), contents).unwrap();
        (format!("sha256:{digest}"), contents.len())
    };
    // An archive without members is two blocks of zeros.
    let (layer, layer_size) = blob(&[0; 1024]);
    let config = serde_json::json!({
        "architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": [layer]}
    });
    let (config, config_size) = blob(config.to_string().as_bytes());
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": config_size},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer, "size": layer_size}]
    });
    let (manifest, manifest_size) = blob(manifest.to_string().as_bytes());
    let index = serde_json::json!({
        "schemaVersion": 2,
        "manifests": [{
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": manifest, "size": manifest_size,
            "annotations": {"org.opencontainers.image.ref.name": "1"}
        }]
    });
    fs::write(dir.join("index.json"), index.to_string()).unwrap();
    fs::write(dir.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    format!("oci:{}:1", dir.display())
}
