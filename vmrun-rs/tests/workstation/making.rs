//! Machines that are made and deleted.

use std::fs;

use vmrun_rs::HypervisorError;
use vmrun_rs::hypervisor::{DiskSource, Hypervisor, NicSpec, PowerState, StopMode, VmSpec};

use crate::world::World;

#[tokio::test]
async fn a_clone_is_made_of_a_template_and_fitted_to_its_description() {
    let world = World::new();
    let vm = world.machine().await;
    assert_eq!(vm, world.host.id_of(&world.path("web 한글"), "web 한글"));
    let vmx = World::vmx(&vm);
    assert_eq!(vmx.get("displayName").unwrap(), "web 한글");
    assert_eq!(
        vmx.get("sata0:0.fileName").unwrap(),
        world.path("seed 한글.iso").to_str().unwrap()
    );
    assert_eq!(vmx.get("guestinfo.role").unwrap(), "master");
    assert_eq!(vmx.get("ethernet0.address").unwrap(), "00:50:56:00:00:10");
    assert_eq!(world.host.console(&vm).unwrap(), world.path("web 한글/console.log"));
    let clone: Vec<String> = world.fake.calls().into_iter().find(|call| call[2] == "clone").unwrap();
    assert_eq!(clone[5..], ["linked", "-snapshot=base", "-cloneName=web 한글"]);
    assert_eq!(world.host.state(&vm).await.unwrap(), PowerState::Off);
}

#[tokio::test]
async fn a_directory_with_something_in_it_is_left_alone_and_a_failed_attempt_leaves_nothing() {
    let world = World::new();
    let template = world.template().await;
    let disk = DiskSource::LinkedClone {
        template,
        snapshot: "base".to_owned(),
    };
    let spec = world.spec("web", disk);
    fs::create_dir(&spec.directory).unwrap();
    fs::write(spec.directory.join("mine.txt"), "x").unwrap();
    assert!(matches!(
        world.host.create(&spec).await,
        Err(HypervisorError::NotEmpty { .. })
    ));
    assert!(spec.directory.join("mine.txt").exists());

    fs::remove_file(spec.directory.join("mine.txt")).unwrap();
    world.mood("clone-fails");
    let error = world.host.create(&spec).await.unwrap_err();
    assert!(error.one_line().contains("base"), "{}", error.one_line());
    assert_eq!(fs::read_dir(&spec.directory).unwrap().count(), 0);
}

#[tokio::test]
async fn a_description_that_cannot_be_is_refused_before_anything_is_made() {
    let world = World::new();
    let good = world.spec("web", DiskSource::Blank { gib: 1 });
    let bad = [
        VmSpec {
            cpus: 0,
            ..good.clone()
        },
        VmSpec {
            name: " ".to_owned(),
            ..good.clone()
        },
        VmSpec {
            media: vec![world.path("absent.iso")],
            ..good.clone()
        },
        VmSpec {
            nics: vec![NicSpec {
                network: "VMnet1".into(),
                mac: Some("00:50".into()),
            }],
            ..good.clone()
        },
    ];
    for spec in bad {
        let error = world.host.create(&spec).await.unwrap_err();
        assert!(matches!(error, HypervisorError::InvalidSpec { .. }), "{error}");
    }
    assert!(!good.directory.exists());
    assert!(world.fake.calls().is_empty());
}

#[tokio::test]
async fn a_blank_machine_gets_a_disk_of_its_own_or_nothing_is_left() {
    let world = World::new();
    let spec = world.spec("blank", DiskSource::Blank { gib: 3 });
    let vm = world.host.create(&spec).await.unwrap();
    assert_eq!(World::vmx(&vm).get("scsi0:0.fileName").unwrap(), "blank.vmdk");
    let calls = fs::read_to_string(world.path("blank/calls")).unwrap();
    assert!(calls.starts_with("-c\t-s\t3GB\t"), "{calls}");

    // A disk image that is larger than asked for already stays as it is; another refusal is an error.
    for (answer, accepted) in [
        ("One of the parameters supplied is invalid", true),
        ("Failed to lock the file", false),
    ] {
        fs::write(world.path("cloud.vmdk"), "disk").unwrap();
        fs::write(world.path("answer"), format!("echo '{answer}'; exit 1")).unwrap();
        let spec = VmSpec {
            disk_gib: Some(9),
            ..world.spec(answer, DiskSource::Existing(world.path("cloud.vmdk")))
        };
        let made = world.host.create(&spec).await;
        assert_eq!(made.is_ok(), accepted, "{made:?}");
        assert_eq!(spec.directory.exists(), accepted);
    }
}

#[tokio::test]
async fn deleting_keeps_what_is_not_the_machines_own() {
    let world = World::new();
    let vm = world.template().await;
    let directory = world.path("template");
    fs::write(directory.join("vmware.log"), "").unwrap();
    fs::write(directory.join("notes.txt"), "mine").unwrap();
    world.host.delete(&vm).await.unwrap();
    assert_eq!(
        fs::read(world.path("cloud.vmdk")).unwrap(),
        b"disk",
        "the image is somebody else's"
    );
    let left: Vec<_> = fs::read_dir(&directory)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(left, ["notes.txt"]);
    assert_eq!(world.host.state(&vm).await.unwrap(), PowerState::Missing);
    world.host.delete(&vm).await.unwrap();

    let vm = world
        .host
        .create(&world.spec("whole", DiskSource::Existing(world.path("cloud.vmdk"))))
        .await
        .unwrap();
    world.host.start(&vm).await.unwrap();
    assert!(matches!(
        world.host.delete(&vm).await,
        Err(HypervisorError::Running { .. })
    ));
    world.host.stop(&vm, StopMode::Hard).await.unwrap();
    world.host.delete(&vm).await.unwrap();
    assert!(!world.path("whole").exists());
}
