//! Finds `vmrun`.
//!
//! [`vmware`] asks, in this order: the variable `VMRUN_PATH`, the `PATH`, the Windows registry, the folders where VMware's
//! products are installed. [`drop_in`] looks for `vmrun-qemu`, which speaks the same command line and runs the machines on
//! QEMU.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::Serialize;
use thiserror::Error;

/// The variable that names the program (or its directory).
pub const VARIABLE: &str = "VMRUN_PATH";

/// A `vmrun` that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// The program.
    pub program: PathBuf,
    /// Where it was found.
    pub source: Source,
}

/// Where a program was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Source {
    /// `VMRUN_PATH` named it.
    Environment,
    /// It is on the `PATH`.
    Path,
    /// The Windows registry named its folder.
    Registry,
    /// It is where VMware's installers put it.
    KnownFolder,
    /// It is the QEMU drop-in.
    DropIn,
}

/// Why no program was found.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum LocateError {
    /// `VMRUN_PATH` is set, but there is no program.
    #[error("VMRUN_PATH is {}, but there is no vmrun; correct it or unset it", path.display())]
    BadVariable {
        /// What the variable says.
        path: PathBuf,
    },
    /// No `vmrun` anywhere.
    #[error("no {program} found (looked in {}); install VMware Workstation or Fusion, or name the program in VMRUN_PATH", places.join(", "))]
    NotFound {
        /// The program's name.
        program: String,
        /// Where it was looked for.
        places: Vec<String>,
    },
}

/// Finds VMware's `vmrun`. What `VMRUN_PATH` names is taken as it is, whatever it is; if it names nothing, that is an
/// error and not a reason to look elsewhere.
pub fn vmware() -> Result<Found, LocateError> {
    vmware_in(&Host::this())
}

/// Finds the drop-in `vmrun-qemu`: in the given directories first, then on the `PATH`.
pub fn drop_in(directories: &[PathBuf]) -> Result<Found, LocateError> {
    drop_in_in(directories, &Host::this())
}

/// Finds another program of VMware's where the registry and the installers' habits say that its products are.
pub(crate) fn installed(name: &str) -> Option<PathBuf> {
    find(&crate::platform::install_folders(), name).or_else(|| find(&known_folders(), name))
}

/// What the search depends on.
struct Host {
    variable: Option<OsString>,
    path: Option<OsString>,
    registry: Vec<PathBuf>,
    folders: Vec<PathBuf>,
}

impl Host {
    fn this() -> Self {
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        Self {
            variable: set(VARIABLE),
            path: set("PATH"),
            registry: crate::platform::install_folders(),
            folders: known_folders(),
        }
    }
}

fn known_folders() -> Vec<PathBuf> {
    if cfg!(windows) {
        let roots = ["ProgramFiles(x86)", "ProgramFiles", "ProgramW6432"]
            .iter()
            .filter_map(env::var_os);
        let products = ["VMware Workstation", "VMware Player", "VMware VIX"];
        return roots
            .flat_map(|root| products.map(|product| Path::new(&root).join("VMware").join(product)))
            .collect();
    }
    if cfg!(target_os = "macos") {
        return [
            "/Applications/VMware Fusion.app/Contents/Library",
            "/Applications/VMware Fusion.app/Contents/Public",
        ]
        .map(PathBuf::from)
        .to_vec();
    }
    ["/usr/bin", "/usr/local/bin", "/usr/lib/vmware/bin"]
        .map(PathBuf::from)
        .to_vec()
}

fn file_name(stem: &str) -> String {
    format!("{stem}{}", env::consts::EXE_SUFFIX)
}

fn vmware_in(host: &Host) -> Result<Found, LocateError> {
    let name = file_name("vmrun");
    if let Some(path) = host.variable.as_ref().map(unquoted) {
        let mut with_suffix = path.clone().into_os_string();
        with_suffix.push(env::consts::EXE_SUFFIX);
        return [path.clone(), with_suffix.into(), path.join(&name)]
            .into_iter()
            .find(|candidate| is_program(candidate))
            .map(|program| Found {
                program,
                source: Source::Environment,
            })
            .ok_or(LocateError::BadVariable { path });
    }
    let on_path: Vec<PathBuf> = host.path.iter().flat_map(env::split_paths).collect();
    [
        (Source::Path, &on_path),
        (Source::Registry, &host.registry),
        (Source::KnownFolder, &host.folders),
    ]
    .into_iter()
    .find_map(|(source, folders)| find(folders, &name).map(|program| Found { program, source }))
    .ok_or_else(|| LocateError::NotFound {
        program: name,
        places: places("PATH", &host.registry, &host.folders),
    })
}

