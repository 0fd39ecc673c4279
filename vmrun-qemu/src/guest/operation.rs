//! One thing in the guest, as a user whose password the guest has checked.

use secrecy::{ExposeSecret, SecretBox};

use super::agent::{self, AgentError, Ended};
use crate::cli::GuestLogin;
use crate::fault::Fault;
use crate::home::Home;
use crate::machine::Vmx;
use crate::running::Record;

/// Checks the password; runs as root.
const LOGIN: &str = include_str!("login.sh");

/// Does the work; runs as the user.
const USER: &str = include_str!("user.sh");

/// A guest and who wants something of it.
pub(crate) struct Guest<'a> {
    pub(crate) home: &'a Home,
    pub(crate) vmx: &'a Vmx,
    pub(crate) record: Record,
    pub(crate) login: &'a GuestLogin,
}

impl Guest<'_> {
    /// Carries out a verb of the scripts and returns how that ended, whatever it was.
    pub(super) fn attempt(&self, verb: &str, arguments: &[&str]) -> Result<Ended, Fault> {
        let mut all = vec!["-c", LOGIN, "vmrun", &self.login.user, USER, verb];
        all.extend_from_slice(arguments);
        // pam_unix's helper takes the password up to a NUL byte.
        let password: SecretBox<[u8]> = [self.login.password.expose_secret().as_bytes(), b"\0"]
            .concat()
            .into_boxed_slice()
            .into();
        agent::execute(self.home, &self.record, "/bin/sh", &all, password.expose_secret())
            .map_err(|error| self.fault(error))
    }

    /// Carries out a verb of the scripts and returns what it printed.
    pub(crate) fn run(&self, verb: &str, arguments: &[&str]) -> Result<String, Fault> {
        let ended = self.attempt(verb, arguments)?;
        match ended.code {
            0 => Ok(String::from_utf8_lossy(&ended.output).into_owned()),
            code => Err(refusal(code, verb, arguments.first().copied().unwrap_or_default())),
        }
    }

    /// [`run`](Self::run) for verbs that print nothing of interest.
    pub(crate) fn quiet(&self, verb: &str, arguments: &[&str]) -> Result<String, Fault> {
        self.run(verb, arguments).map(|_| String::new())
    }

    /// An agent's error as vmrun would say it.
    pub(crate) fn fault(&self, error: AgentError) -> Fault {
        error.fault(self.vmx, &self.record)
    }
}

/// The scripts' exit codes. `what` is the file or program that the operation was about.
pub(super) fn refusal(code: i64, verb: &str, what: &str) -> Fault {
    match code {
        100 => Fault::GuestLogin,
        101 => Fault::GuestOperationsForbidden {
            reason: "the guest has no unix_chkpwd or no runuser, so a password cannot be checked there".to_owned(),
        },
        102 => Fault::FileNotFound {
            reason: format!("the guest has no {what}"),
        },
        103 => Fault::NoAccess,
        104 => Fault::NotAFile,
        105 => Fault::NotADirectory,
        106 => Fault::FileExists {
            reason: format!("the guest has {what} already"),
        },
        107 => Fault::FileAccess {
            reason: format!("{what} in the guest"),
        },
        108 => Fault::NoSuchProcess,
        109 => Fault::ProgramNotStarted,
        _ => Fault::unknown(format!("{verb} in the guest ended with {code}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scripts_exit_codes_are_all_known_here() {
        let mut seen = 0;
        for text in [LOGIN, USER] {
            for after in text.split("exit ").skip(1) {
                let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
                let Ok(code) = digits.parse::<i64>() else { continue };
                seen += 1;
                // 0 is success and 110 a verb that only a mistake in this program could send.
                let unknown = matches!(refusal(code, "x", "y"), Fault::Unknown { .. });
                assert_eq!(unknown, matches!(code, 0 | 110), "{code}");
            }
        }
        assert!(seen > 20, "{seen}");
    }
}
