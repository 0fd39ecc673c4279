//! cloud-init itself judges what is written for it: the machine's own version and the newest that Debian has.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use cloudinit_gen::{K3sAgentConfig, K3sServerConfig, MasterNode, ModuleSet, SeedFiles, WorkerNode};
use serde_json::{Value, json};

use crate::common::{feed, missing, node, python};

/// One unpacked cloud-init.
pub(crate) struct Judge {
    pub(crate) name: &'static str,
    python_path: String,
}

impl Judge {
    /// Runs Python with this cloud-init.
    fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut python = Command::new("/usr/bin/python3");
        python
            .args(arguments)
            .env("PYTHONPATH", &self.python_path)
            .env("PYTHONDONTWRITEBYTECODE", "1");
        feed(&mut python, input).0
    }

    /// Runs a Python program that has to succeed; returns what it printed.
    pub(crate) fn succeed(&self, program: &str, input: &str) -> String {
        let output = self.run(&["-c", program], input);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{}: {}{error}",
            self.name,
            String::from_utf8_lossy(&output.stdout)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// What cloud-init's `schema` command says about a file, and whether it accepts it.
    pub(crate) fn schema(&self, kind: &str, text: &str) -> (bool, String) {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join(kind);
        std::fs::write(&file, text).unwrap();
        let mut arguments = vec!["-m", "cloudinit.cmd.main", "schema", "-c", file.to_str().unwrap()];
        if kind == "network-config" {
            arguments.extend(["-t", "network-config"]);
        }
        let output = self.run(&arguments, "");
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        (output.status.success(), said)
    }
}

fn cache() -> PathBuf {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../.cache");
    std::env::var_os("LAB_CACHE_DIR")
        .map_or_else(default, PathBuf::from)
        .join("cloud-init")
}

/// The Python modules of one version, once [`judges`] has fetched them.
pub(crate) fn unpacked(name: &str) -> PathBuf {
    cache().join(name).join("usr/lib/python3/dist-packages")
}

/// Both versions, fetched once and kept in the cache.
pub(crate) fn judges() -> Option<&'static [Judge]> {
    static JUDGES: OnceLock<Option<Vec<Judge>>> = OnceLock::new();
    let fetched = JUDGES.get_or_init(|| {
        python()?;
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let directory = cache();
        let fetched = Command::new(manifest.join("tests/it/fetch-cloud-init.sh"))
            .arg(&directory)
            .output();
        if !fetched.is_ok_and(|output| output.status.success()) {
            return None;
        }
        let modules = |name: &str| unpacked(name).display().to_string();
        let judge = |name| Judge {
            name,
            python_path: format!("{}:{}", modules(name), modules("modules")),
        };
        Some(vec![judge("own"), judge("sid")])
    });
    if fetched.is_none() {
        missing("Debian's cloud-init could not be fetched");
    }
    fetched.as_deref()
}

/// Every form of seed that the crate writes.
fn seeds() -> Vec<SeedFiles> {
    let mut bare = node("k3s-master1", "192.168.6.10/24");
    bare.dns.clear();
    bare.hosts.clear();
    bare.ca_pem.clear();
    bare.registries_yaml = None;
    bare.payload = None;
    bare.modules = ModuleSet::Image;
    let mut full = node("k3s-worker1", "192.168.6.11/24");
    full.password = Some("x".into());
    full.time_servers = vec!["192.168.6.1".to_owned()];
    vec![
        MasterNode::new(node("k3s-master1", "192.168.6.10/24"), K3sServerConfig::default())
            .render()
            .unwrap(),
        MasterNode::new(bare, K3sServerConfig::default()).render().unwrap(),
        WorkerNode::new(full, K3sAgentConfig::new("https://192.168.6.10:6443"))
            .render()
            .unwrap(),
    ]
}

fn user_data(seed: &SeedFiles) -> &str {
    seed.named()[2].1
}

#[test]
fn cloud_inits_schema_accepts_every_document_without_a_word_of_deprecation() {
    let Some(judges) = judges() else { return };
    for judge in judges {
        for seed in seeds() {
            let (accepted, said) = judge.schema("user-data", user_data(&seed));
            assert!(accepted, "{}: {said}", judge.name);
            assert!(!said.to_lowercase().contains("deprecat"), "{}: {said}", judge.name);
            // 22.4 has no schema for networks yet.
            if judge.name == "sid" {
                let (accepted, said) = judge.schema("network-config", &seed.network_config);
                assert!(accepted && !said.to_lowercase().contains("deprecat"), "{said}");
            }
        }
    }
}

