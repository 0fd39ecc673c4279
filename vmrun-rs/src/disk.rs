//! Virtual disks, through `vmware-vdiskmanager`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;

use crate::exec::{self, CommandSpec, ExecError};
use crate::failure::{Failure, FailureClass};

/// Why a virtual disk could not be made or changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DiskError {
    /// No `vmware-vdiskmanager` was found beside `vmrun`.
    #[error("no vmware-vdiskmanager beside {}; it comes with VMware Workstation and Fusion", beside.display())]
    NoProgram {
        /// Where it was looked for.
        beside: PathBuf,
    },
    /// The program could not be run to its end.
    #[error("cannot run {command}")]
    Exec {
        /// The command.
        command: String,
        /// The reason.
        #[source]
        source: ExecError,
    },
    /// The program said no.
    #[error("{failure} [{command}]")]
    Failed {
        /// The command.
        command: String,
        /// What it said.
        failure: Box<Failure>,
    },
}

impl DiskError {
    /// The classified failure, if the program said no.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed { failure, .. } => Some(failure),
            _ => None,
        }
    }
}

/// How a disk's content is laid out in files (`-t`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DiskLayout {
    /// One file that grows (0).
    #[default]
    Growable,
    /// Files of 2 GB that grow (1).
    SplitGrowable,
    /// One file of full size (2).
    Preallocated,
    /// Files of 2 GB of full size (3).
    SplitPreallocated,
    /// For ESX (4).
    Esx,
    /// Compressed, for transport (5).
    Stream,
}

/// Drives one `vmware-vdiskmanager`.
#[derive(Debug, Clone)]
pub struct DiskManager {
    program: PathBuf,
}

impl DiskManager {
    /// How long creating, growing or renaming a disk may take.
    pub const QUICK: Duration = Duration::from_secs(10 * 60);
    /// How long converting, shrinking or defragmenting may take.
    pub const SLOW: Duration = Duration::from_secs(2 * 60 * 60);

    /// Drives this program.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
        }
    }

    /// The one that belongs to a `vmrun`: `vmware-vdiskmanager` in its directory or where VMware's products are installed,
    /// and `vmware-vdiskmanager-qemu` beside the drop-in `vmrun-qemu`.
    pub fn beside(vmrun: &Path) -> Result<Self, DiskError> {
        let stem = vmrun
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
            .unwrap_or_default();
        let suffix = stem.strip_prefix("vmrun").unwrap_or_default();
        let name = format!("vmware-vdiskmanager{suffix}{}", std::env::consts::EXE_SUFFIX);
        // `vmrun` on the PATH can be a link into the product's own directory; the one of the VIX package has no disk manager
        // beside it, but the product has.
        let beside = [vmrun.to_owned(), crate::path::canonical(vmrun)].map(|place| place.with_file_name(&name));
        let installed = if suffix.is_empty() {
            crate::locate::installed(&name)
        } else {
            None
        };
        beside
            .into_iter()
            .find(|candidate| candidate.is_file())
            .or(installed)
            .map(Self::new)
            .ok_or_else(|| DiskError::NoProgram {
                beside: vmrun.to_owned(),
            })
    }

    /// The program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// `-c`: creates an empty disk. An existing file is refused.
    pub async fn create(&self, disk: &Path, gib: u64, layout: DiskLayout) -> Result<(), DiskError> {
        let spec = self.spec(Self::QUICK).arg("-c").arg("-s").arg(&format!("{gib}GB"));
        // For a .vmdk `lsilogic` only notes the geometry: pvscsi machines use such disks too.
        self.run(
            spec.arg("-a")
                .arg("lsilogic")
                .arg("-t")
                .arg(layout_number(layout))
                .arg(disk),
        )
        .await
    }

    /// `-x`: grows a disk to a new capacity. A disk with snapshots or clones cannot grow in VMware itself.
    pub async fn grow(&self, disk: &Path, gib: u64) -> Result<(), DiskError> {
        self.run(self.spec(Self::QUICK).arg("-x").arg(&format!("{gib}GB")).arg(disk))
            .await
    }

    /// `-r`: copies a disk into another layout.
    pub async fn convert(&self, from: &Path, to: &Path, layout: DiskLayout) -> Result<(), DiskError> {
        self.run(
            self.spec(Self::SLOW)
                .arg("-r")
                .arg(from)
                .arg("-t")
                .arg(layout_number(layout))
                .arg(to),
        )
        .await
    }

    /// `-n`: renames a disk with all its files.
    pub async fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        self.run(self.spec(Self::QUICK).arg("-n").arg(from).arg(to)).await
    }

    /// `-U`: deletes a disk with all its files.
    pub async fn delete(&self, disk: &Path) -> Result<(), DiskError> {
        self.run(self.spec(Self::QUICK).arg("-U").arg(disk)).await
    }

    /// `-d`: defragments a growable disk.
    pub async fn defragment(&self, disk: &Path) -> Result<(), DiskError> {
        self.run(self.spec(Self::SLOW).arg("-d").arg(disk)).await
    }

    /// `-k`: gives unused space back to the host.
    pub async fn shrink(&self, disk: &Path) -> Result<(), DiskError> {
        self.run(self.spec(Self::SLOW).arg("-k").arg(disk)).await
    }

    fn spec(&self, deadline: Duration) -> CommandSpec {
        CommandSpec::new(&self.program, deadline)
    }

    async fn run(&self, spec: CommandSpec) -> Result<(), DiskError> {
        let command = spec.to_string();
        let done = match exec::run(&spec).await {
            Ok(done) => done,
            Err(source) => return Err(DiskError::Exec { command, source }),
        };
        match judge(done.status.code(), &done.stdout, &done.stderr) {
            None => Ok(()),
            Some(failure) => Err(DiskError::Failed {
                command,
                failure: Box::new(failure),
            }),
        }
    }
}

