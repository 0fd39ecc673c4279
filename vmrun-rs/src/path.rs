//! Paths as `vmrun` takes and prints them.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// The path in one canonical form: absolute, symbolic links resolved as far as the path exists, and on Windows without
/// the `\\?\` that VMware does not take.
pub(crate) fn canonical(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut existing = path.as_path();
    let mut rest: Vec<OsString> = Vec::new();
    loop {
        if let Ok(resolved) = existing.canonicalize() {
            let mut whole = plain(&resolved);
            whole.extend(rest.iter().rev());
            return whole;
        }
        match (existing.parent(), existing.components().next_back()) {
            (Some(parent), Some(Component::Normal(name))) => {
                rest.push(name.to_owned());
                existing = parent;
            }
            _ => return path,
        }
    }
}

/// Removes the `\\?\` and `\\?\UNC\` prefixes that Windows puts before canonical paths.
fn plain(path: &Path) -> PathBuf {
    if !cfg!(windows) {
        return path.to_owned();
    }
    match path.to_str() {
        Some(text) => match (text.strip_prefix(r"\\?\UNC\"), text.strip_prefix(r"\\?\")) {
            (Some(share), _) => PathBuf::from(format!(r"\\{share}")),
            (None, Some(local)) => PathBuf::from(local),
            (None, None) => path.to_owned(),
        },
        None => path.to_owned(),
    }
}

/// A text that two paths to the same file share: canonical, and without regard to case where the system has none.
pub(crate) fn comparable(path: &Path) -> String {
    let text = canonical(path).to_string_lossy().into_owned();
    if cfg!(any(windows, target_os = "macos")) {
        text.replace('/', "\\").to_lowercase()
    } else {
        text
    }
}

/// A path printed by a program. On Unix the bytes are the path; elsewhere UTF-8 first, then the system's code page.
pub(crate) fn from_bytes(bytes: &[u8]) -> PathBuf {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
    }
    #[cfg(not(unix))]
    {
        match std::str::from_utf8(bytes) {
            Ok(text) => PathBuf::from(text),
            Err(_) => PathBuf::from(
                crate::platform::ansi_encoding()
                    .decode_without_bom_handling(bytes)
                    .0
                    .into_owned(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn a_path_through_a_link_is_the_same_as_the_real_one_even_before_the_file_exists() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("real")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("real"), dir.path().join("link")).unwrap();
        let (a, b) = (dir.path().join("real/x/vm.vmx"), dir.path().join("link/x/vm.vmx"));
        assert_eq!(canonical(&a), canonical(&b));
        assert_eq!(comparable(&a), comparable(&b));
    }

    #[test]
    #[cfg(windows)]
    fn case_and_slashes_make_no_other_machine_and_the_long_form_is_not_shown_to_vmware() {
        let dir = tempfile::tempdir().unwrap();
        let vmx = dir.path().join("가상 Machine").join("Node.vmx");
        std::fs::create_dir_all(vmx.parent().unwrap()).unwrap();
        std::fs::write(&vmx, "").unwrap();
        let other = vmx.to_str().unwrap().to_uppercase().replace('\\', "/");
        assert_eq!(comparable(&vmx), comparable(Path::new(&other)));
        assert!(!canonical(&vmx).to_str().unwrap().starts_with(r"\\?\"));
        assert_eq!(
            plain(Path::new(r"\\?\UNC\server\share\a.vmx")),
            Path::new(r"\\server\share\a.vmx")
        );
        assert_eq!(plain(Path::new(r"\\?\C:\a.vmx")), Path::new(r"C:\a.vmx"));
    }

    #[test]
    fn an_odd_path_is_no_panic() {
        for odd in ["", ".", "..", "/", "a/../b", "\u{0}", "한글 \"quoted\"/x.vmx"] {
            let _ = canonical(Path::new(odd));
        }
    }
}
