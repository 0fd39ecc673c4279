//! Certificates made with rcgen directly, most with something wrong.

use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose as Eku,
    IsCa, Issuer, KeyPair, KeyUsagePurpose as Ku, SanType,
};

use registry_pki::Authority;
use secrecy::ExposeSecret as _;

use super::{Case, DAY, HOST, now};
use crate::panel::Judge;

/// A certificate with its key.
pub(super) struct Made {
    params: CertificateParams,
    key: KeyPair,
    pub(super) pem: String,
}

fn params(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = time(now() - DAY * 10);
    params.not_after = time(now() + DAY * 90);
    params
}

fn time(at: SystemTime) -> time::OffsetDateTime {
    at.into()
}

fn ca_params(common_name: &str) -> CertificateParams {
    let mut params = params(common_name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![Ku::KeyCertSign, Ku::CrlSign];
    params
}

/// A root, changed.
pub(super) fn root(common_name: &str, change: impl FnOnce(&mut CertificateParams)) -> Made {
    let mut params = ca_params(common_name);
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    Made { params, key, pem }
}

fn signed(by: &Made, mut params: CertificateParams, change: impl FnOnce(&mut CertificateParams)) -> Made {
    params.use_authority_key_identifier_extension = true;
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let pem = params
        .signed_by(&key, &Issuer::from_params(&by.params, &by.key))
        .unwrap()
        .pem();
    Made { params, key, pem }
}

/// A good certificate for [`HOST`], changed.
pub(super) fn leaf(by: &Made, change: impl FnOnce(&mut CertificateParams)) -> Made {
    signed(by, leaf_params(), change)
}

/// A certificate for anything at all, by a CA that this crate made: as whoever stole its key would make one.
pub(super) fn stolen(ca: &Authority, change: impl FnOnce(&mut CertificateParams)) -> String {
    let key = KeyPair::from_pem(ca.key().to_pem().expose_secret()).unwrap();
    let issuer = Issuer::from_ca_cert_pem(&ca.certificate_pem(), key).unwrap();
    let mut params = leaf_params();
    params.use_authority_key_identifier_extension = true;
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    params.signed_by(&key, &issuer).unwrap().pem()
}

fn leaf_params() -> CertificateParams {
    let mut params = params(HOST);
    params.subject_alt_names = vec![SanType::IpAddress(HOST.parse().unwrap())];
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![Ku::DigitalSignature];
    params.extended_key_usages = vec![Eku::ServerAuth];
    params
}

pub(super) fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

pub(super) fn cases() -> Vec<Case> {
    [names(), times(), usages(), intermediates(), anchors()]
        .into_iter()
        .flatten()
        .collect()
}

fn names() -> Vec<Case> {
    let ca = root("names CA", |_| {});
    let with = |names: Vec<SanType>| leaf(&ca, |params| params.subject_alt_names = names).pem;
    let trust = &ca.pem;
    let wild = &with(vec![dns("*.registry.lab")]);
    let partial = &with(vec![dns("reg*.registry.lab")]);
    let upper = &with(vec![dns("Registry.LAB")]);
    let email = &with(vec![SanType::Rfc822Name("a@registry.lab".try_into().unwrap())]);
    let missing = |title: &str, chain: &str, host: &str| Case::bad(title, chain, trust, host, &["name_not_covered"]);
    vec![
        missing("an address as a DNS name", &with(vec![dns(HOST)]), HOST),
        missing("an address in the common name only", &with(vec![]), HOST),
        missing("an e-mail address as the only name", email, "registry.lab"),
        Case::good("upper case in the certificate", upper, trust, "registry.lab"),
        Case::good("a wildcard for one label", wild, trust, "a.registry.lab"),
        missing("a wildcard for two labels", wild, "a.b.registry.lab"),
        missing("a wildcard for what it hangs from", wild, "registry.lab"),
        missing("a wildcard inside a label", partial, "reg1.registry.lab").except(
            &[Judge::OpenSsl],
            "OpenSSL takes a part of a label where not told otherwise",
        ),
    ]
}

fn times() -> Vec<Case> {
    let ca = root("times CA", |_| {});
    let good = &leaf(&ca, |_| {}).pem;
    let trust = &ca.pem;
    let (from, to) = (now() - DAY * 10, now() + DAY * 90);
    let second = Duration::from_secs(1);
    let old_ca = root("old CA", |params| params.not_after = time(now() - DAY));
    let under_old = &leaf(&old_ca, |_| {}).pem;
    vec![
        Case::good("first second", good, trust, HOST).at(from),
        Case::good("last second", good, trust, HOST)
            .at(to)
            .except(&[Judge::OpenSsl], "OpenSSL takes the last second for over"),
        Case::bad(
            "a second too early",
            good,
            trust,
            HOST,
            &["not_yet_valid", "not_yet_valid"],
        )
        .at(from - second)
        .except(&[Judge::Nss], "NSS allows a day for slow clocks"),
        Case::bad("a second too late", good, trust, HOST, &["expired", "expired"]).at(to + second),
        Case::bad("the CA is over", under_old, &old_ca.pem, HOST, &["expired"])
            .except(&[Judge::Webpki], "an anchor is a name and a key to webpki"),
        Case::bad(
            "over and misnamed",
            good,
            trust,
            "10.0.0.1",
            &["name_not_covered", "expired", "expired"],
        )
        .at(to + DAY),
    ]
}

fn usages() -> Vec<Case> {
    let ca = root("usage CA", |_| {});
    let trust = &ca.pem;
    let with = |change: fn(&mut CertificateParams)| leaf(&ca, change).pem;
    let client = &with(|params| params.extended_key_usages = vec![Eku::ClientAuth]);
    let none = &with(|params| {
        params.extended_key_usages.clear();
        params.key_usages.clear();
    });
    let any = &with(|params| params.extended_key_usages = vec![Eku::Any]);
    let commitment = &with(|params| params.key_usages = vec![Ku::ContentCommitment]);
    let critical = &with(|params| {
        let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99_999, 1], vec![5, 0]);
        extension.set_criticality(true);
        params.custom_extensions = vec![extension];
    });
    vec![
        Case::bad("for clients only", client, trust, HOST, &["key_usage"]),
        Case::good("no usages at all", none, trust, HOST),
        Case::good("any extended usage", any, trust, HOST).except(
            &[Judge::OpenSsl, Judge::Webpki, Judge::Nss, Judge::Pyca],
            "they want serverAuth by name",
        ),
        Case::bad(
            "a key that may not sign handshakes",
            commitment,
            trust,
            HOST,
            &["key_usage"],
        )
        .except(
            &[Judge::Go, Judge::GnuTls, Judge::Pyca, Judge::Webpki],
            "they leave key usage to the handshake, or ignore it",
        ),
        Case::bad(
            "an unknown critical extension",
            critical,
            trust,
            HOST,
            &["unknown_critical"],
        ),
    ]
}

