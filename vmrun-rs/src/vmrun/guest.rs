//! Guest operations: all of them need credentials and VMware Tools in the guest.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use crate::error::VmrunError;
use crate::failure::FailureClass;
use crate::guest::GuestCredentials;

use super::argv::Call;
use super::{GuestProcess, ParseError, Vmrun, parse};

/// Options of [`Vmrun::run_program`] and [`Vmrun::run_script`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ProgramOptions {
    /// `-noWait`: return once it is started. No process id is told.
    pub no_wait: bool,
    /// `-activeWindow` (Windows guests).
    pub active_window: bool,
    /// `-interactive`: on the logged-in user's desktop (Windows guests).
    pub interactive: bool,
    /// Instead of [`Deadlines::guest_program`](super::Deadlines::guest_program).
    pub deadline: Option<Duration>,
}

impl ProgramOptions {
    fn flags(self) -> impl Iterator<Item = &'static str> {
        let flags = [
            (self.no_wait, "-noWait"),
            (self.active_window, "-activeWindow"),
            (self.interactive, "-interactive"),
        ];
        flags.into_iter().filter_map(|(on, flag)| on.then_some(flag))
    }
}

impl Vmrun {
    /// `getGuestIPAddress`, without credentials. `None` while Tools report none; `wait` waits for one until the deadline
    /// and works on headless machines that otherwise deny that Tools run.
    ///
    /// The answer can be the wrong interface's (a container bridge): see [`leases`](crate::leases).
    pub async fn guest_address(&self, vmx: &Path, wait: bool) -> Result<Option<IpAddr>, VmrunError> {
        let deadlines = self.deadlines();
        let call = if wait {
            Call::new("getGuestIPAddress", deadlines.address_wait)
                .vm(vmx)
                .param("-wait")
        } else {
            Call::new("getGuestIPAddress", deadlines.query).vm(vmx)
        };
        self.query(&call, parse::guest_address).await
    }

    /// `runProgramInGuest`; the result is the program's exit code.
    ///
    /// `vmrun` relays no output of the program, and joins everything behind the program's path into one command line
    /// without keeping the split: pass one argument, quoted for the program that reads it.
    pub async fn run_program(
        &self,
        vmx: &Path,
        credentials: &GuestCredentials,
        options: ProgramOptions,
        program: &str,
        argument: Option<&str>,
    ) -> Result<i32, VmrunError> {
        let mut call = self.program_call("runProgramInGuest", vmx, options).param(program);
        if let Some(argument) = argument {
            call = call.elided("arguments", argument);
        }
        exit_code(self.call_guest(&call, credentials).await.map(|_| ()))
    }

    /// `runScriptInGuest`; the result is the interpreter's exit code. An empty `interpreter` means the guest's own shell.
    pub async fn run_script(
        &self,
        vmx: &Path,
        credentials: &GuestCredentials,
        options: ProgramOptions,
        interpreter: &str,
        script: &str,
    ) -> Result<i32, VmrunError> {
        let call = self
            .program_call("runScriptInGuest", vmx, options)
            .param(interpreter)
            .elided("script", script);
        exit_code(self.call_guest(&call, credentials).await.map(|_| ()))
    }

    fn program_call(&self, name: &'static str, vmx: &Path, options: ProgramOptions) -> Call {
        let deadline = options.deadline.unwrap_or(self.deadlines().guest_program);
        options
            .flags()
            .fold(Call::new(name, deadline).vm(vmx), super::argv::Call::param)
    }

    /// `fileExistsInGuest`.
    pub async fn file_exists(&self, vmx: &Path, login: &GuestCredentials, path: &str) -> Result<bool, VmrunError> {
        let call = Call::new("fileExistsInGuest", self.deadlines().guest)
            .vm(vmx)
            .param(path);
        self.exists(call.answers(&["The file exists.", "The file does not exist."]), login)
            .await
    }

    /// `directoryExistsInGuest`.
    pub async fn directory_exists(&self, vmx: &Path, login: &GuestCredentials, path: &str) -> Result<bool, VmrunError> {
        let call = Call::new("directoryExistsInGuest", self.deadlines().guest)
            .vm(vmx)
            .param(path);
        self.exists(
            call.answers(&["The directory exists.", "The directory does not exist."]),
            login,
        )
        .await
    }

    /// "No" is an answer in words, with a failing exit code; anything else that is not "yes" is an error.
    async fn exists(&self, call: Call, login: &GuestCredentials) -> Result<bool, VmrunError> {
        let done = self.call_guest(&call, login).await?;
        if !call.is_answer(&done.stdout) && !done.stdout.trim_ascii().is_empty() {
            return Err(self.unexpected(&call, Some(login), &done, "an answer whether it exists expected"));
        }
        // Silence with exit code 0 still means yes.
        Ok(!done.stdout.windows(NOT.len()).any(|window| window == NOT))
    }

    /// `listProcessesInGuest`.
    pub async fn processes(&self, vmx: &Path, login: &GuestCredentials) -> Result<Vec<GuestProcess>, VmrunError> {
        self.guest_query(
            Call::new("listProcessesInGuest", self.deadlines().guest).vm(vmx),
            login,
            parse::processes,
        )
        .await
    }

    /// `killProcessInGuest`.
    pub async fn kill_process(&self, vmx: &Path, login: &GuestCredentials, pid: u64) -> Result<(), VmrunError> {
        self.guest(
            Call::new("killProcessInGuest", self.deadlines().guest)
                .vm(vmx)
                .param(pid.to_string()),
            login,
        )
        .await
    }

