//! Snapshots, clones and disks, with real images whose content is checked.

use std::path::{Path, PathBuf};

use super::lab::{Lab, have_qemu, pattern, text};

/// The file that a machine's first disk is in at the moment.
fn disk(vmx: &Path) -> PathBuf {
    let dict = std::fs::read_to_string(vmx).expect("a machine");
    let line = dict
        .lines()
        .find(|line| line.starts_with("scsi0:0.fileName"))
        .expect("a disk");
    vmx.with_file_name(line.split('"').nth(1).expect("a value"))
}

fn write(vmx: &Path, byte: u8, offset: &str) {
    assert!(pattern("write", &disk(vmx), byte, offset), "{}", disk(vmx).display());
}

fn holds(vmx: &Path, byte: u8, offset: &str) -> bool {
    pattern("read", &disk(vmx), byte, offset)
}

fn files(vmx: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(vmx.parent().expect("a directory"))
        .expect("readable")
        .flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names
        .filter(|name| Path::new(name).extension().is_some_and(|end| end == "vmdk"))
        .collect();
    names.sort();
    names
}

#[test]
fn reverting_brings_back_what_the_disk_held() {
    if !have_qemu() {
        return;
    }
    let lab = Lab::new();
    let vmx = lab.machine("가 나/기계.vmx");
    let name = text(&vmx);
    write(&vmx, 1, "0");
    assert_eq!(lab.vmrun(&["snapshot", &name, "처음 상태"]).ok(), "");
    write(&vmx, 2, "0");
    lab.vmrun(&["snapshot", &name, "second"]).ok();
    write(&vmx, 3, "0");
    assert_eq!(
        lab.vmrun(&["listSnapshots", &name]).ok(),
        "Total snapshots: 2\n처음 상태\nsecond\n"
    );
    assert_eq!(
        lab.vmrun(&["listSnapshots", &name, "showTree"]).ok(),
        "Total snapshots: 2\n처음 상태\n\tsecond\n"
    );
    assert_eq!(
        lab.vmrun(&["snapshot", &name, "second"]).failed(),
        "Error: A snapshot with the name already exists\n"
    );
    lab.vmrun(&["revertToSnapshot", &name, "처음 상태"]).ok();
    assert!(holds(&vmx, 1, "0"));
    write(&vmx, 4, "0");
    lab.vmrun(&["revertToSnapshot", &name, "second"]).ok();
    assert!(holds(&vmx, 2, "0"));
    assert_eq!(files(&vmx).len(), 3, "{:?}", files(&vmx));
    assert_eq!(
        lab.vmrun(&["revertToSnapshot", &name, "third"]).failed(),
        "Error: The snapshot does not exist\n"
    );
}

#[test]
fn a_running_machine_is_stopped_by_a_revert_and_refuses_a_snapshot() {
    if !have_qemu() {
        return;
    }
    let lab = Lab::new();
    let name = text(&lab.machine("a/a.vmx"));
    lab.vmrun(&["snapshot", &name, "base"]).ok();
    lab.vmrun(&["start", &name, "nogui"]).ok();
    assert_eq!(
        lab.vmrun(&["snapshot", &name, "live"]).failed(),
        "Error: Snapshots are not allowed on this virtual machine\n"
    );
    lab.vmrun(&["revertToSnapshot", &name, "base"]).ok();
    assert_eq!(lab.vmrun(&["list"]).ok(), "Total running VMs: 0\n");
    lab.vmrun(&["start", &name, "nogui"]).ok();
}

#[test]
fn deleting_snapshots_keeps_the_present_state_and_gives_up_the_layers() {
    if !have_qemu() {
        return;
    }
    let lab = Lab::new();
    let vmx = lab.machine("a/a.vmx");
    let name = text(&vmx);
    for (byte, offset, snapshot) in [(1, "0", "one"), (2, "1M", "two"), (3, "2M", "three")] {
        write(&vmx, byte, offset);
        lab.vmrun(&["snapshot", &name, snapshot]).ok();
    }
    write(&vmx, 4, "0");
    lab.vmrun(&["deleteSnapshot", &name, "two"]).ok();
    assert_eq!(files(&vmx).len(), 3, "{:?}", files(&vmx));
    assert!(holds(&vmx, 4, "0") && holds(&vmx, 2, "1M") && holds(&vmx, 3, "2M"));
    lab.vmrun(&["revertToSnapshot", &name, "three"]).ok();
    assert!(holds(&vmx, 1, "0") && holds(&vmx, 2, "1M") && holds(&vmx, 3, "2M"));
    write(&vmx, 5, "3M");
    lab.vmrun(&["deleteSnapshot", &name, "one", "andDeleteChildren"]).ok();
    assert_eq!(lab.vmrun(&["listSnapshots", &name]).ok(), "Total snapshots: 0\n");
    assert_eq!(files(&vmx).len(), 1, "{:?}", files(&vmx));
    assert!(holds(&vmx, 1, "0") && holds(&vmx, 2, "1M") && holds(&vmx, 3, "2M") && holds(&vmx, 5, "3M"));
    lab.vmrun(&["start", &name, "nogui"]).ok();
}

