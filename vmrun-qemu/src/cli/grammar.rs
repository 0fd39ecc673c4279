//! The commands, their parameters, and how they are read.

use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use super::parameters::Parameters;
use super::{PowerMode, VariableKind};
use crate::fault::Fault;

/// One line of the usage text.
pub(crate) struct CommandHelp {
    pub(crate) name: &'static str,
    pub(crate) parameters: &'static str,
    pub(crate) summary: &'static str,
}

const fn help(name: &'static str, parameters: &'static str, summary: &'static str) -> CommandHelp {
    CommandHelp {
        name,
        parameters,
        summary,
    }
}

/// Every command that this program carries out, in the order of the usage text.
pub(crate) const COMMANDS: &[CommandHelp] = &[
    help("start", "VMX [gui|nogui]", "Power on"),
    help("stop", "VMX [hard|soft]", "Power off"),
    help("reset", "VMX [hard|soft]", "Reset"),
    help("suspend", "VMX [hard|soft]", "Not available on QEMU"),
    help("pause", "VMX", "Freeze the processors"),
    help("unpause", "VMX", "Let them go on"),
    help("listSnapshots", "VMX [showTree]", "List snapshots"),
    help("snapshot", "VMX NAME", "Take a snapshot of a machine that is off"),
    help("deleteSnapshot", "VMX NAME [andDeleteChildren]", "Remove a snapshot"),
    help("revertToSnapshot", "VMX NAME", "Go back to a snapshot"),
    help("listHostNetworks", "", "List the virtual networks"),
    help("listPortForwardings", "NETWORK", "List forwarded host ports"),
    help(
        "setPortForwarding",
        "NETWORK PROTO HOSTPORT GUESTIP GUESTPORT [TEXT]",
        "Forward a host port",
    ),
    help(
        "deletePortForwarding",
        "NETWORK PROTO HOSTPORT",
        "Stop forwarding a host port",
    ),
    help(
        "runProgramInGuest",
        "VMX [-noWait] PROGRAM [ARGUMENTS]",
        "Run a program in the guest",
    ),
    help(
        "runScriptInGuest",
        "VMX [-noWait] INTERPRETER SCRIPT",
        "Run a script in the guest",
    ),
    help("fileExistsInGuest", "VMX PATH", "Is there such a file?"),
    help("directoryExistsInGuest", "VMX PATH", "Is there such a directory?"),
    help("listProcessesInGuest", "VMX", "List the guest's processes"),
    help("killProcessInGuest", "VMX PID", "End a process"),
    help("deleteFileInGuest", "VMX PATH", "Delete a file"),
    help("createDirectoryInGuest", "VMX PATH", "Make a directory"),
    help("deleteDirectoryInGuest", "VMX PATH", "Delete a directory and all in it"),
    help("CreateTempfileInGuest", "VMX", "Make an empty temporary file"),
    help("listDirectoryInGuest", "VMX PATH", "List a directory"),
    help(
        "CopyFileFromHostToGuest",
        "VMX HOSTPATH GUESTPATH",
        "Copy a file into the guest",
    ),
    help(
        "CopyFileFromGuestToHost",
        "VMX GUESTPATH HOSTPATH",
        "Copy a file out of the guest",
    ),
    help("renameFileInGuest", "VMX OLD NEW", "Rename a file"),
    help(
        "connectNamedDevice",
        "VMX DEVICE",
        "Connect a CD drive or network adapter",
    ),
    help("disconnectNamedDevice", "VMX DEVICE", "Disconnect it"),
    help("captureScreen", "VMX HOSTPATH", "Save the screen as PNG"),
    help(
        "writeVariable",
        "VMX runtimeConfig|guestEnv|guestVar NAME VALUE",
        "Set a variable",
    ),
    help(
        "readVariable",
        "VMX runtimeConfig|guestEnv|guestVar NAME",
        "Show a variable",
    ),
    help("getGuestIPAddress", "VMX [-wait]", "Show the guest's address"),
    help("list", "", "List running machines"),
    help("checkToolsState", "VMX", "Does the guest's agent answer?"),
    help("deleteVM", "VMX", "Delete a machine"),
    help(
        "clone",
        "VMX DEST full|linked [-snapshot=NAME] [-cloneName=NAME]",
        "Clone a machine",
    ),
];

/// How `runProgramInGuest` and `runScriptInGuest` run things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct RunOptions {
    /// Do not wait for the end.
    pub(crate) no_wait: bool,
    /// On the user's desktop.
    pub(crate) interactive: bool,
}

