//! The bootstrap script, run for real over a node's file system in a directory.

use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use cloudinit_gen::{K3sAgentConfig, K3sServerConfig, MasterNode, NodeConfig, WorkerNode};

use crate::common::{TOKEN, node, succeed, tool};
use crate::sandbox::{Sandbox, nodes};

/// A master whose waits end quickly.
fn impatient() -> NodeConfig {
    let mut node = node("k3s-master1", "192.168.6.10/24");
    let second = Duration::from_secs(1);
    node.limits.medium = second;
    node.limits.server = second;
    node.limits.k3s_start = second;
    node.limits.node_ready = second;
    node
}

fn install(sandbox: &Sandbox, node: NodeConfig) {
    sandbox.install(&MasterNode::new(node, K3sServerConfig::default()).render().unwrap());
}

/// A node that is ready to boot, with a good payload in its drive.
fn ready_to_boot() -> Option<Sandbox> {
    let sandbox = Sandbox::new()?;
    let mut node = impatient();
    node.payload = Some(sandbox.insert_payload(true).to_ref());
    install(&sandbox, node);
    Some(sandbox)
}

const MARKERS: [&str; 3] = [
    "var/lib/cloud-init-complete",
    "var/lib/iso-copy-complete",
    "var/lib/k3s-bootstrap.done",
];

#[test]
fn a_master_comes_up_and_leaves_the_marks_that_its_host_waits_for() {
    for shell in ["sh", "bash"] {
        let Some(sandbox) = ready_to_boot() else { return };
        let sandbox = sandbox.with_shell(shell);
        assert!(sandbox.boot());
        for marker in MARKERS {
            assert_eq!(sandbox.read(marker), "k3s-master1-0001\n", "{marker}");
            assert_eq!(sandbox.mode(marker), 0o644);
        }
        assert_eq!(sandbox.read("var/lib/lab/progress"), "done\n");
        assert!(!sandbox.path("var/lib/lab/failed").exists());
        assert_eq!(sandbox.mode("usr/local/bin/k3s"), 0o755);
        assert_eq!(
            fs::read_link(sandbox.path("usr/local/bin/kubectl")).unwrap().to_str(),
            Some("k3s")
        );
        assert!(sandbox.path("var/lib/rancher/k3s/agent/images/images.tar").is_file());
        assert!(
            sandbox
                .read("etc/systemd/system/k3s.service")
                .contains("ExecStart=/usr/local/bin/k3s server")
        );
        assert!(
            !sandbox.path("var/lib/lab/payload").exists(),
            "the copy is not kept twice"
        );
        assert_eq!(sandbox.read("proc/sys/net/ipv4/ip_forward"), "1\n");
        assert_eq!(
            sandbox.read("etc/fstab"),
            "LABEL=root / ext4 defaults 0 1\n# switched off for k3s: /dev/sda2 none swap sw 0 0\n#/swap none swap sw 0 0\n"
        );
        for call in [
            "swapoff -a",
            "modprobe br_netfilter",
            "modprobe overlay",
            "dpkg tool.deb",
            "umount",
        ] {
            assert_eq!(sandbox.calls(call), 1, "{call}");
        }
        for call in [
            "disable --now systemd-timesyncd.service",
            "enable k3s.service",
            "start --no-block k3s.service",
        ] {
            assert_eq!(sandbox.calls(&format!("systemctl {call}")), 1, "{call}");
        }
    }
}

