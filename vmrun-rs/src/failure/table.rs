//! The error texts of `vmrun`, as data.
//!
//! Two sources: texts seen in logs and issue reports of `vmrun` 1.13 to 1.17 (`SEEN`), and the reference texts of the
//! VIX error numbers (`VIX`), which `vmrun` prints behind `Error: `. The reference differs from the printed text in
//! places; then both are listed.

use super::FailureClass::{
    self, AlreadyExists, AlreadyRunning, Canceled, Configuration, Encrypted, FileLocked, GuestAuthentication,
    GuestSession, HostConnection, InvalidParameter, NetworkAddress, NotFound, NotPoweredOn, NotSupported, Permission,
    Resources, SharedFolder, Snapshot, ToolsNotRunning, Unknown, Usage,
};

/// One known text. It matches a message that begins with it (ASCII case ignored) and goes on with nothing, punctuation
/// or white space.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) text: &'static str,
    pub(super) vix: Option<u32>,
    pub(super) class: FailureClass,
    pub(super) retryable: bool,
    /// Replaces the class's general hint.
    pub(super) hint: Option<&'static str>,
}

const fn row(text: &'static str, vix: u32, class: FailureClass) -> Row {
    Row {
        text,
        vix: if vix == 0 { None } else { Some(vix) },
        class,
        retryable: false,
        hint: None,
    }
}

impl Row {
    const fn retry(mut self) -> Self {
        self.retryable = true;
        self
    }

    const fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }
}

const HOST_PERMISSIONS: &str = "run as the user who owns the machine; a machine with linked clones cannot be deleted; on \
    macOS, typing keystrokes needs the Accessibility permission";

/// Texts printed behind `Error: `, as seen. Longer texts stand before their own beginnings.
#[rustfmt::skip]
pub(super) const SEEN: &[Row] = &[
    row("The VMware Tools are not running in the virtual machine", 3016, ToolsNotRunning).retry(),
    row("VMware Tools are not running in the guest", 3016, ToolsNotRunning).retry(),
    row("Invalid user name or password for the guest OS", 3015, GuestAuthentication),
    row("Command requires valid user name and password for the guest OS", 0, GuestAuthentication)
        .hint("give the guest's user name and password (-gu, -gp)"),
    row("Anonymous guest operations are not allowed on this virtual machine", 3018, GuestAuthentication)
        .hint("give the guest's user name and password (-gu, -gp); captureScreen needs them too"),
    row("The specified guest user must be logged in interactively to perform this operation", 3034, GuestSession).retry(),
    row("Unable to get the IP address", 0, NetworkAddress).retry(),
    row("The virtual machine is not powered on", 3006, NotPoweredOn),
    row("The virtual machine needs to be powered on", 3006, NotPoweredOn)
        .hint("start the machine; a guest that went to sleep gives this answer too"),
    row("The virtual machine should not be powered on", 3007, AlreadyRunning)
        .hint("stop the machine first; a clone must start from a snapshot that was taken while it was off"),
    row("The virtual machine is already running", 3007, AlreadyRunning),
    row("A password is required for this operation", 0, Encrypted),
    row("Authentication for encrypted virtual machine failed", 0, Encrypted)
        .hint("check the encrypted machine's password (-vp); a running encrypted machine refuses snapshots with the same words"),
    row("unknown file suffix", 22, Configuration).hint("the path must end in .vmx"),
    row("The file is already in use", 15, FileLocked).retry(),
    row("A file was not found", 4, NotFound)
        .hint("a path of the host or the guest does not exist, the guest's user cannot read it, or the host type (-T) is wrong"),
    row("You do not have access rights to this file", 13, Permission)
        .hint("the file or its directory is read-only or in use; in a Windows guest, the user may lack elevation (UAC)"),
    row("Insufficient permissions in the host operating system", 3014, Permission).hint(HOST_PERMISSIONS),
    row("Insufficient permissions in host operating system", 3014, Permission).hint(HOST_PERMISSIONS),
    row("A snapshot with the name already exists", 13004, Snapshot).hint("choose another snapshot name"),
    row("The snapshot already exists", 13004, Snapshot).hint("choose another snapshot name"),
    row("The snapshot does not exist", 13003, Snapshot),
    row("The specified snapshot does not exist", 13003, Snapshot),
    row("Invalid snapshot name", 13003, Snapshot),
    row("The operation was canceled", 10, Canceled),
    row("The operation was cancelled", 10, Canceled),
    row("Unknown error", 1, Unknown),
    row("Cannot connect to the virtual machine", 3008, HostConnection).retry()
        .hint("check the access rights of the machine's directory, and whether another user started the machine"),
    row("Service type VIX_SERVICEPROVIDER_VMWARE_WORKSTATION was specified, but not installed", 0, HostConnection)
        .hint("this product is not VMware Workstation: use the host type player (-T player)"),
    row("Service type VIX_SERVICEPROVIDER", 0, HostConnection)
        .hint("the host type (-T) names a product that is not installed here"),
    row("The specified version was not found", 0, HostConnection)
        .hint("the VIX library is older than the product: install the one that came with it"),
    row("There was an error mounting the Shared Folders file system inside the guest operating system", 29000, SharedFolder).retry(),
    row("vmrun was unable to start", 0, Resources).retry()
        .hint("the host was short of resources or vmrun is not installed properly"),
    row("Unrecognized command", 0, Usage),
    row("Waiting for Command execution Available", 0, ToolsNotRunning).retry(),
    row("The operation was temporarily unavailable", 0, HostConnection).retry(),
    row("The file specified is not a valid virtual machine", 4002, Configuration),
];

