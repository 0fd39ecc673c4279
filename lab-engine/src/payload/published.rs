//! What a file's publisher says of it: k3s's releases come with `sha256sum-amd64.txt` and the like, in the form of `sha256sum`.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use cloudinit_gen::Sha256Digest;

use crate::error::LabError;

/// Longest list that is looked at, in bytes; k3s's have less than 1 KiB.
const LONGEST: u64 = 1 << 20;

/// Refuses a file that a list beside it has another checksum for: an incomplete download is found here and not in every guest. A list
/// that does not name the file, or cannot be read, says nothing; if several name it, one that is right is enough.
pub(super) fn compare(file: &Path, found: &Sha256Digest) -> Result<(), LabError> {
    let (Some(directory), Some(name)) = (file.parent(), file.file_name().and_then(|name| name.to_str())) else {
        return Ok(());
    };
    let directory = if directory.as_os_str().is_empty() {
        Path::new(".")
    } else {
        directory
    };
    let mut other = None;
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let list = entry.file_name();
        let Some(list) = list.to_str().filter(|list| is_list(list)) else {
            continue;
        };
        match listed(&read(&entry.path()), name) {
            Some(listed) if listed == *found => return Ok(()),
            Some(listed) => other = Some((list.to_owned(), listed)),
            None => {}
        }
    }
    let Some((list, listed)) = other else {
        return Ok(());
    };
    Err(LabError::prerequisite(
        format!("{} is not the file that {list} beside it lists", file.display()),
        format!("download the file again; if it is the right one, remove {list}, which is of another release"),
    )
    .details([
        format!("expected SHA-256 {listed}"),
        format!("found    SHA-256 {found}"),
    ]))
}

/// k3s's names of such lists.
fn is_list(name: &str) -> bool {
    name.strip_suffix(".txt")
        .is_some_and(|stem| stem == "sha256sum" || stem.starts_with("sha256sum-"))
}

/// The checksum of the file called `name` in a list; the last one, if there are several.
fn listed(list: &str, name: &str) -> Option<Sha256Digest> {
    let of_line = |line: &str| {
        let (sum, rest) = line.split_once(' ')?;
        // A blank, or a star for a file that was read as binary; then the name.
        let named = rest.strip_prefix([' ', '*'])?.trim_end();
        let sum = sum.to_ascii_lowercase().parse().ok()?;
        (named.strip_prefix("./").unwrap_or(named) == name).then_some(sum)
    };
    list.lines().filter_map(of_line).next_back()
}

fn read(path: &Path) -> String {
    let mut bytes = Vec::new();
    if let Ok(file) = File::open(path) {
        // What was read before an error is compared too: at worst a line is missing.
        let _ = file.take(LONGEST).read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_as_sha256sum_writes_them_and_as_windows_saves_them() {
        let sum = "ab".repeat(32);
        for list in [
            format!("{sum}  k3s\n"),
            format!("{sum} *k3s\r\n"),
            format!("{}  ./k3s", sum.to_uppercase()),
            format!("{}  k3s-arm64\n{sum}  k3s\nnonsense\n", "0".repeat(64)),
        ] {
            assert_eq!(listed(&list, "k3s").unwrap().as_str(), sum, "{list:?}");
        }
        for list in [
            "",
            "k3s",
            "00  k3s",
            &format!("{sum} k3s"),
            &format!("{sum}  other/k3s"),
        ] {
            assert_eq!(listed(list, "k3s"), None, "{list:?}");
        }
        assert!(is_list("sha256sum-amd64.txt") && is_list("sha256sum.txt"));
        assert!(!is_list("sha256sum-amd64.txt.asc") && !is_list("sha256sums.txt"));
    }
}
