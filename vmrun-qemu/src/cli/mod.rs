//! The command line: `vmrun [AUTHENTICATION-FLAGS] COMMAND [PARAMETERS]`.

pub(crate) mod grammar;
pub(crate) mod parameters;
pub(crate) mod usage;

use std::ffi::OsString;
use std::path::PathBuf;

use secrecy::SecretString;

use crate::fault::Fault;
use grammar::Request;

/// A parsed command line.
#[derive(Debug)]
pub(crate) struct Invocation {
    /// The guest login of `-gu` and `-gp`.
    pub(crate) login: Option<GuestLogin>,
    /// What to do.
    pub(crate) request: Request,
}

/// A user of the guest operating system.
#[derive(Debug, Clone)]
pub(crate) struct GuestLogin {
    /// `-gu`
    pub(crate) user: String,
    /// `-gp`
    pub(crate) password: SecretString,
}

/// `hard` or `soft`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PowerMode {
    /// Like the power button held down.
    Hard,
    /// Like the guest's own menu.
    Soft,
}

/// Which kind of variable `readVariable` and `writeVariable` mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VariableKind {
    /// A key of the `.vmx`.
    RuntimeConfig,
    /// An environment variable of the guest's user.
    GuestEnv,
    /// A value shared between host and guest, gone with the machine's power.
    GuestVar,
}

/// Parses the arguments after the program's name.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Invocation, Fault> {
    let mut arguments = arguments.into_iter().peekable();
    let (mut user, mut password) = (None, None);
    while let Some(flag) = arguments.next_if(|argument| argument.as_encoded_bytes().starts_with(b"-")) {
        let flag = flag.to_string_lossy().into_owned();
        match flag.as_str() {
            "-T" => host_type(&text(arguments.next().ok_or(Fault::Usage)?))?,
            // The password of an encrypted machine. Such machines cannot run on QEMU; the answer says so when one is opened.
            "-vp" => drop(arguments.next().ok_or(Fault::Usage)?),
            "-gu" => user = Some(text(arguments.next().ok_or(Fault::Usage)?)),
            "-gp" => password = Some(SecretString::from(text(arguments.next().ok_or(Fault::Usage)?))),
            _ => return Err(Fault::InvalidArgument { flag }),
        }
    }
    let command = text(arguments.next().ok_or(Fault::Usage)?);
    let request = grammar::request(&command, arguments.collect())?;
    // A user without a password is as good as no login: vmrun asks for both.
    let login = user.zip(password).map(|(user, password)| GuestLogin { user, password });
    Ok(Invocation { login, request })
}

fn host_type(value: &str) -> Result<(), Fault> {
    match value {
        "ws" | "fusion" | "player" => Ok(()),
        _ => Err(Fault::InvalidHostType(value.to_owned())),
    }
}

/// An argument as text. Only paths keep bytes that are not UTF-8; everything else is compared with ASCII or sent to the
/// guest as UTF-8.
pub(crate) fn text(argument: OsString) -> String {
    argument
        .into_string()
        .unwrap_or_else(|bytes| bytes.to_string_lossy().into_owned())
}

/// An argument as a path.
pub(crate) fn path(argument: OsString) -> PathBuf {
    PathBuf::from(argument)
}

#[cfg(test)]
mod tests;
