use std::path::Path;

use super::drives::{Bus, Medium};
use super::{Machine, Vmx};
use crate::fault::Fault;

const BRIDGE: &str = "pciBridge4.present = \"TRUE\"\npciBridge4.virtualDev = \"pcieRootPort\"\n";
const BASE: &str = "config.version = \"8\"\nvirtualHW.version = \"18\"\nguestOS = \"ubuntu-64\"\nmemsize = \"512\"\n";

struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("disk.vmdk"), b"KDMV\x01\0\0\0").expect("written");
        std::fs::write(directory.path().join("seed.iso"), b"iso").expect("written");
        Self(directory)
    }

    fn machine(&self, more: &str) -> Result<Machine, Fault> {
        let path = self.0.path().join("a.vmx");
        std::fs::write(&path, format!("{BASE}{more}")).expect("written");
        let vmx = Vmx::find(&path)?;
        Machine::of(&vmx, &vmx.read()?)
    }

    fn reason(&self, more: &str) -> String {
        let fault = self.machine(more).expect_err("refused");
        format!("{fault}|{}", fault.reason().unwrap_or_default())
    }
}

#[test]
fn a_lab_machine_is_read_with_its_drives_and_adapters() {
    let machine = Scratch::new()
        .machine(&format!(
            "{BRIDGE}displayName = \"마스터\"\nnumvcpus = \"2\"\nscsi0.present = \"TRUE\"\nscsi0.virtualDev = \"pvscsi\"\n\
             scsi0:0.present = \"TRUE\"\nscsi0:0.fileName = \"disk.vmdk\"\nsata0.present = \"TRUE\"\n\
             sata0:1.present = \"TRUE\"\nsata0:1.deviceType = \"cdrom-image\"\nsata0:1.fileName = \"seed.iso\"\n\
             sata0:2.present = \"TRUE\"\nsata0:2.deviceType = \"cdrom-image\"\nsata0:2.fileName = \"seed.iso\"\n\
             sata0:2.startConnected = \"FALSE\"\nethernet0.present = \"TRUE\"\nethernet0.virtualDev = \"vmxnet3\"\n\
             ethernet0.connectionType = \"custom\"\nethernet0.vnet = \"/dev/VMnet1\"\nethernet0.addressType = \"static\"\n\
             ethernet0.address = \"00:50:56:00:00:10\"\nserial0.present = \"TRUE\"\nserial0.fileType = \"file\"\n\
             serial0.fileName = \"console.log\"\nguestinfo.Role = \"master\"\n"
        ))
        .expect("a machine");
    assert_eq!(
        (machine.name.as_str(), machine.memory, machine.cpus),
        ("마스터", 512, 2)
    );
    assert_eq!(
        machine.drives.iter().map(|drive| drive.bus).collect::<Vec<_>>(),
        [Bus::PvScsi, Bus::Sata, Bus::Sata]
    );
    assert!(matches!(&machine.drives[1].medium, Medium::Cd(Some(image)) if image.ends_with("seed.iso")));
    assert_eq!(machine.drives[2].medium, Medium::Cd(None));
    assert_eq!(
        (machine.nics[0].network.as_str(), machine.nics[0].device),
        ("vmnet1", "vmxnet3")
    );
    assert!(machine.console.expect("a console").ends_with("console.log"));
    assert_eq!(machine.guest_info, [("guestinfo.role".to_owned(), "master".to_owned())]);
}

#[test]
fn what_vmware_refuses_is_refused_in_its_words() {
    let scratch = Scratch::new();
    let scsi = "scsi0.present = \"TRUE\"\nscsi0:0.present = \"TRUE\"\nscsi0:0.fileName = \"disk.vmdk\"\n";
    let bus_logic = scratch.reason(scsi);
    assert!(
        bus_logic.contains("BusLogic SCSI adapter is not supported for 64-bit guests"),
        "{bus_logic}"
    );
    let slot = scratch.reason(&format!("{scsi}scsi0.virtualDev = \"pvscsi\"\n"));
    assert!(
        slot.starts_with("Error: Unknown error|No PCIe slot available for SCSI0"),
        "{slot}"
    );
    let slot = scratch.reason("ethernet0.present = \"TRUE\"\nethernet0.virtualDev = \"e1000e\"\n");
    assert!(slot.contains("No PCIe slot available for Ethernet0"), "{slot}");
    let cd = scratch.reason("sata0.present = \"TRUE\"\nsata0:1.present = \"TRUE\"\nsata0:1.fileName = \"seed.iso\"\n");
    assert!(
        cd.starts_with("Error: The operation was canceled|The file specified is not a virtual disk"),
        "{cd}"
    );
    let os = scratch.reason("guestOS = \"\"\n");
    assert!(os.contains("does not specify a guest operating system"), "{os}");
}

#[test]
fn a_machine_without_versions_cannot_be_opened() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("a.vmx");
    std::fs::write(&path, "guestOS = \"x\"\n").expect("written");
    let fault = Vmx::find(&path).expect("found").read().expect_err("refused");
    assert!(
        fault
            .to_string()
            .ends_with("Cannot read the virtual machine configuration file"),
        "{fault}"
    );
    assert!(matches!(
        Vmx::find(&directory.path().join("b.vmx")),
        Err(Fault::VmNotFound(_))
    ));
    assert!(matches!(
        Vmx::find(Path::new("/tmp/a.txt")),
        Err(Fault::UnknownSuffix(_))
    ));
}

#[test]
fn a_missing_cd_image_cancels_the_start_unless_questions_are_answered() {
    let scratch = Scratch::new();
    let cd = "sata0.present = \"TRUE\"\nsata0:1.present = \"TRUE\"\nsata0:1.deviceType = \"cdrom-image\"\n\
              sata0:1.fileName = \"gone.iso\"\n";
    assert!(
        scratch
            .reason(cd)
            .starts_with("Error: The operation was canceled|Cannot find the image file")
    );
    let machine = scratch
        .machine(&format!("{cd}msg.autoAnswer = \"TRUE\"\n"))
        .expect("a machine");
    assert_eq!(machine.drives[0].medium, Medium::Cd(None));
    assert_eq!(machine.warnings.len(), 1);
}

#[test]
fn networks_and_addresses_that_make_no_sense_are_refused() {
    let scratch = Scratch::new();
    let nic = |more: &str| {
        scratch.reason(&format!(
            "ethernet0.present = \"TRUE\"\nethernet0.virtualDev = \"e1000\"\n{more}"
        ))
    };
    assert!(nic("").contains("bridged"));
    assert!(nic("ethernet0.connectionType = \"custom\"\nethernet0.vnet = \"eth0\"\n").contains("no virtual network"));
    for mac in ["", "00:50:56:00:00", "01:50:56:00:00:01", "00:50:56:00:00:0g"] {
        let text = format!(
            "ethernet0.connectionType = \"nat\"\nethernet0.addressType = \"static\"\nethernet0.address = \"{mac}\"\n"
        );
        assert!(nic(&text).contains("is no MAC address"), "{mac}");
    }
}

#[test]
fn an_encrypted_machine_asks_for_its_password() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("a.vmx");
    std::fs::write(&path, format!("{BASE}encryption.keySafe = \"x\"\n")).expect("written");
    let fault = Vmx::find(&path).expect("found").read().expect_err("refused");
    assert!(fault.to_string().ends_with("A password is required for this operation"));
}
