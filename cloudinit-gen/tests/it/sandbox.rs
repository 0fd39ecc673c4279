//! A node's file system in a directory: the rendered user-data laid out as cloud-init would, the real scripts run
//! over it with a real shell, and stand-ins for the programs that would touch the machine.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cloudinit_gen::SeedFiles;
use cloudinit_gen::payload::{Payload, PayloadManifest};
use secrecy::ExposeSecret;

use crate::common::{python, tool};

/// What cloud-init's `write_files` does, as far as these documents use it.
const WRITE_FILES: &str = r#"
import os, sys, yaml
root = sys.argv[1]
for entry in yaml.safe_load(sys.stdin)["write_files"]:
    path = root + entry["path"]
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(entry["content"])
    os.chmod(path, int(entry["permissions"], 8))
"#;

/// The k3s of the payload: says its version and answers from a file.
const K3S: &str = r#"#!/bin/sh
case "$*" in
    --version) echo "k3s version v0.0.0-sandbox" ;;
    "kubectl get nodes -o json") cat "$LAB_ROOT/nodes.json" ;;
    *) exit 64 ;;
esac
"#;

pub(crate) struct Sandbox {
    directory: tempfile::TempDir,
    shell: &'static str,
}

impl Sandbox {
    /// An empty node, or `None` where a needed program is missing.
    pub(crate) fn new() -> Option<Self> {
        for needed in ["bash", "bsdtar", "sha256sum", "iconv"] {
            tool(needed)?;
        }
        python()?;
        let sandbox = Self {
            directory: tempfile::tempdir().unwrap(),
            shell: "sh",
        };
        for parameter in [
            "fs/inotify/max_user_instances",
            "fs/inotify/max_user_watches",
            "kernel/panic",
            "kernel/panic_on_oops",
            "net/bridge/bridge-nf-call-ip6tables",
            "net/bridge/bridge-nf-call-iptables",
            "net/ipv4/ip_forward",
            "vm/overcommit_memory",
            "vm/panic_on_oom",
        ] {
            sandbox.write(&format!("proc/sys/{parameter}"), "0\n");
        }
        sandbox.write(
            "etc/fstab",
            "LABEL=root / ext4 defaults 0 1\n/dev/sda2 none swap sw 0 0\n#/swap none swap sw 0 0\n",
        );
        sandbox.write("usr/lib/systemd/system/systemd-timesyncd.service", "");
        sandbox.write("unit.next", "ActiveState=active\nNRestarts=0\n");
        sandbox.write(
            "nodes.json",
            &nodes("k3s-master1", "True", "KubeletReady", "kubelet is posting ready status"),
        );
        Some(sandbox)
    }

    /// Runs the scripts with another shell than the system's `sh`.
    pub(crate) fn with_shell(mut self, shell: &'static str) -> Self {
        self.shell = shell;
        self
    }

    pub(crate) fn root(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root().join(path.trim_start_matches('/'))
    }

    /// Writes a file of the node.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A file of the node; empty if it is not there.
    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_default()
    }

    pub(crate) fn remove(&self, path: &str) {
        fs::remove_file(self.path(path)).unwrap();
    }

    /// Permission bits of a file of the node.
    pub(crate) fn mode(&self, path: &str) -> u32 {
        fs::metadata(self.path(path)).unwrap().permissions().mode() & 0o7777
    }

    /// Lays out what the user-data writes.
    pub(crate) fn install(&self, seed: &SeedFiles) {
        let mut child = Command::new(python().unwrap())
            .args(["-c", WRITE_FILES])
            .arg(self.root())
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(seed.user_data.expose_secret().as_bytes())
            .unwrap();
        assert!(child.wait().unwrap().success());
    }

    /// Makes a payload image and puts it into the node's drive.
    pub(crate) fn insert_payload(&self, packages: bool) -> PayloadManifest {
        self.insert(&self.payload(packages))
    }

    /// Makes this payload's image and puts it into the node's drive.
    pub(crate) fn insert(&self, payload: &Payload) -> PayloadManifest {
        fs::create_dir_all(self.path("dev/disk/by-label")).unwrap();
        payload.write_iso(&self.path("dev/disk/by-label/LABPAYLOAD")).unwrap()
    }

    /// A small payload.
    pub(crate) fn payload(&self, packages: bool) -> Payload {
        self.write("host/k3s", K3S);
        let mut tar = vec![0; 1024];
        tar[257..262].copy_from_slice(b"ustar");
        fs::write(self.path("host/images.tar"), tar).unwrap();
        let mut payload = Payload::new(self.path("host/k3s"));
        payload.images = vec![self.path("host/images.tar")];
        if packages {
            self.write("host/tool.deb", "!<arch>\nnot much of a package");
            payload.packages = vec![self.path("host/tool.deb")];
        }
        payload.build_time = Some(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_756_771_200));
        payload
    }

    /// Runs the bootstrap to its end; returns whether it succeeded.
    pub(crate) fn boot(&self) -> bool {
        self.boot_as(&[], &[])
    }

    /// The same, started by a program that prepares its surroundings.
    pub(crate) fn boot_through(&self, wrapper: &[&str]) -> bool {
        self.boot_as(wrapper, &[])
    }

    /// Runs the script with these arguments, as an installer does.
    pub(crate) fn boot_with(&self, arguments: &[&str]) -> bool {
        self.boot_as(&[], arguments)
    }

    fn boot_as(&self, wrapper: &[&str], arguments: &[&str]) -> bool {
        let fakes = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fakes");
        let path = std::env::var("PATH").unwrap();
        let mut line = wrapper.to_vec();
        line.push(self.shell);
        let output = Command::new(line[0])
            .args(&line[1..])
            .arg(self.path("usr/local/lib/lab/bootstrap.sh"))
            .args(arguments)
            .env_clear()
            .env("LAB_ROOT", self.root())
            .env("PATH", format!("{}:{path}", fakes.display()))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        println!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        output.status.success()
    }

    /// The calls that stand-ins recorded and that contain `text`.
    pub(crate) fn calls(&self, text: &str) -> usize {
        self.read("calls").lines().filter(|line| line.contains(text)).count()
    }

    /// The failure that the node reports.
    pub(crate) fn failure(&self) -> cloudinit_gen::guest::Failure {
        let text = self.read("var/lib/lab/failed");
        cloudinit_gen::guest::Failure::parse(&text).unwrap_or_else(|| panic!("no failure was reported: {text:?}"))
    }
}

/// What `kubectl get nodes -o json` answers about one node.
pub(crate) fn nodes(name: &str, ready: &str, reason: &str, message: &str) -> String {
    serde_json::json!({ "apiVersion": "v1", "kind": "List", "items": [
        { "kind": "Node", "metadata": { "name": "k3s-other" }, "status": { "conditions": [{ "type": "Ready", "status": "True" }] } },
        { "kind": "Node", "metadata": { "name": name }, "status": { "conditions": [
            { "type": "MemoryPressure", "status": "False" },
            { "type": "Ready", "status": ready, "reason": reason, "message": message },
        ] } },
    ] })
    .to_string()
}
