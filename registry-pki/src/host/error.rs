//! Why a text names no host.

/// Why a text is not the host of a registry. Every variant carries the text as it was given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// Empty, or white space only.
    #[error("the registry host is blank: give an address such as 192.168.6.1 or a name such as registry.lab")]
    Blank,
    /// `https://…`.
    #[error("`{input}` has a scheme ({scheme}://): give the host alone{}", suggestion(.host.as_deref()))]
    Scheme {
        /// The text as given.
        input: String,
        /// `https`, for instance.
        scheme: String,
        /// The host in it, where there is one.
        host: Option<String>,
    },
    /// `registry.lab:5000`: a certificate names hosts, not ports.
    #[error("`{input}` has a port ({port}): certificates name hosts, not ports; give the host alone{}", suggestion(.host.as_deref()))]
    Port {
        /// The text as given.
        input: String,
        /// The port as written.
        port: String,
        /// The host in front of it, where it is one.
        host: Option<String>,
    },
    /// `registry.lab/v2`.
    #[error("`{input}` has a path ({path}): give the host alone{}", suggestion(.host.as_deref()))]
    Path {
        /// The text as given.
        input: String,
        /// From the slash on.
        path: String,
        /// The host in front of it, where it is one.
        host: Option<String>,
    },
    /// `192.168.6.0/24`.
    #[error("`{input}` is a network, not a host: give the one address that clients reach")]
    Network {
        /// The text as given.
        input: String,
    },
    /// `user@registry.lab`.
    #[error("`{input}` has a user name in front of `@`: give the host alone{}", suggestion(.host.as_deref()))]
    UserInfo {
        /// The text as given.
        input: String,
        /// The host behind it, where it is one.
        host: Option<String>,
    },
    /// A host name with an underscore: a DNS name may have one, a host name and a certificate may not.
    #[error("`{input}` has an underscore in `{label}`: host names have letters, digits and hyphens only (RFC 1123)")]
    Underscore {
        /// The text as given.
        input: String,
        /// The label with the underscore.
        label: String,
    },
    /// A character that no host name has.
    #[error("`{input}` has the character {character:?}, which no host name has")]
    Character {
        /// The text as given.
        input: String,
        /// The first offending character.
        character: char,
    },
    /// A label longer than 63 octets in its encoded form.
    #[error("`{input}` has a label of {length} octets (`{label}`): a DNS label has at most 63")]
    LabelTooLong {
        /// The text as given.
        input: String,
        /// The label, encoded.
        label: String,
        /// Its length in octets.
        length: usize,
    },
    /// A name longer than 253 octets in its encoded form.
    #[error("the name has {length} octets: a DNS name has at most 253")]
    NameTooLong {
        /// The text as given.
        input: String,
        /// Its encoded length in octets.
        length: usize,
    },
    /// `a..b`, or a leading dot.
    #[error("`{input}` has an empty label (two dots in a row, or one in front)")]
    EmptyLabel {
        /// The text as given.
        input: String,
    },
    /// `registry.lab.`: certificates carry names without the root's dot (RFC 6125, 6.4).
    #[error("`{input}` ends with a dot: certificates carry names without it{}", suggestion(.host.as_deref()))]
    TrailingDot {
        /// The text as given.
        input: String,
        /// The name without the dot, where it is one.
        host: Option<String>,
    },
    /// A label that begins or ends with a hyphen.
    #[error("`{input}` has a label that begins or ends with a hyphen (`{label}`)")]
    Hyphen {
        /// The text as given.
        input: String,
        /// The label.
        label: String,
    },
    /// `1.2.3`, `256.1.1.1`, `192.168.06.1`: neither an address nor a name.
    #[error(
        "`{input}` is neither an IPv4 address (four numbers from 0 to 255, no leading zeros) nor a name (the last label of a name is not a number)"
    )]
    Numeric {
        /// The text as given.
        input: String,
    },
    /// `fe80::1%eth0`.
    #[error(
        "`{input}` has a zone id (%{zone}): it means something on one machine only, and a certificate cannot carry it"
    )]
    ZoneId {
        /// The text as given.
        input: String,
        /// The zone.
        zone: String,
    },
    /// Something with colons or brackets that is no IPv6 address.
    #[error("`{input}` is not an IPv6 address")]
    Ipv6 {
        /// The text as given.
        input: String,
    },
    /// `0.0.0.0`, `::`, a multicast or the broadcast address.
    #[error("`{input}` is not an address that a client can reach a server at ({what})")]
    Unreachable {
        /// The text as given.
        input: String,
        /// Which kind of address it is.
        what: &'static str,
    },
    /// `*.registry.lab` where no wildcard was asked for.
    #[error("`{input}` is a wildcard: name the hosts, or allow wildcards explicitly")]
    Wildcard {
        /// The text as given.
        input: String,
    },
    /// A `*` elsewhere than as the whole first label in front of at least two more.
    #[error("`{input}` has a `*` where clients do not understand it: only `*.name.tld` works")]
    WildcardPosition {
        /// The text as given.
        input: String,
    },
    /// Not encodable by IDNA.
    #[error("`{input}` is not a valid internationalised name (IDNA, UTS 46)")]
    Idna {
        /// The text as given.
        input: String,
    },
}

fn suggestion(host: Option<&str>) -> String {
    host.map(|host| format!(", `{host}`")).unwrap_or_default()
}
