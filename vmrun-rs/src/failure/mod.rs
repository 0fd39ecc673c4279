//! What went wrong, in one word, one line and one piece of advice.
//!
//! `vmrun` reports every failure as English text, mostly on standard output and mostly with exit code 255. [`classify`]
//! turns that text into a [`Failure`]: a [`FailureClass`], the VIX error number where it is known, whether trying again
//! can help, a one-line summary and a hint. It reads bytes, because paths inside the messages come in whatever encoding
//! the host uses.

mod scan;
mod table;
mod vmware_log;

use std::fmt;

use serde::Serialize;

pub(crate) use scan::classify_masking;
pub use scan::{OutputKind, classify, classify_as};
pub use vmware_log::{causes, causes_beside};

/// The kinds of failure that call for different reactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FailureClass {
    /// The command line was not understood: unknown command, wrong flag order, missing parameter.
    Usage,
    /// The guest refused the user name or password, or none was given.
    GuestAuthentication,
    /// The guest operation needs a desktop session that is not there.
    GuestSession,
    /// VMware Tools do not answer (yet).
    ToolsNotRunning,
    /// The host or the guest denied access.
    Permission,
    /// The machine is off and the command needs it on.
    NotPoweredOn,
    /// The machine is on and the command needs it off.
    AlreadyRunning,
    /// Another process holds the machine's files.
    FileLocked,
    /// A machine, file, program or process does not exist.
    NotFound,
    /// Something of that name exists already.
    AlreadyExists,
    /// The machine is encrypted and the password is missing or wrong.
    Encrypted,
    /// A snapshot operation was refused.
    Snapshot,
    /// The guest has no address (yet).
    NetworkAddress,
    /// `vmrun` could not reach the hypervisor's own service.
    HostConnection,
    /// The `.vmx` file cannot be read or is not a machine.
    Configuration,
    /// A parameter was refused.
    InvalidParameter,
    /// The operation does not exist for this machine, guest or product.
    NotSupported,
    /// Memory, processors or disk space ran out.
    Resources,
    /// Shared folders could not be mounted.
    SharedFolder,
    /// A program in the guest ended with a non-zero exit code. The channel worked.
    GuestProgram,
    /// "The operation was canceled": a catch-all whose cause is in `vmware.log`.
    Canceled,
    /// An answer that this crate does not know, or `vmrun`'s own "Unknown error".
    Unknown,
    /// The deadline passed and the process tree was killed.
    Timeout,
    /// The program could not be started at all.
    Spawn,
    /// The program succeeded but its output was not what the command prints.
    UnexpectedOutput,
}

