//! Files that go into an image: where their data lies, and what happens when they change, vanish, or do not fit on the disk.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

use cloudinit_gen::iso::{IsoBuilder, IsoError, Source};

/// Bytes that do not repeat, so that a part of them is found in one place only.
fn noise(len: usize, mut state: u64) -> Vec<u8> {
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.flatten().take(len).collect()
}

/// A file that was written an hour ago: any later change shows in its time, however coarse the clock is.
fn put(path: &Path, data: &[u8]) {
    fs::write(path, data).unwrap();
    let file = File::options().append(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(3600))
        .unwrap();
}

fn image_of(files: &[&Path]) -> IsoBuilder {
    let mut iso = IsoBuilder::new("LABTEST".parse().unwrap());
    for file in files {
        iso.file(file.file_name().unwrap().to_str().unwrap(), Source::path(file))
            .unwrap();
    }
    iso
}

fn position(haystack: &[u8], needle: &[u8]) -> usize {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
        .unwrap()
}

#[test]
fn large_files_begin_at_64_kib_and_the_kernels_copy_is_the_files_data() {
    let directory = tempfile::tempdir().unwrap();
    let sizes = [1, 2049, 700_000, 1 << 20, (1 << 20) + 1, 5_000_001];
    let mut paths = Vec::new();
    for (number, size) in sizes.into_iter().enumerate() {
        let path = directory.path().join(format!("{number}.bin"));
        put(&path, &noise(size, number as u64 + 1));
        paths.push(path);
    }
    let files: Vec<&Path> = paths.iter().map(std::path::PathBuf::as_path).collect();
    let iso = image_of(&files);
    let image = directory.path().join("x.iso");
    let summary = iso.write_file(&image).unwrap();
    let written = fs::read(&image).unwrap();
    assert_eq!(summary.len, written.len() as u64);
    let mut streamed = Vec::new();
    iso.write_to(&mut streamed).unwrap();
    assert!(written == streamed, "a file and a stream get the same bytes");
    for (path, size) in files.iter().zip(sizes) {
        let data = fs::read(path).unwrap();
        if size > 64 {
            let start = position(&written, &data[..64]);
            assert!(written[start..].starts_with(&data), "{}", path.display());
            let alignment = if size >= 1 << 20 { 64 * 1024 } else { 2048 };
            assert_eq!(start % alignment, 0, "{}", path.display());
        }
    }
}

/// Takes an image, and does something when its first byte comes, when no file has been opened yet, or when a file's data does.
struct Meddler<'a> {
    at: &'a [u8],
    meddle: Option<&'a dyn Fn()>,
}

impl Write for Meddler<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if data.starts_with(self.at)
            && let Some(meddle) = self.meddle.take()
        {
            meddle();
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_file_that_changes_while_the_image_is_written_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("k3s");
    let data = noise(3 << 20, 7);
    let other = noise(3 << 20, 8);
    let write = |at: &[u8], meddle: &dyn Fn()| {
        put(&path, &data);
        image_of(&[&path]).write_to(&mut Meddler {
            at,
            meddle: Some(meddle),
        })
    };
    let overwrite = || {
        use std::io::{Seek as _, SeekFrom};
        let mut file = File::options().write(true).open(&path).unwrap();
        file.seek(SeekFrom::Start(2 << 20)).unwrap();
        file.write_all(b"x").unwrap();
    };
    let append = || {
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(b"x").unwrap();
    };
    let cut = || {
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(1 << 20)
            .unwrap();
    };
    let replace = || {
        let new = directory.path().join("new");
        fs::write(&new, &other).unwrap();
        fs::rename(&new, &path).unwrap();
    };
    let changes: [(&str, &dyn Fn()); 3] = [("overwritten", &overwrite), ("appended to", &append), ("cut", &cut)];
    for (what, meddle) in changes {
        for at in [&[][..], &data[..64]] {
            let error = write(at, meddle).unwrap_err();
            assert!(
                matches!(&error, IsoError::Changed { path: named } if *named == path),
                "{what}: {error}"
            );
        }
    }
    assert!(matches!(write(&[], &replace), Err(IsoError::Changed { .. })));
    let gone = || fs::remove_file(&path).unwrap();
    assert!(matches!(write(&[], &gone), Err(IsoError::Open { .. })));
}

#[cfg(unix)]
#[test]
fn a_file_that_is_deleted_or_replaced_while_it_is_copied_is_copied_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("k3s");
    let data = noise(3 << 20, 7);
    put(&path, &data);
    let gone = || fs::remove_file(&path).unwrap();
    let mut meddler = Meddler {
        at: &data[..64],
        meddle: Some(&gone),
    };
    image_of(&[&path]).write_to(&mut meddler).unwrap();
    assert!(meddler.meddle.is_none() && !path.exists());
}

/// Set for the same test in a process that sees a small file system.
#[cfg(target_os = "linux")]
const SMALL_DISK: &str = "CLOUDINIT_GEN_TEST_SMALL_DISK";

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_full_is_said_with_the_images_path_and_keeps_nothing_of_it() {
    const NAME: &str = "iso_sources::a_disk_that_is_full_is_said_with_the_images_path_and_keeps_nothing_of_it";
    if let Some(directory) = std::env::var_os(SMALL_DISK) {
        let directory = Path::new(&directory);
        let source = tempfile::tempdir().unwrap();
        let path = source.path().join("big");
        put(&path, &noise(4 << 20, 7));
        let image = directory.join("x.iso");
        let error = image_of(&[&path]).write_file(&image).unwrap_err();
        let IsoError::Write { path, source } = &error else {
            panic!("{error}")
        };
        assert_eq!(
            (path, source.kind()),
            (&image, io::ErrorKind::StorageFull),
            "{error}: {source}"
        );
        assert_eq!(fs::read_dir(directory).unwrap().count(), 0, "nothing is left");
        return;
    }
    let Some(unshare) = crate::common::mounts_of_its_own() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let script = r#"mount -t tmpfs -o size=1m small "$1" && exec "$2" --exact "$3""#;
    let status = std::process::Command::new(unshare)
        .args(["--map-root-user", "--mount", "sh", "-c", script, "sh"])
        .arg(directory.path())
        .arg(std::env::current_exe().unwrap())
        .arg(NAME)
        .env(SMALL_DISK, directory.path())
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
}
