//! What can go wrong, in vmrun's own words.
//!
//! `Display` is byte for byte what vmrun 1.17 prints on standard output, which is why these texts are not lowercase
//! fragments. What a person needs beyond that (which file, which program, why) is the [`reason`](Fault::reason): it goes
//! to standard error and, where a machine is involved, into its `vmware.log`, the place vmrun's users look.

use std::fmt;
use std::path::{Path, PathBuf};

/// A command that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Fault {
    /// No command, too many or too few parameters, or a flag after the command.
    #[error("{}", crate::cli::usage::text())]
    Usage,
    /// A flag that vmrun does not know.
    #[error("Invalid argument: {flag}\n{usage}", usage = crate::cli::usage::text())]
    InvalidArgument {
        /// As written.
        flag: String,
    },
    /// `-T` with a host type that vmrun does not know.
    #[error("Invalid host type '{0}' specified")]
    InvalidHostType(String),
    /// A command that vmrun does not know.
    #[error("Error: Unrecognized command: {0}")]
    UnrecognizedCommand(String),
    /// The path does not end in `.vmx`.
    #[error("error: Cannot open VM: {}, unknown file suffix", .0.display())]
    UnknownSuffix(PathBuf),
    /// There is no such `.vmx`.
    #[error("Error: Cannot open VM: {}, The virtual machine cannot be found", .0.display())]
    VmNotFound(PathBuf),
    /// The `.vmx` is no machine.
    #[error("Error: Cannot open VM: {vmx}, Cannot read the virtual machine configuration file", vmx = .vmx.display())]
    BadConfiguration {
        /// As the caller wrote it.
        vmx: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The machine is encrypted.
    #[error("Error: Cannot open VM: {}, A password is required for this operation", .0.display())]
    Encrypted(PathBuf),
    /// The machine is off and should run.
    #[error("Error: The virtual machine is not powered on: {}", .0.display())]
    NotPoweredOn(PathBuf),
    /// The machine ended during the operation.
    #[error("Error: The virtual machine needs to be powered on")]
    PoweredOffMeanwhile,
    /// The machine runs and should be off.
    #[error("Error: The virtual machine should not be powered on. It is already running.")]
    AlreadyRunning,
    /// Another process uses the machine or its disks.
    #[error("Error: The file is already in use")]
    FileInUse {
        /// Which file, and by whom where that is known.
        reason: String,
    },
    /// The guest agent does not answer.
    #[error("Error: The VMware Tools are not running in the virtual machine: {}", .0.display())]
    ToolsNotRunning(PathBuf),
    /// A guest operation without `-gu` and `-gp`.
    #[error(
        "Error: Anonymous guest operations are not allowed on this virtual machine. You must call \
         VixVM_LoginInGuest before performing guest operations"
    )]
    AnonymousGuest,
    /// The guest refused the login.
    #[error("Error: Invalid user name or password for the guest OS")]
    GuestLogin,
    /// `-interactive` in a guest without a graphical session.
    #[error("Error: The specified guest user must be logged in interactively to perform this operation")]
    NoInteractiveSession,
    /// The guest has no means to check a password, or its agent forbids running programs.
    #[error("Error: Guest operations are not allowed on this virtual machine")]
    GuestOperationsForbidden {
        /// What is missing.
        reason: String,
    },
    /// The guest's program ended with another code than 0. Printed without `Error:`, exit code 1.
    #[error("Guest program exited with non-zero exit code: {0}")]
    GuestProgram(i64),
    /// The guest could not start the program.
    #[error("Error: A program could not run on the guest operating system")]
    ProgramNotStarted,
    /// No address is known.
    #[error("Error: Unable to get the IP address")]
    NoAddress,
    /// A file is missing, on the host or in the guest.
    #[error("Error: A file was not found")]
    FileNotFound {
        /// Which one.
        reason: String,
    },
    /// A file exists already.
    #[error("Error: The file already exists")]
    FileExists {
        /// Which one.
        reason: String,
    },
    /// No permission for a file.
    #[error("Error: You do not have access rights to this file")]
    NoAccess,
    /// Some other trouble with a file.
    #[error("Error: A file access error occurred on the host or guest operating system")]
    FileAccess {
        /// Which file and what.
        reason: String,
    },
    /// A directory where a file should be.
    #[error("Error: The object is not a file")]
    NotAFile,
    /// A file where a directory should be.
    #[error("Error: The object is not a directory")]
    NotADirectory,
    /// No process of that number.
    #[error("Error: No such process")]
    NoSuchProcess,
    /// A parameter makes no sense.
    #[error("Error: One of the parameters was invalid")]
    InvalidParameter {
        /// Which and why.
        reason: String,
    },
    /// Something that vmrun can do and this program cannot.
    #[error("Error: The operation is not supported for the specified parameters")]
    NotSupported {
        /// What exactly.
        reason: String,
    },
    /// A snapshot of a running machine.
    #[error("Error: Snapshots are not allowed on this virtual machine")]
    SnapshotsNotAllowed {
        /// Why not.
        reason: String,
    },
    /// No snapshot of that name.
    #[error("Error: The snapshot does not exist")]
    NoSnapshot,
    /// Two snapshots of one name below one parent.
    #[error("Error: A snapshot with the name already exists")]
    SnapshotExists,
    /// Deleting what a linked clone stands on.
    #[error("Error: Insufficient permissions in the host operating system")]
    HasClones {
        /// The clones.
        reason: String,
    },
    /// vmrun's catch-all for a start that ended in a dialog nobody could answer; the machine's log has the reason.
    #[error("Error: The operation was canceled")]
    Canceled {
        /// The text of the dialog.
        reason: String,
    },
    /// vmrun's other catch-all.
    #[error("Error: Unknown error")]
    Unknown {
        /// What happened.
        reason: String,
    },
    /// A program that this one needs is missing.
    #[error(
        "Error: vmrun was unable to start. Please make sure that vmrun is installed correctly and that you have \
         enough resources available on your system."
    )]
    HostNotReady {
        /// What is missing and how to get it.
        reason: String,
    },
    /// The answer of the two exists-commands when it is no; not an error, but not exit code 0 either.
    #[error("The {0} does not exist.")]
    Absent(&'static str),
}

