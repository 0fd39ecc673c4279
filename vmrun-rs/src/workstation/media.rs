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

    /// A stopped machine's drive is removed from its file. A running machine's drive is disconnected at once, provided
    /// that the hypervisor also writes down that it stays so: otherwise the next start would bring it back, and nothing
    /// is changed.
    pub(super) async fn detach_image(&self, vm: &VmId, slot: MediaSlot) -> Result<Detached, HypervisorError> {
        let device = device(slot);
        let store = Self::open(vm, "read the configuration of")?;
        if store.file.get(&format!("{device}.present")).is_none() {
            return Err(HypervisorError::NoSuchSlot {
                vm: vm.clone(),
                slot: slot.0,
            });
        }
        if !store.file.is_true(&format!("{device}.present")) {
            // Taken out while the machine was off: it has no such device now, and will not have one.
            return Ok(Detached::Done);
        }
        if !self.listed(vm).await? {
            self.edit(vm, "detach an image from", |store| {
                store.file.set(&format!("{device}.present"), "FALSE")
            })
            .await?;
            return Ok(Detached::Done);
        }

        let vmx = Self::vmx_path(vm);
        let already_permanent = !returns_at_start(&store, &device);
        if !already_permanent {
            // Whether this reaches the file differs between products: the file is asked afterwards.
            let key = format!("{device}.startConnected");
            let written = self
                .vmrun
                .write_variable(&vmx, VariableKind::RuntimeConfig, &key, "FALSE", None)
                .await;
            if let Err(error) = written {
                tracing::debug!(%error, "the running machine's configuration cannot be changed");
            }
        }
        let disconnected = self.vmrun.disconnect_device(&vmx, &device).await;
        if let Err(source) = disconnected {
            // A machine that is being stopped meanwhile, or a drive that the guest has mounted and locked.
            return match source.class() {
                FailureClass::NotPoweredOn | FailureClass::NotSupported | FailureClass::Canceled => {
                    tracing::debug!(error = %source, "the drive cannot be disconnected while the machine runs");
                    Ok(Detached::NeedsPowerOff)
                }
                _ => Err(doing(format!("disconnect {device} of {vm}"))(source)),
            };
        }
        if already_permanent || !returns_at_start(&Self::open(vm, "read the configuration of")?, &device) {
            return Ok(Detached::Done);
        }
        if let Err(source) = self.vmrun.connect_device(&vmx, &device).await {
            tracing::debug!(error = %source, "cannot connect a drive again");
        }
        Ok(Detached::NeedsPowerOff)
    }
}
