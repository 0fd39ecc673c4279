//! Command lines, built and nothing else.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use serde::Serialize;

use crate::exec::Arg;
use crate::failure::OutputKind;
use crate::guest::GuestCredentials;

use super::HostType;

/// Where the guest's user name and password stand on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthOrder {
    /// `vmrun -T ws -gu USER -gp PASSWORD COMMAND VMX …`: what every help text from 2.0.2 to 1.17.0 asks for.
    BeforeCommand,
    /// `vmrun -T ws COMMAND VMX -gu USER -gp PASSWORD …`: accepted by some other builds and drop-ins.
    AfterCommand,
}

impl AuthOrder {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::BeforeCommand => Self::AfterCommand,
            Self::AfterCommand => Self::BeforeCommand,
        }
    }
}

/// Which kind of variable `readVariable` and `writeVariable` mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VariableKind {
    /// A setting of the running machine's configuration.
    RuntimeConfig,
    /// An environment variable in the guest (needs credentials).
    GuestEnv,
    /// A value shared between host and guest: `guestinfo.NAME` inside the guest.
    GuestVar,
}

impl VariableKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::RuntimeConfig => "runtimeConfig",
            Self::GuestEnv => "guestEnv",
            Self::GuestVar => "guestVar",
        }
    }
}

/// How a guest may use a shared folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SharedFolderAccess {
    /// `writable`
    Writable,
    /// `readonly`
    ReadOnly,
}

impl SharedFolderAccess {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Writable => "writable",
            Self::ReadOnly => "readonly",
        }
    }
}

/// One command with its parameters.
#[derive(Debug)]
pub(crate) struct Call {
    name: &'static str,
    pub(super) vm: Option<PathBuf>,
    params: Vec<Arg>,
    pub(super) deadline: Duration,
    pub(super) output: OutputKind,
    answers: &'static [&'static str],
}

impl Call {
    pub(super) fn new(name: &'static str, deadline: Duration) -> Self {
        Self {
            name,
            vm: None,
            params: Vec::new(),
            deadline,
            output: OutputKind::Fixed,
            answers: &[],
        }
    }

    /// The machine. Its path is made absolute, so that no working directory matters and none looks like a flag.
    pub(super) fn vm(mut self, vmx: &Path) -> Self {
        self.vm = Some(std::path::absolute(vmx).unwrap_or_else(|_| vmx.to_owned()));
        self
    }

    pub(super) fn param(mut self, value: impl AsRef<OsStr>) -> Self {
        self.params.push(Arg::from(value.as_ref()));
        self
    }

    /// A parameter that is not shown.
    pub(super) fn elided(mut self, what: &'static str, value: impl AsRef<OsStr>) -> Self {
        self.params.push(Arg::Elided(what, value.as_ref().to_owned()));
        self
    }

    /// Declares the output to be somebody else's data.
    pub(super) fn data(mut self) -> Self {
        self.output = OutputKind::Data;
        self
    }

    /// Lines that are an answer, whatever the exit code.
    pub(super) fn answers(mut self, lines: &'static [&'static str]) -> Self {
        self.answers = lines;
        self
    }

    /// Whether one of these lines was printed.
    pub(super) fn is_answer(&self, output: &[u8]) -> bool {
        output
            .split(|&b| b == b'\n')
            .any(|line| self.answers.iter().any(|answer| line.trim_ascii() == answer.as_bytes()))
    }

    /// Whether the command's own child is the machine.
    pub(super) fn leaves_machine(&self) -> bool {
        self.name == "start"
    }

    /// The complete command line.
    pub(super) fn argv(
        &self,
        host_type: HostType,
        vm_password: Option<&SecretString>,
        auth: Option<(&GuestCredentials, AuthOrder)>,
    ) -> Vec<Arg> {
        let mut argv: Vec<Arg> = vec!["-T".into(), host_type.as_str().into()];
        if let Some(password) = vm_password {
            argv.extend(["-vp".into(), Arg::Secret(password.clone())]);
        }
        let login = |credentials: &GuestCredentials| {
            [
                "-gu".into(),
                credentials.user.as_str().into(),
                "-gp".into(),
                Arg::Secret(credentials.password.clone()),
            ]
        };
        if let Some((credentials, AuthOrder::BeforeCommand)) = auth {
            argv.extend(login(credentials));
        }
        argv.push(self.name.into());
        argv.extend(self.vm.iter().map(Arg::from));
        if let Some((credentials, AuthOrder::AfterCommand)) = auth {
            argv.extend(login(credentials));
        }
        argv.extend(self.params.iter().cloned());
        argv
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    /// An absolute path: `/v/a.vmx`, or on Windows `C:\v\a.vmx`.
    fn vmx() -> PathBuf {
        std::path::absolute("/v/a.vmx").unwrap()
    }

    fn words(argv: &[Arg]) -> Vec<String> {
        argv.iter()
            .map(|arg| match arg {
                Arg::Plain(v) | Arg::Elided(_, v) => v.to_string_lossy().into_owned(),
                Arg::Secret(v) => v.expose_secret().to_owned(),
            })
            .collect()
    }

    #[test]
    fn both_orders_of_the_authentication_flags_are_built_with_any_password() {
        let vmx = vmx();
        let vmx = vmx.to_str().unwrap();
        for password in ["a|b", "a\"b'c", "%PATH%", "한 글", ""] {
            let credentials = GuestCredentials {
                user: "ubuntu".into(),
                password: password.into(),
            };
            let call = Call::new("fileExistsInGuest", Duration::from_secs(1))
                .vm(Path::new(vmx))
                .param("/etc/passwd");
            let before = call.argv(
                HostType::Workstation,
                None,
                Some((&credentials, AuthOrder::BeforeCommand)),
            );
            let expected = [
                "-T",
                "ws",
                "-gu",
                "ubuntu",
                "-gp",
                password,
                "fileExistsInGuest",
                vmx,
                "/etc/passwd",
            ];
            assert_eq!(words(&before), expected);
            let after = call.argv(HostType::Player, None, Some((&credentials, AuthOrder::AfterCommand)));
            let expected = [
                "-T",
                "player",
                "fileExistsInGuest",
                vmx,
                "-gu",
                "ubuntu",
                "-gp",
                password,
                "/etc/passwd",
            ];
            assert_eq!(words(&after), expected);
        }
    }

    #[test]
    fn an_encrypted_machine_gets_its_password_with_every_command() {
        let call = Call::new("listSnapshots", Duration::from_secs(1)).vm(&vmx());
        let argv = call.argv(HostType::Fusion, Some(&"s3cret".into()), None);
        assert_eq!(
            words(&argv),
            [
                "-T",
                "fusion",
                "-vp",
                "s3cret",
                "listSnapshots",
                vmx().to_str().unwrap()
            ]
        );
        assert!(!format!("{argv:?}").contains("s3cret"));
    }
}
