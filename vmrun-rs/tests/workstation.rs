//! `Workstation` against a stateful stand-in for `vmrun`, with the moods that real ones have.
#![cfg(target_os = "linux")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use support::Fake;
use vmrun_rs::hypervisor::{
    AddressSource, Detached, DiskSource, Hypervisor, MediaSlot, NicSpec, PowerState, StopMode, VmId, VmSpec,
};
use vmrun_rs::vmrun::Deadlines;
use vmrun_rs::vmx::VmxFile;
use vmrun_rs::{HypervisorError, Workstation, WorkstationOptions};

/// Keeps the running machines in `$FAKE/running` and forwarded ports in `$FAKE/ports`; `$FAKE/mood` holds moods.
const STATEFUL: &str = r#"
touch "$FAKE/running" "$FAKE/ports" "$FAKE/mood"
mood() { grep -qx "$1" "$FAKE/mood"; }
fail() { echo "Error: $1"; exit 255; }
shift 2; command=$1; vmx=$2
case $command in
list) echo "Total running VMs: $(wc -l <"$FAKE/running")"; cat "$FAKE/running";;
start) mood never-starts && exit 0
    echo "$vmx" >>"$FAKE/running"
    mood lies && fail "The operation was canceled"; exit 0;;
stop) mood no-tools && [ "$3" = soft ] && sleep 300
    grep -vx "$vmx" "$FAKE/running" >"$FAKE/rest"; mv "$FAKE/rest" "$FAKE/running"; exit 0;;
clone) mood clone-fails && { touch "$(dirname "$3")/half.vmdk"; fail "The snapshot does not exist"; }
    sed 's/template/clone/' "$vmx" >"$3";;
