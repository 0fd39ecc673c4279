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

/// A command as one line for a POSIX shell, with `sudo -n` where it asks for root.
pub(super) fn command_line(command: &GuestCommand) -> String {
    let sudo = ["sudo", "-n", "--"]
        .iter()
        .filter(|_| command.root)
        .map(|word| (*word).to_owned());
    sudo.chain(command.argv.iter().map(|word| quote(word)))
        .collect::<Vec<_>>()
        .join(" ")
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
        assert_eq!(
            command_line(&GuestCommand::new(["cat", "a b"]).as_root()),
            "sudo -n -- cat 'a b'"
        );
    }
}
