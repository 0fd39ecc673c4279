//! Sets of certificates and keys, each in a numbered directory that appears complete or not at all.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::StoreError;
use super::disk::{self, Access};
use super::request::Action;
use crate::certificate::CertificateInfo;
use crate::key::{self, KeyAlgorithm, PrivateKey};
use crate::when;

/// Under the store's directory.
pub(super) const DIRECTORY: &str = "generations";
/// Where the next set is being written.
const UNFINISHED: &str = ".new";
/// The CA that will sign next, where one was announced; not among the visible files.
const NEXT_CA: &str = "next-ca.crt";
const NEXT_CA_KEY: &str = "next-ca.key";
const RECORD: &str = "record.yaml";

/// The visible files, in the order in which they are replaced where that cannot be done in one step: trust first, so
/// that what a client is given always covers what the server has.
pub(super) const VISIBLE: [(&str, Access); 5] = [
    ("bundle.crt", Access::Public),
    ("ca.crt", Access::Public),
    ("ca.key", Access::Private),
    ("registry.key", Access::Private),
    ("registry.crt", Access::Public),
];

/// Certificates and keys that belong together, as PEM.
#[derive(Clone, Debug)]
pub(super) struct Set {
    pub(super) ca: String,
    pub(super) ca_key: Option<SecretString>,
    pub(super) leaf: String,
    pub(super) leaf_key: Option<SecretString>,
    pub(super) bundle: String,
    pub(super) next: Option<(String, SecretString)>,
}

/// A set as it is on disk, and what its certificates say.
#[derive(Clone, Debug)]
pub(super) struct Current {
    pub(super) number: u64,
    pub(super) set: Set,
    pub(super) ca: CertificateInfo,
    pub(super) leaf: CertificateInfo,
    pub(super) next: Option<CertificateInfo>,
    /// Why certificate and key cannot be used as they are.
    pub(super) problem: Option<String>,
    /// Found among the visible files without a generation: somebody else made it.
    pub(super) adopted: bool,
}

/// What is noted beside each set. Informative: the certificates themselves are what counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Record {
    /// When the set was made, RFC 3339.
    pub created: String,
    /// What was done and why, as a person reads it.
    pub action: String,
}

impl Set {
    /// The contents of a visible file.
    pub(super) fn visible(&self, name: &str) -> Option<&str> {
        match name {
            "bundle.crt" => Some(&self.bundle),
            "ca.crt" => Some(&self.ca),
            "ca.key" => self.ca_key.as_ref().map(ExposeSecret::expose_secret),
            "registry.key" => self.leaf_key.as_ref().map(ExposeSecret::expose_secret),
            "registry.crt" => Some(&self.leaf),
            _ => None,
        }
    }

    /// Reads a set from `dir`; `None` where `ca.crt` or `registry.crt` is missing.
    fn read(dir: &Path) -> Result<Option<Self>, StoreError> {
        let (Some(ca), Some(leaf)) = (read(dir, "ca.crt")?, read(dir, "registry.crt")?) else {
            return Ok(None);
        };
        let next = match (read(dir, NEXT_CA)?, read_secret(dir, NEXT_CA_KEY)?) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            _ => None,
        };
        Ok(Some(Self {
            bundle: read(dir, "bundle.crt")?.unwrap_or_else(|| ca.clone()),
            ca,
            ca_key: read_secret(dir, "ca.key")?,
            leaf,
            leaf_key: read_secret(dir, "registry.key")?,
            next,
        }))
    }

    /// Parses the certificates. A CA that cannot be read is an error; a server certificate that cannot be used is
    /// noted, for another one can be issued.
    fn examine(self, dir: &Path, number: u64) -> Result<Current, StoreError> {
        let parse = |name: &str, text: &str| {
            CertificateInfo::from_pem(text).map_err(|source| StoreError::Certificate {
                dir: dir.to_owned(),
                path: dir.join(name),
                source,
            })
        };
        let ca = parse("ca.crt", &self.ca)?;
        let next = self
            .next
            .as_ref()
            .map(|(certificate, _)| parse(NEXT_CA, certificate))
            .transpose()?;
        let (leaf, mut problem) = match CertificateInfo::from_pem(&self.leaf) {
            Ok(leaf) => (leaf, None),
            Err(error) => (ca.clone(), Some(format!("registry.crt: {error}"))),
        };
        if problem.is_none() {
            problem = match self
                .leaf_key
                .as_ref()
                .map(|key| PrivateKey::from_pem(key.expose_secret()))
            {
                None => Some("registry.key is missing".to_owned()),
                Some(Err(error)) => Some(format!("registry.key: {error}")),
                Some(Ok(key)) if key.public_key_der() != leaf.public_key_der => {
                    Some("registry.key does not belong to registry.crt".to_owned())
                }
                Some(Ok(_)) => None,
            };
        }
        Ok(Current {
            number,
            set: self,
            ca,
            leaf,
            next,
            problem,
            adopted: false,
        })
    }
}

impl Current {
    /// The kind of the server's key, where it can be read.
    pub(super) fn key_algorithm(&self) -> Option<KeyAlgorithm> {
        let key = self.set.leaf_key.as_ref()?;
        PrivateKey::from_pem(key.expose_secret())
            .ok()
            .map(|key| key.algorithm())
    }

    /// Whether the CA's key needs a passphrase.
    pub(super) fn ca_key_encrypted(&self) -> bool {
        self.set
            .ca_key
            .as_ref()
            .is_some_and(|key| key::is_encrypted(key.expose_secret()))
    }
}