/// Texts printed on a line of their own, without `Error:`.
#[rustfmt::skip]
pub(super) const BARE: &[Row] = &[
    row("Invalid argument", 0, Usage),
    row("Invalid host type", 0, Usage).hint("this vmrun does not know the host type given with -T"),
    row("No Vm name provided", 0, Usage).hint("the command needs the path of a .vmx file"),
    row("Usage: vmrun", 0, Usage),
    row("Waiting for Command execution Available", 0, ToolsNotRunning).retry(),
    row("vmrun was unable to start", 0, Resources).retry(),
    row("Unexpected signal", 0, Unknown).hint("vmrun itself crashed: try again, then repair the installation"),
    row("The file does not exist", 0, NotFound),
    row("The directory does not exist", 0, NotFound),
    row("Cloning is not supported", 0, NotSupported).hint("packer says this of a VMware Player that is too old to clone"),
    row("Unable to connect to host", 0, HostConnection),
];

/// Reference texts of the VIX error numbers.
#[rustfmt::skip]
pub(super) const VIX: &[Row] = &[
    row("Memory allocation failed", 2, Resources),
    row("Out of memory", 2, Resources),
    row("One of the parameters was invalid", 3, InvalidParameter)
        .hint("check the parameters; for a linked clone it means that this product or licence cannot make one"),
    row("One of the parameters supplied is invalid", 3, InvalidParameter),
    row("This function cannot be performed because the handle is executing another function", 5, HostConnection).retry(),
    row("The operation is not supported for the specified parameters", 6, NotSupported).retry()
        .hint("under load this is temporary; else the command does not fit the machine or its state"),
    row("A file access error occurred on the host or guest operating system", 7, Permission),
    row("An error occurred while writing a file; the disk is full", 8, Resources),
    row("An error occurred while writing a file", 8, Resources),
    row("An error occurred while accessing a file: wrong file type", 9, Configuration),
    row("The file is write-protected", 11, Permission),
    row("The file already exists", 12, AlreadyExists),
    row("The file system does not support sufficiently large files", 14, Resources),
    row("The operation is not supported on remote objects", 20, NotSupported),
    row("The file is too big for the filesystem", 21, Resources),
    row("The file is too large for the file system", 21, Resources),
    row("The file name is not valid", 22, InvalidParameter),
    row("Already exists", 23, AlreadyExists),
    row("Timeout error while waiting for the guest tools to start", 3000, ToolsNotRunning).retry(),
    row("Timeout error while waiting for the VMware Tools to start", 3000, ToolsNotRunning).retry(),
    row("The command is not recognized by the virtual machine", 3001, NotSupported),
    row("The operation is not supported on this guest operating system", 3003, NotSupported),
    row("The requested operation is not supported on this guest OS", 3003, NotSupported),
    row("A program could not run on the guest operating system", 3004, NotFound)
        .hint("check the program's path in the guest and its execute permission"),
    row("Cannot power on a read-only virtual machine", 3005, Permission),
    row("Cannot execute scripts on the guest operating system", 3009, NotSupported),
    row("Cannot execute scripts", 3009, NotSupported),
    row("There is no operating system installed in the virtual machine", 3010, NotFound),
    row("No operating system installed", 3010, NotFound),
    row("Not enough physical memory is available to power on this virtual machine", 3011, Resources),
    row("An error occurred while suspending the virtual machine", 3012, Unknown),
    row("This virtual machine is configured to run on a computer with more CPUs", 3013, Resources),
    row("Not enough CPUs", 3013, Resources),
    row("Insufficient permissions", 3014, Permission),
    row("Authentication failure or insufficient permissions in guest operating system", 3015, GuestAuthentication),
    row("Guest operations are not allowed on this virtual machine", 3017, Permission),
    row("Guest operations are not allowed for the root user", 3019, GuestAuthentication),
    row("The virtual machine cannot authenticate users with guest", 3023, GuestAuthentication),
    row("The command is not recognized by the guest tools", 3025, NotSupported)
        .hint("update the VMware Tools in the guest"),
    row("The command can only be run by console user", 3027, GuestSession),
    row("The virtual machine needs user interaction", 3028, Canceled),
    row("Operation not allowed for this login type", 3031, GuestSession),
    row("This login type is not supported", 3032, GuestSession),
    row("Empty passwords are not allowed in the guest", 3033, GuestAuthentication),
    row("An empty password is not allowed in the guest", 3033, GuestAuthentication),
    row("The interactive session user does not match", 3035, GuestSession),
    row("The virtual machine could not be powered on", 3041, Canceled),
    row("Cannot power on the virtual machine", 3041, Canceled),
    row("Cannot launch the UI because no display server is present", 3043, GuestSession)
        .hint("start the machine with nogui"),
    row("There are too many logons", 3046, Resources),
    row("The authentication session is invalid", 3047, GuestAuthentication),
    row("The virtual machine cannot be found", 4000, NotFound).hint("no .vmx file at this path"),
    row("The operation is not supported for this virtual machine version", 4001, NotSupported)
        .hint("upgrade the machine's virtual hardware (upgradevm)"),
    row("Cannot read the virtual machine configuration file", 4002, Configuration)
        .hint("the .vmx file is damaged or incomplete; just after a suspend, or with a vmware-vmx process left over, it is temporary"),
    row("Cannot perform this operation on a template virtual machine", 4003, NotSupported),
    row("The virtual machine has already been loaded", 4004, AlreadyRunning),
    row("The virtual machine is already up-to-date", 4006, AlreadyExists),
    row("The guest operating system is not supported", 4011, NotSupported),
    row("The configuration file does not specify a guest operating system", 0, Configuration)
        .hint("set guestOS in the .vmx file"),
    row("The snapshot is incompatible with the current host", 13000, Snapshot),
    row("Unable to open the snapshot file", 13001, Snapshot),
    row("Unable to open snapshot file", 13001, Snapshot),
    row("Disk problem", 13002, Snapshot),
    row("The snapshot was not found", 13003, Snapshot),
    row("A file by that name already exists", 13004, Snapshot),
    row("Snapshots are not allowed on this virtual machine", 13005, Snapshot),
    row("Something is wrong with the configuration file", 13007, Configuration),
    row("The state of the virtual machine has not changed since the last snapshot", 13008, Snapshot),
    row("Unable to save the snapshot file", 13009, Snapshot),
    row("Unable to save snapshot file", 13009, Snapshot),
    row("A snapshot operation is already in progress", 13010, Snapshot).retry(),
    row("The snapshot files are in an inconsistent state", 13011, Snapshot),
    row("The snapshot filename is too long", 13012, Snapshot),
    row("Cannot snapshot all metadata files", 13013, Snapshot),
    row("One or more of the disks are busy", 13014, FileLocked).retry(),
    row("The virtual disk is used multiple times", 13015, Snapshot),
    row("Powered on snapshots not allowed with independent disks", 13016, Snapshot),
    row("Taking snapshots of a powered on virtual machine with independent disks", 13016, Snapshot),
    row("The name does not uniquely identify one snapshot", 13017, Snapshot),
    row("The object is not a file", 20001, InvalidParameter),
    row("The object is not a directory", 20002, InvalidParameter),
    row("No such process", 20003, NotFound),
    row("File name too long", 20004, InvalidParameter),
    row("An unknown error has occurred", 1, Unknown),
];