#[test]
fn progress_and_log_are_readable_by_all_and_hold_no_secret() {
    let Some(sandbox) = ready_to_boot() else { return };
    assert!(sandbox.boot());
    for file in fs::read_dir(sandbox.path("var/lib/lab")).unwrap() {
        let path = file.unwrap().path();
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        assert!(!text.contains(TOKEN), "{} holds the token", path.display());
    }
    assert_eq!(sandbox.mode("var/lib/lab"), 0o755);
    assert_eq!(sandbox.mode("var/lib/lab/bootstrap.log"), 0o644);
    assert_eq!(sandbox.mode("etc/lab/node.env"), 0o600);
    assert_eq!(sandbox.mode("etc/rancher/k3s/config.yaml"), 0o600);
    let steps: Vec<String> = sandbox
        .read("guestinfo")
        .lines()
        .map(|line| line.replace("info-set guestinfo.lab.", ""))
        .collect();
    assert_eq!(steps.first().map(String::as_str), Some("progress cloud-init"));
    assert_eq!(steps.last().map(String::as_str), Some("progress done"));
    for step in steps {
        assert!(
            step.strip_prefix("progress ")
                .unwrap()
                .parse::<cloudinit_gen::guest::Step>()
                .is_ok(),
            "{step}"
        );
    }
}

#[test]
fn a_node_that_has_finished_does_nothing_on_its_next_boot() {
    let Some(sandbox) = ready_to_boot() else { return };
    assert!(sandbox.boot());
    let before = sandbox.read("calls");
    fs::remove_file(sandbox.path("dev/disk/by-label/LABPAYLOAD")).unwrap();
    assert!(sandbox.boot());
    assert_eq!(sandbox.read("calls"), before);
}

#[test]
fn a_boot_that_was_cut_short_is_continued_without_the_medium() {
    let Some(sandbox) = ready_to_boot() else { return };
    sandbox.write("unit.next", "ActiveState=failed\nNRestarts=0\n");
    assert!(!sandbox.boot());
    assert_eq!(sandbox.failure().step, "k3s-start");
    assert!(sandbox.path("var/lib/iso-copy-complete").exists());
    // What the host does once that marker is there:
    fs::remove_file(sandbox.path("dev/disk/by-label/LABPAYLOAD")).unwrap();
    sandbox.write("unit.next", "ActiveState=active\nNRestarts=0\n");
    assert!(sandbox.boot());
    assert_eq!(sandbox.read("var/lib/k3s-bootstrap.done"), "k3s-master1-0001\n");
    assert!(
        !sandbox.path("var/lib/lab/failed").exists(),
        "a failure that is over is not reported any more"
    );
    assert_eq!(sandbox.calls("mount"), 2, "mounted once, unmounted once");
    assert_eq!(sandbox.calls("dpkg tool.deb"), 1);
}

#[test]
fn marks_of_an_earlier_life_of_the_disk_do_not_count() {
    let Some(sandbox) = ready_to_boot() else { return };
    for marker in MARKERS {
        sandbox.write(marker, "k3s-master1-0000\n");
    }
    sandbox.write(
        "var/lib/lab/failed",
        "instance-id=k3s-master1-0000\nstep=clock\nreason=old\n",
    );
    assert!(sandbox.boot());
    assert_eq!(sandbox.calls("mount"), 2);
    for marker in MARKERS {
        assert_eq!(sandbox.read(marker), "k3s-master1-0001\n");
    }
}

#[test]
fn an_installer_copies_the_payload_and_the_installed_systems_first_boot_does_the_rest() {
    let Some(sandbox) = ready_to_boot() else { return };
    assert!(sandbox.boot_with(&["payload"]));
    assert_eq!(sandbox.read("var/lib/iso-copy-complete"), "k3s-master1-0001\n");
    assert!(sandbox.path("var/lib/lab/payload/k3s").is_file());
    for marker in ["var/lib/cloud-init-complete", "var/lib/k3s-bootstrap.done"] {
        assert!(!sandbox.path(marker).exists(), "{marker}");
    }
    for call in ["swapoff", "modprobe", "dpkg", "systemctl", "cloud-init"] {
        assert_eq!(sandbox.calls(call), 0, "{call} in an installer's own system");
    }
    // The installer's drive is gone when the installed system boots.
    fs::remove_file(sandbox.path("dev/disk/by-label/LABPAYLOAD")).unwrap();
    assert!(sandbox.boot());
    for marker in MARKERS {
        assert_eq!(sandbox.read(marker), "k3s-master1-0001\n", "{marker}");
    }
}

