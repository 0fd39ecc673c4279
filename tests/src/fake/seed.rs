//! What cloud-init makes of a `NoCloud` seed: the guest's identity and files.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde_json::Value;

/// Everything about a guest that its seed decided.
#[derive(Debug, Clone, Default)]
pub(crate) struct Identity {
    pub(crate) instance_id: String,
    pub(crate) hostname: String,
    pub(crate) user: String,
    pub(crate) authorized_keys: Vec<String>,
    /// OpenSSH format.
    pub(crate) host_key: String,
    /// crypt(3) format.
    pub(crate) password: Option<String>,
    pub(crate) address: Option<Ipv4Addr>,
    pub(crate) mac: Option<String>,
    /// The variables of the bootstrap script.
    pub(crate) env: BTreeMap<String, String>,
    /// Path, content, whether only root may read it.
    pub(crate) files: Vec<(String, Vec<u8>, bool)>,
}

impl Identity {
    /// Reads the three files of a seed.
    pub(crate) fn read(files: &BTreeMap<String, Vec<u8>>) -> Result<Self, String> {
        let document = |name: &str| -> Result<Value, String> {
            let bytes = files.get(name).ok_or_else(|| format!("the seed has no {name}"))?;
            let text = std::str::from_utf8(bytes).map_err(|e| format!("{name}: {e}"))?;
            serde_saphyr::from_str(text).map_err(|e| format!("{name}: {e}"))
        };
        let (user_data, meta) = (document("user-data")?, document("meta-data")?);
        let network = document("network-config").unwrap_or_default();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let network = network.get("network").cloned().unwrap_or(network);
        let card = network["ethernets"]
            .as_object()
            .and_then(|cards| cards.values().next().cloned());
        let card = card.unwrap_or_default();
        let user = list(&user_data["users"])
            .into_iter()
            .find(Value::is_object)
            .unwrap_or_default();
        let address = list(&card["addresses"])
            .first()
            .and_then(Value::as_str)
            .map(str::to_owned);
        let written: Vec<_> = list(&user_data["write_files"])
            .iter()
            .filter_map(|file| {
                let private = text(&file["permissions"]).is_some_and(|mode| mode.ends_with("00"));
                Some((text(&file["path"])?, text(&file["content"])?.into_bytes(), private))
            })
            .collect();
        let env = written.iter().find(|(path, ..)| path == "/etc/lab/node.env");
        let env = env.map(|(_, content, _)| variables(&String::from_utf8_lossy(content)));
        Ok(Self {
            instance_id: text(&meta["instance-id"]).ok_or("meta-data has no instance-id")?,
            hostname: text(&meta["local-hostname"])
                .or_else(|| text(&user_data["hostname"]))
                .ok_or("the seed names no host")?,
            user: text(&user["name"]).ok_or("user-data has no user")?,
            authorized_keys: list(&user["ssh_authorized_keys"]).iter().filter_map(text).collect(),
            host_key: text(&user_data["ssh_keys"]["ed25519_private"]).ok_or("user-data has no host key")?,
            password: text(&user["hashed_passwd"]),
            address: address.and_then(|a| a.split('/').next()?.parse().ok()),
            mac: text(&card["match"]["macaddress"]),
            env: env.unwrap_or_default(),
            files: written,
        })
    }

    pub(crate) fn is_server(&self) -> bool {
        self.variable("LAB_ROLE") == "server"
    }

    pub(crate) fn variable(&self, name: &str) -> &str {
        self.env.get(name).map_or("", String::as_str)
    }
}

/// Lines of `KEY='value'` for a POSIX shell.
fn variables(text: &str) -> BTreeMap<String, String> {
    let variable = |line: &str| {
        let (key, value) = line.split_once('=')?;
        let value = value.strip_prefix('\'')?.strip_suffix('\'')?;
        Some((key.to_owned(), value.replace("'\\''", "'")))
    };
    text.lines().filter_map(variable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_guest_its_identity() {
        let user_data = "#cloud-config\nhostname: m\nusers:\n- name: ubuntu\n  ssh_authorized_keys:\n  - ssh-ed25519 AAAA x\n\
             ssh_keys:\n  ed25519_private: |\n    KEY\nwrite_files:\n- path: /etc/lab/node.env\n  permissions: '0600'\n  \
             content: |\n    LAB_ROLE='server'\n    LAB_TOKEN='it'\\''s'\n";
        let network = "version: 2\nethernets:\n  lab0:\n    match:\n      macaddress: 00:50:56:00:00:01\n    addresses:\n    - 198.18.0.10/24\n";
        let files = [
            ("user-data", user_data),
            ("meta-data", "instance-id: i-1\nlocal-hostname: m\n"),
            ("network-config", network),
        ];
        let files = files
            .map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()))
            .into();
        let identity = Identity::read(&files).unwrap();
        assert_eq!(
            (identity.instance_id.as_str(), identity.user.as_str()),
            ("i-1", "ubuntu")
        );
        assert!(identity.is_server() && identity.files[0].2);
        assert_eq!(identity.variable("LAB_TOKEN"), "it's");
        assert_eq!(identity.address, Some(Ipv4Addr::new(198, 18, 0, 10)));
        assert_eq!(identity.mac.as_deref(), Some("00:50:56:00:00:01"));
        assert!(Identity::read(&BTreeMap::new()).is_err());
    }
}