/// Finds the row whose text `message` begins with.
pub(super) fn find(rows: &'static [Row], message: &[u8]) -> Option<&'static Row> {
    rows.iter().find(|row| begins(message, row.text))
}

fn begins(message: &[u8], text: &str) -> bool {
    message
        .get(..text.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(text.as_bytes()))
        && message.get(text.len()).is_none_or(|next| !next.is_ascii_alphanumeric())
}

/// Finds a message in the texts that follow `Error: `. What is usually printed without it can be printed with it.
pub(super) fn find_error(message: &[u8]) -> Option<&'static Row> {
    [SEEN, VIX, BARE].into_iter().find_map(|rows| find(rows, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_row_hides_behind_a_shorter_one() {
        for rows in [SEEN, VIX, BARE] {
            for (i, row) in rows.iter().enumerate() {
                let first = rows.iter().position(|r| begins(row.text.as_bytes(), r.text));
                assert_eq!(first, Some(i), "{:?} is never reached", row.text);
            }
        }
    }

    #[test]
    fn every_number_of_the_vix_reference_has_a_text() {
        // Of 3024 the text is that of 3023, of 13006 that of 3014; that of 3026 is not known.
        let numbers = [
            1..=15,
            20..=23,
            3000..=3001,
            3003..=3019,
            3023..=3023,
            3025..=3025,
            3027..=3028,
            3031..=3035,
        ];
        let more = [
            3041, 3043, 3046, 3047, 4000, 4001, 4002, 4003, 4004, 4006, 4011, 20001, 20002, 20003, 20004, 29000,
        ];
        let numbers = numbers
            .into_iter()
            .flatten()
            .chain(more)
            .chain(13000..=13005)
            .chain(13007..=13017);
        let missing: Vec<u32> = numbers
            .filter(|number| {
                ![SEEN, VIX]
                    .iter()
                    .any(|rows| rows.iter().any(|row| row.vix == Some(*number)))
            })
            .collect();
        assert_eq!(missing, [] as [u32; 0]);
    }

    #[test]
    fn a_longer_word_is_not_a_match() {
        assert!(find_error(b"Unknown errors everywhere").is_none());
        assert!(find_error(b"unknown ERROR.").is_some());
    }
}