impl Fault {
    /// The process's exit code: 1 for a guest program's failure, 255 for everything else.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Fault::GuestProgram(_) => 1,
            _ => 255,
        }
    }

    /// What happened beyond vmrun's text, where there is more to say.
    pub(crate) fn reason(&self) -> Option<&str> {
        match self {
            Fault::BadConfiguration { reason, .. }
            | Fault::FileInUse { reason }
            | Fault::GuestOperationsForbidden { reason }
            | Fault::FileNotFound { reason }
            | Fault::FileExists { reason }
            | Fault::FileAccess { reason }
            | Fault::InvalidParameter { reason }
            | Fault::NotSupported { reason }
            | Fault::SnapshotsNotAllowed { reason }
            | Fault::HasClones { reason }
            | Fault::Canceled { reason }
            | Fault::Unknown { reason }
            | Fault::HostNotReady { reason } => Some(reason),
            _ => None,
        }
    }

    /// The catch-all with a reason.
    pub(crate) fn unknown(reason: impl Into<String>) -> Self {
        Fault::Unknown { reason: reason.into() }
    }

    /// A start that was given up, with what VMware would have asked in a dialog.
    pub(crate) fn canceled(reason: impl Into<String>) -> Self {
        Fault::Canceled { reason: reason.into() }
    }

    /// A nonsensical parameter.
    pub(crate) fn invalid(reason: impl Into<String>) -> Self {
        Fault::InvalidParameter { reason: reason.into() }
    }
}

/// Turns an operating system's error into the catch-all, saying what was being done.
pub(crate) trait OrUnknown<T> {
    /// `doing` reads like "writing /path".
    fn or_unknown(self, doing: impl fmt::Display) -> Result<T, Fault>;
}

impl<T, E: fmt::Display> OrUnknown<T> for Result<T, E> {
    fn or_unknown(self, doing: impl fmt::Display) -> Result<T, Fault> {
        self.map_err(|error| Fault::unknown(format!("{doing}: {error}")))
    }
}

/// Turns an input/output error on a host file into the fault vmrun has for its kind.
pub(crate) fn host_file(path: &Path, error: &std::io::Error) -> Fault {
    let reason = format!("{}: {error}", path.display());
    match error.kind() {
        std::io::ErrorKind::NotFound => Fault::FileNotFound { reason },
        std::io::ErrorKind::AlreadyExists => Fault::FileExists { reason },
        std::io::ErrorKind::PermissionDenied => Fault::NoAccess,
        _ => Fault::FileAccess { reason },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_vmruns_own() {
        let vmx = PathBuf::from("/vm/가 나.vmx");
        assert_eq!(
            Fault::NotPoweredOn(vmx.clone()).to_string(),
            "Error: The virtual machine is not powered on: /vm/가 나.vmx"
        );
        assert_eq!(
            Fault::ToolsNotRunning(vmx.clone()).to_string(),
            "Error: The VMware Tools are not running in the virtual machine: /vm/가 나.vmx"
        );
        assert_eq!(
            Fault::BadConfiguration {
                vmx,
                reason: String::new()
            }
            .to_string(),
            "Error: Cannot open VM: /vm/가 나.vmx, Cannot read the virtual machine configuration file"
        );
        assert_eq!(
            Fault::AnonymousGuest.to_string(),
            "Error: Anonymous guest operations are not allowed on this virtual machine. You must call \
             VixVM_LoginInGuest before performing guest operations"
        );
    }

    #[test]
    fn only_a_guest_programs_failure_exits_with_one() {
        assert_eq!(Fault::GuestProgram(3).exit_code(), 1);
        assert_eq!(Fault::Usage.exit_code(), 255);
        assert_eq!(Fault::Absent("file").exit_code(), 255);
    }

    #[test]
    fn an_unknown_flag_is_named_before_version_and_usage() {
        let text = Fault::InvalidArgument { flag: "--help".into() }.to_string();
        assert!(
            text.starts_with("Invalid argument: --help\n\nvmrun version 1.17.0 build-"),
            "{text}"
        );
        assert!(
            text.contains("Usage: vmrun [AUTHENTICATION-FLAGS] COMMAND [PARAMETERS]"),
            "{text}"
        );
    }
}
