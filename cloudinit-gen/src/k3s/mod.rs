//! k3s's `config.yaml`, for servers and for agents.
//!
//! Keys are k3s's command line flags without their dashes. k3s does not start when the file does not parse, and it
//! ignores flags of the other role silently, so the two roles are two types
//! around a common part.

mod agent;
mod node;
mod server;
mod value;

pub use agent::K3sAgentConfig;
pub use node::K3sNodeConfig;
pub use server::K3sServerConfig;
pub use value::ConfigValue;

/// A k3s configuration contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum K3sConfigError {
    /// A key of `extra` has a field of its own: the document would have the key twice.
    #[error("the extra k3s key {key:?} has a field of its own; set that field instead")]
    KeyHasField {
        /// The key.
        key: String,
    },
    /// A key of `extra` is not a k3s flag's name.
    #[error("the extra k3s key {key:?} is not a flag's name: use a-z, 0-9 and '-', and '+' at the end to append")]
    KeyMalformed {
        /// The key.
        key: String,
    },
    /// The server's address is not one that agents accept.
    #[error("the server's address {server:?} must begin with https:// and name a host: k3s agents accept nothing else")]
    ServerUrl {
        /// What was given.
        server: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_has_a_field_cannot_be_given_twice() {
        let mut server = K3sServerConfig::default();
        server
            .node
            .extra
            .insert("tls-san".to_owned(), ConfigValue::Text("x".to_owned()));
        assert_eq!(
            server.check(),
            Err(K3sConfigError::KeyHasField {
                key: "tls-san".to_owned()
            })
        );
        server.node.extra.clear();
        server
            .node
            .extra
            .insert("disable+".to_owned(), ConfigValue::List(vec!["traefik".to_owned()]));
        assert!(server.check().is_err());
    }

    #[test]
    fn every_field_is_in_the_list_that_guards_it() {
        // Serialising a document with every field set must yield no key that `check` would let `extra` repeat.
        for key in K3sServerConfig::every_field().keys() {
            let mut server = K3sServerConfig::default();
            server.node.extra.insert(key.clone(), ConfigValue::Flag(true));
            assert!(server.check().is_err(), "{key} is not guarded");
        }
        for key in K3sAgentConfig::every_field().keys() {
            let mut agent = K3sAgentConfig::new("https://192.168.6.10:6443");
            agent.node.extra.insert(key.clone(), ConfigValue::Flag(true));
            assert!(agent.check().is_err(), "{key} is not guarded");
        }
    }

    #[test]
    fn extra_keys_are_flags_and_nothing_else() {
        for bad in ["", "--debug", "a: b", "x\ny", "Debug", "-x", "+"] {
            let mut server = K3sServerConfig::default();
            server.node.extra.insert(bad.to_owned(), ConfigValue::Flag(true));
            assert!(server.check().is_err(), "{bad:?}");
        }
        let mut server = K3sServerConfig::default();
        server
            .node
            .extra
            .insert("etcd-expose-metrics".to_owned(), ConfigValue::Flag(true));
        server
            .node
            .extra
            .insert("etcd-arg+".to_owned(), ConfigValue::List(vec!["a=b".to_owned()]));
        assert_eq!(server.check(), Ok(()));
    }

    #[test]
    fn an_agent_takes_an_https_server_and_nothing_else() {
        for bad in [
            "",
            "192.168.6.10",
            "http://192.168.6.10:6443",
            "https://",
            "https://a b",
            "https://a/\nx",
            "https://u@h",
        ] {
            assert!(K3sAgentConfig::new(bad).check().is_err(), "{bad:?}");
        }
        for (url, host, port) in [
            ("https://192.168.6.10:6443", "192.168.6.10", 6443),
            ("https://k3s-master1", "k3s-master1", 443),
            ("https://[fd00::1]:6443/", "fd00::1", 6443),
        ] {
            assert_eq!(
                K3sAgentConfig::new(url).server_endpoint(),
                Ok((host.to_owned(), port)),
                "{url:?}"
            );
        }
    }
}
