//! Payload images: what is in them, when they are made again, and what is not let in.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cloudinit_gen::payload::{Payload, PayloadAction, PayloadError, PayloadManifest};

use crate::common::{succeed, tool};

const BUILT: Duration = Duration::from_secs(1_756_771_200);

struct Files {
    directory: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        let files = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        files.put("bin/k3s", b"\x7fELF and more");
        let mut tar = vec![0; 4096];
        tar[257..262].copy_from_slice(b"ustar");
        files.put("k3s-airgap-images-amd64.tar", &tar);
        files.put("k3s-airgap-images-amd64.tar.zst", b"\x28\xb5\x2f\xfd zstd");
        files.put("jq_1.6.deb", b"!<arch>\ndebian-binary");
        files.put("note.txt", b"");
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn put(&self, name: &str, data: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, data).unwrap();
        path
    }

    fn payload(&self) -> Payload {
        let mut payload = Payload::new(self.path("bin/k3s"));
        payload.images = vec![self.path("k3s-airgap-images-amd64.tar")];
        payload.packages = vec![self.path("jq_1.6.deb")];
        payload.extra.insert("doc/note.txt".to_owned(), self.path("note.txt"));
        payload.build_time = Some(UNIX_EPOCH + BUILT);
        payload
    }

    fn image(&self) -> PathBuf {
        self.path("payload.iso")
    }
}

/// Sets a file's times a little back, as if it had been copied there again.
fn touch(path: &Path) {
    let file = fs::File::options().append(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(3600))
        .unwrap();
}

#[test]
fn sha256sum_agrees_with_every_checksum_and_nothing_is_left_out() {
    let (Some(bsdtar), Some(sha256sum), Some(sh)) = (tool("bsdtar"), tool("sha256sum"), tool("sh")) else {
        return;
    };
    let files = Files::new();
    let manifest = files.payload().write_iso(&files.image()).unwrap();
    let out = files.path("out");
    fs::create_dir(&out).unwrap();
    succeed(
        &bsdtar,
        &["-x", "-f", files.image().to_str().unwrap(), "-C", out.to_str().unwrap()],
    );
    succeed(
        &sh,
        &[
            "-c",
            "cd \"$1\" && sha256sum --strict -c SHA256SUMS",
            "sh",
            out.to_str().unwrap(),
        ],
    );
    let sums = fs::read_to_string(out.join("SHA256SUMS")).unwrap();
    let listed: Vec<&str> = sums.lines().map(|line| &line[66..]).collect();
    assert_eq!(
        listed,
        [
            "build-time",
            "doc/note.txt",
            "images/k3s-airgap-images-amd64.tar",
            "k3s",
            "packages/jq_1.6.deb"
        ]
    );
    assert_eq!(
        fs::read_to_string(out.join("build-time")).unwrap(),
        "2025-09-02T00:00:00Z\n"
    );
    let digest = succeed(&sha256sum, &[out.join("SHA256SUMS").to_str().unwrap()]);
    assert_eq!(digest.split_whitespace().next(), Some(manifest.digest.as_str()));
    assert_eq!(manifest.to_ref().digest, Some(manifest.digest.clone()));
    assert_eq!(manifest.to_ref().build_time, UNIX_EPOCH + BUILT);
    assert_eq!(manifest.image_len(), fs::metadata(files.image()).unwrap().len());
    for file in &manifest.files {
        let own = succeed(&sha256sum, &[file.source.to_str().unwrap()]);
        assert_eq!(
            own.split_whitespace().next(),
            Some(file.sha256.as_str()),
            "{}",
            file.name
        );
        assert_eq!(file.size(), fs::metadata(&file.source).unwrap().len());
    }
}

#[test]
fn equal_payloads_are_equal_images() {
    let files = Files::new();
    files.payload().write_iso(&files.path("a.iso")).unwrap();
    touch(&files.path("bin/k3s"));
    files.payload().write_iso(&files.path("b.iso")).unwrap();
    assert!(fs::read(files.path("a.iso")).unwrap() == fs::read(files.path("b.iso")).unwrap());
}

#[test]
fn known_digests_give_the_same_image_and_are_believed() {
    let files = Files::new();
    let hashed = files.payload().write_iso(&files.path("a.iso")).unwrap();
    let mut payload = files.payload();
    let sources: Vec<PathBuf> = payload.sources().map(Path::to_owned).collect();
    assert_eq!(sources.len(), hashed.files.len());
    for file in &hashed.files {
        assert!(sources.contains(&file.source));
        payload.known_digests.insert(file.source.clone(), file.sha256.clone());
    }
    let known = payload.write_iso(&files.path("b.iso")).unwrap();
    assert!(fs::read(files.path("a.iso")).unwrap() == fs::read(files.path("b.iso")).unwrap());
    assert_eq!((&known.digest, &known.files), (&hashed.digest, &hashed.files));

    // A file's time has changed: what is known of it is not computed anew.
    touch(&files.path("bin/k3s"));
    assert_eq!(
        payload.ensure_iso(&files.path("b.iso")).unwrap().1,
        PayloadAction::Reused
    );
    let other: cloudinit_gen::Sha256Digest = "0".repeat(64).parse().unwrap();
    payload.known_digests.insert(files.path("bin/k3s"), other.clone());
    touch(&files.path("bin/k3s"));
    let (manifest, action) = payload.ensure_iso(&files.path("b.iso")).unwrap();
    assert_eq!(action, PayloadAction::Written);
    let k3s = manifest.files.iter().find(|file| file.name == "k3s").unwrap();
    assert_eq!(k3s.sha256, other);
}