#[test]
fn cloud_inits_schema_notices_a_wrong_document() {
    let Some(judges) = judges() else { return };
    for judge in judges {
        for wrong in [
            "#cloud-config\nusers: 5\n",
            "#cloud-config\nwrite_files:\n- path: /x\n  permissions: 0644\n",
        ] {
            assert!(!judge.schema("user-data", wrong).0, "{}: {wrong}", judge.name);
        }
    }
}

#[test]
fn cloud_init_takes_the_user_data_for_one_cloud_config_and_every_module_for_one_of_its_own() {
    const PROGRAM: &str = r#"
import json, os, sys
from cloudinit import helpers, user_data, util
from cloudinit.config import modules
text = sys.stdin.read()
paths = helpers.Paths({"cloud_dir": "/nonexistent", "run_dir": "/nonexistent"})
parts = [p for p in user_data.UserDataProcessor(paths).process(text.encode()).walk() if not p.is_multipart()]
assert len(parts) == 1, parts
assert parts[0].get_content_type() == "text/cloud-config", parts[0].get_content_type()
assert parts[0].get_payload(decode=True).decode() == text
config = util.load_yaml(text)
import cloudinit.config
names = {name for _, name, _ in __import__("pkgutil").iter_modules(cloudinit.config.__path__)}
for key in ("cloud_init_modules", "cloud_config_modules", "cloud_final_modules"):
    for module in config.get(key, []):
        assert "cc_" + module.replace("-", "_") in names, module
print(util.shellify(config["runcmd"]))
"#;
    let Some(judges) = judges() else { return };
    for judge in judges {
        for seed in seeds() {
            let script = judge.succeed(PROGRAM, user_data(&seed));
            assert!(
                script.contains("'systemctl' 'enable' '--now' '--no-block' 'lab-bootstrap.service'"),
                "{script}"
            );
        }
    }
}

#[test]
fn cloud_init_renders_the_static_address_for_every_network_manager() {
    const PROGRAM: &str = r#"
import os, sys, tempfile
from cloudinit import net, util
from cloudinit.net import network_state, eni, netplan, networkd
config = util.load_yaml(sys.stdin.read())
sys.modules["cloudinit.net.netplan"].get_devicelist = lambda *a: []
for renderer in (eni, netplan, networkd):
    state = network_state.parse_net_config_data(config, renderer=renderer.Renderer())
    target = tempfile.mkdtemp()
    if renderer is netplan:
        renderer.Renderer._netplan_generate = lambda *a, **k: None
        renderer.Renderer._net_setup_link = lambda *a, **k: None
    # A path of its own: the newer version's default is absolute and would leave the target.
    settings = {"netplan_path": os.path.join(target, "50-cloud-init.yaml")}
    renderer.Renderer(settings).render_network_state(state, target=target)
    text = ""
    for base, _, files in os.walk(target):
        for name in files:
            text += open(os.path.join(base, name)).read()
    for needed in ("192.168.6.10", "192.168.6.1", "lab0"):
        assert needed in text, (renderer.__name__, needed, text)
    assert "dhcp" not in text.lower().replace("dhcp4: false", "").replace("dhcp6: false", "").replace("dhcp=no", ""), text
    # ifupdown finds cards by name; cloud-init itself has renamed this one by its address.
    assert renderer is eni or "00:50:56:3f:00:0a" in text.lower(), (renderer.__name__, text)
print("ok")
"#;
    let Some(judges) = judges() else { return };
    for judge in judges {
        for seed in &seeds()[..2] {
            assert_eq!(judge.succeed(PROGRAM, &seed.network_config).trim(), "ok");
        }
    }
}

#[test]
fn cloud_inits_own_loader_gives_every_trap_back_unchanged() {
    const PROGRAM: &str = r#"
import json, sys
from cloudinit import util
for pair in json.load(sys.stdin):
    found = util.load_yaml(pair["yaml"])
    assert found == pair["expected"], (found, pair)
print("ok")
"#;
    let Some(judges) = judges() else { return };
    let pairs: Vec<Value> = crate::hostile::TRAPS
        .iter()
        .flat_map(|trap| crate::yaml::pairs(trap))
        .collect();
    for judge in judges {
        assert_eq!(judge.succeed(PROGRAM, &json!(pairs).to_string()).trim(), "ok");
    }
}