/// A command with its parameters.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// Commands about one machine.
    Machine(PathBuf, MachineRequest),
    /// `list`
    List,
    /// `listHostNetworks`
    ListHostNetworks,
    /// `listPortForwardings`
    ListPortForwardings { network: String },
    /// `setPortForwarding`
    SetPortForwarding {
        network: String,
        protocol: String,
        host_port: u16,
        guest: (Ipv4Addr, u16),
        text: String,
    },
    /// `deletePortForwarding`
    DeletePortForwarding {
        network: String,
        protocol: String,
        host_port: u16,
    },
}

/// A command about one machine.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum MachineRequest {
    Start,
    Stop(Option<PowerMode>),
    Reset(Option<PowerMode>),
    Suspend,
    Pause,
    Unpause,
    ListSnapshots {
        tree: bool,
    },
    Snapshot {
        name: String,
    },
    DeleteSnapshot {
        name: String,
        children: bool,
    },
    RevertToSnapshot {
        name: String,
    },
    Clone {
        to: PathBuf,
        linked: bool,
        snapshot: Option<String>,
        name: Option<String>,
    },
    Delete,
    GetAddress {
        wait: bool,
    },
    CheckTools,
    ConnectDevice {
        device: String,
        connected: bool,
    },
    CaptureScreen {
        to: PathBuf,
    },
    ReadVariable {
        kind: VariableKind,
        name: String,
    },
    WriteVariable {
        kind: VariableKind,
        name: String,
        value: String,
    },
    Guest(GuestRequest),
}

/// A command that logs in to the guest.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum GuestRequest {
    RunProgram {
        options: RunOptions,
        program: String,
        arguments: String,
    },
    RunScript {
        options: RunOptions,
        interpreter: String,
        script: String,
    },
    FileExists {
        path: String,
    },
    DirectoryExists {
        path: String,
    },
    ListProcesses,
    KillProcess {
        pid: u32,
    },
    DeleteFile {
        path: String,
    },
    CreateDirectory {
        path: String,
    },
    DeleteDirectory {
        path: String,
    },
    CreateTempfile,
    ListDirectory {
        path: String,
    },
    Rename {
        from: String,
        to: String,
    },
    CopyIn {
        host: PathBuf,
        guest: String,
    },
    CopyOut {
        guest: String,
        host: PathBuf,
    },
}

/// Reads a command. Names are compared without regard to case, as vmrun does.
pub(crate) fn request(command: &str, parameters: Vec<OsString>) -> Result<Request, Fault> {
    use MachineRequest as M;
    let mut p = Parameters::new(parameters);
    let request = match command.to_ascii_lowercase().as_str() {
        "list" => Request::List,
        "listhostnetworks" => Request::ListHostNetworks,
        "listportforwardings" => Request::ListPortForwardings { network: p.word()? },
        "setportforwarding" => set_port_forwarding(&mut p)?,
        "deleteportforwarding" => Request::DeletePortForwarding {
            network: p.word()?,
            protocol: p.word()?,
            host_port: p.number()?,
        },
        "start" => on(p.vmx()?, start(&mut p)),
        "stop" => on(p.vmx()?, M::Stop(p.power_mode())),
        "reset" => on(p.vmx()?, M::Reset(p.power_mode())),
        "suspend" => {
            let vmx = p.vmx()?;
            p.power_mode();
            on(vmx, M::Suspend)
        }
        "pause" => on(p.vmx()?, M::Pause),
        "unpause" => on(p.vmx()?, M::Unpause),
        "listsnapshots" => on(
            p.vmx()?,
            M::ListSnapshots {
                tree: p.flag("showTree"),
            },
        ),
        "snapshot" => on(p.vmx()?, M::Snapshot { name: p.word()? }),
        "deletesnapshot" => on(
            p.vmx()?,
            M::DeleteSnapshot {
                name: p.word()?,
                children: p.flag("andDeleteChildren"),
            },
        ),
        "reverttosnapshot" => on(p.vmx()?, M::RevertToSnapshot { name: p.word()? }),
        "clone" => clone(&mut p)?,
        "deletevm" => on(p.vmx()?, M::Delete),
        "getguestipaddress" => on(p.vmx()?, M::GetAddress { wait: p.flag("-wait") }),
        "checktoolsstate" => on(p.vmx()?, M::CheckTools),
        "connectnameddevice" => on(
            p.vmx()?,
            M::ConnectDevice {
                device: p.word()?,
                connected: true,
            },
        ),
        "disconnectnameddevice" => on(
            p.vmx()?,
            M::ConnectDevice {
                device: p.word()?,
                connected: false,
            },
        ),
        "capturescreen" => on(p.vmx()?, M::CaptureScreen { to: p.path()? }),
        "readvariable" => on(
            p.vmx()?,
            M::ReadVariable {
                kind: p.variable_kind()?,
                name: p.word()?,
            },
        ),
        "writevariable" => on(
            p.vmx()?,
            M::WriteVariable {
                kind: p.variable_kind()?,
                name: p.word()?,
                value: p.word()?,
            },
        ),
        name => {
            let Some(read) = guest_request(name) else {
                return Err(Fault::UnrecognizedCommand(command.to_owned()));
            };
            on(p.vmx()?, M::Guest(read(&mut p)?))
        }
    };
    p.end()?;
    Ok(request)
}

