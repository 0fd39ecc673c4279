//! From the server's certificate to a trusted CA (RFC 5280, section 6, without policies).

use std::time::SystemTime;

use x509_parser::certificate::X509Certificate;
use x509_parser::error::X509Error;
use x509_parser::prelude::FromDer;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::names;
use super::reason::{Part, Reason};
use super::single::{allows_server, dates, form, is_broken, is_short_rsa, leaf_usage, remarks};
use super::verdict::Remark;
use crate::certificate::{AltName, CertificateInfo};
use crate::constraints::{Refusal, Subtree};
use crate::host::RegistryHost;

/// Most certificates in a chain, the server's and the trusted one included.
const MAX_DEPTH: usize = 8;
/// Most signatures checked for one verdict, so that a hostile chain cannot keep us busy.
const MAX_SIGNATURES: usize = 64;

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Judgement {
    pub(super) reasons: Vec<Reason>,
    pub(super) remarks: Vec<Remark>,
    /// Subjects of the best path.
    pub(super) path: Vec<String>,
}

/// Judges the chain that a server sends against the CAs that a client trusts.
pub(super) fn judge(
    chain: &[CertificateInfo],
    trust: &[CertificateInfo],
    address: &RegistryHost,
    at: SystemTime,
) -> Judgement {
    let Some(leaf) = chain.first() else {
        return Judgement::default();
    };
    let mut judgement = Judgement::default();
    judgement.reasons.extend(names::fault(leaf, address));
    judgement.reasons.extend(dates(Part::Certificate, leaf, at));
    judgement.reasons.extend(leaf_usage(leaf));
    judgement.reasons.extend(form(Part::Certificate, leaf));
    remarks(leaf, chain, trust, at, &mut judgement.remarks);

    let mut search = Search {
        chain,
        trust,
        at,
        signatures: 0,
        best: None,
    };
    search.from(&mut vec![leaf]);
    match search.best {
        Some(best) => {
            judgement.path = best.subjects;
            judgement.reasons.extend(best.reasons);
            if best.trusted_itself {
                judgement.remarks.push(Remark::TrustedItself);
            }
            judgement
                .remarks
                .extend(best.remark.into_iter().chain(best.common_name));
        }
        None => judgement.reasons.push(Reason::TooComplex),
    }
    judgement
}

/// A way from the server's certificate towards a trusted one, and what is wrong with it.
struct Route {
    subjects: Vec<String>,
    reasons: Vec<Reason>,
    /// Whether it ends at a trusted certificate.
    anchored: bool,
    trusted_itself: bool,
    remark: Option<Remark>,
    common_name: Option<Remark>,
}

impl Route {
    /// Better paths have smaller keys: anchored first, then fewer faults, then longer (more was found out).
    fn rank(&self) -> (bool, usize, std::cmp::Reverse<usize>) {
        (
            !self.anchored,
            self.reasons.len(),
            std::cmp::Reverse(self.subjects.len()),
        )
    }
}

struct Search<'a> {
    chain: &'a [CertificateInfo],
    trust: &'a [CertificateInfo],
    at: SystemTime,
    signatures: usize,
    best: Option<Route>,
}

