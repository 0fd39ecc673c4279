//! Quoting for the guest's POSIX shell.

use super::GuestCommand;

/// One word for a POSIX shell.
///
/// ```
/// assert_eq!(vmrun_rs::guest::quote("it's"), r"'it'\''s'");
/// assert_eq!(vmrun_rs::guest::quote("/etc/hosts"), "/etc/hosts");
/// ```
pub fn quote(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-./:=@%+,".contains(&b);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A command as one line for a POSIX shell, with `sudo -n` where it asks for root. The shell becomes the command: what
/// follows in the same shell is not run.
///
/// The guest ends it itself a little after the host has given up: an SSH server may refuse to signal it, and a command
/// run by root cannot be signalled by the channel's user. Where the guest has no `timeout`, it goes on.
pub(super) fn command_line(command: &GuestCommand) -> String {
    let seconds = command.timeout.as_secs().saturating_add(2);
    let words = command
        .argv
        .iter()
        .map(|word| quote(word))
        .collect::<Vec<_>>()
        .join(" ");
    let sudo = if command.root { "set -- sudo -n -- \"$@\"; " } else { "" };
    // No process of its own for any step: each costs milliseconds in an emulated guest.
    format!("set -- {words}; command -v timeout >/dev/null && set -- timeout -k 2 {seconds} \"$@\"; {sudo}exec \"$@\"")
}

/// A short form of a command for messages: its program alone, because arguments may carry secrets.
pub(super) fn describe(command: &GuestCommand) -> String {
    let program = command.argv.first().map_or("nothing", String::as_str);
    format!("running {program}")
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn the_shell_reads_back_what_was_quoted(words in prop::collection::vec("[^\u{0}]{0,12}", 1..4)) {
            let line = words.iter().map(|w| quote(w)).collect::<Vec<_>>().join(" ");
            let output = std::process::Command::new("/bin/sh").arg("-c").arg(format!("printf '%s\\0' {line}")).output().unwrap();
            let expected: Vec<u8> = words.iter().flat_map(|w| [w.as_bytes(), b"\0"].concat()).collect();
            prop_assert_eq!(output.stdout, expected);
        }
    }

    #[test]
    fn root_goes_through_sudo_without_a_prompt() {
        let line = command_line(&GuestCommand::new(["cat", "a b"]).as_root());
        let asked = std::process::Command::new("/bin/sh")
            .arg("-c")
            .arg(format!(
                "sudo() {{ printf '%s ' \"$@\"; }}; {}",
                line.replace("exec ", "")
            ))
            .output()
            .unwrap();
        let asked = String::from_utf8(asked.stdout).unwrap();
        assert!(
            asked.starts_with("-n -- timeout -k 2 ") && asked.ends_with(" cat a b "),
            "{line}: {asked}"
        );
    }

    #[test]
    fn a_command_runs_with_and_without_timeout_in_the_guest() {
        let line = command_line(&GuestCommand::shell("echo \"$0 it's\"; exit 3"));
        let missing = command_line(&GuestCommand::new(["no-such-program"]));
        for path in ["/usr/bin:/bin", "/nowhere"] {
            let status = |line: &str| {
                let mut shell = std::process::Command::new("/bin/sh");
                shell.env("PATH", path).arg("-c").arg(line).output().unwrap().status
            };
            assert_eq!(status(&missing).code(), Some(127));
            let output = std::process::Command::new("/bin/sh")
                .env("PATH", path)
                .arg("-c")
                .arg(&line)
                .output()
                .unwrap();
            assert_eq!(
                (output.status.code(), output.stdout),
                (Some(3), b"/bin/sh it's\n".to_vec())
            );
        }
    }
}
