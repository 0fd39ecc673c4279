//! The `.vmx` file of a new machine that boots.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::{VmxError, VmxFile};

/// What the system disk hangs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum DiskController {
    /// VMware's own SCSI adapter. A device of the `PCIe` bus; every Linux distribution's ordinary kernel has its driver.
    #[default]
    Pvscsi,
    /// LSI Logic parallel SCSI, for installers without a driver for the former.
    LsiLogic,
}

impl DiskController {
    fn as_str(self) -> &'static str {
        match self {
            Self::Pvscsi => "pvscsi",
            Self::LsiLogic => "lsilogic",
        }
    }
}

/// The model of a network interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum NicModel {
    /// An emulated Intel card that every guest has a driver for.
    #[default]
    E1000e,
    /// VMware's own, faster card.
    Vmxnet3,
}

impl NicModel {
    fn as_str(self) -> &'static str {
        match self {
            Self::E1000e => "e1000e",
            Self::Vmxnet3 => "vmxnet3",
        }
    }
}

/// Describes a machine; [`build`](Self::build) makes a file of it, [`apply`](Self::apply) makes an existing file (a
/// clone's) fit it.
#[derive(Clone)]
pub struct VmxBuilder {
    name: String,
    guest_os: String,
    hardware_version: u32,
    memory_mib: u64,
    cpus: u32,
    disk: Option<PathBuf>,
    controller: DiskController,
    nics: Vec<(String, Option<String>)>,
    nic_model: NicModel,
    media: Vec<PathBuf>,
    serial: Option<PathBuf>,
    variables: BTreeMap<String, String>,
}

/// Without the values of the variables: user data carries secrets.
impl fmt::Debug for VmxBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VmxBuilder")
            .field("name", &self.name)
            .field("guest_os", &self.guest_os)
            .field("memory_mib", &self.memory_mib)
            .field("cpus", &self.cpus)
            .field("disk", &self.disk)
            .field("nics", &self.nics)
            .field("media", &self.media)
            .field("variables", &self.variables.keys())
            .finish_non_exhaustive()
    }
}