#[test]
fn an_installation_fails_when_the_payload_cannot_be_copied_and_says_why() {
    let Some(sandbox) = ready_to_boot() else { return };
    fs::remove_file(sandbox.path("dev/disk/by-label/LABPAYLOAD")).unwrap();
    assert!(!sandbox.boot_with(&["payload"]));
    assert_eq!(sandbox.failure().step, "payload-wait");
}

#[test]
fn a_damaged_payload_is_named_and_nothing_of_it_is_installed() {
    let Some(sandbox) = ready_to_boot() else { return };
    let image = sandbox.path("dev/disk/by-label/LABPAYLOAD");
    let mut bytes = fs::read(&image).unwrap();
    let place = bytes.windows(5).position(|window| window == b"ustar").unwrap();
    bytes[place + 100] ^= 1;
    fs::write(&image, bytes).unwrap();
    assert!(!sandbox.boot());
    let failure = sandbox.failure();
    assert_eq!(failure.step, "payload-copy");
    assert_eq!(failure.reason, "the payload is damaged: images/images.tar: FAILED");
    assert_eq!(failure.instance_id, "k3s-master1-0001");
    assert!(!sandbox.path("var/lib/iso-copy-complete").exists());
    assert!(!sandbox.path("usr/local/bin/k3s").exists());
    assert_eq!(sandbox.calls("umount"), 1, "the medium is released");
}

#[test]
fn another_payload_than_the_nodes_own_is_refused() {
    let Some(sandbox) = Sandbox::new() else { return };
    let mut node = impatient();
    let mut reference = sandbox.insert_payload(false).to_ref();
    reference.digest = Some("0".repeat(64));
    node.payload = Some(reference);
    install(&sandbox, node);
    assert!(!sandbox.boot());
    assert!(
        sandbox.failure().reason.contains("another payload"),
        "{}",
        sandbox.failure().reason
    );
}

#[test]
fn a_medium_that_never_appears_ends_the_wait_with_its_label() {
    let Some(sandbox) = ready_to_boot() else { return };
    fs::remove_file(sandbox.path("dev/disk/by-label/LABPAYLOAD")).unwrap();
    assert!(!sandbox.boot());
    assert_eq!(sandbox.failure().step, "payload-wait");
    assert!(sandbox.failure().reason.contains("LABPAYLOAD"));
    assert_eq!(sandbox.read("var/lib/lab/progress"), "payload-wait\n");
}

#[test]
fn cloud_inits_own_errors_are_the_reason() {
    for (answer, expected) in [
        // 22.4
        (
            "....\nstatus: error\ntime: Thu, 01 Jan 1970 00:02:30 +0000\ndetail:\n('ca-certs', ProcessExecutionError(\"Unexpected error\"))\n",
            "cloud-init reports errors: ('ca-certs', ProcessExecutionError(\"Unexpected error\"))",
        ),
        // 24.1 and later
        (
            "status: error\nextended_status: error - done\nboot_status_code: enabled-by-generator\ndetail: DataSourceNoCloud [seed=/dev/sr0]\nerrors:\n\t- ('users_groups', OSError('x'))\nrecoverable_errors:\nWARNING:\n\t- something\n",
            "cloud-init reports errors:  - ('users_groups', OSError('x'))",
        ),
    ] {
        let Some(sandbox) = ready_to_boot() else { return };
        sandbox.write("cloud-init.answer", answer);
        sandbox.write("cloud-init.status", "1");
        assert!(!sandbox.boot());
        assert_eq!(sandbox.failure().step, "cloud-init");
        assert_eq!(sandbox.failure().reason, expected);
        assert!(!sandbox.path("var/lib/cloud-init-complete").exists());
    }
}

