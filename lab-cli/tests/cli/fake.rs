//! A vmrun that does no more than it must for a test: a shell script.

use std::os::unix::fs::PermissionsExt as _;

use crate::support::Place;

fn vmrun(script: &str) -> Place {
    let place = Place::new();
    let path = place.write("vmrun", &format!("#!/bin/sh\n{script}\n"));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    place.env("VMRUN_PATH", path.display().to_string())
}

/// Knows of no machine. Without a command it prints the beginning of vmrun 1.17's usage text.
pub(crate) fn idle() -> Place {
    vmrun(
        "case \"$*\" in *list*) echo 'Total running VMs: 0' ;; *) printf '\\nvmrun version 1.17.0 build-24832109\\n\\nUsage: vmrun [AUTHENTICATION-FLAGS] COMMAND [PARAMETERS]\\n'; exit 255 ;; esac",
    )
}

/// Never answers.
pub(crate) fn vmrun_that_hangs() -> Place {
    vmrun("exec sleep 600")
}
