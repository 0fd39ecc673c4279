//! A vmrun that does no more than it must for a test: a shell script.

use std::os::unix::fs::PermissionsExt as _;

use crate::support::Place;

fn vmrun(script: &str) -> Place {
    let place = Place::new();
    let path = place.write("vmrun", script);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    place.env("VMRUN_PATH", path.display().to_string())
}

/// Makes and starts machines in which nothing ever answers.
pub(crate) fn dead_guests() -> Place {
    vmrun(include_str!("vmrun.sh"))
}

/// Never answers itself.
pub(crate) fn vmrun_that_hangs() -> Place {
    vmrun("#!/bin/sh\nexec sleep 600\n")
}
