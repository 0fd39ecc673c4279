//! `image`: a cloud image becomes a template machine, or nothing at all.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use crate::machines;
use crate::support::Place;

/// Of what the file [`vmdk`] writes holds.
fn sha256(path: PathBuf) -> String {
    let output = Command::new("sha256sum").arg(path).output().unwrap();
    String::from_utf8_lossy(&output.stdout)[..64].to_owned()
}

/// The head of a disk that is run as it is, or of a compressed one.
fn vmdk(place: &Place, name: &str, compressed: bool) -> PathBuf {
    let mut disk = b"KDMV\x01\x00\x00\x00\x03\x00\x00\x00".to_vec();
    disk[10] = u8::from(compressed);
    disk.resize(512, 0);
    std::fs::write(place.file(name), disk).unwrap();
    place.file(name)
}

/// What stands beside vmrun and converts; it writes down what it was told.
fn disk_manager(place: &Place) {
    let script = "#!/bin/sh\necho \"$*\" >>\"$(dirname \"$0\")/converted\"\n[ \"$1\" = -r ] && cp \"$2\" \"$5\"\n";
    let path = place.write("vmware-vdiskmanager", script);
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn imported(place: &Place) -> usize {
    std::fs::read_dir(place.file("data/images"))
        .map_or(0, |entries| entries.flatten().filter(|e| e.path().is_dir()).count())
}

#[test]
fn an_image_with_the_right_checksum_becomes_a_template_with_a_snapshot_that_nodes_are_cloned_from() {
    let place = machines::place();
    let file = vmdk(&place, "debian-13.vmdk", false);
    let sum = sha256(file).to_uppercase();
    let ran = place
        .run(&["image", "import", "debian-13.vmdk", "--sha256", &sum])
        .code(0);
    let lines = ran
        .stdout
        .split_once("in lab.toml:\n\n")
        .unwrap_or_else(|| panic!("{ran}"))
        .1
        .to_owned();
    assert!(ran.stdout.starts_with("image debian-13 is imported"), "{ran}");
    let json = place.run(&["image", "list", "--output", "json"]).code(0).json();
    let image = &json["images"][0];
    assert_eq!(
        (&image["name"], &image["source"]),
        (&"debian-13".into(), &"debian-13.vmdk".into())
    );
    let template = image["template"]
        .as_str()
        .unwrap()
        .replace("[DIR]", &place.path().display().to_string());
    let snapshots = std::fs::read_to_string(format!("{template}.snapshots")).unwrap();
    assert_eq!(snapshots.trim(), image["snapshot"].as_str().unwrap());
    assert_eq!(
        std::fs::read(place.file("data/images/debian-13/disk.vmdk"))
            .unwrap()
            .len(),
        512
    );
    // Again: it is there already, whatever the file is called.
    let again = place
        .run(&["image", "import", "debian-13.vmdk", "--output", "json"])
        .code(0)
        .json();
    assert_eq!(again["sha256"], image["sha256"]);
    assert_eq!(imported(&place), 1);

    // The lines that were printed are what lab.toml needs.
    let toml = std::fs::read_to_string(place.file("lab.toml")).unwrap();
    let lines = lines.replace("[DIR]", &place.path().display().to_string());
    place.write("lab.toml", &toml.replace("[image]\ndisk = \"image.vmdk\"\n", &lines));
    let doctor = place.run(&["doctor", "--output", "json"]).json();
    let check = doctor["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c["id"] == "image")
        .unwrap()
        .clone();
    assert_eq!(check["status"], "ok", "{check}");
    place.run(&["up", "--progress", "none"]).code(4);
    assert!(place.file("data/labs/lab/vms/m/vm/m.vmx").is_file(), "cloned from it");
    let table = place.run(&["image", "list", "--lang", "ko"]).code(0).stdout;
    assert!(table.starts_with("이름") && table.contains("debian-13.vmdk"), "{table}");
}

#[test]
fn a_wrong_checksum_a_taken_name_or_another_file_makes_nothing() {
    let place = machines::place();
    vmdk(&place, "a.vmdk", false);
    let ran = place
        .run(&["image", "import", "a.vmdk", "--sha256", &"0".repeat(64)])
        .code(1);
    assert!(
        ran.stderr
            .contains("a.vmdk is not the file that was expected\n  | expected SHA-256 000")
            && ran.stderr.contains("  | found    SHA-256 ")
            && ran.stderr.contains("help: download it again"),
        "{ran}"
    );
    let korean = place
        .run(&["image", "import", "a.vmdk", "--sha256", "00", "--lang", "ko"])
        .code(1);
    assert!(
        korean.stderr.contains("a.vmdk은(는) 기대한 파일이 아닙니다"),
        "{korean}"
    );
    assert_eq!(imported(&place), 0);
    let ran = place.run(&["image", "list"]).code(0);
    assert!(ran.stdout.contains("`lab-cli image import FILE`"), "{ran}");

    place.run(&["image", "import", "a.vmdk"]).code(0);
    std::fs::write(place.file("b.vmdk"), b"KDMV\x01\x00\x00\x00\x03\x00\x00\x00 other").unwrap();
    let ran = place.run(&["image", "import", "b.vmdk", "--name", "a"]).code(2);
    assert!(
        ran.stderr
            .contains("there is another image `a` already, made of a.vmdk")
            && ran.stderr.contains("--name"),
        "{ran}"
    );
    place.run(&["image", "import", "b.vmdk"]).code(0);
    assert_eq!(imported(&place), 2);

    place.write("disk.ova", "an archive");
    let ran = place.run(&["image", "import", "disk.ova"]).code(3);
    assert!(
        ran.stderr.contains("neither a VMDK nor a qcow2") && ran.stderr.contains("help: an .ova is a tar archive"),
        "{ran}"
    );
    let ran = place
        .run(&["image", "import", "missing.vmdk", "--output", "json"])
        .code(3);
    assert!(
        ran.error()["message"].as_str().unwrap().contains("cannot be read"),
        "{ran}"
    );
    vmdk(&place, "이미지.vmdk", false);
    let ran = place.run(&["image", "import", "이미지.vmdk"]).code(2);
    assert!(ran.stderr.contains("--name"), "a name that is none can be given: {ran}");
    place
        .run(&["image", "import", "이미지.vmdk", "--name", "korean"])
        .code(0);
}

#[test]
fn a_compressed_vmdk_is_converted_by_vmwares_own_program() {
    let place = machines::place();
    vmdk(&place, "cloud.vmdk", true);
    let ran = place.run(&["image", "import", "cloud.vmdk"]);
    assert_ne!(ran.code, 0);
    assert!(
        ran.stderr.contains("vmware-vdiskmanager"),
        "it says what is missing: {ran}"
    );
    disk_manager(&place);
    place.run(&["image", "import", "cloud.vmdk"]).code(0);
    let said = std::fs::read_to_string(place.file("converted")).unwrap();
    assert!(said.contains("-r ") && said.contains("cloud.vmdk -t 0 "), "{said}");
}

#[test]
fn a_qcow2_image_is_converted_by_qemu_img_and_a_layer_is_refused() {
    if Command::new("qemu-img").arg("--version").output().is_err() {
        assert!(
            std::env::var_os("LAB_TESTS_REQUIRE").is_none_or(|v| v != "1"),
            "qemu-img is not installed"
        );
        eprintln!("skipped: qemu-img is not installed");
        return;
    }
    let place = machines::place();
    let qemu_img = |arguments: &[&str]| {
        let output = Command::new("qemu-img")
            .args(arguments)
            .current_dir(place.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    qemu_img(&["create", "-q", "-f", "qcow2", "cloud.qcow2", "8M"]);
    qemu_img(&[
        "create",
        "-q",
        "-f",
        "qcow2",
        "-b",
        "cloud.qcow2",
        "-F",
        "qcow2",
        "layer.qcow2",
    ]);
    place.run(&["image", "import", "cloud.qcow2"]).code(0);
    let disk = std::fs::read(place.file("data/images/cloud/disk.vmdk")).unwrap();
    assert!(disk.starts_with(b"KDMV"));
    let ran = place.run(&["image", "import", "layer.qcow2"]).code(1);
    assert!(
        ran.stderr.contains("is only a layer above cloud.qcow2") && ran.stderr.contains("help: flatten it first"),
        "{ran}"
    );
    let without = place.env("VMRUN_QEMU_IMG", "/nowhere/qemu-img");
    vmdk(&without, "x.vmdk", false);
    let ran = without
        .run(&["image", "import", "cloud.qcow2", "--name", "again"])
        .code(3);
    assert!(ran.stderr.contains("help: install it (qemu-utils"), "{ran}");
}