impl VmxBuilder {
    /// A machine with 1 GiB of memory, one processor, and nothing attached.
    pub fn new(name: impl Into<String>, guest_os: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            guest_os: guest_os.into(),
            hardware_version: 18,
            memory_mib: 1024,
            cpus: 1,
            disk: None,
            controller: DiskController::default(),
            nics: Vec::new(),
            nic_model: NicModel::default(),
            media: Vec::new(),
            serial: None,
            variables: BTreeMap::new(),
        }
    }

    /// The virtual hardware's version; 18 (Workstation 16, Fusion 12) unless set.
    pub fn hardware_version(mut self, version: u32) -> Self {
        self.hardware_version = version;
        self
    }

    /// Memory in MiB. VMware wants a multiple of 4: it is rounded up.
    pub fn memory_mib(mut self, mib: u64) -> Self {
        self.memory_mib = mib;
        self
    }

    /// Virtual processors.
    pub fn cpus(mut self, cpus: u32) -> Self {
        self.cpus = cpus;
        self
    }

    /// The system disk (`scsi0:0`); a relative path starts at the `.vmx` file's directory.
    pub fn disk(mut self, disk: impl Into<PathBuf>, controller: DiskController) -> Self {
        self.disk = Some(disk.into());
        self.controller = controller;
        self
    }

    /// One more network interface on a virtual network (`VMnet1`), with a fixed MAC address or a generated one.
    pub fn nic(mut self, network: impl Into<String>, mac: Option<String>) -> Self {
        self.nics.push((network.into(), mac));
        self
    }

    /// The model of all network interfaces.
    pub fn nic_model(mut self, model: NicModel) -> Self {
        self.nic_model = model;
        self
    }

    /// One more CD image (`sata0:0`, `sata0:1`, …), connected at power-on.
    pub fn cd_image(mut self, image: impl Into<PathBuf>) -> Self {
        self.media.push(image.into());
        self
    }

    /// A file that the first serial port is written to.
    pub fn serial_console(mut self, file: impl Into<PathBuf>) -> Self {
        self.serial = Some(file.into());
        self
    }

    /// A value that the guest can read; `guestinfo.` is put before the name if it is not there.
    pub fn variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// A new file.
    pub fn build(&self) -> Result<VmxFile, VmxError> {
        let mut vmx = VmxFile::parse(b"");
        vmx.set_all([
            (".encoding", "UTF-8"),
            ("config.version", "8"),
            ("virtualHW.version", &self.hardware_version.to_string()),
            ("guestOS", &self.guest_os),
        ])?;
        // PCIe devices (pvscsi, e1000e, vmxnet3) find no slot without these; the answer is then "Unknown error".
        vmx.set("pciBridge0.present", "TRUE")?;
        for bridge in 4..8 {
            vmx.set(&format!("pciBridge{bridge}.present"), "TRUE")?;
            vmx.set(&format!("pciBridge{bridge}.virtualDev"), "pcieRootPort")?;
            vmx.set(&format!("pciBridge{bridge}.functions"), "8")?;
        }
        vmx.set_all([
            ("vmci0.present", "TRUE"),
            ("hpet0.present", "TRUE"),
            ("firmware", "bios"),
        ])?;
        self.apply(&mut vmx)?;
        Ok(vmx)
    }

    /// Changes an existing machine's file: its name, size, interfaces, CDs, console and variables become those of this
    /// description, its identity is made new. The disk stays unless one is given.
    pub fn apply(&self, vmx: &mut VmxFile) -> Result<(), VmxError> {
        vmx.set_all([
            ("displayName", self.name.as_str()),
            // No dialog may wait for an answer that nobody gives.
            ("msg.autoAnswer", "TRUE"),
            ("uuid.action", "create"),
            ("tools.syncTime", "TRUE"),
            // A configured floppy drive complains at each start when there is none.
            ("floppy0.present", "FALSE"),
            ("usb.present", "FALSE"),
            ("sound.present", "FALSE"),
        ])?;
        set_hardware(vmx, self.cpus, self.memory_mib)?;
        // A copy must not share its parent's identity.
        for key in ["uuid.bios", "uuid.location", "vc.uuid"] {
            vmx.remove(key);
        }
        if let Some(disk) = &self.disk {
            vmx.set_all([
                ("scsi0.present", "TRUE"),
                ("scsi0.virtualDev", self.controller.as_str()),
                ("scsi0:0.present", "TRUE"),
                ("scsi0:0.deviceType", "scsi-hardDisk"),
                ("scsi0:0.fileName", &text(disk)),
            ])?;
        }
        self.apply_nics(vmx)?;
        vmx.set("sata0.present", "TRUE")?;
        let drives: Vec<String> = drives(vmx).collect();
        for drive in drives {
            vmx.remove_prefix(&format!("{drive}."));
        }
        for (slot, image) in self.media.iter().enumerate() {
            set_cd(vmx, slot, image)?;
        }
        if let Some(file) = &self.serial {
            vmx.set_all([
                ("serial0.present", "TRUE"),
                ("serial0.fileType", "file"),
                ("serial0.fileName", &text(file)),
                ("serial0.yieldOnMsrRead", "TRUE"),
                ("serial0.tryNoRxLoss", "FALSE"),
            ])?;
        }
        for (name, value) in &self.variables {
            vmx.set(&guestinfo(name), value)?;
        }
        Ok(())
    }

    fn apply_nics(&self, vmx: &mut VmxFile) -> Result<(), VmxError> {
        for old in 0..10 {
            vmx.remove_prefix(&format!("ethernet{old}."));
        }
        for (n, (network, mac)) in self.nics.iter().enumerate() {
            let key = |suffix: &str| format!("ethernet{n}.{suffix}");
            vmx.set(&key("present"), "TRUE")?;
            vmx.set(&key("connectionType"), "custom")?;
            vmx.set(&key("vnet"), &vnet(network))?;
            vmx.set(&key("virtualDev"), self.nic_model.as_str())?;
            vmx.set(&key("startConnected"), "TRUE")?;
            if let Some(mac) = mac {
                vmx.set(&key("addressType"), "static")?;
                vmx.set(&key("address"), mac)?;
                // Static addresses outside VMware's own range are refused unless this says not to look.
                vmx.set(&key("checkMACAddress"), "FALSE")?;
            } else {
                vmx.set(&key("addressType"), "generated")?;
            }
        }
        Ok(())
    }
}

/// Processors, all in one socket, and memory in MiB, of which VMware wants a multiple of 4: it is rounded up.
pub(crate) fn set_hardware(vmx: &mut VmxFile, cpus: u32, memory_mib: u64) -> Result<(), VmxError> {
    vmx.set_all([
        ("memsize", memory_mib.next_multiple_of(4).to_string().as_str()),
        ("numvcpus", &cpus.to_string()),
        ("cpuid.coresPerSocket", &cpus.to_string()),
    ])
}

/// Puts an image into a CD drive that starts connected.
pub(crate) fn set_cd(vmx: &mut VmxFile, slot: usize, image: &Path) -> Result<(), VmxError> {
    let key = |suffix: &str| format!("sata0:{slot}.{suffix}");
    vmx.set("sata0.present", "TRUE")?;
    vmx.set(&key("present"), "TRUE")?;
    // Without a type the image is taken for a disk ("The file specified is not a virtual disk").
    vmx.set(&key("deviceType"), "cdrom-image")?;
    vmx.set(&key("fileName"), &text(image))?;
    vmx.set(&key("startConnected"), "TRUE")
}

