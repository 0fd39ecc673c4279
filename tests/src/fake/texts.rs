//! What vmrun 1.17 prints, from logs, issue threads and the VIX reference. Errors go to standard output with exit code 255.

use std::fmt::Write as _;

pub(crate) const VERSION: &str = "vmrun version 1.17.0 build-24832109";

pub(crate) const TOOLS_NOT_RUNNING: &str = "The VMware Tools are not running in the virtual machine";
pub(crate) const BAD_LOGIN: &str = "Invalid user name or password for the guest OS";
pub(crate) const ANONYMOUS: &str = "Anonymous guest operations are not allowed on this virtual machine. You must call VixVM_LoginInGuest before performing guest operations";
pub(crate) const NO_ADDRESS: &str = "Unable to get the IP address";
pub(crate) const NOT_POWERED_ON: &str = "The virtual machine is not powered on";
pub(crate) const NEEDS_POWER: &str = "The virtual machine needs to be powered on";
pub(crate) const ALREADY_RUNNING: &str = "The virtual machine should not be powered on. It is already running.";
pub(crate) const IN_USE: &str = "The file is already in use";
pub(crate) const NO_FILE: &str = "A file was not found";
pub(crate) const FILE_EXISTS: &str = "The file already exists";
pub(crate) const NO_ACCESS: &str = "You do not have access rights to this file";
pub(crate) const SNAPSHOT_EXISTS: &str = "A snapshot with the name already exists";
pub(crate) const NO_SNAPSHOT: &str = "The snapshot does not exist";
pub(crate) const CANCELED: &str = "The operation was canceled";
pub(crate) const UNKNOWN: &str = "Unknown error";
pub(crate) const NOT_SUPPORTED: &str = "The operation is not supported for the specified parameters";
pub(crate) const INVALID: &str = "One of the parameters was invalid";
pub(crate) const HOST_PERMISSIONS: &str = "Insufficient permissions in the host operating system";
pub(crate) const DISK_FULL: &str = "An error occurred while writing a file; the disk is full. Data has not been saved. Free some disk space and try again";
pub(crate) const NO_CONNECTION: &str = "Unable to connect to host.";

/// Lines that were seen before the real answer.
pub(crate) const NOISE: &str = "2025-01-28T22:07:59.876| ServiceImpl_Opener: PID 47808\nWarning: program compiled against libxml 210 using older 209\n";

/// What `vmware.log` says where vmrun only says that the operation was canceled.
pub(crate) const CANCELED_LOG: &str = "2025-01-28T22:07:58.001Z In(05) vmx Msg_Post: Error\n\
    2025-01-28T22:07:58.001Z In(05) vmx [msg.hostlinux.notEnoughPhysicalMemory] Not enough physical memory is available to power on this virtual machine with its configured settings.\n\
    2025-01-28T22:07:58.001Z In(05) vmx [msg.hostlinux.notEnoughPhysicalMemory] To fix this problem, decrease the memory size of this virtual machine.\n\
    2025-01-28T22:07:58.001Z In(05) vmx ----------------------------------------\n";

/// `P, The virtual machine cannot be found`
pub(crate) fn cannot_open(vmx: &str, why: &str) -> String {
    format!("Cannot open VM: {vmx}, {why}")
}

