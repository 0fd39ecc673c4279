//! Clones, deletion, devices, variables, shared folders.

use std::path::Path;

use crate::error::VmrunError;
use crate::guest::GuestCredentials;

use super::argv::{Call, SharedFolderAccess, VariableKind};
use super::{Vmrun, locks, parse};

/// How a clone's disk relates to its parent's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloneKind {
    /// A copy of its own.
    Full,
    /// Only what differs from the parent's snapshot.
    Linked,
}

impl Vmrun {
    /// `clone`. Without `snapshot` a linked clone adds one to its parent each time. Clones of one parent wait for one
    /// another.
    pub async fn clone_machine(
        &self,
        parent: &Path,
        target: &Path,
        kind: CloneKind,
        snapshot: Option<&str>,
        clone_name: Option<&str>,
    ) -> Result<(), VmrunError> {
        let (word, deadline) = match kind {
            CloneKind::Full => ("full", self.deadlines().full_clone),
            CloneKind::Linked => ("linked", self.deadlines().machine),
        };
        let target = std::path::absolute(target).unwrap_or_else(|_| target.to_owned());
        let mut call = Call::new("clone", deadline).vm(parent).param(target).param(word);
        if let Some(name) = snapshot {
            call = call.param(format!("-snapshot={name}"));
        }
        if let Some(name) = clone_name {
            call = call.param(format!("-cloneName={name}"));
        }
        self.change(call).await
    }

    /// `deleteVM`: removes the machine with all disks that it names, wherever they are.
    pub async fn delete_machine(&self, vmx: &Path) -> Result<(), VmrunError> {
        self.change(Call::new("deleteVM", self.deadlines().machine).vm(vmx))
            .await
    }

    /// `upgradevm`: brings the virtual hardware up to this product's version.
    pub async fn upgrade_machine(&self, vmx: &Path) -> Result<(), VmrunError> {
        self.change(Call::new("upgradevm", self.deadlines().machine).vm(vmx))
            .await
    }

    /// `installTools`: puts the VMware Tools CD into the guest's drive.
    pub async fn install_tools(&self, vmx: &Path) -> Result<(), VmrunError> {
        self.change(Call::new("installTools", self.deadlines().machine).vm(vmx))
            .await
    }

    /// `connectNamedDevice`, for example `sata0:0` or `ethernet0`, while the machine runs.
    pub async fn connect_device(&self, vmx: &Path, device: &str) -> Result<(), VmrunError> {
        self.change(
            Call::new("connectNamedDevice", self.deadlines().device)
                .vm(vmx)
                .param(device),
        )
        .await
    }

    /// `disconnectNamedDevice`, while the machine runs. The next start may connect it again.
    pub async fn disconnect_device(&self, vmx: &Path, device: &str) -> Result<(), VmrunError> {
        self.change(
            Call::new("disconnectNamedDevice", self.deadlines().device)
                .vm(vmx)
                .param(device),
        )
        .await
    }

    /// `readVariable`; `None` if it is unset. [`VariableKind::GuestEnv`] needs credentials.
    pub async fn read_variable(
        &self,
        vmx: &Path,
        kind: VariableKind,
        name: &str,
        credentials: Option<&GuestCredentials>,
    ) -> Result<Option<String>, VmrunError> {
        let call = Call::new("readVariable", self.deadlines().query)
            .vm(vmx)
            .param(kind.as_str())
            .param(name)
            .data();
        let done = match credentials {
            Some(credentials) => self.call_guest(&call, credentials).await?,
            None => self.call(&call).await?,
        };
        Ok(parse::value(&done.stdout).map(|value| String::from_utf8_lossy(&value).into_owned()))
    }

    /// `writeVariable`. The value is not shown in errors and logs.
    pub async fn write_variable(
        &self,
        vmx: &Path,
        kind: VariableKind,
        name: &str,
        value: &str,
        credentials: Option<&GuestCredentials>,
    ) -> Result<(), VmrunError> {
        let call = Call::new("writeVariable", self.deadlines().query)
            .vm(vmx)
            .param(kind.as_str())
            .param(name)
            .elided("value", value);
        let _turn = locks::lock(&locks::machine_key(vmx)).await;
        match credentials {
            Some(credentials) => self.call_guest(&call, credentials).await?,
            None => self.call(&call).await?,
        };
        Ok(())
    }

    /// `enableSharedFolders`; `runtime` until the next power-off only.
    pub async fn enable_shared_folders(&self, vmx: &Path, runtime: bool) -> Result<(), VmrunError> {
        self.switch_shared_folders("enableSharedFolders", vmx, runtime).await
    }

    /// `disableSharedFolders`; `runtime` until the next power-off only.
    pub async fn disable_shared_folders(&self, vmx: &Path, runtime: bool) -> Result<(), VmrunError> {
        self.switch_shared_folders("disableSharedFolders", vmx, runtime).await
    }

    async fn switch_shared_folders(&self, name: &'static str, vmx: &Path, runtime: bool) -> Result<(), VmrunError> {
        let call = Call::new(name, self.deadlines().device).vm(vmx);
        self.change(if runtime { call.param("runtime") } else { call }).await
    }

    /// `addSharedFolder`.
    pub async fn add_shared_folder(&self, vmx: &Path, share: &str, host: &Path) -> Result<(), VmrunError> {
        self.change(
            Call::new("addSharedFolder", self.deadlines().device)
                .vm(vmx)
                .param(share)
                .param(host),
        )
        .await
    }

    /// `removeSharedFolder`.
    pub async fn remove_shared_folder(&self, vmx: &Path, share: &str) -> Result<(), VmrunError> {
        self.change(
            Call::new("removeSharedFolder", self.deadlines().device)
                .vm(vmx)
                .param(share),
        )
        .await
    }

    /// `setSharedFolderState`.
    pub async fn set_shared_folder_state(
        &self,
        vmx: &Path,
        share: &str,
        host: &Path,
        access: SharedFolderAccess,
    ) -> Result<(), VmrunError> {
        let call = Call::new("setSharedFolderState", self.deadlines().device)
            .vm(vmx)
            .param(share)
            .param(host);
        self.change(call.param(access.as_str())).await
    }

    /// `downloadPhotonVM` (1.17): fetches VMware's sample machine into a directory of the host.
    pub async fn download_photon(&self, directory: &Path) -> Result<(), VmrunError> {
        let call = Call::new("downloadPhotonVM", self.deadlines().full_clone).param(directory);
        let _turn = locks::lock(&locks::machine_key(directory)).await;
        self.call(&call).await.map(|_| ())
    }
}
