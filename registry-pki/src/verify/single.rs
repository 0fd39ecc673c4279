//! What can be said of one certificate by itself.

use std::time::SystemTime;

use super::reason::{Part, Reason};
use super::verdict::Remark;
use crate::certificate::{AltName, CertificateInfo};
use crate::when;

/// Fewer bits make an RSA key weak: Go refuses under 1024, OpenSSL's and `GnuTLS`'s usual levels under 2048.
pub const MIN_RSA_BITS: usize = 2048;

pub(super) fn dates(part: Part, certificate: &CertificateInfo, at: SystemTime) -> Option<Reason> {
    let subject = certificate.subject.clone();
    let (not_before, not_after) = (certificate.not_before, certificate.not_after);
    // Certificates count whole seconds, and both ends belong to the validity.
    let now = when::seconds(at);
    if not_after < not_before {
        Some(Reason::ValidityReversed { part, subject })
    } else if now > when::seconds(not_after) {
        Some(Reason::Expired {
            part,
            subject,
            not_after,
            ago_seconds: when::distance(at, not_after).as_secs(),
        })
    } else if now < when::seconds(not_before) {
        Some(Reason::NotYetValid {
            part,
            subject,
            not_before,
            in_seconds: when::distance(not_before, at).as_secs(),
        })
    } else {
        None
    }
}

pub(super) fn allows_server(usages: &[String]) -> bool {
    usages
        .iter()
        .any(|usage| usage == "serverAuth" || usage == "anyExtendedKeyUsage")
}

/// Whether its usages let the certificate stand for a TLS server.
pub(super) fn leaf_usage(leaf: &CertificateInfo) -> Vec<Reason> {
    let part = Part::Certificate;
    let subject = leaf.subject.clone();
    let mut reasons = Vec::new();
    if let Some(usages) = leaf.extended_key_usage.as_ref().filter(|usages| !allows_server(usages)) {
        reasons.push(Reason::KeyUsage {
            part,
            subject: subject.clone(),
            usages: usages.clone(),
            lacks: "serverAuth",
        });
    }
    // TLS 1.3, and every suite with ephemeral keys, signs with the certificate's key.
    if let Some(usages) = leaf
        .key_usage
        .as_ref()
        .filter(|usages| !usages.contains(&"digitalSignature"))
    {
        let usages = usages.iter().map(|usage| (*usage).to_owned()).collect();
        reasons.push(Reason::KeyUsage {
            part,
            subject,
            usages,
            lacks: "digitalSignature",
        });
    }
    reasons
}

pub(super) fn is_short_rsa(certificate: &CertificateInfo) -> bool {
    certificate.key.kind == "RSA" && certificate.key.bits < MIN_RSA_BITS
}

pub(super) fn is_broken(signature: &str) -> bool {
    let signature = signature.to_ascii_lowercase();
    signature.contains("sha1") || signature.contains("md5") || signature.contains("md2")
}

/// Keys and extensions.
pub(super) fn form(part: Part, certificate: &CertificateInfo) -> Vec<Reason> {
    let subject = || certificate.subject.clone();
    let key = &certificate.key;
    let mut reasons = Vec::new();
    if is_short_rsa(certificate) || (key.kind.starts_with("ECDSA") && (1..224).contains(&key.bits)) {
        reasons.push(Reason::WeakKey {
            part,
            subject: subject(),
            key: key.to_string(),
        });
    } else if !(key.kind == "RSA" || key.kind == "Ed25519" || key.kind.starts_with("ECDSA P-")) {
        reasons.push(Reason::UnsupportedKey {
            part,
            subject: subject(),
            key: key.to_string(),
        });
    }
    if !certificate.unknown_critical.is_empty() {
        let extensions = certificate.unknown_critical.clone();
        reasons.push(Reason::UnknownCritical {
            part,
            subject: subject(),
            extensions,
        });
    }
    if !certificate.malformed.is_empty() {
        let extensions = certificate.malformed.clone();
        reasons.push(Reason::MalformedExtension {
            part,
            subject: subject(),
            extensions,
        });
    }
    reasons
}

pub(super) fn remarks(
    leaf: &CertificateInfo,
    chain: &[CertificateInfo],
    trust: &[CertificateInfo],
    at: SystemTime,
    remarks: &mut Vec<Remark>,
) {
    let (left, whole) = leaf.life(at);
    let days = u64::try_from(whole / 86_400).unwrap_or_default();
    if whole > 825 * 86_400 {
        remarks.push(Remark::LongLived {
            days,
            limit_days: 825,
            whose: "Apple's clients",
        });
    } else if whole > 398 * 86_400 {
        remarks.push(Remark::LongLived {
            days,
            limit_days: 398,
            whose: "browsers (for public CAs)",
        });
    }
    if left > 0 && leaf.renewal_due(at) {
        remarks.push(Remark::EndingSoon {
            not_after: leaf.not_after,
        });
    }
    if leaf.ca == Some(true) {
        remarks.push(Remark::CaAsServer);
    }
    if leaf.subject_key_id.is_none() {
        remarks.push(Remark::NoKeyIdentifier);
    }
    if leaf.key.kind == "Ed25519" {
        remarks.push(Remark::Ed25519);
    }
    for name in &leaf.names {
        if let AltName::Dns(text) = name
            && text.parse::<std::net::IpAddr>().is_ok()
        {
            remarks.push(Remark::AddressAsDns { address: text.clone() });
        }
    }
    if chain
        .iter()
        .skip(1)
        .any(|sent| sent.is_self_issued() && trust.iter().any(|ca| ca.sha256 == sent.sha256))
    {
        remarks.push(Remark::RootInChain);
    }
}