impl<'a> Search<'a> {
    /// Follows issuers depth first. `path` begins with the server's certificate.
    fn from(&mut self, path: &mut Vec<&'a CertificateInfo>) {
        let Some(last) = path.last().copied() else { return };
        if self.is_perfect() {
            return;
        }
        // A certificate that is itself trusted needs no signature. Clients take a server's own certificate so only
        // when it signed itself (OpenSSL wants to see a root).
        if path.len() == 1 && last.is_self_issued() && self.trust.iter().any(|ca| ca.sha256 == last.sha256) {
            self.offer(path, Vec::new(), true);
            return;
        }
        let mut found = false;
        for anchor in self.trust.iter().filter(|ca| ca.subject_der == last.issuer_der) {
            found = true;
            match self.signed_by(last, anchor) {
                Signature::Good => {
                    path.push(anchor);
                    self.offer(path, Vec::new(), true);
                    path.pop();
                }
                Signature::Bad(reason) => self.offer(path, vec![reason], false),
            }
        }
        if path.len() < MAX_DEPTH - 1 {
            for next in self.chain.iter().skip(1).filter(|ca| ca.subject_der == last.issuer_der) {
                if path.iter().any(|one| one.sha256 == next.sha256) {
                    continue;
                }
                found = true;
                match self.signed_by(last, next) {
                    Signature::Good => {
                        path.push(next);
                        self.from(path);
                        path.pop();
                    }
                    Signature::Bad(reason) => self.offer(path, vec![reason], false),
                }
            }
        }
        if !found {
            let reason = Reason::UnknownIssuer {
                issuer: last.issuer.clone(),
                trusted: self.trust.iter().map(|ca| ca.subject.clone()).collect(),
                self_signed: path.len() == 1 && last.is_self_issued(),
            };
            self.offer(path, vec![reason], false);
        }
    }

    fn is_perfect(&self) -> bool {
        self.best
            .as_ref()
            .is_some_and(|best| best.anchored && best.reasons.is_empty())
    }

    fn offer(&mut self, path: &[&CertificateInfo], mut reasons: Vec<Reason>, anchored: bool) {
        reasons.extend(faults(path, anchored, self.at));
        let root = path.last().copied();
        let candidate = Route {
            subjects: path.iter().map(|certificate| certificate.subject.clone()).collect(),
            reasons,
            anchored,
            trusted_itself: anchored && path.len() == 1,
            common_name: common_name_constrained(path),
            remark: root
                .filter(|root| anchored && path.len() > 1 && is_broken(&root.signature))
                .map(|root| Remark::WeakRootSignature {
                    algorithm: root.signature.clone(),
                }),
        };
        if self.best.as_ref().is_none_or(|best| candidate.rank() < best.rank()) {
            self.best = Some(candidate);
        }
    }

    fn signed_by(&mut self, certificate: &CertificateInfo, issuer: &CertificateInfo) -> Signature {
        self.signatures += 1;
        if self.signatures > MAX_SIGNATURES {
            return Signature::Bad(Reason::TooComplex);
        }
        let part = if self.chain.first().is_some_and(|leaf| leaf.sha256 == certificate.sha256) {
            Part::Certificate
        } else {
            Part::Intermediate
        };
        let subject = certificate.subject.clone();
        match check_signature(certificate, issuer) {
            Ok(()) => Signature::Good,
            Err(X509Error::SignatureUnsupportedAlgorithm) if is_broken(&certificate.signature) => {
                Signature::Bad(Reason::WeakSignature {
                    part,
                    subject,
                    algorithm: certificate.signature.clone(),
                })
            }
            Err(X509Error::SignatureUnsupportedAlgorithm) => Signature::Bad(Reason::UnsupportedSignature {
                part,
                subject,
                algorithm: format!("{} by a key of {}", certificate.signature, issuer.key),
            }),
            // ring does not check signatures of short RSA keys at all; that they are short is the reason then.
            Err(_) if is_short_rsa(issuer) => Signature::Bad(Reason::WeakKey {
                part: Part::Ca,
                subject: issuer.subject.clone(),
                key: issuer.key.to_string(),
            }),
            Err(_) => Signature::Bad(Reason::WrongIssuerKey {
                part,
                subject,
                issuer: issuer.subject.clone(),
            }),
        }
    }
}

enum Signature {
    Good,
    Bad(Reason),
}

fn check_signature(certificate: &CertificateInfo, issuer: &CertificateInfo) -> Result<(), X509Error> {
    let (_, certificate) = X509Certificate::from_der(&certificate.der).map_err(|_| X509Error::InvalidCertificate)?;
    let (_, key) = SubjectPublicKeyInfo::from_der(&issuer.public_key_der).map_err(|_| X509Error::InvalidCertificate)?;
    certificate.verify_signature(Some(&key))
}

