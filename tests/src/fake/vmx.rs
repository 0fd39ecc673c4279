//! `.vmx` files, as much of them as the fake needs: `key = "value"` lines, `|XX` escapes.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

/// A machine's configuration file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Vmx {
    entries: Vec<(String, String)>,
}

impl Vmx {
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let bytes = std::fs::read(path)?;
        let text = String::from_utf8_lossy(&bytes);
        let entry = |line: &str| {
            let line = line.trim();
            if line.starts_with('#') {
                return None;
            }
            let (key, value) = line.split_once('=')?;
            let value = value.trim().trim_matches('"');
            Some((key.trim().to_owned(), unescape(value)))
        };
        Ok(Self {
            entries: text.lines().filter_map(entry).collect(),
        })
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        let found = self.entries.iter().find(|(k, _)| k.eq_ignore_ascii_case(key));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn is_true(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    pub(crate) fn set(&mut self, key: &str, value: &str) {
        match self.entries.iter_mut().find(|(k, _)| k.eq_ignore_ascii_case(key)) {
            Some(entry) => value.clone_into(&mut entry.1),
            None => self.entries.push((key.to_owned(), value.to_owned())),
        }
    }

    pub(crate) fn remove_prefix(&mut self, prefix: &str) {
        self.entries
            .retain(|(k, _)| !k.to_ascii_lowercase().starts_with(prefix));
    }

    /// Writes the file in one move, as a hypervisor that rewrites a running machine's file must.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        let mut text = String::new();
        for (key, value) in &self.entries {
            let _ = writeln!(text, "{key} = \"{}\"", escape(value));
        }
        let part = path.with_extension("vmx.part");
        std::fs::write(&part, text)?;
        std::fs::rename(&part, path)
    }

    /// The images in the drives that are connected at power-on: device and file.
    pub(crate) fn connected_images(&self, vmx: &Path) -> Vec<(String, PathBuf)> {
        let directory = vmx.parent().unwrap_or(Path::new("."));
        let image = |slot: usize| {
            let device = format!("sata0:{slot}");
            let key = |suffix: &str| format!("{device}.{suffix}");
            let connected = self.is_true(&key("present"))
                && !self
                    .get(&key("startConnected"))
                    .is_some_and(|value| value.eq_ignore_ascii_case("false"));
            let file = directory.join(self.get(&key("fileName"))?);
            connected.then_some((device, file))
        };
        (0..30).filter_map(image).collect()
    }

    /// The file of the system disk.
    pub(crate) fn disk(&self, vmx: &Path) -> Option<PathBuf> {
        Some(vmx.parent()?.join(self.get("scsi0:0.fileName")?))
    }
}

fn escape(value: &str) -> String {
    value.replace('|', "|7C").replace('"', "|22").replace('\n', "|0A")
}

fn unescape(value: &str) -> String {
    let mut out = String::new();
    let mut rest = value;
    while let Some(at) = rest.find('|') {
        out.push_str(&rest[..at]);
        let code = rest
            .get(at + 1..at + 3)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        if let Some(code) = code {
            out.push(char::from(code));
            rest = &rest[at + 3..];
        } else {
            out.push('|');
            rest = &rest[at + 1..];
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_a_drive_that_starts_disconnected_has_no_image() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.vmx");
        let mut vmx = Vmx::default();
        vmx.set("displayName", "a|b \"c\"");
        for (key, value) in [("present", "TRUE"), ("fileName", "seed.iso")] {
            vmx.set(&format!("sata0:1.{key}"), value);
        }
        vmx.write(&path).unwrap();
        let mut again = Vmx::read(&path).unwrap();
        assert_eq!(again.get("DISPLAYNAME"), Some("a|b \"c\""));
        assert_eq!(again.connected_images(&path).len(), 1);
        again.set("sata0:1.startConnected", "FALSE");
        assert!(again.connected_images(&path).is_empty());
    }
}
