//! Images are read back by other people's readers.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek, SeekFrom, Write};
use std::path::Path;

use cloudinit_gen::iso::{IsoBuilder, IsoError, Source};
use cloudinit_gen::{K3sServerConfig, MasterNode};

use crate::common::{node, succeed, tool};

/// Files with everything that is hard about names and sizes.
fn sample() -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    files.insert("user-data".to_owned(), b"#cloud-config\n".to_vec());
    files.insert("empty".to_owned(), Vec::new());
    files.insert("zz-last-and-empty".to_owned(), Vec::new());
    files.insert("exactly-a-sector".to_owned(), vec![b'x'; 2048]);
    files.insert("images/k3s-airgap-images-amd64.tar.zst".to_owned(), vec![7; 5000]);
    files.insert("images/k3s+airgap-images-amd64.tar.zst".to_owned(), vec![8; 1]);
    files.insert(format!("long/{}.txt", "n".repeat(99)), b"long".to_vec());
    files.insert("한글/마스터 노드.txt".to_owned(), "한글".as_bytes().to_vec());
    files.insert(format!("한글/{}", "가".repeat(84)), b"252 bytes".to_vec());
    files.insert("a/b/c/d/e/f/deep".to_owned(), b"deep".to_vec());
    // Enough to fill several sectors of records and of continuations.
    for number in 0..150 {
        files.insert(format!("many/{}-{number:03}", "m".repeat(90)), vec![b'm'; number]);
    }
    files
}

fn build(files: &BTreeMap<String, Vec<u8>>) -> IsoBuilder {
    let mut iso = IsoBuilder::new("LABTEST".parse().unwrap());
    for (path, data) in files {
        iso.file(path, Source::bytes(data.clone())).unwrap();
    }
    iso
}

