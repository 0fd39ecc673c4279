//! The model by itself: calls and virtual time go in, answers come out; nothing waits.

use std::path::{Path, PathBuf};

use super::config::WorldConfig;
use super::log::Log;
use super::world::{End, Reply, World};

/// The world, its clock, its directory.
struct Bench {
    world: World,
    now: f64,
    directory: tempfile::TempDir,
}

impl Bench {
    fn new(change: impl FnOnce(&mut WorldConfig)) -> Self {
        let mut config = WorldConfig::default();
        change(&mut config);
        Self {
            world: World::new(config, Log::default()).unwrap(),
            now: 0.0,
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn vmx(&self, name: &str) -> String {
        super::world::canonical(self.directory.path())
            .join(name)
            .join(format!("{name}.vmx"))
            .display()
            .to_string()
    }

    /// A machine with a seed that the real generator wrote.
    fn node(&self, name: &str, last: u8, master: bool) -> String {
        let vmx = PathBuf::from(self.vmx(name));
        let dir = vmx.parent().unwrap();
        std::fs::create_dir_all(dir).unwrap();
        let iso = dir.join("seed.iso");
        super::sample::seed(name, last, master, &iso).unwrap();
        super::sample::machine(&vmx, last).unwrap();
        vmx.display().to_string()
    }

    fn reply(&mut self, argv: &[&str]) -> Reply {
        let argv: Vec<String> = ["-T", "ws"].iter().chain(argv).map(|a| (*a).to_owned()).collect();
        let call = self.world.begin(self.now, &argv);
        self.now += call.latency;
        self.world.finish(self.now, &call)
    }

    fn says(&mut self, argv: &[&str]) -> (i32, String) {
        let reply = self.reply(argv);
        assert_eq!(reply.end, End::Exit);
        (reply.exit, String::from_utf8(reply.stdout).unwrap())
    }

    #[track_caller]
    fn ok(&mut self, argv: &[&str]) -> String {
        let (exit, text) = self.says(argv);
        assert_eq!(exit, 0, "{argv:?}: {text}");
        text
    }

    #[track_caller]
    fn fails(&mut self, argv: &[&str], with: &str) {
        let (exit, text) = self.says(argv);
        assert!(exit == 255 && text.contains(with), "{argv:?}: {exit} {text}");
    }

    fn truth(&mut self, name: &str) -> serde_json::Value {
        let truth = self.world.truth(self.now);
        let found = truth["machines"].as_array().unwrap().iter().find(|m| m["name"] == name);
        found.cloned().unwrap()
    }

    fn ssh(&mut self, vmx: &str, line: &str) -> (i32, String) {
        let outcome = self.world.run_in_guest(self.now, vmx, line, b"").unwrap();
        (outcome.exit, String::from_utf8(outcome.stdout).unwrap())
    }
}

#[test]
fn a_guest_boots_takes_its_seed_and_says_so_only_when_it_is_so() {
    let mut bench = Bench::new(|_| {});
    let vmx = bench.node("m", 10, true);
    assert_eq!(bench.ok(&["list"]), "Total running VMs: 0\n");
    bench.ok(&["start", &vmx, "nogui"]);
    assert_eq!(bench.ok(&["list"]), format!("Total running VMs: 1\n{vmx}\n"));
    bench.fails(&["start", &vmx], "It is already running.");
    bench.fails(&["getGuestIPAddress", &vmx], "The VMware Tools are not running");
    bench.now += 13.0;
    assert_eq!(bench.ok(&["getGuestIPAddress", &vmx]), "unknown\n");
    bench.now += 40.0;
    assert_eq!(bench.ok(&["getGuestIPAddress", &vmx]), "198.18.0.10\n");
    let (exit, step) = bench.ssh(&vmx, "cat /var/lib/lab/progress");
    assert!(exit == 0 && step.trim() != "done", "{step}");
    assert_eq!(bench.ssh(&vmx, "cat /var/lib/k3s-bootstrap.done").0, 1);
    assert_eq!(bench.truth("m")["ready"], false);
    bench.now += 60.0;
    assert_eq!(
        bench.ssh(&vmx, "cat /var/lib/k3s-bootstrap.done"),
        (0, "i-m\n".to_owned())
    );
    assert_eq!(bench.truth("m")["ready"], true);
    let (_, nodes) = bench.ssh(&vmx, "sudo -n -- /usr/local/bin/k3s kubectl get nodes -o json");
    assert!(nodes.contains("198.18.0.10") && nodes.contains("\"True\""), "{nodes}");
    let console = std::fs::read_to_string(Path::new(&vmx).with_file_name("console.log")).unwrap();
    assert!(console.contains("Linux version"), "{console}");
}

#[test]
fn a_worker_joins_its_server_and_is_believed_in_for_a_while_after_it_died() {
    let mut bench = Bench::new(|config| config.faults.push("poweroff@guest/w+200".to_owned()));
    let (master, worker) = (bench.node("m", 10, true), bench.node("w", 11, false));
    bench.ok(&["start", &worker, "nogui"]);
    bench.now += 90.0;
    bench.truth("w");
    assert_eq!(
        bench.ssh(&worker, "cat /var/lib/lab/progress").1,
        "server-wait\n",
        "its server is not there"
    );
    bench.ok(&["start", &master, "nogui"]);
    bench.now += 95.0;
    assert!(bench.truth("m")["ready"] == true && bench.truth("w")["ready"] == true);
    let ready = |bench: &mut Bench| {
        bench
            .ssh(&master, "sudo kubectl get nodes -o json")
            .1
            .matches("\"True\"")
            .count()
    };
    assert_eq!(ready(&mut bench), 2);
    bench.now = 210.0;
    assert_eq!(
        (bench.truth("w")["power"].as_str(), ready(&mut bench)),
        (Some("off"), 2)
    );
    bench.now += 60.0;
    assert_eq!(ready(&mut bench), 1);
}

#[test]
fn a_machine_that_runs_holds_locks_and_frees_them_a_little_after_it_stopped() {
    let mut bench = Bench::new(|_| {});
    let vmx = bench.node("m", 10, true);
    let lock = Path::new(&vmx).with_file_name("d.vmdk.lck");
    bench.ok(&["start", &vmx]);
    assert!(lock.is_dir());
    bench.ok(&["stop", &vmx, "hard"]);
    assert!(lock.is_dir());
    bench.now += 1.0;
    bench.ok(&["list"]);
    assert!(!lock.exists());
    bench.fails(&["stop", &vmx, "hard"], "The virtual machine is not powered on");
}

#[test]
fn two_changes_to_one_machine_at_once_are_one_too_many() {
    let mut bench = Bench::new(|_| {});
    let vmx = bench.node("m", 10, true);
    let argv: Vec<String> = ["start", vmx.as_str()].map(str::to_owned).to_vec();
    let first = bench.world.begin(0.0, &argv);
    let second = bench.world.begin(0.1, &argv);
    let said = |reply: Reply| String::from_utf8(reply.stdout).unwrap();
    assert_eq!(
        said(bench.world.finish(1.0, &second)),
        "Error: The file is already in use\n"
    );
    assert_eq!(bench.world.finish(5.0, &first).exit, 0);
}

#[test]
fn a_reboot_continues_the_bootstrap_and_an_ended_one_is_not_repeated() {
    let mut bench = Bench::new(|config| config.faults.push("reboot@guest/m+50".to_owned()));
    let vmx = bench.node("m", 10, true);
    bench.ok(&["start", &vmx]);
    bench.now = 160.0;
    let truth = bench.truth("m");
    assert_eq!((&truth["boots"], &truth["ready"]), (&2.into(), &true.into()), "{truth}");
    bench.ok(&["stop", &vmx, "soft"]);
    bench.ok(&["start", &vmx]);
    bench.now += 10.0;
    assert_eq!(bench.truth("m")["ready"], false, "k3s is not up again");
    bench.now += 20.0;
    assert_eq!(bench.truth("m")["ready"], true);
}

#[test]
fn a_clone_has_its_snapshots_disk_and_nothing_of_what_came_later() {
    let mut bench = Bench::new(|_| {});
    let vmx = bench.node("m", 10, true);
    bench.ok(&["snapshot", &vmx, "base"]);
    bench.fails(&["snapshot", &vmx, "base"], "A snapshot with the name already exists");
    bench.ok(&["start", &vmx]);
    bench.now += 120.0;
    bench.ok(&["snapshot", &vmx, "done"]);
    assert_eq!(
        bench.ok(&["listSnapshots", &vmx, "showTree"]),
        "Total snapshots: 2\nbase\n\tdone\n"
    );
    let clone = bench.vmx("c");
    bench.ok(&["clone", &vmx, &clone, "linked", "-snapshot=base", "-cloneName=c"]);
    assert_eq!(bench.truth("c")["complete"], false);
    bench.fails(&["deleteVM", &vmx], "It is already running.");
    bench.ok(&["stop", &vmx, "hard"]);
    bench.fails(
        &["deleteVM", &vmx],
        "Insufficient permissions in the host operating system",
    );
    bench.ok(&["revertToSnapshot", &vmx, "base"]);
    assert_eq!(bench.truth("m")["complete"], false);
    bench.ok(&["deleteVM", &clone]);
    bench.ok(&["deleteVM", &vmx]);
    bench.fails(&["start", &vmx], "The virtual machine cannot be found");
}

#[test]
fn each_fault_in_a_call_does_what_its_name_says() {
    let start = |fault: &str| {
        let mut bench = Bench::new(|config| config.faults.push(format!("{fault}@start/m#1")));
        let vmx = bench.node("m", 10, true);
        let reply = bench.reply(&["start", &vmx, "nogui"]);
        let runs = bench.ok(&["list"]).contains(&vmx);
        let log = std::fs::read_to_string(Path::new(&vmx).with_file_name("vmware.log")).unwrap_or_default();
        (
            reply.end,
            reply.exit,
            String::from_utf8_lossy(&reply.stdout).into_owned(),
            runs,
            log,
        )
    };
    let check = |fault: &str, end: End, exit: i32, text: &str, runs: bool| {
        let found = start(fault);
        assert_eq!((found.0, found.1, found.3), (end, exit, runs), "{fault}");
        assert!(found.2.contains(text), "{fault}: {}", found.2);
        found.4
    };
    check("hang", End::Hang, 0, "", false);
    check("hang-after", End::Hang, 0, "", true);
    check("crash", End::Crash, 139, "Error: Unknown error", false);
    check("crash-after", End::Crash, 139, "Error: Unknown error", true);
    check("exit0", End::Exit, 0, "Error: Unknown error", false);
    check("lie", End::Exit, 0, "", false);
    check("noise", End::Exit, 0, "ServiceImpl_Opener", true);
    check("locked", End::Exit, 255, "The file is already in use", false);
    check(
        "busy",
        End::Exit,
        255,
        "Unable to connect to host.\nError: The operation is not supported",
        false,
    );
    check("full", End::Exit, 255, "the disk is full", false);
    let log = check("canceled", End::Exit, 255, "The operation was canceled", false);
    assert!(log.contains("Msg_Post: Error"));
}

#[test]
fn guest_operations_want_tools_and_the_right_login_in_the_right_place() {
    let mut bench = Bench::new(|_| {});
    let vmx = bench.node("m", 10, true);
    let exists = ["fileExistsInGuest", &vmx, "/etc/hostname"];
    bench.fails(&exists, "The virtual machine is not powered on");
    bench.ok(&["start", &vmx]);
    bench.fails(
        &[&["-gu", "ubuntu", "-gp", "x"], &exists[..]].concat(),
        "The VMware Tools are not running",
    );
    bench.now += 60.0;
    bench.fails(&exists, "Anonymous guest operations are not allowed");
    bench.fails(
        &[&["-gu", "ubuntu", "-gp", "x"], &exists[..]].concat(),
        "Invalid user name or password",
    );
    bench.fails(
        &["fileExistsInGuest", &vmx, "-gu", "ubuntu", "-gp", "x", "/etc/hostname"],
        "Usage: vmrun",
    );
    bench.fails(&["frobnicate", &vmx], "Error: Unrecognized command: frobnicate");
    bench.fails(&["--help"], "Invalid argument: --help\n\nvmrun version 1.17.0");
    bench.fails(&["start"], "No Vm name provided");
}

#[test]
fn a_stale_marker_and_a_stale_failure_are_there_and_count_for_nothing() {
    let mut bench = Bench::new(|config| config.stale_markers = true);
    let vmx = bench.node("m", 10, true);
    let clone = bench.vmx("c");
    bench.ok(&["snapshot", &vmx, "base"]);
    bench.ok(&["clone", &vmx, &clone, "linked", "-snapshot=base"]);
    let disk = &bench.world.machine(&clone).unwrap().disk;
    assert_eq!(disk.line("/var/lib/k3s-bootstrap.done").unwrap(), "an-earlier-life");
    assert_eq!(bench.truth("c")["complete"], false);
}

#[test]
fn a_failed_bootstrap_says_why_and_the_next_boot_tries_again() {
    let mut bench = Bench::new(|config| config.faults.push("bootstrap-fail@guest/m+0".to_owned()));
    let vmx = bench.node("m", 10, true);
    bench.ok(&["start", &vmx]);
    bench.now += 100.0;
    let text = bench.ssh(&vmx, "cat /var/lib/lab/failed").1;
    assert!(text.starts_with("instance-id=i-m\nstep=k3s-start\nreason="), "{text}");
    bench.ok(&["reset", &vmx, "hard"]);
    bench.now += 100.0;
    assert_eq!(bench.truth("m")["ready"], true);
}
