//! lab-engine: `lab.toml`.

use std::path::PathBuf;

use lab_engine::config::load;

/// Every mistake has a text and a place in the file; a file that is accepted means the same when it is written out and read
/// again.
pub(crate) fn lab_toml(bytes: &[u8]) {
    let path = place();
    std::fs::write(&path, bytes).expect("the temporary directory is writable");
    let loaded = match load(Some(&path), |_| None, &[]) {
        Ok(loaded) => loaded,
        Err(errors) => {
            assert!(errors.count() > 0);
            let lines = bytes.split(|&b| b == b'\n').count();
            for error in &errors {
                assert!(!error.to_string().trim().is_empty());
                assert!(
                    error
                        .position()
                        .is_none_or(|(line, column)| line >= 1 && line <= lines && column >= 1)
                );
            }
            return;
        }
    };
    let written = toml::to_string(&loaded.config).expect("a configuration can be written");
    std::fs::write(&path, &written).expect("the temporary directory is writable");
    let again =
        load(Some(&path), |_| None, &[]).unwrap_or_else(|e| panic!("what was accepted is refused: {e}\n{written}"));
    assert_eq!(again.config, loaded.config);
}

/// One file per process: only files are read, and relative paths in them count from theirs.
fn place() -> PathBuf {
    let shared = PathBuf::from("/dev/shm");
    let directory = if shared.is_dir() { shared } else { std::env::temp_dir() };
    let directory = directory.join(format!("lab-toml-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("the temporary directory is writable");
    directory.join("lab.toml")
}