/// The SATA drives of a file: `sata0:0`, …
fn drives(vmx: &VmxFile) -> impl Iterator<Item = String> {
    (0..30)
        .map(|n| format!("sata0:{n}"))
        .filter(|drive| vmx.get(&format!("{drive}.present")).is_some())
}

/// The configuration's name of a virtual network: a device on Linux, the bare name elsewhere.
fn vnet(network: &str) -> String {
    let number = network
        .get(..5)
        .filter(|head| head.eq_ignore_ascii_case("vmnet"))
        .map(|_| &network[5..]);
    match number {
        Some(number) if cfg!(target_os = "linux") => format!("/dev/vmnet{number}"),
        Some(number) if cfg!(windows) => format!("VMnet{number}"),
        Some(number) => format!("vmnet{number}"),
        None => network.to_owned(),
    }
}

/// The key of a guest variable.
pub(crate) fn guestinfo(name: &str) -> String {
    format!("guestinfo.{}", variable_name(name))
}

/// A guest variable's name without `guestinfo.`.
pub(crate) fn variable_name(name: &str) -> &str {
    match name.get(..10) {
        Some(head) if head.eq_ignore_ascii_case("guestinfo.") => &name[10..],
        _ => name,
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> VmxBuilder {
        VmxBuilder::new("k3s master 한글", "ubuntu-64")
            .memory_mib(4097)
            .cpus(2)
            .disk("disk.vmdk", DiskController::Pvscsi)
            .nic("VMnet1", Some("00:50:56:00:00:10".into()))
            .cd_image("/seed/a \"b\".iso")
            .serial_console("console.log")
            .variable("userdata", "x|y")
    }

    #[test]
    fn values_of_variables_are_not_shown() {
        let builder = machine().variable("userdata", "hunter2");
        let file = builder.build().unwrap();
        for shown in [format!("{builder:?}"), format!("{file:?}")] {
            assert!(shown.contains("userdata") && !shown.contains("hunter2"), "{shown}");
        }
    }

    #[test]
    fn a_new_machine_has_everything_that_a_start_needs() {
        let vmx = machine().build().unwrap();
        for (key, value) in [
            ("config.version", "8"),
            ("virtualHW.version", "18"),
            ("guestOS", "ubuntu-64"),
            ("displayName", "k3s master 한글"),
            ("memsize", "4100"),
            ("pciBridge0.present", "TRUE"),
            ("pciBridge7.functions", "8"),
            ("scsi0:0.fileName", "disk.vmdk"),
            ("sata0:0.deviceType", "cdrom-image"),
            ("sata0:0.fileName", "/seed/a \"b\".iso"),
            ("ethernet0.address", "00:50:56:00:00:10"),
            ("serial0.fileName", "console.log"),
            ("guestinfo.userdata", "x|y"),
            ("floppy0.present", "FALSE"),
        ] {
            assert_eq!(vmx.get(key).as_deref(), Some(value), "{key}");
        }
        assert!(vmx.to_bytes().starts_with(b".encoding = \"UTF-8\""));
    }

    #[test]
    fn a_clone_loses_its_parents_identity_and_keeps_its_own_disk() {
        let mut vmx = VmxFile::parse(
            b"uuid.bios = \"56 4d\"\nethernet0.generatedAddress = \"00:0c:29:1\"\nethernet3.present = \"TRUE\"\n\
              sata0:5.present = \"TRUE\"\nsata0:5.fileName = \"parent.iso\"\nscsi0:0.fileName = \"clone-000001.vmdk\"\n",
        );
        let description = VmxBuilder {
            disk: None,
            ..machine()
        };
        description.apply(&mut vmx).unwrap();
        for gone in [
            "uuid.bios",
            "ethernet0.generatedAddress",
            "ethernet3.present",
            "sata0:5.fileName",
        ] {
            assert_eq!(vmx.get(gone), None, "{gone}");
        }
        assert_eq!(vmx.get("scsi0:0.fileName").unwrap(), "clone-000001.vmdk");
        assert_eq!(vmx.get("sata0:0.fileName").unwrap(), "/seed/a \"b\".iso");
    }

    #[test]
    fn a_network_is_named_as_the_system_wants_it() {
        let expected = if cfg!(target_os = "linux") {
            "/dev/vmnet8"
        } else if cfg!(windows) {
            "VMnet8"
        } else {
            "vmnet8"
        };
        assert_eq!(vnet("VMnet8"), expected);
        assert_eq!(vnet("vmnet8"), expected);
        assert_eq!(vnet("my-lan"), "my-lan");
    }
}
