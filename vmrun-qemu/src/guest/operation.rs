//! One thing in the guest, as a user whose password the guest has checked.

use secrecy::{ExposeSecret, SecretBox};

use super::agent::{self, AgentError};
use crate::cli::GuestLogin;
use crate::fault::Fault;
use crate::home::Home;
use crate::machine::Vmx;
use crate::running::Record;

/// The script that runs in the guest for every operation.
const OPERATION: &str = include_str!("operation.sh");

/// A guest and who wants something of it.
pub(crate) struct Guest<'a> {
    pub(crate) home: &'a Home,
    pub(crate) vmx: &'a Vmx,
    pub(crate) record: Record,
    pub(crate) login: &'a GuestLogin,
}

impl Guest<'_> {
    /// Carries out a verb of the script and returns what it printed.
    pub(crate) fn run(&self, verb: &str, arguments: &[&str]) -> Result<String, Fault> {
        let mut all = vec!["-c", OPERATION, "vmrun", &self.login.user, verb];
        all.extend_from_slice(arguments);
        // pam_unix's helper takes the password up to a NUL byte.
        let password: SecretBox<[u8]> = [self.login.password.expose_secret().as_bytes(), b"\0"]
            .concat()
            .into_boxed_slice()
            .into();
        let ended = agent::execute(self.home, &self.record, "/bin/sh", &all, password.expose_secret())
            .map_err(|error| self.fault(error))?;
        match ended.code {
            0 => Ok(String::from_utf8_lossy(&ended.output).into_owned()),
            code => Err(refusal(code, verb, arguments)),
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

/// The script's exit codes.
fn refusal(code: i64, verb: &str, arguments: &[&str]) -> Fault {
    let what = arguments.get(usize::from(verb == "run")).copied().unwrap_or_default();
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
        for word in OPERATION.split_whitespace().collect::<Vec<_>>().windows(2) {
            let ["no", code] = word else { continue };
            let code: i64 = code
                .trim_matches(|c: char| !c.is_ascii_digit())
                .parse()
                .expect("a number");
            seen += 1;
            assert!(
                code == 110 || !matches!(refusal(code, "x", &[]), Fault::Unknown { .. }),
                "{code}"
            );
        }
        assert!(seen > 20, "{seen}");
    }
}
