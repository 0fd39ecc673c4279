//! What a node that comes up does, over one boot and over several.

use std::fs;
use std::net::TcpListener;

use cloudinit_gen::{K3sAgentConfig, WorkerNode};

use super::{MARKERS, impatient, ready_to_boot};
use crate::common::TOKEN;
use crate::sandbox::Sandbox;

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
