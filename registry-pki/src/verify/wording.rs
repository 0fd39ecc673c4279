//! How reasons are worded: clauses that follow "would refuse it:".

use std::fmt;
use std::time::Duration;

use super::reason::{Part, Reason};
use crate::when;

/// `a`, `a and b`, `a, b and c`.
pub(super) fn list<T: AsRef<str>>(items: &[T]) -> String {
    match items {
        [] => "nothing".to_owned(),
        [one] => one.as_ref().to_owned(),
        [most @ .., last] => {
            format!(
                "{} and {}",
                most.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", "),
                last.as_ref()
            )
        }
    }
}

/// A leaf needs no name beside "the certificate"; the others do.
fn who(part: Part, subject: &str) -> String {
    if part == Part::Certificate {
        part.to_string()
    } else {
        format!("{part} `{subject}`")
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { part, why } => write!(f, "{part} cannot be used: {why}"),
            Self::NameNotCovered { .. } => name(f, self),
            Self::Expired { .. } | Self::NotYetValid { .. } | Self::ValidityReversed { .. } => validity(f, self),
            Self::NameConstraint { .. } | Self::UnknownIssuer { .. } | Self::WrongIssuerKey { .. } => issuer(f, self),
            Self::KeyUsage {
                part,
                subject,
                usages,
                lacks,
            } => {
                write!(
                    f,
                    "{} is for {} only and lacks {lacks}",
                    who(*part, subject),
                    list(usages)
                )
            }
            Self::NotACa { part, subject } => {
                write!(
                    f,
                    "{} is not marked as a CA (basic constraints) and may not sign",
                    who(*part, subject)
                )
            }
            Self::PathLength {
                subject,
                allowed,
                found,
            } => {
                write!(
                    f,
                    "the CA `{subject}` allows {allowed} CAs below it and there are {found}"
                )
            }
            Self::UnsupportedSignature {
                part,
                subject,
                algorithm,
            } => {
                write!(
                    f,
                    "{} is signed with {algorithm}, which cannot be checked",
                    who(*part, subject)
                )
            }
            Self::WeakSignature {
                part,
                subject,
                algorithm,
            } => {
                write!(f, "{} is signed with {algorithm}, which is broken", who(*part, subject))
            }
            Self::WeakKey { part, subject, key } => write!(f, "{} has a weak key ({key})", who(*part, subject)),
            Self::UnsupportedKey { part, subject, key } => {
                write!(
                    f,
                    "{} has a key that TLS clients do not take ({key})",
                    who(*part, subject)
                )
            }
            Self::KeyMismatch => f.write_str("the private key does not belong to the certificate"),
            Self::UnknownCritical {
                part,
                subject,
                extensions,
            } => {
                let (who, extensions) = (who(*part, subject), list(extensions));
                write!(
                    f,
                    "{who} has critical extensions that clients do not know: {extensions}"
                )
            }
            Self::MalformedExtension {
                part,
                subject,
                extensions,
            } => {
                write!(
                    f,
                    "{} has malformed extensions: {}",
                    who(*part, subject),
                    list(extensions)
                )
            }
            Self::TooComplex => f.write_str("the chain of CAs is too long or goes round in circles"),
        }
    }
}

fn name(f: &mut fmt::Formatter<'_>, reason: &Reason) -> fmt::Result {
    let Reason::NameNotCovered {
        address,
        names,
        common_name,
        as_dns,
        has_extension,
    } = reason
    else {
        return Ok(());
    };
    match common_name {
        _ if *as_dns => write!(
            f,
            "the certificate has {address} as a DNS name, and clients look for addresses among its IP addresses only"
        ),
        _ if !names.is_empty() => write!(f, "the certificate names {} only, not {address}", list(names)),
        Some(name) if !has_extension => write!(
            f,
            "the certificate names {name} only, and that in its common name, which clients ignore: it has no subject \
             alternative name for {address}"
        ),
        _ => write!(
            f,
            "the certificate names no host at all: it has no subject alternative name for {address}"
        ),
    }
}

fn validity(f: &mut fmt::Formatter<'_>, reason: &Reason) -> fmt::Result {
    match reason {
        Reason::Expired {
            part,
            subject,
            not_after,
            ago_seconds,
        } => {
            let ago = when::span(Duration::from_secs(*ago_seconds));
            write!(
                f,
                "{} expired on {} ({ago} ago)",
                who(*part, subject),
                when::rfc3339(*not_after)
            )
        }
        Reason::NotYetValid {
            part,
            subject,
            not_before,
            in_seconds,
        } => {
            let (who, from) = (who(*part, subject), when::rfc3339(*not_before));
            let ahead = when::span(Duration::from_secs(*in_seconds));
            write!(
                f,
                "{who} is valid from {from} only (in {ahead}; is the client's clock right?)"
            )
        }
        Reason::ValidityReversed { part, subject } => write!(f, "{} ends before it begins", who(*part, subject)),
        _ => Ok(()),
    }
}

fn issuer(f: &mut fmt::Formatter<'_>, reason: &Reason) -> fmt::Result {
    match reason {
        Reason::NameConstraint {
            ca,
            name,
            excluded: Some(tree),
            ..
        } => {
            write!(f, "the CA `{ca}` may not sign for {name}: it excludes {tree}")
        }
        Reason::NameConstraint {
            ca, name, permitted, ..
        } => {
            write!(
                f,
                "the CA `{ca}` may not sign for {name}: it is constrained to {}",
                list(permitted)
            )
        }
        Reason::UnknownIssuer {
            issuer,
            trusted,
            self_signed: true,
        } => {
            let trusted = list(trusted);
            write!(
                f,
                "the certificate signed itself (`{issuer}`) and is not among the trusted CAs ({trusted})"
            )
        }
        Reason::UnknownIssuer { issuer, trusted, .. } => {
            write!(
                f,
                "it was issued by `{issuer}`, which is not among the trusted CAs ({})",
                list(trusted)
            )
        }
        Reason::WrongIssuerKey { part, subject, issuer } => write!(
            f,
            "{} was signed with another key than that of the trusted CA `{issuer}`: perhaps by an earlier or later CA \
             of the same name",
            who(*part, subject)
        ),
        _ => Ok(()),
    }
}