#[test]
fn recoverable_errors_of_cloud_init_do_not_stop_a_node() {
    let Some(sandbox) = ready_to_boot() else { return };
    sandbox.write("cloud-init.status", "2");
    assert!(sandbox.boot());
    assert!(sandbox.read("var/lib/lab/bootstrap.log").contains("recoverable errors"));
}

#[test]
fn a_clock_that_is_behind_is_set_and_one_that_is_not_is_left_alone() {
    let Some(sandbox) = ready_to_boot() else { return };
    sandbox.write("now", "1000000000\n");
    assert!(sandbox.boot());
    assert_eq!(sandbox.calls("date -u -s @1756771200"), 1);
    let Some(sandbox) = ready_to_boot() else { return };
    sandbox.write("now", "1756771200\n");
    assert!(sandbox.boot());
    assert_eq!(sandbox.calls("date"), 0);
}

#[test]
fn what_k3s_said_last_is_the_reason_without_the_token() {
    let Some(sandbox) = ready_to_boot() else { return };
    sandbox.write("unit.next", "ActiveState=failed\nNRestarts=0\n");
    sandbox.write(
        "journal",
        &format!("level=info msg=\"Starting k3s\"\nlevel=fatal msg=\"token {TOKEN} is wrong, twice: {TOKEN}\"\nlevel=info msg=\"bye\"\n"),
    );
    assert!(!sandbox.boot());
    assert_eq!(
        sandbox.failure().reason,
        "k3s failed: level=fatal msg=\"token [token] is wrong, twice: [token]\""
    );
    for file in ["var/lib/lab/bootstrap.log", "var/lib/lab/failed", "guestinfo"] {
        assert!(!sandbox.read(file).contains(TOKEN), "{file}");
    }
    assert!(
        sandbox
            .read("guestinfo")
            .lines()
            .last()
            .unwrap()
            .contains("guestinfo.lab.failed k3s-start: k3s failed")
    );
}

#[test]
fn a_k3s_that_is_restarted_again_and_again_is_given_up() {
    let Some(sandbox) = ready_to_boot() else { return };
    sandbox.write("unit.next", "ActiveState=activating\nNRestarts=4\n");
    sandbox.write("journal", "error: registries.yaml: line 3: did not find expected key\n");
    assert!(!sandbox.boot());
    assert_eq!(
        sandbox.failure().reason,
        "k3s failed and was restarted 4 times: error: registries.yaml: line 3: did not find expected key"
    );
    assert_eq!(sandbox.calls("systemctl stop --no-block k3s.service"), 1);
}

#[test]
fn a_k3s_that_never_reports_itself_started_ends_the_wait() {
    let Some(sandbox) = ready_to_boot() else { return };
    sandbox.write("unit.next", "ActiveState=activating\nNRestarts=0\n");
    assert!(!sandbox.boot());
    assert_eq!(
        sandbox.failure().reason,
        "k3s did not report itself started within 1 s: it left no message"
    );
}

#[test]
fn a_node_that_is_not_ready_says_what_its_condition_says() {
    for (answer, expected) in [
        (
            nodes(
                "k3s-master1",
                "False",
                "KubeletNotReady",
                "network plugin not ready\ncni config uninitialized",
            ),
            "the node was not Ready within 1 s: cni config uninitialized",
        ),
        (
            nodes("k3s-elsewhere", "True", "", ""),
            "the node was not Ready within 1 s: the node k3s-master1 has not registered yet",
        ),
        (
            "{\"items\": null}".to_owned(),
            "the node was not Ready within 1 s: the node k3s-master1 has not registered yet",
        ),
        (
            "not json".to_owned(),
            "the node was not Ready within 1 s: kubectl's answer is not a list of nodes: Expecting value: line 1 column 1 (char 0)",
        ),
    ] {
        let Some(sandbox) = ready_to_boot() else { return };
        sandbox.write("nodes.json", &answer);
        assert!(!sandbox.boot());
        assert_eq!(sandbox.failure().step, "node-ready");
        assert_eq!(sandbox.failure().reason, expected);
    }
}