fn intermediates() -> Vec<Case> {
    let ca = root("chain root", |_| {});
    let trust = &ca.pem;
    let between = |change: fn(&mut CertificateParams)| signed(&ca, ca_params("chain intermediate"), change);
    let under = |by: &Made| format!("{}{}", leaf(by, |_| {}).pem, by.pem);
    let good = between(|_| {});
    let chain = &under(&good);
    let alone = &leaf(&good, |_| {}).pem;
    let not_ca = &under(&between(|params| params.is_ca = IsCa::ExplicitNoCa));
    let no_sign = &under(&between(|params| params.key_usages = vec![Ku::CrlSign]));
    let over = &under(&between(|params| params.not_after = time(now() - DAY)));
    let for_clients = &under(&between(|params| params.extended_key_usages = vec![Eku::ClientAuth]));
    let short = root("short root", |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    });
    let too_deep = &under(&signed(&short, ca_params("one too many"), |_| {}));
    let (one, other) = (root("ring one", |_| {}), root("ring other", |_| {}));
    let crossed = |one: &Made, by: &Made| {
        one.params
            .signed_by(&one.key, &Issuer::from_params(&by.params, &by.key))
            .unwrap()
            .pem()
    };
    let ring = &format!(
        "{}{}{}",
        leaf(&one, |_| {}).pem,
        crossed(&one, &other),
        crossed(&other, &one)
    );
    vec![
        Case::good("through an intermediate CA", chain, trust, HOST),
        Case::good("the root is sent along", &format!("{chain}{trust}"), trust, HOST),
        Case::bad(
            "the intermediate CA is not sent",
            alone,
            trust,
            HOST,
            &["unknown_issuer"],
        ),
        Case::bad("the intermediate is no CA", not_ca, trust, HOST, &["not_a_ca"]),
        Case::bad("the intermediate may not sign", no_sign, trust, HOST, &["key_usage"])
            .except(&[Judge::Webpki], "webpki leaves key usage alone"),
        Case::bad("the intermediate is over", over, trust, HOST, &["expired"]),
        Case::bad(
            "the intermediate is for clients",
            for_clients,
            trust,
            HOST,
            &["key_usage"],
        )
        .except(&[Judge::Nss], "NSS looks at the extended usage of the leaf"),
        Case::bad("one CA too many", too_deep, &short.pem, HOST, &["path_length"])
            .except(&[Judge::Webpki], "an anchor is a name and a key to webpki"),
        Case::bad("two CAs that sign each other", ring, trust, HOST, &["unknown_issuer"]),
    ]
}

fn anchors() -> Vec<Case> {
    let ca = root("anchor", |_| {});
    let trust = &ca.pem;
    let straight = &leaf(&ca, |_| {}).pem;
    let impostor = &root("anchor", |_| {}).pem;
    let both = &format!("{impostor}{trust}");
    let no_sign = root("no sign root", |params| params.key_usages = vec![Ku::CrlSign]);
    let under_no_sign = &leaf(&no_sign, |_| {}).pem;
    let plain = root("plain root", |params| params.is_ca = IsCa::NoCa);
    let under_plain = &leaf(&plain, |_| {}).pem;
    let own = &root(HOST, |params| *params = leaf_params()).pem;
    vec![
        Case::bad(
            "a CA of the same name with another key",
            straight,
            impostor,
            HOST,
            &["wrong_issuer_key"],
        ),
        Case::good("two CAs of the same name", straight, both, HOST),
        Case::bad(
            "a root that may not sign",
            under_no_sign,
            &no_sign.pem,
            HOST,
            &["key_usage"],
        )
        .except(&[Judge::Webpki, Judge::Nss], "they ask nothing of an anchor"),
        Case::bad("a root that is no CA", under_plain, &plain.pem, HOST, &["not_a_ca"]).except(
            &[Judge::OpenSsl, Judge::Webpki, Judge::Nss, Judge::GnuTls],
            "they ask nothing of an anchor unless strict",
        ),
        Case::good("signed itself and is trusted", own, own, HOST).except(
            &[Judge::Pyca, Judge::Nss, Judge::GnuTls],
            "they want a CA as the anchor",
        ),
        Case::bad(
            "signed itself and is not trusted",
            own,
            trust,
            HOST,
            &["unknown_issuer"],
        ),
    ]
}
