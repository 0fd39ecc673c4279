//! What a node's configuration must be before anything is made of it.

use secrecy::ExposeSecret;

use super::NodeConfig;
use crate::k3s::K3sConfigError;
use crate::yaml::YamlError;

/// A node cannot be rendered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// A field's value would not work in the guest.
    #[error("{field} of node {node}: {problem}")]
    Field {
        /// The node's host name.
        node: String,
        /// The field of [`NodeConfig`].
        field: &'static str,
        /// What is wrong and what would do; never the value of a secret.
        problem: String,
    },
    /// k3s's configuration contradicts itself.
    #[error("k3s configuration of node {node}")]
    K3s {
        /// The node's host name.
        node: String,
        /// What contradicts what.
        #[source]
        source: K3sConfigError,
    },
    /// A document could not be written.
    #[error("documents of node {node}")]
    Yaml {
        /// The node's host name.
        node: String,
        /// Which document, and why.
        #[source]
        source: YamlError,
    },
}

/// Refuses what would fail, or mean something else, inside the guest.
pub(super) fn check(node: &NodeConfig) -> Result<(), NodeError> {
    let refuse = |field, problem: String| {
        Err(NodeError::Field {
            node: node.hostname.to_string(),
            field,
            problem,
        })
    };
    if !node.address.contains(node.gateway) {
        return refuse(
            "gateway",
            format!("{} is not on the network of {}", node.gateway, node.address),
        );
    }
    if node.gateway == node.address.address() {
        return refuse("gateway", format!("{} is the node's own address", node.gateway));
    }
    if node.authorized_keys.is_empty() {
        return refuse(
            "authorized_keys",
            "is empty: SSH takes keys only, so nobody could log in".to_owned(),
        );
    }
    for (field, keys) in [
        ("authorized_keys", node.authorized_keys.as_slice()),
        ("host_key", std::slice::from_ref(&node.host_key.public_openssh)),
    ] {
        if let Some(key) = keys.iter().find(|key| !is_public_key_line(key)) {
            return refuse(
                field,
                format!("{key:?} is not a public key on one line, such as `ssh-ed25519 AAAA…`"),
            );
        }
    }
    let private = node.host_key.private_openssh.expose_secret();
    if !private.trim_start().starts_with("-----BEGIN OPENSSH PRIVATE KEY-----") || private.contains('\0') {
        return refuse("host_key", "the private half is not in OpenSSH's PEM form".to_owned());
    }
    if let Some(problem) = node.ca_pem.iter().find_map(|pem| pem_problem(pem)) {
        return refuse("ca_pem", problem.to_owned());
    }
    if let Some(problem) = token_problem(node.token.expose_secret()) {
        return refuse("token", problem.to_owned());
    }
    if node
        .password
        .as_ref()
        .is_some_and(|password| password.expose_secret().is_empty())
    {
        return refuse("password", "is empty; leave it out to lock password login".to_owned());
    }
    if let Some(module) = node.kernel_modules.iter().find(|module| !is_word(module, "_-")) {
        return refuse("kernel_modules", format!("{module:?} is not a module's name"));
    }
    for (key, value) in &node.sysctl {
        if !is_word(key, "._-") || key.starts_with('.') || key.contains("..") {
            return refuse("sysctl", format!("{key:?} is not a parameter's dotted name"));
        }
        if value.is_empty() || value.trim() != value || value.chars().any(char::is_control) {
            return refuse("sysctl", format!("{value:?} of {key} is not a value on one line"));
        }
    }
    if let Some(server) = node.time_servers.iter().find(|server| !is_word(server, ".-:")) {
        return refuse("time_servers", format!("{server:?} is neither a name nor an address"));
    }
    Ok(())
}

/// Whether the text is one word of letters, digits and these further characters.
fn is_word(text: &str, further: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || further.contains(c);
    text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') && text.chars().all(known)
}

/// Whether the text is one line with a key's type and its base64, options before it and a comment behind it allowed.
fn is_public_key_line(text: &str) -> bool {
    const TYPES: [&str; 7] = [
        "ssh-ed25519",
        "ssh-rsa",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "sk-ssh-ed25519@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
    ];
    if text
        .chars()
        .any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))
    {
        return false;
    }
    let mut words = text.split(' ');
    while let Some(word) = words.next() {
        if TYPES.contains(&word) {
            // Every key's base64 begins with the length of its type, so with AAAA.
            return words.next().is_some_and(|key| {
                key.starts_with("AAAA")
                    && key
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='))
            });
        }
    }
    false
}

fn pem_problem(pem: &str) -> Option<&'static str> {
    if pem.contains("PRIVATE KEY-----") {
        return Some("holds a private key; a node needs the certificate alone");
    }
    if !pem.contains("-----BEGIN CERTIFICATE-----") || !pem.contains("-----END CERTIFICATE-----") {
        return Some("is not a certificate in PEM form");
    }
    if pem.contains('\0') {
        return Some("has a NUL character in it");
    }
    None
}

/// What is wrong with a join token. k3s trims it, and a line break would end it in k3s's own files.
fn token_problem(token: &str) -> Option<&'static str> {
    if token.is_empty() {
        return Some("is empty");
    }
    if token.chars().any(char::is_control) {
        return Some("has a control character in it");
    }
    if token.trim() != token {
        return Some("begins or ends with white space, which k3s would cut off");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_key_is_one_line_with_a_type_and_base64() {
        for good in [
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE",
            "ssh-rsa AAAAB3NzaC1yc2E= user@host with a long comment, 한글",
            "no-pty,from=\"10.0.0.0/8\" ssh-ed25519 AAAAC3Nz x",
        ] {
            assert!(is_public_key_line(good), "{good:?}");
        }
        for bad in [
            "",
            "ssh-ed25519",
            "ssh-ed25519 ZZZZ",
            "ssh-ed25519 AAAA\nssh-rsa AAAA",
            "AAAAC3Nz",
            "ssh-dss AAAA",
            "ssh-ed25519 AAAA$(id)",
        ] {
            assert!(!is_public_key_line(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_certificate_comes_without_its_key() {
        assert_eq!(
            pem_problem("-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n"),
            None
        );
        assert!(
            pem_problem("-----BEGIN EC PRIVATE KEY-----\n-----BEGIN CERTIFICATE----------END CERTIFICATE-----")
                .is_some()
        );
        assert!(pem_problem("certificate").is_some());
    }
}
