//! CD images.

use std::path::Path;

use crate::error::HypervisorError;
use crate::failure::FailureClass;
use crate::hypervisor::{Detached, MediaSlot, VmId};
use crate::vmrun::VariableKind;
use crate::vmx::{VmxStore, set_cd};

use super::{Workstation, doing};

fn device(slot: MediaSlot) -> String {
    format!("sata0:{}", slot.0)
}

/// Whether the file says that the drive comes back with its image at the next start.
fn returns_at_start(store: &VmxStore, device: &str) -> bool {
    let key = |suffix: &str| format!("{device}.{suffix}");
    let starts_connected = store
        .file
        .get(&key("startConnected"))
        .is_none_or(|value| !value.eq_ignore_ascii_case("false"));
    store.file.is_true(&key("present")) && starts_connected
}

impl Workstation {
    pub(super) async fn attach_image(&self, vm: &VmId, slot: MediaSlot, image: &Path) -> Result<(), HypervisorError> {
        if slot.0 >= 30 {
            return Err(HypervisorError::NoSuchSlot {
                vm: vm.clone(),
                slot: slot.0,
            });
        }
        if let Err(source) = std::fs::File::open(image) {
            return Err(HypervisorError::Io {
                what: "open the image",
                path: image.to_owned(),
                source,
            });
        }
        let image = crate::path::canonical(image);
        self.edit(vm, "attach an image to", |store| {
            set_cd(&mut store.file, usize::from(slot.0), &image)
        })
        .await
    }

    /// A stopped machine's drives are removed from its file. A running machine's drive is disconnected at once, provided
    /// that the hypervisor also writes down that it stays so: otherwise the next start would bring it back, and nothing
    /// is changed.
    pub(super) async fn detach_images(&self, vm: &VmId, slots: &[MediaSlot]) -> Result<Detached, HypervisorError> {
        let store = Self::open(vm, "read the configuration of")?;
        let mut devices = Vec::new();
        for slot in slots {
            let device = device(*slot);
            let present = format!("{device}.present");
            if store.file.get(&present).is_none() {
                return Err(HypervisorError::NoSuchSlot {
                    vm: vm.clone(),
                    slot: slot.0,
                });
            }
            // What was taken out while the machine was off is no device of it now, and will not be one.
            if store.file.is_true(&present) {
                devices.push(device);
            }
        }
        if devices.is_empty() {
            return Ok(Detached::Done);
        }
        let edited = self.edit(vm, "detach an image from", |store| {
            let mut devices = devices.iter();
            devices.try_for_each(|device| store.file.set(&format!("{device}.present"), "FALSE"))
        });
        match edited.await {
            Ok(()) => return Ok(Detached::Done),
            Err(HypervisorError::Running { .. }) => {}
            Err(error) => return Err(error),
        }
        for device in &devices {
            if self.disconnect(vm, device).await? == Detached::NeedsPowerOff {
                return Ok(Detached::NeedsPowerOff);
            }
        }
        Ok(Detached::Done)
    }

    /// Disconnects a running machine's drive for good.
    async fn disconnect(&self, vm: &VmId, device: &str) -> Result<Detached, HypervisorError> {
        let vmx = Self::vmx_path(vm);
        let returns = || Ok(returns_at_start(&Self::open(vm, "read the configuration of")?, device));
        if returns()? {
            // Whether this reaches the file differs between products: the file is asked afterwards.
            let key = format!("{device}.startConnected");
            let written = self
                .vmrun
                .write_variable(&vmx, VariableKind::RuntimeConfig, &key, "FALSE", None)
                .await;
            if let Err(error) = written {
                tracing::debug!(%error, "the running machine's configuration cannot be changed");
            }
            if returns()? {
                return Ok(Detached::NeedsPowerOff);
            }
        }
        let Err(source) = self.vmrun.disconnect_device(&vmx, device).await else {
            return Ok(Detached::Done);
        };
        // A machine that is being stopped meanwhile, or a drive that the guest has mounted and locked.
        match source.class() {
            FailureClass::NotPoweredOn | FailureClass::NotSupported | FailureClass::Canceled => {
                tracing::debug!(error = %source, "the drive cannot be disconnected while the machine runs");
                Ok(Detached::NeedsPowerOff)
            }
            _ => Err(doing(format!("disconnect {device} of {vm}"))(source)),
        }
    }
}