    /// `listDirectoryInGuest`.
    pub async fn list_directory(
        &self,
        vmx: &Path,
        login: &GuestCredentials,
        path: &str,
    ) -> Result<Vec<String>, VmrunError> {
        let call = Call::new("listDirectoryInGuest", self.deadlines().guest)
            .vm(vmx)
            .param(path);
        self.guest_query(call, login, parse::directory).await
    }

    /// `createDirectoryInGuest`.
    pub async fn create_directory(&self, vmx: &Path, login: &GuestCredentials, path: &str) -> Result<(), VmrunError> {
        self.guest(
            Call::new("createDirectoryInGuest", self.deadlines().guest)
                .vm(vmx)
                .param(path),
            login,
        )
        .await
    }

    /// `deleteDirectoryInGuest`.
    pub async fn delete_directory(&self, vmx: &Path, login: &GuestCredentials, path: &str) -> Result<(), VmrunError> {
        self.guest(
            Call::new("deleteDirectoryInGuest", self.deadlines().guest)
                .vm(vmx)
                .param(path),
            login,
        )
        .await
    }

    /// `deleteFileInGuest`.
    pub async fn delete_file(&self, vmx: &Path, login: &GuestCredentials, path: &str) -> Result<(), VmrunError> {
        self.guest(
            Call::new("deleteFileInGuest", self.deadlines().guest)
                .vm(vmx)
                .param(path),
            login,
        )
        .await
    }

    /// `renameFileInGuest`.
    pub async fn rename_file(
        &self,
        vmx: &Path,
        login: &GuestCredentials,
        from: &str,
        to: &str,
    ) -> Result<(), VmrunError> {
        let call = Call::new("renameFileInGuest", self.deadlines().guest)
            .vm(vmx)
            .param(from)
            .param(to);
        self.guest(call, login).await
    }

    /// `CreateTempfileInGuest`: the new file's path.
    pub async fn create_temp_file(&self, vmx: &Path, login: &GuestCredentials) -> Result<String, VmrunError> {
        let call = Call::new("createTempfileInGuest", self.deadlines().guest).vm(vmx);
        let done = self.call_guest(&call, login).await?;
        match parse::value(&done.stdout) {
            Some(path) => Ok(String::from_utf8_lossy(&path).trim().to_owned()),
            None => Err(self.unexpected(&call, Some(login), &done, "a path expected, got nothing")),
        }
    }

    /// `CopyFileFromHostToGuest`. The target is the file's path, not a directory's.
    pub async fn copy_to_guest(
        &self,
        vmx: &Path,
        login: &GuestCredentials,
        host: &Path,
        guest: &str,
    ) -> Result<(), VmrunError> {
        let size = std::fs::metadata(host).map_or(0, |meta| meta.len());
        let deadline = self.deadlines().copy + Duration::from_secs(size / 1_000_000);
        let host = std::path::absolute(host).unwrap_or_else(|_| host.to_owned());
        let call = Call::new("copyFileFromHostToGuest", deadline)
            .vm(vmx)
            .param(host)
            .param(guest);
        self.guest(call, login).await
    }

    /// `CopyFileFromGuestToHost`. The target is the file's path, not a directory's.
    pub async fn copy_from_guest(
        &self,
        vmx: &Path,
        login: &GuestCredentials,
        guest: &str,
        host: &Path,
    ) -> Result<(), VmrunError> {
        let host = std::path::absolute(host).unwrap_or_else(|_| host.to_owned());
        let call = Call::new("copyFileFromGuestToHost", self.deadlines().copy)
            .vm(vmx)
            .param(guest)
            .param(host);
        self.guest(call, login).await
    }

    /// `typeKeystrokesInGuest`. The text is not shown in errors and logs.
    pub async fn type_keystrokes(&self, vmx: &Path, login: &GuestCredentials, text: &str) -> Result<(), VmrunError> {
        let call = Call::new("typeKeystrokesInGuest", self.deadlines().guest)
            .vm(vmx)
            .elided("keystrokes", text);
        self.guest(call, login).await
    }

    /// `captureScreen` to a PNG file of the host. It needs the guest's credentials although the file is the host's.
    pub async fn capture_screen(&self, vmx: &Path, login: &GuestCredentials, png: &Path) -> Result<(), VmrunError> {
        let png = std::path::absolute(png).unwrap_or_else(|_| png.to_owned());
        self.guest(
            Call::new("captureScreen", self.deadlines().guest).vm(vmx).param(png),
            login,
        )
        .await
    }

    async fn guest(&self, call: Call, login: &GuestCredentials) -> Result<(), VmrunError> {
        self.call_guest(&call, login).await.map(|_| ())
    }

    async fn guest_query<T>(
        &self,
        call: Call,
        login: &GuestCredentials,
        read: impl Fn(&[u8]) -> Result<T, ParseError>,
    ) -> Result<T, VmrunError> {
        let call = call.data();
        let done = self.call_guest(&call, login).await?;
        read(&done.stdout).map_err(|error| self.unexpected(&call, Some(login), &done, &error.to_string()))
    }
}

/// What distinguishes "no" in the answers to the questions for existence.
const NOT: &[u8] = b"does not exist.";

/// A program's own exit code is an answer.
fn exit_code(result: Result<(), VmrunError>) -> Result<i32, VmrunError> {
    match result {
        Ok(()) => Ok(0),
        Err(error) => match error.failure().guest_exit_code {
            Some(code) if error.class() == FailureClass::GuestProgram => Ok(code),
            _ => Err(error),
        },
    }
}
