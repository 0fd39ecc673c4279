//! The version line and the usage text.

use std::fmt::Write as _;

/// The number after `build-`. VMware's builds have seven digits and more, so a small one says that this is none of theirs.
const BUILD: u32 = 100;

/// What vmrun prints when it does not understand its arguments: version, a blank line, usage.
///
/// The version line keeps vmrun's form (`vmrun version 1.17.0 build-N`), which tools parse; the line below it names the
/// program that really answers.
pub(crate) fn text() -> String {
    let mut commands = String::new();
    for command in super::grammar::COMMANDS {
        let _ = writeln!(
            commands,
            "{:<25}{:<60}{}",
            command.name, command.parameters, command.summary
        );
    }
    format!(
        "\nvmrun version 1.17.0 build-{BUILD}\n\
         vmrun-qemu {version}: a stand-in for VMware's vmrun that runs .vmx machines on QEMU\n\
         \n\
         Usage: vmrun [AUTHENTICATION-FLAGS] COMMAND [PARAMETERS]\n\
         \n\
         AUTHENTICATION-FLAGS\n\
         --------------------\n\
         These must appear before the command and any command parameters.\n\
         \n\
         \x20  -T <hostType> (ws|fusion||player)\n\
         \x20  -vp <password for encrypted virtual machine>\n\
         \x20  -gu <userName in guest OS>\n\
         \x20  -gp <password in guest OS>\n\
         \n\
         {head:<25}{parameters:<60}DESCRIPTION\n\
         {commands}",
        version = env!("CARGO_PKG_VERSION"),
        head = "COMMAND",
        parameters = "PARAMETERS",
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_version_line_keeps_the_form_that_tools_parse() {
        let text = super::text();
        let line = text
            .lines()
            .find(|line| line.starts_with("vmrun version"))
            .expect("a version line");
        let rest = line.strip_prefix("vmrun version ").expect("prefix");
        let (version, build) = rest.split_once(" build-").expect("a build");
        assert!(version.chars().all(|c| c.is_ascii_digit() || c == '.'), "{version}");
        assert!(build.chars().all(|c| c.is_ascii_digit()), "{build}");
        assert!(text.contains("QEMU"));
    }

    #[test]
    fn every_command_is_in_the_usage() {
        let text = super::text();
        for command in crate::cli::grammar::COMMANDS {
            assert!(text.contains(command.name), "{}", command.name);
        }
    }
}
