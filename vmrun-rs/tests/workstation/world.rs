//! A stateful stand-in for `vmrun`, and machines on it.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use vmrun_rs::hypervisor::{DiskSource, Hypervisor, NicSpec, VmId, VmSpec};
use vmrun_rs::vmrun::Deadlines;
use vmrun_rs::vmx::VmxFile;
use vmrun_rs::{Workstation, WorkstationOptions};

use crate::support::Fake;

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
getGuestIPAddress) mood silent && sleep 60
    if mood bridge; then echo 172.17.0.1; elif mood headless; then fail "The VMware Tools are not running in the virtual machine: $vmx"
    elif mood booting; then echo unknown; else echo 198.51.100.10; fi;;
readVariable) echo "";;
snapshot) mood snapshot-lies || echo "$3" >>"$FAKE/snapshots"; exit 0;;
listSnapshots) touch "$FAKE/snapshots"; echo "Total snapshots: $(wc -l <"$FAKE/snapshots")"; cat "$FAKE/snapshots";;
*) fail "Unrecognized command: $command";;
esac
"#;

pub(crate) struct World {
    pub(crate) fake: Fake,
    pub(crate) root: tempfile::TempDir,
    pub(crate) host: Workstation,
}

impl World {
    pub(crate) fn new() -> Self {
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

    pub(crate) fn mood(&self, mood: &str) {
        fs::write(self.fake.dir.path().join("mood"), format!("{mood}\n")).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        fs::canonicalize(self.root.path()).unwrap().join(name)
    }

    pub(crate) fn spec(&self, name: &str, disk: DiskSource) -> VmSpec {
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

    pub(crate) async fn template(&self) -> VmId {
        fs::write(self.path("cloud.vmdk"), "disk").unwrap();
        let mut spec = self.spec("template", DiskSource::Existing(self.path("cloud.vmdk")));
        spec.media.clear();
        self.host.create(&spec).await.unwrap()
    }

    /// A machine with one CD.
    pub(crate) async fn machine(&self) -> VmId {
        let disk = DiskSource::LinkedClone {
            template: self.template().await,
            snapshot: "base".to_owned(),
        };
        self.host.create(&self.spec("web 한글", disk)).await.unwrap()
    }

    pub(crate) fn vmx(vm: &VmId) -> VmxFile {
        VmxFile::parse(&fs::read(vm.as_str()).unwrap())
    }
}
