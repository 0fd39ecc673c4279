//! The scripts and units as files, judged by the tools that know them.

use std::fs;

use crate::common::{succeed, tool};

#[test]
fn every_script_is_clean_to_shellcheck() {
    let Some(shellcheck) = tool("shellcheck") else { return };
    let crate_root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let scripts = crate_root.join("src/guest/scripts/bootstrap.sh");
    let mut files = vec![scripts];
    files.extend(
        fs::read_dir(crate_root.join("tests/it/fakes"))
            .unwrap()
            .map(|entry| entry.unwrap().path()),
    );
    for file in files {
        succeed(&shellcheck, &["--severity=style", file.to_str().unwrap()]);
    }
}

#[test]
fn every_unit_is_clean_to_systemd() {
    let Some(analyze) = tool("systemd-analyze") else { return };
    let scripts = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/guest/scripts");
    for unit in ["lab-bootstrap.service", "k3s.service", "k3s-agent.service"] {
        let output = crate::common::run(&analyze, &["verify", "--man=no", scripts.join(unit).to_str().unwrap()]);
        let report = String::from_utf8_lossy(&output.stderr).into_owned();
        // The program itself is not on the machine that checks the unit.
        let complaints: Vec<&str> = report
            .lines()
            .filter(|line| line.contains(unit) && !line.contains("is not executable"))
            .collect();
        assert!(complaints.is_empty(), "{complaints:?}");
    }
}