/// Every file below a directory, by its path.
fn read_tree(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(next) = pending.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else {
                let name = path.strip_prefix(directory).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    files
}

#[test]
fn xorriso_finds_every_file_under_its_name_with_its_data() {
    let Some(xorriso) = tool("xorriso") else { return };
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("x.iso");
    build(&sample()).write_file(&image).unwrap();
    let out = directory.path().join("out");
    let (image, out_text) = (image.to_str().unwrap(), out.to_str().unwrap());
    for joliet in [false, true] {
        // `-read_fs norock` makes xorriso read Joliet's tree.
        let tree = if joliet { "norock" } else { "any" };
        let mut arguments = vec!["-osirrox", "on", "-read_fs", tree, "-indev", image];
        arguments.extend(["-extract", "/", out_text, "-chmod_r", "u+rwX", "/", "--"]);
        crate::common::run(&xorriso, &arguments);
        let chmod = tool("chmod").unwrap();
        succeed(&chmod, &["-R", "u+rwX", out_text]);
        assert_eq!(read_tree(&out), sample(), "joliet: {joliet}");
        fs::remove_dir_all(&out).unwrap();
    }
    let checked = crate::common::run(&xorriso, &["-indev", image, "-check_media", "--"]);
    let report = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(!report.contains("FAILURE") && !report.contains("SORRY"), "{report}");
}

#[test]
fn bsdtar_finds_every_file_in_both_trees() {
    let Some(bsdtar) = tool("bsdtar") else { return };
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("x.iso");
    build(&sample()).write_file(&image).unwrap();
    for options in ["iso9660:!joliet", "iso9660:!rockridge"] {
        let out = directory.path().join("out");
        fs::create_dir(&out).unwrap();
        let arguments = [
            "-x",
            "-f",
            image.to_str().unwrap(),
            "-C",
            out.to_str().unwrap(),
            "--options",
            options,
        ];
        let output = std::process::Command::new(&bsdtar)
            .args(arguments)
            .env("LC_ALL", "C.UTF-8")
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{options}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        succeed(&tool("chmod").unwrap(), &["-R", "u+rwX", out.to_str().unwrap()]);
        assert_eq!(read_tree(&out), sample(), "{options}");
        fs::remove_dir_all(&out).unwrap();
    }
}

#[test]
fn isoinfo_lists_rock_ridge_joliet_and_plain_names() {
    let Some(isoinfo) = tool("isoinfo") else { return };
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("x.iso");
    build(&sample()).write_file(&image).unwrap();
    let image = image.to_str().unwrap();
    let rock_ridge = succeed(&isoinfo, &["-R", "-f", "-i", image]);
    let joliet = succeed(&isoinfo, &["-J", "-f", "-i", image]);
    for path in sample().keys() {
        assert!(
            rock_ridge.lines().any(|line| line == format!("/{path}")),
            "{path} in {rock_ridge}"
        );
        if path.is_ascii() {
            assert!(
                joliet.lines().any(|line| line == format!("/{path}")),
                "{path} in {joliet}"
            );
        }
    }
    let plain = succeed(&isoinfo, &["-f", "-i", image]);
    assert!(plain.lines().any(|line| line == "/USER_DATA.;1"), "{plain}");
    assert!(
        plain
            .lines()
            .any(|line| line == "/IMAGES/K3S_AIRGAP_IMAGES_AMD64_TAR.ZST;1"),
        "{plain}"
    );
    let descriptor = succeed(&isoinfo, &["-d", "-i", image]);
    for expected in [
        "Volume id: LABTEST",
        "Joliet with UCS level 3 found",
        "Rock Ridge signatures",
        "Volume size is:",
    ] {
        assert!(descriptor.contains(expected), "{expected} in {descriptor}");
    }
}

#[test]
fn blkid_finds_the_label_that_cloud_init_looks_for() {
    let Some(blkid) = tool("blkid") else { return };
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("seed.iso");
    let seed = MasterNode::new(node("k3s-master1", "192.168.6.10/24"), K3sServerConfig::default())
        .render()
        .unwrap();
    seed.write_iso(&image).unwrap();
    let found = succeed(&blkid, &["-p", "-o", "export", image.to_str().unwrap()]);
    for expected in ["LABEL=CIDATA", "TYPE=iso9660", "UUID=1980-01-01-00-00-00-00"] {
        assert!(found.lines().any(|line| line == expected), "{expected} in {found}");
    }
    assert!(!private_files::others_can_read(&image).unwrap(), "a seed holds secrets");
}

#[test]
fn equal_files_make_equal_bytes_whatever_their_order() {
    let files = sample();
    let mut forward = Vec::new();
    build(&files).write_to(&mut forward).unwrap();
    let mut iso = IsoBuilder::new("LABTEST".parse().unwrap());
    for (path, data) in files.iter().rev() {
        iso.file(path, Source::bytes(data.clone())).unwrap();
    }
    let mut backward = Vec::new();
    let summary = iso.write_to(&mut backward).unwrap();
    assert!(forward == backward, "the order of additions changed the image");
    assert_eq!(summary.len, backward.len() as u64);
}

/// Leaves holes where zeros are written, so that gigabytes of them take neither time nor room.
struct Sparse(File);

impl Write for Sparse {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if data == &[0; 8192][..data.len().min(8192)] {
            self.0.seek_relative(i64::try_from(data.len()).unwrap())?;
        } else {
            self.0.write_all(data)?;
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let end = self.0.stream_position()?;
        self.0.set_len(end)
    }
}

/// More than one extent can hold.
const LEN: u64 = 0xffff_f800 + 5000;

#[test]
fn a_file_beyond_4_gib_is_read_back_whole() {
    let Some(xorriso) = tool("xorriso") else { return };
    let Some(isoinfo) = tool("isoinfo") else { return };
    let directory = tempfile::tempdir().unwrap();
    let big = directory.path().join("big");
    // Holes cost neither time nor room; the ends and the seam of the extents carry data.
    let mut file = File::create(&big).unwrap();
    file.set_len(LEN).unwrap();
    let marks = [
        (0, *b"head"),
        (0xffff_f800 - 4, *b"seam"),
        (0xffff_f800, *b"next"),
        (LEN - 4, *b"tail"),
    ];
    for (offset, mark) in marks {
        file.seek(SeekFrom::Start(offset)).unwrap();
        file.write_all(&mark).unwrap();
    }
    let mut iso = IsoBuilder::new("LABTEST".parse().unwrap());
    iso.file("big", Source::path(&big)).unwrap();
    iso.file("small", Source::bytes("behind")).unwrap();
    let image = directory.path().join("x.iso");
    iso.write_to(&mut Sparse(File::create(&image).unwrap())).unwrap();
    let listed = succeed(&isoinfo, &["-R", "-l", "-i", image.to_str().unwrap()]);
    assert!(listed.contains("small"), "{listed}");
    let listed = succeed(&xorriso, &["-indev", image.to_str().unwrap(), "-lsl", "/", "--"]);
    assert!(listed.contains(&LEN.to_string()), "{listed}");
    let places = succeed(
        &xorriso,
        &[
            "-indev",
            image.to_str().unwrap(),
            "-find",
            "/big",
            "-exec",
            "report_lba",
            "--",
        ],
    );
    let first: u64 = places
        .lines()
        .find(|line| line.contains("'/big'"))
        .unwrap()
        .split(',')
        .nth(1)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let mut image = File::open(&image).unwrap();
    for (offset, mark) in marks {
        let mut found = [0; 4];
        image.seek(SeekFrom::Start(first * 2048 + offset)).unwrap();
        image.read_exact(&mut found).unwrap();
        assert_eq!(found, mark, "at {offset}");
    }
}

#[test]
fn what_cannot_be_recorded_is_refused_with_a_reason() {
    let mut iso = IsoBuilder::new("LABTEST".parse().unwrap());
    iso.file("a", Source::bytes("")).unwrap();
    for bad in [
        "",
        "/a",
        "a/",
        "a//b",
        "..",
        "./a",
        "a/b",
        "a",
        "x*y",
        "x\ny",
        &"x".repeat(104),
        "1/2/3/4/5/6/7/8/9",
    ] {
        let error = iso.file(bad, Source::bytes("")).unwrap_err();
        assert!(matches!(error, IsoError::Name { .. }), "{bad:?}: {error}");
    }
}

#[test]
fn an_image_that_cannot_be_finished_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("x.iso");
    let mut iso = IsoBuilder::new("LABTEST".parse().unwrap());
    iso.file("gone", Source::path(directory.path().join("nothing")))
        .unwrap();
    assert!(matches!(iso.write_file(&image), Err(IsoError::Open { .. })));
    let mut iso = IsoBuilder::new("LABTEST".parse().unwrap());
    iso.file("directory", Source::path(directory.path())).unwrap();
    assert!(matches!(iso.write_file(&image), Err(IsoError::NotAFile { .. })));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}