/// `set VMRUN_PATH="C:\Program Files\…"` in a Windows command prompt makes the quotes part of the value.
fn unquoted(value: &OsString) -> PathBuf {
    let inner = value
        .to_str()
        .and_then(|text| text.trim().strip_prefix('"')?.strip_suffix('"'));
    inner.map_or_else(|| PathBuf::from(value), PathBuf::from)
}

fn drop_in_in(directories: &[PathBuf], host: &Host) -> Result<Found, LocateError> {
    let name = file_name("vmrun-qemu");
    let on_path: Vec<PathBuf> = host.path.iter().flat_map(env::split_paths).collect();
    find(directories, &name)
        .or_else(|| find(&on_path, &name))
        .map(|program| Found {
            program,
            source: Source::DropIn,
        })
        .ok_or_else(|| LocateError::NotFound {
            program: name,
            places: places("PATH", directories, &[]),
        })
}

fn places(first: &str, more: &[PathBuf], last: &[PathBuf]) -> Vec<String> {
    let shown = more.iter().chain(last).map(|folder| folder.display().to_string());
    std::iter::once(first.to_owned()).chain(shown).collect()
}

fn find(folders: &[PathBuf], name: &str) -> Option<PathBuf> {
    // An empty entry of the PATH would mean the current directory: nobody wants a program from there.
    folders
        .iter()
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|path| is_program(path))
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(dir: &Path, stem: &str) -> PathBuf {
        let path = dir.join(file_name(stem));
        std::fs::write(&path, "").unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        path
    }

    fn host(variable: Option<&Path>, path: &[&Path], folders: &[&Path]) -> Host {
        Host {
            variable: variable.map(|p| p.as_os_str().to_owned()),
            path: Some(env::join_paths(path).unwrap()),
            registry: Vec::new(),
            folders: folders.iter().map(|p| p.to_path_buf()).collect(),
        }
    }

    #[test]
    fn the_variable_wins_then_the_path_then_the_known_folders() {
        let dir = tempfile::tempdir().unwrap();
        let [a, b, c] = ["a", "b", "c"].map(|n| {
            let sub = dir.path().join(n);
            std::fs::create_dir(&sub).unwrap();
            sub
        });
        for sub in [&a, &b, &c] {
            program(sub, "vmrun");
        }
        let found = |variable: Option<&Path>, path: &[&Path], folders: &[&Path]| {
            vmware_in(&host(variable, path, folders)).unwrap()
        };
        let file = a.join(file_name("vmrun"));
        assert_eq!(found(Some(file.as_path()), &[&b], &[&c]).source, Source::Environment);
        assert_eq!(found(Some(a.as_path()), &[&b], &[&c]).program, file);
        let quoted = format!("\"{}\"", file.display());
        assert_eq!(found(Some(Path::new(&quoted)), &[&b], &[&c]).program, file);
        assert_eq!(
            found(None, &[&b], &[&c]),
            Found {
                program: b.join(file_name("vmrun")),
                source: Source::Path
            }
        );
        assert_eq!(
            found(None, &[], &[&c]),
            Found {
                program: c.join(file_name("vmrun")),
                source: Source::KnownFolder
            }
        );
    }

    #[test]
    fn a_wrong_variable_is_an_error_even_where_the_path_has_a_program() {
        let dir = tempfile::tempdir().unwrap();
        program(dir.path(), "vmrun");
        let wrong = dir.path().join("nowhere");
        let error = vmware_in(&host(Some(&wrong), &[dir.path()], &[])).unwrap_err();
        assert_eq!(error, LocateError::BadVariable { path: wrong });
    }

    #[test]
    fn the_drop_in_is_found_in_the_given_directories_and_never_as_vmware() {
        let dir = tempfile::tempdir().unwrap();
        let path = program(dir.path(), "vmrun-qemu");
        assert_eq!(
            drop_in_in(&[dir.path().to_owned()], &host(None, &[], &[]))
                .unwrap()
                .program,
            path
        );
        assert!(vmware_in(&host(None, &[dir.path()], &[])).is_err());
        // Not executable, a directory: no program.
        std::fs::create_dir(dir.path().join(file_name("vmrun"))).unwrap();
        assert!(vmware_in(&host(None, &[dir.path()], &[])).is_err());
    }
}