#[test]
fn a_branch_keeps_the_layer_that_two_snapshots_stand_on() {
    if !have_qemu() {
        return;
    }
    let lab = Lab::new();
    let vmx = lab.machine("a/a.vmx");
    let name = text(&vmx);
    write(&vmx, 1, "0");
    lab.vmrun(&["snapshot", &name, "base"]).ok();
    write(&vmx, 2, "1M");
    lab.vmrun(&["snapshot", &name, "left"]).ok();
    lab.vmrun(&["revertToSnapshot", &name, "base"]).ok();
    write(&vmx, 3, "1M");
    lab.vmrun(&["snapshot", &name, "right"]).ok();
    assert_eq!(
        lab.vmrun(&["listSnapshots", &name, "showTree"]).ok(),
        "Total snapshots: 3\nbase\n\tleft\n\tright\n"
    );
    lab.vmrun(&["deleteSnapshot", &name, "base"]).ok();
    lab.vmrun(&["revertToSnapshot", &name, "left"]).ok();
    assert!(holds(&vmx, 1, "0") && holds(&vmx, 2, "1M"));
    lab.vmrun(&["revertToSnapshot", &name, "right"]).ok();
    assert!(holds(&vmx, 1, "0") && holds(&vmx, 3, "1M"));
    lab.vmrun(&["deleteSnapshot", &name, "left"]).ok();
    assert!(holds(&vmx, 1, "0") && holds(&vmx, 3, "1M"));
}

#[test]
fn an_interrupted_merge_is_finished_by_the_next_command() {
    if !have_qemu() {
        return;
    }
    let lab = Lab::new();
    let vmx = lab.machine("a/a.vmx");
    let name = text(&vmx);
    write(&vmx, 1, "0");
    lab.vmrun(&["snapshot", &name, "one"]).ok();
    write(&vmx, 2, "1M");
    // As a crash right after the first note of the merge would leave it.
    let (from, into) = (disk(&vmx), vmx.with_file_name("disk.vmdk"));
    let note = serde_json::json!({ "from": from, "into": into }).to_string();
    std::fs::write(vmx.with_extension("merge.json"), note).expect("written");
    lab.vmrun(&["snapshot", &name, "two"]).ok();
    assert!(holds(&vmx, 1, "0") && holds(&vmx, 2, "1M"));
    assert!(!vmx.with_extension("merge.json").exists());
    // The layer's name is free again, and the new snapshot's overlay has taken it.
    assert_eq!(files(&vmx), ["disk-000001.vmdk", "disk.vmdk"]);
}

#[test]
fn a_linked_clone_is_small_independent_and_protects_its_parent() {
    if !have_qemu() {
        return;
    }
    let lab = Lab::new();
    let (parent, clone) = (lab.machine("템플릿/t.vmx"), lab.path("클론 1/c.vmx"));
    let (parent_name, clone_name) = (text(&parent), text(&clone));
    write(&parent, 1, "0");
    lab.vmrun(&["snapshot", &parent_name, "base"]).ok();
    write(&parent, 9, "0");
    let cloned = lab.vmrun(&[
        "clone",
        &parent_name,
        &clone_name,
        "linked",
        "-snapshot=base",
        "-cloneName=복제",
    ]);
    assert_eq!(cloned.ok(), "");
    assert!(holds(&clone, 1, "0"));
    write(&clone, 2, "0");
    assert!(holds(&parent, 9, "0"));
    let dict = std::fs::read_to_string(&clone).expect("a machine");
    assert!(
        dict.contains("displayName = \"복제\"") && !dict.contains("uuid.bios"),
        "{dict}"
    );
    // Both run at once.
    lab.vmrun(&["start", &clone_name, "nogui"]).ok();
    lab.vmrun(&["start", &parent_name, "nogui"]).ok();
    assert!(lab.vmrun(&["list"]).ok().starts_with("Total running VMs: 2\n"));
    lab.vmrun(&["stop", &clone_name, "hard"]).ok();
    lab.vmrun(&["stop", &parent_name, "hard"]).ok();

    let kept = "Error: Insufficient permissions in the host operating system\n";
    assert_eq!(lab.vmrun(&["deleteVM", &parent_name]).failed(), kept);
    assert_eq!(lab.vmrun(&["deleteSnapshot", &parent_name, "base"]).failed(), kept);
    assert_eq!(
        lab.vmrun(&["clone", &parent_name, &clone_name, "full"]).failed(),
        "Error: The file already exists\n"
    );
    lab.vmrun(&["deleteVM", &clone_name]).ok();
    assert!(!clone.parent().expect("a directory").exists());
    lab.vmrun(&["deleteSnapshot", &parent_name, "base"]).ok();
    assert!(holds(&parent, 9, "0"));
    lab.vmrun(&["deleteVM", &parent_name]).ok();
    assert!(!parent.parent().expect("a directory").exists());
}

