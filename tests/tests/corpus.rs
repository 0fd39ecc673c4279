//! The inputs that fuzzing has found to reach something new, and those that once broke something, kept and checked in every
//! run. `fuzz/` has the targets.

#[path = "../../fuzz/checks/mod.rs"]
mod checks;
#[cfg(unix)]
#[path = "../../vmrun-qemu/src/files.rs"]
#[allow(dead_code, reason = "`checks::vmrun_qemu` takes in a module that needs some of it")]
mod files;

use lab_tests::programs::workspace;

fn replay(name: &str, check: fn(&[u8])) {
    let mut count = 0;
    for entry in std::fs::read_dir(workspace().join("fuzz/corpus").join(name)).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display());
        check(&std::fs::read(path).unwrap());
        count += 1;
    }
    assert!(count >= 10, "the corpus of {name} is gone");
}

#[test]
fn every_kept_output_of_vmrun_is_read() {
    replay("output", checks::vmrun::output);
    let text = std::fs::read(workspace().join("vmrun-rs/tests/fixtures/messages.json")).unwrap();
    let messages: serde_json::Value = serde_json::from_slice(&text).unwrap();
    for message in messages.as_array().unwrap() {
        checks::vmrun::output(message["text"].as_str().unwrap().as_bytes());
    }
}

#[test]
fn every_kept_vmx_file_survives() {
    replay("vmx", checks::vmrun::vmx);
}

#[test]
fn every_kept_lease_file_is_read() {
    replay("leases", checks::vmrun::lease_file);
}

#[test]
fn every_kept_vmware_log_is_read() {
    replay("vmware_log", checks::vmrun::vmware_log);
}

#[test]
fn every_kept_lab_toml_is_read_or_explained() {
    replay("lab_toml", checks::engine::lab_toml);
}

#[test]
fn every_kept_record_is_shown() {
    replay("record", checks::timer::record);
}

#[test]
fn every_kept_registries_yaml_means_the_same_again() {
    replay("registries", checks::pki::registries);
}

#[test]
fn every_kept_certificate_is_judged() {
    replay("certificates", checks::pki::certificates);
}

#[test]
fn every_kept_guest_file_is_read() {
    replay("guest_files", checks::seed::guest_files);
}

#[test]
fn every_kept_seed_is_linted() {
    replay("seed_lint", checks::seed::seed_lint);
}

#[cfg(unix)]
#[test]
fn every_kept_dictionary_survives() {
    replay("dictionary", checks::vmrun_qemu::dictionary);
}
