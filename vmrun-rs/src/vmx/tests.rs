use super::*;
use proptest::prelude::*;

const REAL: &str = "#!/usr/bin/vmware\n.encoding = \"UTF-8\"\nconfig.version = \"8\"\nvirtualHW.version = \"18\"\n\
    // packer's comment\n# another\n\n  memsize=\"1024\"   # spaced\nScsi0:0.FileName = \"한글 disk.vmdk\"\nnumvcpus = 2\n\
    broken line\nannotation = \"two|0Alines |7C |22q|22\"";

#[test]
fn a_file_survives_reading_and_writing() {
    for bytes in [
        REAL.as_bytes(),
        b"",
        b"\n\n",
        b"a",
        b"=",
        b"\xff\xfe\x00",
        b"k = \"unterminated\nx = \"1\"\r\n",
    ] {
        assert_eq!(VmxFile::parse(bytes).to_bytes(), bytes);
    }
}

#[test]
fn values_are_found_whatever_their_form() {
    let vmx = VmxFile::parse(REAL.as_bytes());
    assert_eq!(vmx.get("MEMSIZE").unwrap(), "1024");
    assert_eq!(vmx.get("scsi0:0.fileName").unwrap(), "한글 disk.vmdk");
    assert_eq!(vmx.get("numvcpus").unwrap(), "2");
    assert_eq!(vmx.get("annotation").unwrap(), "two\nlines | \"q\"");
    assert_eq!(vmx.get("nothing"), None);
    assert_eq!(vmx.keys().count(), 7);
}

#[test]
fn setting_changes_one_value_and_nothing_else() {
    let mut vmx = VmxFile::parse(REAL.as_bytes());
    vmx.set("memSize", "4096").unwrap();
    vmx.set("numvcpus", "4").unwrap();
    vmx.set("new.key", "x").unwrap();
    let expected = REAL
        .replace("\"1024\"", "\"4096\"")
        .replace("numvcpus = 2", "numvcpus = \"4\"")
        + "\nnew.key = \"x\"\n";
    assert_eq!(String::from_utf8(vmx.to_bytes()).unwrap(), expected);
}

#[test]
fn windows_line_ends_are_kept_for_new_lines() {
    let mut vmx = VmxFile::parse(b"a = \"1\"\r\nb = \"2\"");
    vmx.set("c", "3").unwrap();
    assert_eq!(vmx.to_bytes(), b"a = \"1\"\r\nb = \"2\"\r\nc = \"3\"\r\n");
}

#[test]
fn text_is_written_in_the_declared_encoding_or_refused() {
    let korean = "서버";
    for (name, known) in [
        ("UTF-8", true),
        ("windows-949", true),
        ("EUC-KR", true),
        ("windows-1252", false),
        ("klingon", false),
        ("ISO-2022-JP", false),
        ("UTF-16LE", false),
    ] {
        let mut vmx = VmxFile::parse(format!(".encoding = \"{name}\"\n").as_bytes());
        assert_eq!(vmx.set("displayName", korean).is_ok(), known, "{name}");
        vmx.set("displayName", "ascii").unwrap();
        if known {
            vmx.set("displayName", korean).unwrap();
            assert_eq!(VmxFile::parse(&vmx.to_bytes()).get("displayName").unwrap(), korean);
        }
    }
}