/// What is wrong with the CAs of a path; the server's certificate itself was judged before.
fn faults(path: &[&CertificateInfo], anchored: bool, at: SystemTime) -> Vec<Reason> {
    let mut reasons = Vec::new();
    for (index, ca) in path.iter().enumerate().skip(1) {
        let is_anchor = anchored && index == path.len() - 1;
        let part = if is_anchor { Part::Ca } else { Part::Intermediate };
        let subject = ca.subject.clone();
        reasons.extend(dates(part, ca, at));
        // Version 1 roots have no extensions; clients take them as anchors.
        if ca.ca != Some(true) && !(is_anchor && ca.version < 3) {
            reasons.push(Reason::NotACa {
                part,
                subject: subject.clone(),
            });
        }
        if let Some(usages) = ca.key_usage.as_ref().filter(|usages| !usages.contains(&"keyCertSign")) {
            let usages = usages.iter().map(|usage| (*usage).to_owned()).collect();
            reasons.push(Reason::KeyUsage {
                part,
                subject: subject.clone(),
                usages,
                lacks: "keyCertSign",
            });
        }
        if let Some(usages) = ca.extended_key_usage.as_ref().filter(|usages| !allows_server(usages)) {
            reasons.push(Reason::KeyUsage {
                part,
                subject: subject.clone(),
                usages: usages.clone(),
                lacks: "serverAuth",
            });
        }
        // CAs between this one and the server's certificate that did not just renew themselves.
        let below = path[1..index].iter().filter(|one| !one.is_self_issued()).count();
        let below = u32::try_from(below).unwrap_or(u32::MAX);
        if let Some(allowed) = ca.path_length.filter(|allowed| below > *allowed) {
            reasons.push(Reason::PathLength {
                subject: subject.clone(),
                allowed,
                found: below,
            });
        }
        reasons.extend(form(part, ca));
        reasons.extend(constraint_faults(ca, &path[..index]));
    }
    // The anchor's own signature says nothing: it is trusted as it is.
    let signed = if anchored { &path[..path.len() - 1] } else { path };
    for (index, certificate) in signed
        .iter()
        .enumerate()
        .filter(|(_, certificate)| is_broken(&certificate.signature))
    {
        let part = if index == 0 {
            Part::Certificate
        } else {
            Part::Intermediate
        };
        let (subject, algorithm) = (certificate.subject.clone(), certificate.signature.clone());
        let reason = Reason::WeakSignature {
            part,
            subject,
            algorithm,
        };
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    reasons
}

/// Whether OpenSSL and `GnuTLS` refuse the common name, which they take for a DNS name where there is no other.
fn common_name_constrained(path: &[&CertificateInfo]) -> Option<Remark> {
    let (leaf, cas) = path.split_first()?;
    let name = leaf.common_name.as_ref()?;
    if leaf.names.iter().any(|name| matches!(name, AltName::Dns(_))) {
        return None;
    }
    let refuses = |ca: &&&CertificateInfo| {
        ca.constraints
            .as_ref()
            .is_some_and(|constraints| !constraints.permits_dns(name))
    };
    let ca = cas.iter().find(refuses)?;
    Some(Remark::CommonNameConstrained {
        common_name: name.clone(),
        ca: ca.subject.clone(),
    })
}

fn constraint_faults(ca: &CertificateInfo, below: &[&CertificateInfo]) -> Vec<Reason> {
    let Some(constraints) = &ca.constraints else {
        return Vec::new();
    };
    let mut reasons = Vec::new();
    for certificate in below {
        for (name, refusal) in constraints.violations(certificate) {
            let (permitted, excluded): (Vec<Subtree>, Option<Subtree>) = match refusal {
                Refusal::Excluded(tree) => (Vec::new(), Some(tree)),
                Refusal::NotPermitted(trees) => (trees, None),
                Refusal::NotUnderstood => (Vec::new(), None),
            };
            reasons.push(Reason::NameConstraint {
                ca: ca.subject.clone(),
                name: name.to_string(),
                permitted: permitted.iter().map(ToString::to_string).collect(),
                excluded: excluded.map(|tree| tree.to_string()),
            });
        }
    }
    reasons
}