fn layout_number(layout: DiskLayout) -> &'static str {
    match layout {
        DiskLayout::Growable => "0",
        DiskLayout::SplitGrowable => "1",
        DiskLayout::Preallocated => "2",
        DiskLayout::SplitPreallocated => "3",
        DiskLayout::Esx => "4",
        DiskLayout::Stream => "5",
    }
}

/// Failures contain `Failed` or end with a failing exit code. Complaints about a configuration file that could not be
/// read come with every success.
fn judge(exit: Option<i32>, stdout: &[u8], stderr: &[u8]) -> Option<Failure> {
    const HARMLESS: [&str; 4] = [
        "VixDiskLib: Invalid configuration file parameter",
        "Failed to read configuration file",
        "SSLConfigLoad:",
        "Using log file",
    ];
    let output = [stdout, b"\n", stderr].concat();
    let text = String::from_utf8_lossy(&output);
    let lines = || {
        text.split(['\n', '\r'])
            .map(str::trim)
            .filter(|l| !l.is_empty() && !HARMLESS.iter().any(|h| l.contains(h)))
    };
    let said = lines()
        .rev()
        .find(|line| line.starts_with("Failed") || line.contains("is invalid") || line.contains("rror"));
    match (exit, said) {
        (Some(0), None) => None,
        (Some(0), Some(line)) if !line.starts_with("Failed") => None,
        (_, Some(line)) => Some(Failure::new(disk_class(line), line)),
        (_, None) => Some(Failure::new(
            FailureClass::Unknown,
            lines().next_back().unwrap_or("no message"),
        )),
    }
}

fn disk_class(line: &str) -> FailureClass {
    let has = |text: &str| line.to_ascii_lowercase().contains(text);
    if has("already exists") {
        FailureClass::AlreadyExists
    } else if has("space") {
        FailureClass::Resources
    } else if has("not find") || has("not found") || has("no such file") {
        FailureClass::NotFound
    } else if has("permission") || has("access") {
        FailureClass::Permission
    } else if has("lock") || has("in use") {
        FailureClass::FileLocked
    } else if has("parameter") {
        FailureClass::InvalidParameter
    } else {
        FailureClass::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmless_complaints_are_no_failure() {
        let noise = b"VixDiskLib: Invalid configuration file parameter.  Failed to read configuration file.\n\
            SSLConfigLoad: Failed to load OpenSSL config file.\n";
        assert_eq!(
            judge(
                Some(0),
                b"  Create: 100% done.\nVirtual disk creation successful.\n",
                noise
            ),
            None
        );
    }

    #[test]
    fn a_failure_is_its_own_line_whatever_the_exit_code() {
        for exit in [Some(0), Some(1), None] {
            let failure = judge(
                exit,
                b"Failed to create disk: The file already exists (0x5000c) .\n",
                b"",
            )
            .unwrap();
            assert_eq!(failure.class, FailureClass::AlreadyExists);
        }
        let failure = judge(Some(255), b"One of the parameters supplied is invalid\n", b"").unwrap();
        assert_eq!(failure.class, FailureClass::InvalidParameter);
        assert!(judge(Some(1), b"", b"").is_some());
    }
}