deleteVM) for f in $(sed -n 's/.*fileName = "\(.*vmdk\)"/\1/p' "$vmx"); do
        case $f in /*) rm -f "$f";; *) rm -f "$(dirname "$vmx")/$f";; esac; done
    rm "$vmx";;
disconnectNamedDevice) mood tray-locked && fail "The operation was canceled"; exit 0;;
connectNamedDevice) exit 0;;
writeVariable) mood volatile || printf '%s = "%s"\n' "$4" "$5" >>"$vmx"; exit 0;;
listHostNetworks) echo "Total host networks: 1"; echo "1 vmnet1 hostOnly true 198.51.100.0 255.255.255.0";;
listPortForwardings) echo "Total port forwardings: $(wc -l <"$FAKE/ports")"; echo "INDEX PROTOCOL"
    n=0; while read -r line; do echo "$n $line"; n=$((n + 1)); done <"$FAKE/ports"; exit 0;;
setPortForwarding) mood ports-refused && fail "Insufficient permissions in the host operating system"
    mood port-race && { sed -i /port-race/d "$FAKE/mood"; echo "tcp $4 198.51.100.99 22" >>"$FAKE/ports"; exit 0; }
    echo "$3 $4 $5 $6" >>"$FAKE/ports";;
deletePortForwarding) sed -i "/^$3 $4 /d" "$FAKE/ports";;
getGuestIPAddress) if mood bridge; then echo 172.17.0.1; elif mood headless; then fail "The VMware Tools are not running in the virtual machine: $vmx"
    elif mood booting; then echo unknown; else echo 198.51.100.10; fi;;
readVariable) echo "";;
snapshot) mood snapshot-lies || echo "$3" >>"$FAKE/snapshots"; exit 0;;
listSnapshots) touch "$FAKE/snapshots"; echo "Total snapshots: $(wc -l <"$FAKE/snapshots")"; cat "$FAKE/snapshots";;
*) fail "Unrecognized command: $command";;
esac
"#;

struct World {
    fake: Fake,
    root: tempfile::TempDir,
    host: Workstation,
}

impl World {
    fn new() -> Self {
        let fake = Fake::new(STATEFUL);
        let mut deadlines = Deadlines::default();
        deadlines.stop_soft = Duration::from_millis(500);
        let mut options = WorkstationOptions::default();
        options.appear_timeout = Duration::from_millis(300);
        options.stop_timeout = Duration::from_millis(900);
        options.unlock_timeout = Duration::from_millis(300);
        options.lease_files = Some(vec![fake.dir.path().join("dhcpd.leases")]);
        let host = Workstation::with_options(fake.builder().deadlines(deadlines).build(), options);
        Self {
            fake,
            root: tempfile::tempdir().unwrap(),
            host,
        }
    }

    fn mood(&self, mood: &str) {
        fs::write(self.fake.dir.path().join("mood"), format!("{mood}\n")).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        fs::canonicalize(self.root.path()).unwrap().join(name)
    }

    fn spec(&self, name: &str, disk: DiskSource) -> VmSpec {
        let seed = self.path("seed 한글.iso");
        fs::write(&seed, "iso").unwrap();
        VmSpec {
            name: name.to_owned(),
            directory: self.path(name),
            disk,
            disk_gib: None,
            cpus: 2,
            memory_mib: 1024,
            guest_os: "ubuntu-64".to_owned(),
            nics: vec![NicSpec {
                network: "VMnet1".to_owned(),
                mac: Some("00:50:56:00:00:10".to_owned()),
            }],
            media: vec![seed],
            variables: BTreeMap::from([("guestinfo.role".to_owned(), "master".to_owned())]),
        }
    }

    async fn template(&self) -> VmId {
        fs::write(self.path("cloud.vmdk"), "disk").unwrap();
        let mut spec = self.spec("template", DiskSource::Existing(self.path("cloud.vmdk")));
        spec.media.clear();
        self.host.create(&spec).await.unwrap()
    }

    /// A machine with one CD.
    async fn machine(&self) -> VmId {
        let disk = DiskSource::LinkedClone {
            template: self.template().await,
            snapshot: "base".to_owned(),
        };
        self.host.create(&self.spec("web 한글", disk)).await.unwrap()
    }

    fn vmx(vm: &VmId) -> VmxFile {
        VmxFile::parse(&fs::read(vm.as_str()).unwrap())
    }
}

#[tokio::test]
async fn a_clone_is_made_of_a_template_and_fitted_to_its_description() {
    let world = World::new();
    let vm = world.machine().await;
    assert_eq!(vm, world.host.id_of(&world.path("web 한글"), "web 한글"));
    let vmx = World::vmx(&vm);
    assert_eq!(vmx.get("displayName").unwrap(), "web 한글");
    assert_eq!(
        vmx.get("sata0:0.fileName").unwrap(),
        world.path("seed 한글.iso").to_str().unwrap()
    );
    assert_eq!(vmx.get("guestinfo.role").unwrap(), "master");
    assert_eq!(vmx.get("ethernet0.address").unwrap(), "00:50:56:00:00:10");
    assert_eq!(world.host.console(&vm).unwrap(), world.path("web 한글/console.log"));
    let clone: Vec<String> = world.fake.calls().into_iter().find(|call| call[2] == "clone").unwrap();
    assert_eq!(clone[5..], ["linked", "-snapshot=base", "-cloneName=web 한글"]);
    assert_eq!(world.host.state(&vm).await.unwrap(), PowerState::Off);
}

#[tokio::test]
async fn a_directory_with_something_in_it_is_left_alone_and_a_failed_attempt_leaves_nothing() {
    let world = World::new();
    let template = world.template().await;
    let disk = DiskSource::LinkedClone {
        template,
        snapshot: "base".to_owned(),
    };
    let spec = world.spec("web", disk);
    fs::create_dir(&spec.directory).unwrap();
    fs::write(spec.directory.join("mine.txt"), "x").unwrap();
    assert!(matches!(
        world.host.create(&spec).await,
        Err(HypervisorError::NotEmpty { .. })
    ));
    assert!(spec.directory.join("mine.txt").exists());

    fs::remove_file(spec.directory.join("mine.txt")).unwrap();
    world.mood("clone-fails");
    let error = world.host.create(&spec).await.unwrap_err();
    assert!(error.one_line().contains("base"), "{}", error.one_line());
    assert_eq!(fs::read_dir(&spec.directory).unwrap().count(), 0);
}

#[tokio::test]
async fn a_description_that_cannot_be_is_refused_before_anything_is_made() {
    let world = World::new();
    let good = world.spec("web", DiskSource::Blank { gib: 1 });
    let bad = [
        VmSpec {
            cpus: 0,
            ..good.clone()
        },
        VmSpec {
            name: " ".to_owned(),
            ..good.clone()
        },
        VmSpec {
            media: vec![world.path("absent.iso")],
            ..good.clone()
        },
        VmSpec {
            nics: vec![NicSpec {
                network: "VMnet1".into(),
                mac: Some("00:50".into()),
            }],
            ..good.clone()
        },
    ];
    for spec in bad {
        let error = world.host.create(&spec).await.unwrap_err();
        assert!(matches!(error, HypervisorError::InvalidSpec { .. }), "{error}");
    }
    assert!(!good.directory.exists());
    assert!(world.fake.calls().is_empty());
}

#[tokio::test]
async fn a_blank_machine_gets_a_disk_of_its_own_or_nothing_is_left() {
    let world = World::new();
    let spec = world.spec("blank", DiskSource::Blank { gib: 3 });
    let vm = world.host.create(&spec).await.unwrap();
    assert_eq!(World::vmx(&vm).get("scsi0:0.fileName").unwrap(), "blank.vmdk");
    let calls = fs::read_to_string(world.path("blank/calls")).unwrap();
    assert!(calls.starts_with("-c\t-s\t3GB\t"), "{calls}");

    // A disk image that is larger than asked for already stays as it is; another refusal is an error.
    for (answer, accepted) in [
        ("One of the parameters supplied is invalid", true),
        ("Failed to lock the file", false),
    ] {
        fs::write(world.path("cloud.vmdk"), "disk").unwrap();
        fs::write(world.path("answer"), format!("echo '{answer}'; exit 1")).unwrap();
        let spec = VmSpec {
            disk_gib: Some(9),
            ..world.spec(answer, DiskSource::Existing(world.path("cloud.vmdk")))
        };
        let made = world.host.create(&spec).await;
        assert_eq!(made.is_ok(), accepted, "{made:?}");
        assert_eq!(spec.directory.exists(), accepted);
    }
}

#[tokio::test]
async fn the_list_decides_whether_a_machine_runs() {
    let world = World::new();
    let vm = world.machine().await;
    world.mood("lies");
    world.host.start(&vm).await.unwrap();
    assert_eq!(world.host.state(&vm).await.unwrap(), PowerState::Running);
    world.host.start(&vm).await.unwrap();
    world.host.stop(&vm, StopMode::Soft).await.unwrap();
    world.host.stop(&vm, StopMode::Hard).await.unwrap();
    world.mood("never-starts");
    let error = world.host.start(&vm).await.unwrap_err();
    assert!(matches!(error, HypervisorError::DidNotStart { .. }), "{error}");
    let missing = VmId::new(world.path("none.vmx").to_string_lossy());
    assert_eq!(world.host.state(&missing).await.unwrap(), PowerState::Missing);
    assert!(matches!(
        world.host.start(&missing).await,
        Err(HypervisorError::Missing { .. })
    ));
}

#[tokio::test]
async fn a_snapshot_that_is_reported_and_not_there_is_an_error() {
    let world = World::new();
    let vm = world.machine().await;
    world.mood("snapshot-lies");
    let error = world.host.snapshot(&vm, "s").await.unwrap_err();
    assert!(matches!(error, HypervisorError::SnapshotMissing { .. }), "{error}");
    world.mood("honest");
    world.host.snapshot(&vm, "s").await.unwrap();
    assert!(world.host.snapshots(&vm).await.unwrap().contains(&"s".to_owned()));
}

#[tokio::test]
async fn a_soft_stop_without_tools_ends_and_says_what_is_left_to_do() {
    let world = World::new();
    let vm = world.machine().await;
    world.host.start(&vm).await.unwrap();
    world.mood("no-tools");
    let error = world.host.stop(&vm, StopMode::Soft).await.unwrap_err();
    assert!(matches!(error, HypervisorError::DidNotStop { .. }), "{error}");
    assert!(error.to_string().contains("stop it hard"), "{error}");
    world.host.stop(&vm, StopMode::Hard).await.unwrap();
    assert_eq!(world.host.state(&vm).await.unwrap(), PowerState::Off);
}

#[tokio::test]
async fn locked_files_of_a_stopped_machine_are_waited_for_and_named() {
    let world = World::new();
    let vm = world.machine().await;
    let lock = world.path("web 한글/disk.vmdk.lck");
    fs::create_dir(&lock).unwrap();
    fs::write(lock.join("M1.lck"), "").unwrap();
    let error = world.host.stop(&vm, StopMode::Hard).await.unwrap_err();
    assert!(
        matches!(&error, HypervisorError::FilesBusy { lock: named, .. } if *named == lock),
        "{error}"
    );
}

#[tokio::test]
async fn an_edit_waits_a_moment_for_the_files_own_lock_and_never_writes_under_it() {
    let mut options = WorkstationOptions::default();
    options.unlock_timeout = Duration::from_secs(6);
    let world = World::new();
    let host = Workstation::with_options(world.fake.vmrun(), options);
    let vm = world.machine().await;
    let lock = PathBuf::from(format!("{vm}.lck"));
    fs::create_dir(&lock).unwrap();
    fs::write(lock.join("M1.lck"), "").unwrap();
    let before = fs::read(vm.as_str()).unwrap();
    let error = host.detach(&vm, MediaSlot(0)).await.unwrap_err();
    assert!(error.one_line().contains("is in use"), "{}", error.one_line());
    assert_eq!(fs::read(vm.as_str()).unwrap(), before);

    let released = {
        let lock = lock.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(250)).await;
            fs::remove_dir_all(lock).unwrap();
        })
    };
    assert_eq!(host.detach(&vm, MediaSlot(0)).await.unwrap(), Detached::Done);
    released.await.unwrap();
}

#[tokio::test]
async fn a_cd_is_taken_out_for_good_or_the_answer_says_that_it_is_not() {
    let world = World::new();
    let vm = world.machine().await;
    let slot = MediaSlot(0);
    // While off: the file.
    assert_eq!(world.host.detach(&vm, slot).await.unwrap(), Detached::Done);
    assert!(!World::vmx(&vm).is_true("sata0:0.present"));
    world
        .host
        .attach(&vm, slot, &world.path("seed 한글.iso"))
        .await
        .unwrap();
    assert!(World::vmx(&vm).is_true("sata0:0.present"));

    // While running, by a hypervisor that writes the change down.
    world.host.start(&vm).await.unwrap();
    assert_eq!(world.host.detach(&vm, slot).await.unwrap(), Detached::Done);
    assert_eq!(World::vmx(&vm).get("sata0:0.startConnected").unwrap(), "FALSE");
    assert!(matches!(
        world.host.attach(&vm, slot, &world.path("seed 한글.iso")).await,
        Err(HypervisorError::Running { .. })
    ));
    let error = world.host.detach(&vm, MediaSlot(7)).await.unwrap_err();
    assert!(matches!(error, HypervisorError::NoSuchSlot { slot: 7, .. }), "{error}");
}

#[tokio::test]
async fn a_cd_that_would_come_back_or_is_in_use_needs_a_power_off() {
    for mood in ["volatile", "tray-locked"] {
        let world = World::new();
        let vm = world.machine().await;
        world.host.start(&vm).await.unwrap();
        world.mood(mood);
        assert_eq!(
            world.host.detach(&vm, MediaSlot(0)).await.unwrap(),
            Detached::NeedsPowerOff,
            "{mood}"
        );
    }
}

#[tokio::test]
async fn a_guest_without_a_host_interface_is_reached_by_one_forwarded_port() {
    let world = World::new();
    let guest: SocketAddr = "198.51.100.10:22".parse().unwrap();
    let (a, b) = tokio::join!(
        world.host.endpoint("VMnet1", guest),
        world.host.endpoint("vmnet1", guest)
    );
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_eq!(a, b);
    assert!(a.ip() == Ipv4Addr::LOCALHOST && a.port() != 0);
    let sets = world
        .fake
        .calls()
        .into_iter()
        .filter(|call| call[2] == "setPortForwarding")
        .count();
    assert_eq!(sets, 1);
    world.host.release_endpoints("VMnet1", guest.ip()).await.unwrap();
    assert_eq!(fs::read_to_string(world.fake.dir.path().join("ports")).unwrap(), "");
}

#[tokio::test]
async fn a_port_that_somebody_else_took_in_between_is_not_ours() {
    let world = World::new();
    world.mood("port-race");
    let endpoint = world
        .host
        .endpoint("vmnet1", "198.51.100.10:22".parse().unwrap())
        .await
        .unwrap();
    let ports = fs::read_to_string(world.fake.dir.path().join("ports")).unwrap();
    assert!(
        ports.contains(&format!("tcp {} 198.51.100.10 22", endpoint.port())),
        "{ports}"
    );
}

#[tokio::test]
async fn no_way_to_a_guest_says_why() {
    let world = World::new();
    world.mood("ports-refused");
    let error = world
        .host
        .endpoint("vmnet1", "198.51.100.10:22".parse().unwrap())
        .await
        .unwrap_err();
    assert!(matches!(error, HypervisorError::NoRoute { .. }));
    assert!(error.to_string().contains("Insufficient permissions"), "{error}");
}

#[tokio::test]
async fn placeholders_and_bridges_are_no_addresses() {
    let world = World::new();
    let vm = world.machine().await;
    let found = world.host.address(&vm).await.unwrap().unwrap();
    assert_eq!(
        (found.address.to_string().as_str(), found.source),
        ("198.51.100.10", AddressSource::Tools)
    );
    for mood in ["bridge", "headless", "booting"] {
        world.mood(mood);
        assert_eq!(world.host.address(&vm).await.unwrap(), None, "{mood}");
    }
}

#[tokio::test]
async fn an_address_is_checked_against_the_lease_of_the_machines_own_card() {
    let world = World::new();
    let vm = world.machine().await;
    let lease = |address: &str, mac: &str| {
        let text = format!(
            "lease {address} {{\r\n\tstarts 3 2020/05/13 12:00:37;\r\n\tends 3 2099/05/13 12:30:37;\r\n\thardware ethernet {mac};\r\n}}\r\n"
        );
        fs::write(world.fake.dir.path().join("dhcpd.leases"), text).unwrap();
    };
    let own = "00:50:56:00:00:10";
    let found = async || {
        let found = world.host.address(&vm).await.unwrap();
        found.map(|found| (found.address.to_string(), found.source))
    };
    let expected = |source| Some(("198.51.100.10".to_owned(), source));
    lease("198.51.100.10", own);
    assert_eq!(found().await, expected(AddressSource::ToolsAndLease));
    for mood in ["bridge", "headless", "booting"] {
        world.mood(mood);
        assert_eq!(found().await, expected(AddressSource::Lease), "{mood}");
    }
    // Somebody else's lease proves nothing.
    lease("198.51.100.10", "00:50:56:00:00:11");
    assert_eq!(found().await, None);
    world.mood("");
    assert_eq!(found().await, expected(AddressSource::Tools));
}

#[tokio::test]
async fn deleting_keeps_what_is_not_the_machines_own() {
    let world = World::new();
    let vm = world.template().await;
    let directory = world.path("template");
    fs::write(directory.join("vmware.log"), "").unwrap();
    fs::write(directory.join("notes.txt"), "mine").unwrap();
    world.host.delete(&vm).await.unwrap();
    assert_eq!(
        fs::read(world.path("cloud.vmdk")).unwrap(),
        b"disk",
        "the image is somebody else's"
    );
    let left: Vec<_> = fs::read_dir(&directory)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(left, ["notes.txt"]);
    assert_eq!(world.host.state(&vm).await.unwrap(), PowerState::Missing);
    world.host.delete(&vm).await.unwrap();

    let vm = world
        .host
        .create(&world.spec("whole", DiskSource::Existing(world.path("cloud.vmdk"))))
        .await
        .unwrap();
    world.host.start(&vm).await.unwrap();
    assert!(matches!(
        world.host.delete(&vm).await,
        Err(HypervisorError::Running { .. })
    ));
    world.host.stop(&vm, StopMode::Hard).await.unwrap();
    world.host.delete(&vm).await.unwrap();
    assert!(!world.path("whole").exists());
}

#[tokio::test]
async fn a_suspended_machine_is_told_apart_from_one_that_is_off() {
    let world = World::new();
    let vm = world.machine().await;
    let path = Path::new(vm.as_str());
    let mut text = fs::read_to_string(path).unwrap();
    text.push_str("checkpoint.vmState = \"web.vmss\"\n");
    fs::write(path, text).unwrap();
    assert_eq!(
        world.host.state(&vm).await.unwrap(),
        PowerState::Off,
        "a saved state that is not there is none"
    );
    fs::write(path.with_file_name("web.vmss"), "").unwrap();
    assert_eq!(world.host.state(&vm).await.unwrap(), PowerState::Suspended);
}
