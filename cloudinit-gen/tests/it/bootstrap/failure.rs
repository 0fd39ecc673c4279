//! What a node reports when it cannot go on: the step and the reason, without secrets.

use std::fs;

use super::ready_to_boot;
use crate::common::{TOKEN, mounts_of_its_own};
use crate::sandbox::nodes;

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
    let Some(unshare) = mounts_of_its_own() else { return };
    let Some(sandbox) = ready_to_boot() else { return };
    let wrapper = [unshare.to_str().unwrap(), "--map-root-user", "--mount"];
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
