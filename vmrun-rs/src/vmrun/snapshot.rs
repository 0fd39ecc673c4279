//! Snapshots.

use std::path::Path;

use crate::error::VmrunError;
use crate::failure::FailureClass;

use super::argv::Call;
use super::{SnapshotNode, Vmrun, parse};

impl Vmrun {
    /// `listSnapshots`, oldest first.
    pub async fn snapshots(&self, vmx: &Path) -> Result<Vec<String>, VmrunError> {
        self.query(
            &Call::new("listSnapshots", self.deadlines().query).vm(vmx).data(),
            parse::snapshots,
        )
        .await
    }

    /// `listSnapshots … showTree`.
    pub async fn snapshot_tree(&self, vmx: &Path) -> Result<Vec<SnapshotNode>, VmrunError> {
        let call = Call::new("listSnapshots", self.deadlines().query)
            .vm(vmx)
            .param("showTree")
            .data();
        self.query(&call, parse::snapshot_tree).await
    }

    /// `snapshot`. Linked clones need one that was taken while the machine was off.
    pub async fn snapshot(&self, vmx: &Path, name: &str) -> Result<(), VmrunError> {
        let call = Call::new("snapshot", self.deadlines().snapshot).vm(vmx).param(name);
        self.change_snapshots(vmx, call).await
    }

    /// `revertToSnapshot`. The machine is left off or suspended.
    pub async fn revert_to_snapshot(&self, vmx: &Path, name: &str) -> Result<(), VmrunError> {
        self.change(
            Call::new("revertToSnapshot", self.deadlines().snapshot)
                .vm(vmx)
                .param(name),
        )
        .await
    }

    /// `deleteSnapshot`, with everything that builds on it if `children`.
    pub async fn delete_snapshot(&self, vmx: &Path, name: &str, children: bool) -> Result<(), VmrunError> {
        let call = Call::new("deleteSnapshot", self.deadlines().delete_snapshot)
            .vm(vmx)
            .param(name);
        let call = if children {
            call.param("andDeleteChildren")
        } else {
            call
        };
        self.change_snapshots(vmx, call).await
    }

    /// A running encrypted machine refuses these with the words for a wrong password. Whether the password is right is
    /// found out with a command that it never refuses.
    async fn change_snapshots(&self, vmx: &Path, call: Call) -> Result<(), VmrunError> {
        let error = match self.change(call).await {
            Err(error) if error.class() == FailureClass::Encrypted && self.has_vm_password() => error,
            result => return result,
        };
        Err(match self.snapshots(vmx).await {
            Ok(_) => error.reclassified(
                FailureClass::AlreadyRunning,
                "the password is right: an encrypted machine's snapshots cannot be changed while it runs; stop it first",
            ),
            Err(_) => error,
        })
    }
}