#[test]
fn clones_without_a_named_snapshot_and_full_clones_work() {
    if !have_qemu() {
        return;
    }
    let lab = Lab::new();
    let parent = lab.machine("t/t.vmx");
    let name = text(&parent);
    write(&parent, 1, "0");
    let (linked, full) = (lab.path("l/l.vmx"), lab.path("f/f.vmx"));
    lab.vmrun(&["clone", &name, &text(&full), "full"]).ok();
    assert_eq!(lab.vmrun(&["listSnapshots", &name]).ok(), "Total snapshots: 0\n");
    lab.vmrun(&["clone", &name, &text(&linked), "linked"]).ok();
    assert!(
        lab.vmrun(&["listSnapshots", &name])
            .ok()
            .starts_with("Total snapshots: 1\n")
    );
    assert!(holds(&linked, 1, "0") && holds(&full, 1, "0"));
    lab.vmrun(&["start", &name, "nogui"]).ok();
    assert_eq!(
        lab.vmrun(&["clone", &name, &text(&lab.path("g/g.vmx")), "full"])
            .failed(),
        "Error: The virtual machine should not be powered on. It is already running.\n"
    );
    assert!(!lab.path("g").exists());
    lab.vmrun(&["start", &text(&full), "nogui"]).ok();
}

#[test]
fn foreign_files_survive_the_deletion_of_a_machine() {
    if !have_qemu() {
        return;
    }
    let lab = Lab::new();
    let vmx = lab.machine("a/a.vmx");
    let note = vmx.with_file_name("notes.txt");
    std::fs::write(&note, "mine").expect("written");
    lab.vmrun(&["start", &text(&vmx), "nogui"]).ok();
    lab.vmrun(&["deleteVM", &text(&vmx)]).failed();
    lab.vmrun(&["stop", &text(&vmx), "hard"]).ok();
    lab.vmrun(&["deleteVM", &text(&vmx)]).ok();
    assert!(note.exists() && !vmx.exists() && files(&vmx).is_empty());
    assert!(lab.path("seed.iso").exists());
}

#[test]
fn disks_grow_with_what_they_hold() {
    if !have_qemu() {
        return;
    }
    let lab = Lab::new();
    let parent = lab.machine("t/t.vmx");
    write(&parent, 1, "0");
    let grow = |disk: &Path, size: &str| Lab::vdiskmanager(&["-x", size, &text(disk)]);
    assert_eq!(
        grow(&disk(&parent), "16MB").ok(),
        "Disk expansion completed successfully.\n"
    );
    assert!(holds(&parent, 1, "0"));
    write(&parent, 2, "15M");
    let clone = lab.path("c/c.vmx");
    lab.vmrun(&["clone", &text(&parent), &text(&clone), "linked"]).ok();
    // First while the clone's own layer is empty, then when it holds something.
    for (size, byte, offset) in [("32MB", 3, "31M"), ("64MB", 4, "63M")] {
        grow(&disk(&clone), size).ok();
        write(&clone, byte, offset);
        assert!(
            holds(&clone, 1, "0") && holds(&clone, 2, "15M") && holds(&clone, byte, offset),
            "{size}"
        );
    }
    assert!(holds(&clone, 3, "31M"));
    let smaller = grow(&disk(&clone), "1MB");
    assert_eq!(smaller.code, 1);
    assert!(
        smaller.text.contains("One of the parameters supplied is invalid"),
        "{}",
        smaller.text
    );
    lab.vmrun(&["start", &text(&clone), "nogui"]).ok();
    lab.vmrun(&["stop", &text(&clone), "hard"]).ok();
    lab.vmrun(&["deleteVM", &text(&clone)]).ok();
    assert!(!lab.path("c").exists());
}

#[test]
fn existing_disks_are_never_overwritten() {
    if !have_qemu() {
        return;
    }
    let lab = Lab::new();
    let vmx = lab.machine("t/t.vmx");
    write(&vmx, 1, "0");
    let (old, new) = (text(&disk(&vmx)), text(&vmx.with_file_name("new.vmdk")));
    let again = Lab::vdiskmanager(&["-c", "-s", "8MB", &old]);
    assert!(
        again.code == 1 && again.text.starts_with("Failed to create disk: The file already exists"),
        "{}",
        again.text
    );
    Lab::vdiskmanager(&["-r", &old, "-t", "0", &new]).ok();
    assert!(pattern("read", Path::new(&new), 1, "0") && holds(&vmx, 1, "0"));
    assert_eq!(Lab::vdiskmanager(&["-r", &old, "-t", "0", &new]).code, 1);
}