#[test]
fn a_kernel_module_that_is_missing_is_named() {
    let Some(sandbox) = ready_to_boot() else { return };
    sandbox.write("no-module-overlay", "");
    assert!(!sandbox.boot());
    assert_eq!(sandbox.failure().step, "system");
    assert!(
        sandbox
            .failure()
            .reason
            .starts_with("loading the kernel module overlay failed with status 1: modprobe: FATAL")
    );
}

#[test]
fn a_kernel_parameter_that_does_not_exist_is_named() {
    let Some(sandbox) = ready_to_boot() else { return };
    fs::remove_dir_all(sandbox.path("proc/sys/net/bridge")).unwrap();
    assert!(!sandbox.boot());
    assert!(
        sandbox
            .failure()
            .reason
            .starts_with("the kernel parameter net.bridge.bridge-nf-call-ip6tables cannot be set to 1")
    );
}

#[test]
fn what_no_step_foresaw_is_reported_too() {
    let Some(sandbox) = ready_to_boot() else { return };
    sandbox.remove("etc/modules-load.d/lab.conf");
    assert!(!sandbox.boot());
    assert_eq!(sandbox.failure().step, "system");
    assert!(
        sandbox.failure().reason.contains("nothing had foreseen"),
        "{}",
        sandbox.failure().reason
    );
}

/// Puts a file system without a free byte under the state directory, for the program that follows and nobody else, and
/// keeps what was reported there. The full path, because the sandbox has a stand-in for `mount`.
const ON_A_FULL_DISK: &str = r#"
state=$LAB_ROOT/var/lib/lab
mkdir -p "$state" && /bin/mount -t tmpfs -o size=64k full "$state" || exit 99
head -c 1000000 /dev/zero >"$state/filling" 2>/dev/null
status=0
"$@" || status=$?
cat "$state/failed" >"$LAB_ROOT/reported"
exit $status
"#;

#[test]
fn a_full_disk_is_reported_although_it_takes_no_file() {
    let Some(unshare) = tool("unshare") else { return };
    let Some(sandbox) = ready_to_boot() else { return };
    let wrapper = [unshare.to_str().unwrap(), "--map-root-user", "--mount"];
    let namespaces = std::process::Command::new(wrapper[0])
        .args(&wrapper[1..])
        .arg("true")
        .status();
    if !namespaces.is_ok_and(|status| status.success()) {
        println!("skipped: this machine gives no user namespaces");
        return;
    }
    let wrapper = [&wrapper[..], &["sh", "-c", ON_A_FULL_DISK, "sh"]].concat();
    assert!(!sandbox.boot_through(&wrapper));
    let reported = sandbox.read("reported");
    let failure = cloudinit_gen::guest::Failure::parse(&reported).unwrap_or_else(|| panic!("{reported:?}"));
    assert_eq!(
        (failure.instance_id.as_str(), failure.step.as_str()),
        ("k3s-master1-0001", "cloud-init")
    );
    assert!(failure.reason.starts_with("the disk is full: "), "{}", failure.reason);
    assert!(!sandbox.path("var/lib/k3s-bootstrap.done").exists());
}

#[test]
fn a_payload_cannot_name_files_outside_itself() {
    let Some(sandbox) = Sandbox::new() else { return };
    let mut iso = cloudinit_gen::iso::IsoBuilder::new("LABPAYLOAD".parse().unwrap());
    let sums = format!("{}  ../../../etc/owned\n", "0".repeat(64));
    iso.file("SHA256SUMS", cloudinit_gen::iso::Source::bytes(sums)).unwrap();
    fs::create_dir_all(sandbox.path("dev/disk/by-label")).unwrap();
    iso.write_file(&sandbox.path("dev/disk/by-label/LABPAYLOAD")).unwrap();
    install(&sandbox, impatient());
    assert!(!sandbox.boot());
    assert!(
        sandbox
            .failure()
            .reason
            .contains("names a path outside it: ../../../etc/owned")
    );
}