/// Name, parameters behind the machine's path (or instead of it), what it does.
pub(crate) const COMMANDS: [(&str, &str, &str); 47] = [
    ("start", "Path to vmx file [gui|nogui]", "Start a VM or Team"),
    ("stop", "Path to vmx file [hard|soft]", "Stop a VM or Team"),
    ("reset", "Path to vmx file [hard|soft]", "Reset a VM or Team"),
    ("suspend", "Path to vmx file [hard|soft]", "Suspend a VM or Team"),
    ("pause", "Path to vmx file", "Pause a VM"),
    ("unpause", "Path to vmx file", "Unpause a VM"),
    (
        "listSnapshots",
        "Path to vmx file [showTree]",
        "List all snapshots in a VM",
    ),
    (
        "snapshot",
        "Path to vmx file Snapshot name",
        "Create a snapshot of a VM",
    ),
    (
        "deleteSnapshot",
        "Path to vmx file Snapshot name [andDeleteChildren]",
        "Remove a snapshot from a VM",
    ),
    (
        "revertToSnapshot",
        "Path to vmx file Snapshot name",
        "Set VM state to a snapshot",
    ),
    (
        "listNetworkAdapters",
        "Path to vmx file",
        "List all network adapters on a VM",
    ),
    ("listHostNetworks", "", "List all networks in the host"),
    (
        "listPortForwardings",
        "Host network name",
        "List all available port forwardings on a host network",
    ),
    (
        "setPortForwarding",
        "Host network name Protocol Host port Guest ip Guest port [Description]",
        "Add or update a port forwarding",
    ),
    (
        "deletePortForwarding",
        "Host network name Protocol Host port",
        "Delete a port forwarding on a host network",
    ),
    (
        "runProgramInGuest",
        "Path to vmx file [-noWait] [-activeWindow] [-interactive] Complete-Path-To-Program [Program arguments]",
        "Run a program in Guest OS",
    ),
    (
        "fileExistsInGuest",
        "Path to vmx file Path to file in guest",
        "Check if a file exists in Guest OS",
    ),
    (
        "directoryExistsInGuest",
        "Path to vmx file Path to directory in guest",
        "Check if a directory exists in Guest OS",
    ),
    (
        "setSharedFolderState",
        "Path to vmx file Share name Host path writable | readonly",
        "Modify a Host-Guest shared folder",
    ),
    (
        "addSharedFolder",
        "Path to vmx file Share name New host path",
        "Add a Host-Guest shared folder",
    ),
    (
        "removeSharedFolder",
        "Path to vmx file Share name",
        "Remove a Host-Guest shared folder",
    ),
    (
        "enableSharedFolders",
        "Path to vmx file [runtime]",
        "Enable shared folders in Guest",
    ),
    (
        "disableSharedFolders",
        "Path to vmx file [runtime]",
        "Disable shared folders in Guest",
    ),
    (
        "listProcessesInGuest",
        "Path to vmx file",
        "List running processes in Guest OS",
    ),
    (
        "killProcessInGuest",
        "Path to vmx file process id",
        "Kill a process in Guest OS",
    ),
    (
        "runScriptInGuest",
        "Path to vmx file [-noWait] [-activeWindow] [-interactive] Interpreter path Script text",
        "Run a script in Guest OS",
    ),
    (
        "deleteFileInGuest",
        "Path to vmx file Path in guest",
        "Delete a file in Guest OS",
    ),
    (
        "createDirectoryInGuest",
        "Path to vmx file Directory path in guest",
        "Create a directory in Guest OS",
    ),
    (
        "deleteDirectoryInGuest",
        "Path to vmx file Directory path in guest",
        "Delete a directory in Guest OS",
    ),
    (
        "CreateTempfileInGuest",
        "Path to vmx file",
        "Create a temporary file in Guest OS",
    ),
    (
        "listDirectoryInGuest",
        "Path to vmx file Directory path in guest",
        "List a directory in Guest OS",
    ),
    (
        "CopyFileFromHostToGuest",
        "Path to vmx file Path on host Path in guest",
        "Copy a file from host OS to guest OS",
    ),
    (
        "CopyFileFromGuestToHost",
        "Path to vmx file Path in guest Path on host",
        "Copy a file from guest OS to host OS",
    ),
    (
        "renameFileInGuest",
        "Path to vmx file Original name New name",
        "Rename a file in Guest OS",
    ),
    (
        "typeKeystrokesInGuest",
        "Path to vmx file keystroke string",
        "Type Keystrokes in Guest OS",
    ),
    (
        "connectNamedDevice",
        "Path to vmx file device name",
        "Connect the named device in the Guest OS",
    ),
    (
        "disconnectNamedDevice",
        "Path to vmx file device name",
        "Disconnect the named device in the Guest OS",
    ),
    (
        "captureScreen",
        "Path to vmx file Path on host",
        "Capture the screen of the VM to a local file",
    ),
    (
        "writeVariable",
        "Path to vmx file [runtimeConfig|guestEnv|guestVar] variable name variable value",
        "Write a variable in the VM state",
    ),
    (
        "readVariable",
        "Path to vmx file [runtimeConfig|guestEnv|guestVar] variable name",
        "Read a variable in the VM state",
    ),
    (
        "getGuestIPAddress",
        "Path to vmx file [-wait]",
        "Gets the IP address of the guest",
    ),
    ("list", "", "List all running VMs"),
    ("upgradevm", "Path to vmx file", "Upgrade VM file format, virtual hw"),
    ("installTools", "Path to vmx file", "Install Tools in Guest"),
    ("checkToolsState", "Path to vmx file", "Check the current Tools state"),
    ("deleteVM", "Path to vmx file", "Delete a VM"),
    (
        "clone",
        "Path to vmx file Path to destination vmx file full|linked [-snapshot=Snapshot Name] [-cloneName=Name]",
        "Create a copy of the VM",
    ),
];

/// The help text.
pub(crate) fn usage() -> String {
    let mut text = format!(
        "\n{VERSION}\n\nUsage: vmrun [AUTHENTICATION-FLAGS] COMMAND [PARAMETERS]\n\n\n\n\
         AUTHENTICATION-FLAGS\n--------------------\nThese must appear before the command and any command parameters.\n\n\
         \x20  -T <hostType> (ws|fusion||player)\n   -vp <password for encrypted virtual machine>\n\
         \x20  -gu <userName in guest OS>\n   -gp <password in guest OS>\n\n\n\n\
         COMMAND                  PARAMETERS           DESCRIPTION\n-------                  ----------           -----------\n"
    );
    for (name, parameters, summary) in COMMANDS {
        let _ = writeln!(text, "{name:<25}{parameters:<21}{summary}");
    }
    text
}
