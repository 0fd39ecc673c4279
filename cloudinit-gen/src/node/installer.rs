//! Installing a node with Ubuntu's installer instead of booting a disk image.

use crate::document::{Autoinstall, CloudConfig, Command, Keyboard, NetworkConfig, Shutdown, WriteFile};
use crate::guest;

/// What the installer is told beyond what the node says. Defaults: English, a US keyboard, switched off at the end.
///
/// The installer asks before it erases a disk unless its kernel was started with the word `autoinstall`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Installer {
    /// The installed system's locale.
    pub locale: String,
    /// The console's keyboard, by its XKB layout.
    pub keyboard: String,
    /// What happens when the system is installed.
    pub shutdown: Shutdown,
}

impl Default for Installer {
    fn default() -> Self {
        Self {
            locale: "en_US.UTF-8".to_owned(),
            keyboard: "us".to_owned(),
            shutdown: Shutdown::Poweroff,
        }
    }
}

impl Installer {
    /// The installer's user-data. Its own system gets the bootstrap's files, hands them to the installed one, and copies
    /// the payload there with the very script that a node without an installer runs: the same checks, the same marker,
    /// the same file when it fails. Everything else happens when the installed system boots.
    pub(super) fn user_data(
        &self,
        network: NetworkConfig,
        installed: CloudConfig,
        bootstrap: Vec<WriteFile>,
    ) -> CloudConfig {
        let mut autoinstall = Autoinstall::offline(network, installed);
        autoinstall.locale.clone_from(&self.locale);
        autoinstall.keyboard = Keyboard::new(&self.keyboard);
        autoinstall.shutdown = self.shutdown;
        autoinstall.late_commands = vec![
            Command::new(
                "cp",
                [
                    "--archive",
                    "--parents",
                    guest::ENV_FILE,
                    guest::BOOTSTRAP_SCRIPT,
                    "/target",
                ],
            ),
            Command::new(
                "curtin",
                [
                    "in-target",
                    "--",
                    "/bin/sh",
                    guest::BOOTSTRAP_SCRIPT,
                    guest::PAYLOAD_ONLY,
                ],
            ),
        ];
        CloudConfig {
            autoinstall: Some(autoinstall),
            write_files: bootstrap,
            ..CloudConfig::default()
        }
    }
}