#[test]
fn a_hostile_token_runs_nothing_and_reaches_k3s_as_it_is() {
    for hostile in [
        "'; touch owned; '",
        "$(touch owned)",
        "`touch owned`",
        "a'b\"c\\d $HOME",
        "* ? [a-z]",
        "x\u{a0}마스터",
    ] {
        let Some(sandbox) = Sandbox::new() else { return };
        let mut node = impatient();
        node.payload = Some(sandbox.insert_payload(false).to_ref());
        let hostile = hostile.replace("owned", sandbox.path("owned").to_str().unwrap());
        node.token = hostile.clone().into();
        node.password = Some(hostile.clone().into());
        install(&sandbox, node);
        sandbox.write("unit.next", "ActiveState=failed\nNRestarts=0\n");
        sandbox.write("journal", &format!("error: bad token {hostile}!\n"));
        assert!(!sandbox.boot());
        assert_eq!(sandbox.failure().reason, "k3s failed: error: bad token [token]!");
        assert!(!sandbox.path("owned").exists(), "{hostile:?} was run");
        let reader = "import sys, yaml; print(yaml.safe_load(open(sys.argv[1]))['token'], end='')";
        let config = sandbox.path("etc/rancher/k3s/config.yaml");
        let python = crate::common::python().unwrap();
        assert_eq!(succeed(&python, &["-c", reader, config.to_str().unwrap()]), hostile);
    }
}

#[test]
fn a_worker_waits_for_its_server_and_needs_no_answer_from_kubectl() {
    let Some(sandbox) = Sandbox::new() else { return };
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let mut node = impatient();
    node.payload = Some(sandbox.insert_payload(false).to_ref());
    let worker = |port| {
        let k3s = K3sAgentConfig::new(format!("https://127.0.0.1:{port}"));
        WorkerNode::new(node.clone(), k3s).render().unwrap()
    };
    // Nothing listens on a port that was just given back.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    sandbox.install(&worker(closed));
    sandbox.remove("nodes.json");
    assert!(!sandbox.boot());
    assert_eq!(sandbox.failure().step, "server-wait");
    assert!(
        sandbox
            .failure()
            .reason
            .contains(&format!("127.0.0.1:{closed} accepted no connection within 1 s"))
    );
    sandbox.install(&worker(port));
    assert!(sandbox.boot());
    assert_eq!(sandbox.read("var/lib/k3s-agent-bootstrap.done"), "k3s-master1-0001\n");
    assert!(!sandbox.path("var/lib/k3s-bootstrap.done").exists());
    assert!(
        sandbox
            .read("etc/systemd/system/k3s-agent.service")
            .contains("ExecStart=/usr/local/bin/k3s agent")
    );
}

#[test]
fn every_script_is_clean_to_shellcheck() {
    let Some(shellcheck) = tool("shellcheck") else { return };
    let crate_root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let scripts = crate_root.join("src/guest/scripts/bootstrap.sh");
    let mut files = vec![scripts];
    files.extend(
        fs::read_dir(crate_root.join("tests/it/fakes"))
            .unwrap()
            .map(|entry| entry.unwrap().path()),
    );
    for file in files {
        succeed(&shellcheck, &["--severity=style", file.to_str().unwrap()]);
    }
}

#[test]
fn every_unit_is_clean_to_systemd() {
    let Some(analyze) = tool("systemd-analyze") else { return };
    let scripts = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/guest/scripts");
    for unit in ["lab-bootstrap.service", "k3s.service", "k3s-agent.service"] {
        let output = crate::common::run(&analyze, &["verify", "--man=no", scripts.join(unit).to_str().unwrap()]);
        let report = String::from_utf8_lossy(&output.stderr).into_owned();
        // The program itself is not on the machine that checks the unit.
        let complaints: Vec<&str> = report
            .lines()
            .filter(|line| line.contains(unit) && !line.contains("is not executable"))
            .collect();
        assert!(complaints.is_empty(), "{complaints:?}");
    }
}