fn on(vmx: PathBuf, request: MachineRequest) -> Request {
    Request::Machine(vmx, request)
}

fn start(p: &mut Parameters) -> MachineRequest {
    // QEMU runs without a window either way.
    let _ = p.flag("gui") || p.flag("nogui");
    MachineRequest::Start
}

fn set_port_forwarding(p: &mut Parameters) -> Result<Request, Fault> {
    Ok(Request::SetPortForwarding {
        network: p.word()?,
        protocol: p.word()?,
        host_port: p.number()?,
        guest: (p.number()?, p.number()?),
        text: if p.is_empty() { String::new() } else { p.word()? },
    })
}

fn clone(p: &mut Parameters) -> Result<Request, Fault> {
    let (vmx, to) = (p.vmx()?, p.path()?);
    let linked = match (p.flag("linked"), p.flag("full")) {
        (true, _) => true,
        (_, true) => false,
        _ => return Err(Fault::Usage),
    };
    let (mut snapshot, mut name) = (None, None);
    while !p.is_empty() {
        if let Some(value) = p.option("-snapshot") {
            snapshot = Some(value);
        } else if let Some(value) = p.option("-cloneName") {
            name = Some(value);
        } else {
            return Err(Fault::Usage);
        }
    }
    Ok(on(
        vmx,
        MachineRequest::Clone {
            to,
            linked,
            snapshot,
            name,
        },
    ))
}

type ReadGuest = fn(&mut Parameters) -> Result<GuestRequest, Fault>;

fn guest_request(name: &str) -> Option<ReadGuest> {
    use GuestRequest as G;
    let read: ReadGuest = match name {
        "runprograminguest" => |p| {
            Ok(G::RunProgram {
                options: run_options(p),
                program: p.word()?,
                arguments: p.flattened(),
            })
        },
        "runscriptinguest" => |p| {
            Ok(G::RunScript {
                options: run_options(p),
                interpreter: p.word()?,
                script: p.word()?,
            })
        },
        "fileexistsinguest" => |p| Ok(G::FileExists { path: p.word()? }),
        "directoryexistsinguest" => |p| Ok(G::DirectoryExists { path: p.word()? }),
        "listprocessesinguest" => |_| Ok(G::ListProcesses),
        "killprocessinguest" => |p| Ok(G::KillProcess { pid: p.number()? }),
        "deletefileinguest" => |p| Ok(G::DeleteFile { path: p.word()? }),
        "createdirectoryinguest" => |p| Ok(G::CreateDirectory { path: p.word()? }),
        "deletedirectoryinguest" => |p| Ok(G::DeleteDirectory { path: p.word()? }),
        "createtempfileinguest" => |_| Ok(G::CreateTempfile),
        "listdirectoryinguest" => |p| Ok(G::ListDirectory { path: p.word()? }),
        "renamefileinguest" => |p| {
            Ok(G::Rename {
                from: p.word()?,
                to: p.word()?,
            })
        },
        "copyfilefromhosttoguest" => |p| {
            Ok(G::CopyIn {
                host: p.path()?,
                guest: p.word()?,
            })
        },
        "copyfilefromguesttohost" => |p| {
            Ok(G::CopyOut {
                guest: p.word()?,
                host: p.path()?,
            })
        },
        _ => return None,
    };
    Some(read)
}

fn run_options(p: &mut Parameters) -> RunOptions {
    let mut options = RunOptions::default();
    loop {
        if p.flag("-noWait") {
            options.no_wait = true;
        } else if p.flag("-interactive") {
            options.interactive = true;
        } else if !p.flag("-activeWindow") {
            return options;
        }
    }
}
