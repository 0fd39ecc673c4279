//! The inputs that fuzzing has found to reach something new, kept, and checked in every run.

#[path = "../fuzz/checks.rs"]
mod checks;

use std::fs;
use std::path::Path;

fn replay(name: &str, check: fn(&[u8])) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name);
    let mut count = 0;
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display());
        check(&fs::read(path).unwrap());
        count += 1;
    }
    assert!(count >= 10, "the corpus of {name} is gone");
}

#[test]
fn every_kept_output_is_read() {
    replay("output", checks::output);
    let messages: serde_json::Value = serde_json::from_str(include_str!("fixtures/messages.json")).unwrap();
    for message in messages.as_array().unwrap() {
        checks::output(message["text"].as_str().unwrap().as_bytes());
    }
}

#[test]
fn every_kept_configuration_survives() {
    replay("vmx", checks::vmx);
}

#[test]
fn every_kept_lease_file_is_read() {
    replay("leases", checks::lease_file);
}