impl FailureClass {
    /// The class in words, for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::GuestAuthentication => "guest authentication",
            Self::GuestSession => "guest session",
            Self::ToolsNotRunning => "tools not running",
            Self::Permission => "permission",
            Self::NotPoweredOn => "not powered on",
            Self::AlreadyRunning => "already running",
            Self::FileLocked => "file locked",
            Self::NotFound => "not found",
            Self::AlreadyExists => "already exists",
            Self::Encrypted => "encrypted",
            Self::Snapshot => "snapshot",
            Self::NetworkAddress => "network address",
            Self::HostConnection => "host connection",
            Self::Configuration => "configuration",
            Self::InvalidParameter => "invalid parameter",
            Self::NotSupported => "not supported",
            Self::Resources => "resources",
            Self::SharedFolder => "shared folder",
            Self::GuestProgram => "guest program",
            Self::Canceled => "canceled",
            Self::Unknown => "unknown",
            Self::Timeout => "timeout",
            Self::Spawn => "spawn",
            Self::UnexpectedOutput => "unexpected output",
        }
    }

    /// What a user can do about this class in general. Rows of the error table may know better.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Usage => {
                "vmrun did not understand the command line: check its version, and whether the authentication flags \
                 belong before or after the command"
            }
            Self::GuestAuthentication => {
                "check the guest's user name and password; while the guest still boots the same answer can be temporary"
            }
            Self::GuestSession => "log the guest user in at the guest's desktop, or leave out the interactive option",
            Self::ToolsNotRunning => {
                "wait until the guest has booted, or install open-vm-tools in it; a headless machine can get this answer \
                 although the tools run, then use another channel such as SSH"
            }
            Self::Permission => "check the access rights of the files, and run as the user who started the machine",
            Self::NotPoweredOn => "start the machine first",
            Self::AlreadyRunning => "stop the machine first",
            Self::FileLocked => {
                "close the machine in the VMware window, or wait for another command on it to end; if nothing uses it, a \
                 stale .lck directory beside the .vmx is left over from a crash"
            }
            Self::NotFound => "check the path; vmrun looks for it on the side (host or guest) that the command names",
            Self::AlreadyExists => "choose another name or remove the old one first",
            Self::Encrypted => "give the encrypted machine's password (-vp); every command on it needs it",
            Self::Snapshot => {
                "list the machine's snapshots and check the name; no other snapshot operation may be running"
            }
            Self::NetworkAddress => "wait until the guest has an address, or read it from the DHCP leases",
            Self::HostConnection => {
                "check that VMware Workstation is installed, runs for this user and fits the host type"
            }
            Self::Configuration => {
                "check the .vmx file: config.version, virtualHW.version and its encoding must be right"
            }
            Self::InvalidParameter => "check the parameters of the command",
            Self::NotSupported => "this product, machine version or guest does not support the operation",
            Self::Resources => "free memory or disk space on the host, or make the machine smaller",
            Self::SharedFolder => "the guest's shared-folder driver did not mount; trying again often helps",
            Self::GuestProgram => "the program ran in the guest and failed: look at its own output",
            Self::Canceled | Self::Unknown => "vmrun does not say why: the cause is in vmware.log beside the .vmx file",
            Self::Timeout => {
                "the command did not end in time and was killed; look for a dialog that waits for an answer"
            }
            Self::Spawn => "check that the program exists and may be executed; VMRUN_PATH names another one",
            Self::UnexpectedOutput => "the program answered in a form this version of the crate does not know",
        }
    }
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// A classified failure. [`Display`](fmt::Display) is its one-line summary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Failure {
    /// What kind of failure it is.
    pub class: FailureClass,
    /// The VIX error number behind the message, where it is known.
    pub vix: Option<u32>,
    /// Whether the same command can succeed a little later without anybody doing anything.
    pub retryable: bool,
    /// One line: the class and what was printed.
    pub summary: String,
    /// One line: what to do about it.
    pub hint: String,
    /// The line that decided, as printed (undecodable bytes replaced), without `Error:`.
    pub message: Option<String>,
    /// What `vmware.log` says about a catch-all answer.
    pub causes: Vec<String>,
    /// The exit code of a program in the guest, for [`FailureClass::GuestProgram`].
    pub guest_exit_code: Option<i32>,
}

impl Failure {
    /// A failure of this class with its general hint.
    pub fn new(class: FailureClass, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            class,
            vix: None,
            retryable: false,
            summary: format!("{}: {message}", class.label()),
            hint: class.hint().to_owned(),
            message: Some(message),
            causes: Vec::new(),
            guest_exit_code: None,
        }
    }

    /// Whether the answer is a catch-all that [`causes`] can explain.
    pub fn is_catch_all(&self) -> bool {
        matches!(self.class, FailureClass::Canceled | FailureClass::Unknown)
    }

    /// Adds what `vmware.log` says; the first line joins the summary.
    pub fn with_causes(mut self, causes: Vec<String>) -> Self {
        if let Some(first) = causes.first() {
            self.summary = format!("{} ({first})", self.summary);
            "vmware.log beside the .vmx file names the cause: fix that and start again".clone_into(&mut self.hint);
        }
        self.causes = causes;
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary)
    }
}