#[test]
fn an_image_is_used_again_until_something_in_it_changes() {
    let files = Files::new();
    let image = files.image();
    let ensure = |payload: &Payload| payload.ensure_iso(&image).unwrap();
    let mut payload = files.payload();
    payload.build_time = None;
    let (first, action) = ensure(&payload);
    assert_eq!(action, PayloadAction::Written);
    let bytes = fs::read(&image).unwrap();

    let (again, action) = ensure(&payload);
    assert_eq!(
        (again, action),
        (first.clone(), PayloadAction::Reused),
        "and it keeps its build time"
    );

    touch(&files.path("bin/k3s"));
    assert_eq!(
        ensure(&payload).1,
        PayloadAction::Reused,
        "the same data with another time"
    );
    assert!(fs::read(&image).unwrap() == bytes, "reuse does not touch the image");
    assert_eq!(ensure(&payload).1, PayloadAction::Reused);

    files.put("bin/k3s", b"\x7fELF and mor3");
    let (changed, action) = ensure(&payload);
    assert_eq!(action, PayloadAction::Written, "other data of the same size");
    assert_ne!(changed.digest, first.digest);

    payload.packages.clear();
    assert_eq!(ensure(&payload).1, PayloadAction::Written, "a file less");
    payload.images = vec![files.path("k3s-airgap-images-amd64.tar.zst")];
    assert_eq!(ensure(&payload).1, PayloadAction::Written, "another file");
    payload.build_time = Some(UNIX_EPOCH + BUILT);
    assert_eq!(ensure(&payload).1, PayloadAction::Written, "another build time");
    payload.label = "OTHER".parse().unwrap();
    assert_eq!(ensure(&payload).1, PayloadAction::Written, "another label");
    assert_eq!(ensure(&payload).1, PayloadAction::Reused);
}

#[test]
fn an_image_that_is_not_the_one_its_manifest_describes_is_made_again() {
    let files = Files::new();
    let payload = files.payload();
    let ensure = || payload.ensure_iso(&files.image()).unwrap().1;
    ensure();
    fs::write(files.image(), "cut short").unwrap();
    assert_eq!(ensure(), PayloadAction::Written);
    fs::remove_file(files.image()).unwrap();
    assert_eq!(ensure(), PayloadAction::Written);
    fs::write(files.path("payload.iso.json"), "{").unwrap();
    assert_eq!(PayloadManifest::read(&files.image()), None);
    assert_eq!(ensure(), PayloadAction::Written);
    assert_eq!(ensure(), PayloadAction::Reused);
}

#[test]
fn a_file_whose_name_lies_about_its_compression_is_refused_with_the_right_name() {
    let files = Files::new();
    let mut payload = files.payload();
    for (name, data, expected) in [
        (
            "i.tar.gz",
            &b"\x28\xb5\x2f\xfd"[..],
            "its name says gzip, but it is zstd: call it ….tar.zst",
        ),
        ("i.tar.zst", b"", "its name says zstd, but it does not begin like that"),
        ("i.zip", b"PK", "k3s imports only names that end in .tar.gz"),
    ] {
        payload.images = vec![files.put(name, data)];
        let error = payload.write_iso(&files.image()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert!(!files.image().exists());
}

/// A pipe, which who opens it waits for; where there is no tool for one, a directory.
fn pipe(files: &Files) -> PathBuf {
    let path = files.path("pipe");
    match tool("mkfifo") {
        Some(mkfifo) => drop(succeed(&mkfifo, &[path.to_str().unwrap()])),
        None => fs::create_dir(&path).unwrap(),
    }
    path
}

#[test]
fn what_a_node_could_not_use_is_refused_before_anything_is_written() {
    let files = Files::new();
    let refused = |change: &dyn Fn(&mut Payload)| {
        let mut payload = files.payload();
        change(&mut payload);
        let error = payload.write_iso(&files.image()).unwrap_err();
        assert!(!files.image().exists() && !files.path("payload.iso.json").exists());
        error
    };
    let html = files.put("k3s.html", b"<!doctype html>");
    assert!(matches!(
        refused(&|p| p.k3s_binary.clone_from(&html)),
        PayloadError::Unsuitable { .. }
    ));
    assert!(matches!(
        refused(&|p| p.k3s_binary = files.path("nothing")),
        PayloadError::Read { .. }
    ));
    assert!(matches!(
        refused(&|p| p.packages.push(files.path("note.txt"))),
        PayloadError::Unsuitable { .. }
    ));
    assert!(matches!(
        refused(&|p| p.images.push(p.images[0].clone())),
        PayloadError::Twice { .. }
    ));
    for other in [files.path("bin"), pipe(&files)] {
        let error = refused(&|p| p.k3s_binary.clone_from(&other)).to_string();
        assert!(error.ends_with("it is not a regular file"), "{error}");
    }
    let note = files.path("note.txt");
    let extra = |name: &'static str| refused(&|p| drop(p.extra.insert(name.to_owned(), note.clone())));
    assert!(matches!(extra("SHA256SUMS"), PayloadError::Reserved { .. }));
    assert!(matches!(extra("k3s"), PayloadError::Twice { .. }));
    assert!(matches!(extra("../x"), PayloadError::Iso { .. }));
}