#[test]
fn a_second_byte_that_looks_like_the_escape_character_survives() {
    // In Shift_JIS the second byte of 閏 is 0x7C.
    let mut vmx = VmxFile::parse(b".encoding = \"Shift_JIS\"\n");
    let text = "ポ~ソ閏表";
    match vmx.set("displayName", text) {
        Ok(()) => assert_eq!(VmxFile::parse(&vmx.to_bytes()).get("displayName").unwrap(), text),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn an_encoding_is_declared_before_what_it_declares() {
    let mut vmx = VmxFile::parse(b"#!/usr/bin/vmware\nmemsize = \"1\"\n");
    vmx.set(".encoding", "UTF-8").unwrap();
    assert_eq!(
        vmx.to_bytes(),
        b"#!/usr/bin/vmware\n.encoding = \"UTF-8\"\nmemsize = \"1\"\n"
    );
}

#[test]
fn another_encoding_converts_the_values_or_changes_nothing() {
    let korean = encoding_rs::EUC_KR.encode("서버").0;
    let bytes = [b".encoding = \"windows-949\"\ndisplayName = \"", &*korean, b"\"\n"].concat();
    let mut vmx = VmxFile::parse(&bytes);
    assert!(matches!(
        vmx.set(".encoding", "windows-1252"),
        Err(VmxError::Unencodable { .. })
    ));
    assert_eq!(vmx.to_bytes(), bytes);
    vmx.set(".encoding", "UTF-8").unwrap();
    assert_eq!(
        String::from_utf8(vmx.to_bytes()).unwrap(),
        ".encoding = \"UTF-8\"\ndisplayName = \"서버\"\n"
    );
    // Without a declaration it is what the bytes look like.
    let mut vmx = VmxFile::parse(b"#!/usr/bin/vmware\nannotation = \"caf\xe9\"\n");
    vmx.set(".encoding", "UTF-8").unwrap();
    assert_eq!(vmx.get("annotation").unwrap(), "café");
}

#[test]
fn lines_are_removed_by_key_and_by_prefix() {
    let mut vmx = VmxFile::parse(
        b"ethernet0.present = \"TRUE\"\nEthernet0.vnet = \"x\"\nethernet10.a = \"1\"\nuuid.bios = \"1\"\n",
    );
    assert!(vmx.remove_prefix("ethernet0."));
    assert!(vmx.remove("UUID.bios"));
    assert!(!vmx.remove("uuid.bios"));
    assert_eq!(vmx.to_bytes(), b"ethernet10.a = \"1\"\n");
}

#[test]
fn a_key_that_would_break_the_file_is_refused() {
    let mut vmx = VmxFile::parse(b"");
    for key in ["", "a b", "a=b", "a\nb", "한글", "#x"] {
        assert!(matches!(vmx.set(key, "v"), Err(VmxError::InvalidKey { .. })), "{key:?}");
    }
}

#[test]
fn a_file_is_saved_in_one_step_unless_it_is_locked_or_was_changed() {
    let dir = tempfile::tempdir().unwrap();
    // Windows allows no double quotes.
    let name = if cfg!(windows) {
        "한글 'x'.vmx"
    } else {
        "한글 \"x\".vmx"
    };
    let path = dir.path().join(name);
    std::fs::write(&path, REAL).unwrap();
    let mut store = VmxStore::open(&path).unwrap();
    store.file.set("memsize", "512").unwrap();

    let lock = dir.path().join(format!("{name}.lck"));
    std::fs::create_dir(&lock).unwrap();
    std::fs::write(lock.join("M1.lck"), "").unwrap();
    assert!(matches!(store.save(), Err(VmxError::Locked { .. })));
    std::fs::remove_dir_all(&lock).unwrap();

    store.save().unwrap();
    assert_eq!(VmxStore::open(&path).unwrap().file.get("memsize").unwrap(), "512");

    std::fs::write(&path, "memsize = \"1\"\n").unwrap();
    store.file.set("memsize", "256").unwrap();
    assert!(matches!(store.save(), Err(VmxError::ChangedMeanwhile { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), b"memsize = \"1\"\n");
    assert_eq!(
        std::fs::read_dir(dir.path()).unwrap().count(),
        1,
        "no temporary file is left"
    );
}

#[test]
fn a_missing_file_and_a_directory_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    for path in [dir.path().to_owned(), dir.path().join("none.vmx")] {
        assert!(matches!(VmxStore::open(path), Err(VmxError::Io { .. })));
    }
}

/// Bytes that look like a `.vmx` file often enough to reach every branch.
fn file_like() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        any::<Vec<u8>>(),
        "[ \t]{0,2}[a-zA-Z0-9.:_]{0,8}[ \t]{0,2}=?[ \t]{0,2}\"?[ -~]{0,12}\"?[ #]{0,2}\r?\n"
            .prop_map(String::into_bytes),
        Just(b".encoding = \"Shift_JIS\"\n".to_vec()),
    ];
    prop::collection::vec(line, 0..8).prop_map(|lines| lines.concat())
}

proptest! {
    #[test]
    fn any_bytes_survive(bytes: Vec<u8>) {
        prop_assert_eq!(VmxFile::parse(&bytes).to_bytes(), bytes);
    }

    #[test]
    fn file_like_bytes_survive(bytes in file_like()) {
        prop_assert_eq!(VmxFile::parse(&bytes).to_bytes(), bytes);
    }

    #[test]
    fn what_is_set_is_got_and_other_lines_keep_their_bytes(
        bytes in file_like(), key in "[a-z][a-zA-Z0-9.:_]{0,10}", value in any::<String>(),
    ) {
        let mut vmx = VmxFile::parse(&bytes);
        // An encoding may have to be declared first.
        let others = |vmx: &VmxFile| -> Vec<Vec<u8>> {
            let lines = vmx.lines.iter().filter(|l| !l.has_key(&key) && !l.has_key(".encoding"));
            lines.map(|l| l.raw().trim_ascii_end().to_vec()).collect()
        };
        let before = others(&vmx);
        if vmx.set(&key, &value).is_ok() {
            prop_assert_eq!(vmx.get(&key).unwrap(), value.clone());
            let again = VmxFile::parse(&vmx.to_bytes());
            prop_assert_eq!(again.get(&key).unwrap(), value.clone());
            prop_assert_eq!(others(&vmx), before);
            let once = vmx.to_bytes();
            vmx.set(&key, &value).unwrap();
            prop_assert_eq!(vmx.to_bytes(), once);
        }
    }
}
