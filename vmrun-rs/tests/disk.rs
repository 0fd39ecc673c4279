//! Virtual disks: the words that `vmware-vdiskmanager` is called with, and what its answers become.
#![cfg(target_os = "linux")]

mod support;

use std::fs;
use std::path::Path;

use support::Fake;
use vmrun_rs::FailureClass;
use vmrun_rs::disk::{DiskError, DiskLayout, DiskManager};

fn manager() -> DiskManager {
    DiskManager::beside(&Fake::program()).unwrap()
}

#[tokio::test]
async fn every_operation_is_called_as_the_help_text_says() {
    let dir = tempfile::tempdir().unwrap();
    let disk = dir.path().join("한글 \"disk\".vmdk");
    let other = dir.path().join("other.vmdk");
    let manager = manager();
    manager.create(&disk, 40, DiskLayout::Growable).await.unwrap();
    manager.grow(&disk, 80).await.unwrap();
    manager.convert(&disk, &other, DiskLayout::Stream).await.unwrap();
    manager.rename(&disk, &other).await.unwrap();
    manager.defragment(&disk).await.unwrap();
    manager.shrink(&disk).await.unwrap();
    manager.delete(&disk).await.unwrap();
    let calls = fs::read_to_string(dir.path().join("calls")).unwrap();
    let shown = calls
        .replace(disk.to_str().unwrap(), "DISK")
        .replace(other.to_str().unwrap(), "OTHER");
    let lines: Vec<_> = shown.lines().map(|line| line.trim_end().replace('\t', " ")).collect();
    assert_eq!(
        lines,
        [
            "-c -s 40GB -a lsilogic -t 0 DISK",
            "-x 80GB DISK",
            "-r DISK -t 5 OTHER",
            "-n DISK OTHER",
            "-d DISK",
            "-k DISK",
            "-U DISK"
        ]
    );
}

#[tokio::test]
async fn answers_are_judged_by_their_text_and_noise_is_none() {
    const NOISE: &str =
        "echo 'VixDiskLib: Invalid configuration file parameter.  Failed to read configuration file.' >&2;";
    for (answer, class) in [
        (
            "echo 'Failed to create disk: The file already exists (0x5000c) .'; exit 1",
            FailureClass::AlreadyExists,
        ),
        (
            "echo 'Failed to create disk: There is not enough space in the file system'; exit 0",
            FailureClass::Resources,
        ),
        (
            "echo 'One of the parameters supplied is invalid'; exit 1",
            FailureClass::InvalidParameter,
        ),
        ("exit 3", FailureClass::Unknown),
    ] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("answer"), format!("{NOISE} {answer}")).unwrap();
        let error = manager().grow(&dir.path().join("a.vmdk"), 1).await.unwrap_err();
        assert_eq!(error.failure().unwrap().class, class, "{error}");
    }
    let dir = tempfile::tempdir().unwrap();
    let answer = format!("{NOISE} echo '  Create: 100% done.'; echo 'Virtual disk creation successful.'");
    fs::write(dir.path().join("answer"), answer).unwrap();
    manager()
        .create(&dir.path().join("a.vmdk"), 1, DiskLayout::SplitPreallocated)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let error = DiskManager::beside(Path::new("/nowhere/vmrun")).unwrap_err();
    assert!(matches!(error, DiskError::NoProgram { .. }));
    assert!(error.to_string().contains("/nowhere/vmrun"), "{error}");
    let error = DiskManager::new("/nowhere/vdm")
        .shrink(Path::new("/x"))
        .await
        .unwrap_err();
    assert!(matches!(error, DiskError::Exec { .. }), "{error}");
}
