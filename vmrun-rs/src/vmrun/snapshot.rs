//! Snapshots.

use std::path::Path;

use crate::error::VmrunError;

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
        self.change(Call::new("snapshot", self.deadlines().snapshot).vm(vmx).param(name))
            .await
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
        self.change(if children {
            call.param("andDeleteChildren")
        } else {
            call
        })
        .await
    }
}