pub(super) fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(DIRECTORY).join(format!("{number:04}"))
}

/// The numbers of all sets, ascending.
pub(super) fn numbers(dir: &Path) -> Result<Vec<u64>, StoreError> {
    let path = dir.join(DIRECTORY);
    let entries = match fs::read_dir(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(StoreError::io("reading", &path))?,
    };
    let mut numbers = Vec::new();
    for entry in entries {
        let entry = entry.map_err(StoreError::io("reading", &path))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.bytes().all(|byte| byte.is_ascii_digit())
            && let Ok(number) = name.parse()
        {
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// The newest set; `None` in a store that has none.
pub(super) fn load(dir: &Path) -> Result<Option<Current>, StoreError> {
    let Some(number) = numbers(dir)?.pop() else {
        return Ok(None);
    };
    let path = path(dir, number);
    let set = Set::read(&path)?.ok_or_else(|| StoreError::Incomplete {
        dir: path.clone(),
        found: "a part of a set".to_owned(),
        missing: "ca.crt and registry.crt".to_owned(),
    })?;
    set.examine(&path, number).map(Some)
}

/// The newest set, or the one that somebody put into the directory without a store.
pub(super) fn load_or_adopt(dir: &Path) -> Result<Option<Current>, StoreError> {
    if let Some(current) = load(dir)? {
        return Ok(Some(current));
    }
    let present: Vec<_> = VISIBLE
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| dir.join(name).symlink_metadata().is_ok())
        .collect();
    if present.is_empty() {
        return Ok(None);
    }
    let needed = ["ca.crt", "ca.key", "registry.crt", "registry.key"];
    let missing: Vec<_> = needed.into_iter().filter(|name| !present.contains(name)).collect();
    match Set::read(dir)? {
        Some(set) if missing.is_empty() => Ok(Some(Current {
            adopted: true,
            ..set.examine(dir, 0)?
        })),
        _ => Err(StoreError::Incomplete {
            dir: dir.to_owned(),
            found: present.join(", "),
            missing: missing.join(", "),
        }),
    }
}

/// Writes a set and makes it the newest: the rename at the end is the moment from which it counts.
pub(super) fn commit(
    dir: &Path,
    number: u64,
    set: Set,
    action: &Action,
    now: SystemTime,
) -> Result<Current, StoreError> {
    let parent = dir.join(DIRECTORY);
    disk::make_private_dir(&parent)?;
    let unfinished = parent.join(UNFINISHED);
    disk::remove_tree_if_there(&unfinished)?;
    disk::make_new_private_dir(&unfinished)?;
    for (name, access) in VISIBLE {
        if let Some(contents) = set.visible(name) {
            disk::write_new(&unfinished.join(name), contents.as_bytes(), access)?;
        }
    }
    if let Some((certificate, key)) = &set.next {
        disk::write_new(&unfinished.join(NEXT_CA), certificate.as_bytes(), Access::Public)?;
        disk::write_new(
            &unfinished.join(NEXT_CA_KEY),
            key.expose_secret().as_bytes(),
            Access::Private,
        )?;
    }
    let record = Record {
        created: when::rfc3339(now),
        action: action.to_string(),
    };
    let record = serde_saphyr::to_string(&record).unwrap_or_default();
    disk::write_new(&unfinished.join(RECORD), record.as_bytes(), Access::Public)?;
    disk::sync_dir(&unfinished)?;
    let finished = path(dir, number);
    disk::rename(&unfinished, &finished)?;
    disk::sync_dir(&parent)?;
    disk::sync_dir(dir)?;
    set.examine(&finished, number)
}

/// Removes what a killed process left half-written, keys among it. Only under the lock.
pub(super) fn remove_leftovers(dir: &Path) -> Result<(), StoreError> {
    disk::remove_tree_if_there(&dir.join(DIRECTORY).join(UNFINISHED))?;
    for (name, _) in VISIBLE {
        disk::remove_if_there(&disk::temporary(&dir.join(name)))?;
    }
    disk::remove_if_there(&disk::temporary(&dir.join(super::publish::LIVE)))
}

/// Old sets keep their certificates, for the record. Their keys are of no use any more, except to a thief.
pub(super) fn remove_superseded_keys(dir: &Path, newest: u64) -> Result<(), StoreError> {
    for number in numbers(dir)?.into_iter().filter(|number| *number < newest) {
        for name in ["ca.key", "registry.key", NEXT_CA_KEY] {
            disk::remove_if_there(&path(dir, number).join(name))?;
        }
    }
    Ok(())
}

pub(super) fn record(dir: &Path, number: u64) -> Result<Option<Record>, StoreError> {
    Ok(read(&path(dir, number), RECORD)?.and_then(|text| serde_saphyr::from_str(&text).ok()))
}

fn read(dir: &Path, name: &str) -> Result<Option<String>, StoreError> {
    let path = dir.join(name);
    match fs::read(&path) {
        // A file that is no text holds no PEM either; the parser says so.
        Ok(bytes) => Ok(Some(String::from_utf8(bytes).unwrap_or_default())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StoreError::Io {
            operation: "reading",
            path,
            source,
        }),
    }
}

fn read_secret(dir: &Path, name: &str) -> Result<Option<SecretString>, StoreError> {
    Ok(read(dir, name)?.map(SecretString::from))
}
