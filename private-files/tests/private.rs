//! What must hold on every system.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::PathBuf;

use private_files::{
    append, create_dir, create_dir_all, create_new, open_or_create, others_can_read, others_can_write, replace, write,
};

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn a_new_file_is_its_owners_alone_and_an_existing_one_is_refused() {
    let dir = scratch();
    let path = dir.path().join("열쇠 key");
    let mut file = create_new(&path).unwrap();
    assert!(!others_can_read(&path).unwrap());
    assert!(!others_can_write(&path).unwrap());
    file.write_all(b"secret").unwrap();
    drop(file);
    assert_eq!(fs::read(&path).unwrap(), b"secret");
    assert_eq!(create_new(&path).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(fs::read(&path).unwrap(), b"secret");
}

/// An administrator may rename a file to `/dev/null`, and every program of the system would write to it from then on.
#[cfg(unix)]
#[test]
fn what_is_no_file_is_never_replaced_nor_what_a_link_leads_to() {
    let dir = scratch();
    let socket = dir.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let link = dir.path().join("link");
    std::os::unix::fs::symlink("/dev/null", &link).unwrap();
    for path in [&socket, &link] {
        assert_eq!(write(path, b"x").unwrap_err().kind(), ErrorKind::InvalidInput);
        assert!(!path.is_file());
    }
    // A link to a file or to nowhere is replaced, as ever.
    for target in ["file", "nowhere"] {
        fs::write(dir.path().join("file"), "x").unwrap();
        let link = dir.path().join(format!("to-{target}"));
        std::os::unix::fs::symlink(dir.path().join(target), &link).unwrap();
        write(&link, b"new").unwrap();
        assert!(link.symlink_metadata().unwrap().is_file());
    }
    let left: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert!(
        !left.iter().any(|name| name.to_string_lossy().starts_with(".new-")),
        "{left:?}"
    );
}

/// Without this the other tests would prove nothing: what says "private" must be able to say "not private".
#[test]
fn a_file_that_others_can_read_and_change_is_told_apart() {
    let dir = scratch();
    let path = dir.path().join("open");
    fs::write(&path, "x").unwrap();
    open_to_all(&path);
    assert!(others_can_read(&path).unwrap());
    // wine gives a new file the rights that a new file of the host has: others read it and do not write it.
    assert_eq!(others_can_write(&path).unwrap(), !under_wine());
}

#[cfg(unix)]
fn open_to_all(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
}

/// Everyone, by the SID: the name is another one on a Korean Windows. wine's own icacls does nothing.
#[cfg(windows)]
fn open_to_all(path: &std::path::Path) {
    if !under_wine() {
        let grant = ["/grant", "*S-1-1-0:F"];
        let done = std::process::Command::new("icacls.exe")
            .arg(path)
            .args(grant)
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
    }
}

/// The host's root is wine's drive Z.
fn under_wine() -> bool {
    cfg!(windows) && std::path::Path::new(r"Z:\bin\sh").exists()
}

#[test]
fn a_missing_file_is_made_private_and_an_existing_one_keeps_its_content() {
    let dir = scratch();
    let log = dir.path().join("log");
    append(&log).unwrap().write_all(b"one\n").unwrap();
    append(&log).unwrap().write_all(b"two\n").unwrap();
    assert_eq!(fs::read(&log).unwrap(), b"one\ntwo\n");
    let mut kept = String::new();
    open_or_create(&log).unwrap().read_to_string(&mut kept).unwrap();
    assert_eq!(kept, "one\ntwo\n");
    open_or_create(&dir.path().join("lock")).unwrap();
    for name in ["log", "lock"] {
        assert!(!others_can_read(&dir.path().join(name)).unwrap(), "{name}");
    }
}

#[test]
fn directories_are_private_with_those_above_them_and_so_is_what_is_made_inside() {
    let dir = scratch();
    let deep = dir.path().join("a").join("한글 b").join("c");
    create_dir_all(&deep).unwrap();
    create_dir_all(&deep).unwrap();
    for path in deep.ancestors().take(3) {
        assert!(!others_can_read(path).unwrap(), "{}", path.display());
        assert!(!others_can_write(path).unwrap(), "{}", path.display());
    }
    assert_eq!(create_dir(&deep).unwrap_err().kind(), ErrorKind::AlreadyExists);
    let file = dir.path().join("file");
    fs::write(&file, "x").unwrap();
    create_dir_all(&file).unwrap_err();
    create_dir_all(&file.join("below")).unwrap_err();
}

#[test]
fn a_path_longer_than_260_characters_is_no_obstacle() {
    let dir = scratch();
    let deep: PathBuf = dir
        .path()
        .join("long-directory-name-".repeat(6))
        .join("another-long-name-".repeat(6))
        .join("a-third-long-name-".repeat(6));
    assert!(deep.as_os_str().len() > 300);
    create_dir_all(&deep).unwrap();
    let (from, to) = (deep.join("new"), deep.join("old"));
    create_new(&from).unwrap().write_all(b"new").unwrap();
    fs::write(&to, "old").unwrap();
    replace(&from, &to).unwrap();
    assert_eq!(fs::read(&to).unwrap(), b"new");
    assert!(!others_can_read(&to).unwrap());
}

#[test]
fn a_file_is_replaced_while_it_is_open_and_its_reader_keeps_what_it_opened() {
    if under_wine() {
        // Windows 10 can, wine 8 cannot; the next test is what is left.
        return;
    }
    let dir = scratch();
    let (from, to) = (dir.path().join("new"), dir.path().join("state.json"));
    fs::write(&to, "old").unwrap();
    let mut reader = fs::File::open(&to).unwrap();
    fs::write(&from, "new").unwrap();
    replace(&from, &to).unwrap();
    assert_eq!(fs::read(&to).unwrap(), b"new");
    let mut seen = String::new();
    reader.read_to_string(&mut seen).unwrap();
    assert_eq!(seen, "old");
    assert!(!from.exists());
}

#[test]
fn a_reader_that_is_in_the_way_for_a_moment_is_waited_for() {
    let dir = scratch();
    let (from, to) = (dir.path().join("new"), dir.path().join("state.json"));
    fs::write(&to, "old").unwrap();
    fs::write(&from, "new").unwrap();
    let reader = fs::File::open(&to).unwrap();
    let closes = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(100));
        drop(reader);
    });
    replace(&from, &to).unwrap();
    closes.join().unwrap();
    assert_eq!(fs::read(&to).unwrap(), b"new");
}

#[test]
fn a_file_is_written_as_a_whole_and_leaves_nothing_beside_it() {
    let dir = scratch();
    let path = dir.path().join("token");
    write(&path, b"one").unwrap();
    write(&path, b"two").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"two");
    assert!(!others_can_read(&path).unwrap());
    write(&dir.path().join("missing").join("token"), b"x").unwrap_err();
    fs::create_dir(dir.path().join("directory")).unwrap();
    write(&dir.path().join("directory"), b"x").unwrap_err();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[test]
fn what_cannot_be_replaced_is_an_error_soon() {
    let dir = scratch();
    fs::create_dir(dir.path().join("directory")).unwrap();
    fs::write(dir.path().join("directory").join("x"), "x").unwrap();
    let from = dir.path().join("from");
    fs::write(&from, "x").unwrap();
    let started = std::time::Instant::now();
    replace(&from, &dir.path().join("directory")).unwrap_err();
    replace(&dir.path().join("missing"), &dir.path().join("to")).unwrap_err();
    assert!(started.elapsed().as_secs() < 5);
}
