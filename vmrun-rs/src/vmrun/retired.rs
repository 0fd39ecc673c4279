//! Commands that 1.17 (Workstation 14 and later) has no more. Newer programs answer them with
//! [`FailureClass::Usage`](crate::FailureClass::Usage).

use std::path::{Path, PathBuf};

use crate::error::VmrunError;

use super::argv::Call;
use super::{Vmrun, parse};

impl Vmrun {
    /// `register` (until 1.15): puts a machine into the inventory of VMware Server.
    pub async fn register(&self, vmx: &Path) -> Result<(), VmrunError> {
        self.change(Call::new("register", self.deadlines().machine).vm(vmx))
            .await
    }

    /// `unregister` (until 1.15).
    pub async fn unregister(&self, vmx: &Path) -> Result<(), VmrunError> {
        self.change(Call::new("unregister", self.deadlines().machine).vm(vmx))
            .await
    }

    /// `listRegisteredVM` (until 1.15): the `.vmx` paths of the machines in the inventory.
    pub async fn registered(&self) -> Result<Vec<PathBuf>, VmrunError> {
        let call = Call::new("listRegisteredVM", self.deadlines().query).data();
        self.query(&call, |output| Ok(parse::paths(output))).await
    }

    /// `beginRecording` (until 1.10): records what the machine does, from a new snapshot on.
    pub async fn begin_recording(&self, vmx: &Path, name: &str, description: Option<&str>) -> Result<(), VmrunError> {
        let call = Call::new("beginRecording", self.deadlines().snapshot)
            .vm(vmx)
            .param(name);
        self.change(description.into_iter().fold(call, Call::param)).await
    }

    /// `endRecording` (until 1.10).
    pub async fn end_recording(&self, vmx: &Path) -> Result<(), VmrunError> {
        self.change(Call::new("endRecording", self.deadlines().snapshot).vm(vmx))
            .await
    }

    /// `beginReplay` (until 1.10).
    pub async fn begin_replay(&self, vmx: &Path, name: &str) -> Result<(), VmrunError> {
        self.change(Call::new("beginReplay", self.deadlines().snapshot).vm(vmx).param(name))
            .await
    }

    /// `endReplay` (until 1.10).
    pub async fn end_replay(&self, vmx: &Path) -> Result<(), VmrunError> {
        self.change(Call::new("endReplay", self.deadlines().snapshot).vm(vmx))
            .await
    }
}
