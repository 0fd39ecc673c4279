//! Starting, stopping, and who runs.

use std::path::{Path, PathBuf};

use crate::error::VmrunError;
use crate::hypervisor::StopMode;

use super::argv::Call;
use super::{ToolsState, Vmrun, locks, parse};

impl Vmrun {
    /// `list`: the `.vmx` paths of the running machines. On Windows only those of this user session are listed.
    pub async fn list(&self) -> Result<Vec<PathBuf>, VmrunError> {
        self.query(&Call::new("list", self.deadlines().query).data(), parse::running)
            .await
    }

    /// `start`. The exit code alone proves little: check [`is_running`](Self::is_running).
    pub async fn start(&self, vmx: &Path, gui: bool) -> Result<(), VmrunError> {
        let call = Call::new("start", self.deadlines().start)
            .vm(vmx)
            .param(if gui { "gui" } else { "nogui" });
        self.change(call).await
    }

    /// `stop`. A soft stop needs VMware Tools in the guest.
    pub async fn stop(&self, vmx: &Path, mode: StopMode) -> Result<(), VmrunError> {
        self.change(self.stopping("stop", vmx, mode)).await
    }

    /// `reset`. A hard reset was seen to leave the machine off: check [`is_running`](Self::is_running).
    pub async fn reset(&self, vmx: &Path, mode: StopMode) -> Result<(), VmrunError> {
        self.change(self.stopping("reset", vmx, mode)).await
    }

    /// `suspend`.
    pub async fn suspend(&self, vmx: &Path, mode: StopMode) -> Result<(), VmrunError> {
        self.change(Call::new("suspend", self.deadlines().suspend).vm(vmx).param(word(mode)))
            .await
    }

    /// `pause`.
    pub async fn pause(&self, vmx: &Path) -> Result<(), VmrunError> {
        self.change(Call::new("pause", self.deadlines().stop_hard).vm(vmx))
            .await
    }

    /// `unpause`.
    pub async fn unpause(&self, vmx: &Path) -> Result<(), VmrunError> {
        self.change(Call::new("unpause", self.deadlines().start).vm(vmx)).await
    }

    /// `checkToolsState`.
    pub async fn tools_state(&self, vmx: &Path) -> Result<ToolsState, VmrunError> {
        self.query(
            &Call::new("checkToolsState", self.deadlines().query).vm(vmx),
            parse::tools_state,
        )
        .await
    }

    fn stopping(&self, name: &'static str, vmx: &Path, mode: StopMode) -> Call {
        let deadline = match mode {
            StopMode::Soft => self.deadlines().stop_soft,
            StopMode::Hard => self.deadlines().stop_hard,
        };
        Call::new(name, deadline).vm(vmx).param(word(mode))
    }

    /// Runs a command that changes its machine, after all others that do.
    pub(super) async fn change(&self, call: Call) -> Result<(), VmrunError> {
        let _turn = match &call.vm {
            Some(vm) => Some(locks::lock(&locks::machine_key(vm)).await),
            None => None,
        };
        self.call(&call).await.map(|_| ())
    }
}

fn word(mode: StopMode) -> &'static str {
    match mode {
        StopMode::Soft => "soft",
        StopMode::Hard => "hard",
    }
}
