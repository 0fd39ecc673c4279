//! Chooses the program that runs the machines: VMware's vmrun where there is one, else the QEMU drop-in.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use vmrun_rs::locate::{self, LocateError};
use vmrun_rs::vmrun::{Deadlines, VmrunBuilder};
use vmrun_rs::{Hypervisor, Vmrun, Workstation, WorkstationOptions};

use crate::config::{HypervisorKind, HypervisorSection, SECRET_VARIABLES};
use crate::error::LabError;

/// Which program was chosen, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Chosen {
    /// The program.
    pub program: PathBuf,
    /// Whether it is the QEMU drop-in.
    pub drop_in: bool,
    /// Why this one, in one line.
    pub why: String,
}

/// Finds the program that the configuration asks for.
///
/// # Errors
///
/// A missing prerequisite that says where was looked and how to get one.
pub fn choose(section: &HypervisorSection) -> Result<Chosen, LabError> {
    if let Some(program) = &section.vmrun {
        let drop_in = section.kind == HypervisorKind::Qemu
            || program
                .file_stem()
                .is_some_and(|s| s.to_string_lossy().contains("vmrun-qemu"));
        if !program.is_file() {
            return Err(LabError::prerequisite(
                format!(
                    "vmrun, which drives the virtual machines, is not at {}",
                    program.display()
                ),
                "correct hypervisor.vmrun or VMRUN_PATH, or leave it out to have the usual places searched",
            ));
        }
        return Ok(Chosen {
            program: program.clone(),
            drop_in,
            why: "named by the configuration".to_owned(),
        });
    }
    if section.kind != HypervisorKind::Qemu {
        match locate::vmware() {
            Ok(found) => {
                let why = "VMware's vmrun was found".to_owned();
                return Ok(Chosen {
                    program: found.program,
                    drop_in: false,
                    why,
                });
            }
            // Somebody named a program: looking elsewhere would not be what they meant.
            Err(e @ LocateError::BadVariable { .. }) => {
                return Err(LabError::prerequisite(
                    "vmrun, which drives the virtual machines, was not found",
                    "correct VMRUN_PATH or unset it",
                )
                .source(e));
            }
            Err(_) => {}
        }
    }
    if section.kind != HypervisorKind::Vmware
        && let Ok(found) = locate::drop_in(&beside_this_program())
    {
        let why = match section.kind {
            HypervisorKind::Qemu => "asked for",
            _ => "no VMware vmrun on this machine, so the QEMU drop-in is used",
        };
        return Ok(Chosen {
            program: found.program,
            drop_in: true,
            why: why.to_owned(),
        });
    }
    Err(match section.kind {
        HypervisorKind::Vmware => LabError::prerequisite(
            "VMware's vmrun, which drives the virtual machines, was not found",
            "install VMware Workstation Pro, Player or Fusion, or set VMRUN_PATH to vmrun",
        ),
        _ => LabError::prerequisite(
            "neither VMware's vmrun nor the drop-in vmrun-qemu was found",
            "install VMware Workstation, or build the drop-in with `cargo build --release -p vmrun-qemu` and keep it beside lab-cli; \
             VMRUN_PATH can name either",
        ),
    })
}

/// The hypervisor over the chosen program, with the patience that the configuration asks for.
pub fn open(chosen: &Chosen, section: &HypervisorSection) -> Arc<dyn Hypervisor> {
    let patience = f64::from(section.patience.max(1)) / 100.0;
    let vmrun = Vmrun::builder(&chosen.program).deadlines(Deadlines::default().scaled(patience));
    let vmrun = SECRET_VARIABLES
        .into_iter()
        .fold(vmrun, VmrunBuilder::env_remove)
        .build();
    let mut options = WorkstationOptions::default();
    for limit in [
        &mut options.appear_timeout,
        &mut options.stop_timeout,
        &mut options.unlock_timeout,
    ] {
        *limit = limit.mul_f64(patience);
    }
    Arc::new(Workstation::with_options(vmrun, options))
}

fn beside_this_program() -> Vec<PathBuf> {
    std::env::current_exe()
        .ok()
        .and_then(|p| Some(p.parent()?.to_owned()))
        .into_iter()
        .collect()
}
