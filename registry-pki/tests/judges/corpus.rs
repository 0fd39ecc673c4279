//! Certificates, good and bad, made by this crate, by rcgen directly, and by OpenSSL.

use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, CustomExtension, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose as Eku, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose as Ku, NameConstraints,
    SanType,
};
use registry_pki::{Authority, AuthorityParams, KeyAlgorithm, RegistryHost, ServerParams};

use super::panel::Judge;
use super::support::{have, run, succeed};

/// What we say.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expect {
    Accept,
    /// With exactly these reasons, by their machine-readable names, in this order.
    Refuse(&'static [&'static str]),
}

/// A server's certificate before a client.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) chain: String,
    pub(crate) trust: String,
    pub(crate) host: String,
    pub(crate) at: SystemTime,
    pub(crate) expect: Expect,
    /// Judges who see it otherwise, and why that is so.
    pub(crate) differs: Vec<(Judge, &'static str)>,
    /// Whether OpenSSL is asked to be strict: for certificates that we made.
    pub(crate) strict: bool,
}

const DAY: Duration = Duration::from_secs(86_400);

/// 2027-01-15T08:00:00Z: all cases play then, whatever the clock says.
pub(crate) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

pub(crate) fn hosts(names: &[&str]) -> Vec<RegistryHost> {
    names
        .iter()
        .map(|name| RegistryHost::parse_allowing_wildcard(name).unwrap())
        .collect()
}

/// A CA and a certificate as this crate makes them.
pub(crate) fn ours(names: &[&str], algorithm: KeyAlgorithm) -> (Authority, String) {
    let authority = Authority::create(&AuthorityParams {
        algorithm,
        now: Some(now()),
        ..AuthorityParams::new(hosts(names))
    })
    .unwrap();
    let leaf = authority
        .issue(&ServerParams {
            algorithm,
            now: Some(now()),
            allow_wildcards: true,
            ..ServerParams::new(hosts(names))
        })
        .unwrap()
        .certificate_pem();
    (authority, leaf)
}

fn case(name: impl Into<String>, chain: &str, trust: &str, host: &str, expect: Expect) -> Case {
    Case {
        name: name.into(),
        chain: chain.to_owned(),
        trust: trust.to_owned(),
        host: host.to_owned(),
        at: now(),
        expect,
        differs: Vec::new(),
        strict: false,
    }
}

impl Case {
    fn at(mut self, at: SystemTime) -> Self {
        self.at = at;
        self
    }

    fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    fn except(mut self, judges: &[Judge], why: &'static str) -> Self {
        self.differs.extend(judges.iter().map(|judge| (*judge, why)));
        self
    }
}

/// A certificate with its key, made with rcgen directly.
pub(crate) struct Made {
    params: CertificateParams,
    key: KeyPair,
    pub(crate) pem: String,
}

fn params(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = time::OffsetDateTime::from(now() - DAY * 10);
    params.not_after = time::OffsetDateTime::from(now() + DAY * 90);
    params
}

fn ca_params(common_name: &str) -> CertificateParams {
    let mut params = params(common_name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![Ku::KeyCertSign, Ku::CrlSign];
    params
}

fn root(common_name: &str, change: impl FnOnce(&mut CertificateParams)) -> Made {
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

fn leaf(by: &Made, change: impl FnOnce(&mut CertificateParams)) -> Made {
    let mut params = params("192.168.6.1");
    params.subject_alt_names = vec![SanType::IpAddress("192.168.6.1".parse().unwrap())];
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![Ku::DigitalSignature];
    params.extended_key_usages = vec![Eku::ServerAuth];
    signed(by, params, change)
}

fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

fn constrained(trees: Vec<GeneralSubtree>, excluded: Vec<GeneralSubtree>) -> impl FnOnce(&mut CertificateParams) {
    move |params| {
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: trees,
            excluded_subtrees: excluded,
        });
    }
}

/// NSS 3.87 has no Ed25519 at all; pyca keeps to the web's algorithms.
const NO_ED25519: &str = "no Ed25519 there";

const HOST: &str = "192.168.6.1";

/// Every case. The certificates are new each time.
pub(crate) fn cases() -> Vec<Case> {
    let mut all = made_by_us();
    all.extend(names());
    all.extend(times());
    all.extend(usages());
    all.extend(chains());
    all.extend(constraints());
    if have("openssl", "certificates made by OpenSSL") {
        all.extend(by_openssl());
    }
    all
}

/// What this crate issues is accepted for every name and refused for neighbours, in every algorithm.
fn made_by_us() -> Vec<Case> {
    let names = [
        "192.168.6.1",
        "fd00::1",
        "registry.lab",
        "реестр.лаб",
        "127.0.0.1",
        "localhost",
    ];
    let mut all = Vec::new();
    let mut algorithms = vec![KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384, KeyAlgorithm::Ed25519];
    if cfg!(feature = "rsa") {
        algorithms.push(KeyAlgorithm::Rsa2048);
    }
    for algorithm in algorithms {
        let (ca, leaf) = ours(&names, algorithm);
        let trust = ca.certificate_pem();
        let excuse: &[Judge] = match algorithm {
            KeyAlgorithm::Ed25519 => &[Judge::Nss, Judge::Pyca],
            _ => &[],
        };
        for name in names {
            let title = format!("ours, {algorithm}, reached by {name}");
            all.push(
                case(title, &leaf, &trust, name, Expect::Accept)
                    .strict()
                    .except(excuse, NO_ED25519),
            );
        }
        for name in ["192.168.6.2", "fd00::2", "other.lab", "a.registry.lab", "10.0.0.1"] {
            let title = format!("ours, {algorithm}, reached by {name}");
            let refused = case(title, &leaf, &trust, name, Expect::Refuse(&["name_not_covered"])).strict();
            all.push(refused.except(if excuse.is_empty() { &[] } else { &[Judge::Nss] }, NO_ED25519));
        }
    }
    let (ca, leaf) = ours(&["192.168.6.1"], KeyAlgorithm::EcdsaP256);
    let (other, _) = ours(&["192.168.6.1"], KeyAlgorithm::EcdsaP256);
    let (ca, other) = (ca.certificate_pem(), other.certificate_pem());
    all.push(
        case(
            "ours, new CA first in a bundle",
            &leaf,
            &format!("{ca}{other}"),
            HOST,
            Expect::Accept,
        )
        .strict(),
    );
    all.push(
        case(
            "ours, old CA first in a bundle",
            &leaf,
            &format!("{other}{ca}"),
            HOST,
            Expect::Accept,
        )
        .strict(),
    );
    all.push(
        case(
            "ours, another CA trusted",
            &leaf,
            &other,
            HOST,
            Expect::Refuse(&["unknown_issuer"]),
        )
        .strict(),
    );
    for host in ["192.168.6.1", "fd00::1", "registry.lab"] {
        let (ca, leaf) = ours(&[host], KeyAlgorithm::EcdsaP256);
        all.push(
            case(
                format!("ours, {host} only"),
                &leaf,
                &ca.certificate_pem(),
                host,
                Expect::Accept,
            )
            .strict(),
        );
    }
    let long = format!("{}.{}.registry.lab", "a".repeat(63), "b".repeat(63));
    let (ca, leaf) = ours(&[&long], KeyAlgorithm::EcdsaP256);
    all.push(
        case(
            "ours, a name too long for a common name",
            &leaf,
            &ca.certificate_pem(),
            &long,
            Expect::Accept,
        )
        .strict(),
    );
    let (ca, leaf) = ours(&["*.registry.lab"], KeyAlgorithm::EcdsaP256);
    all.push(
        case(
            "ours, wildcard",
            &leaf,
            &ca.certificate_pem(),
            "a.registry.lab",
            Expect::Accept,
        )
        .strict(),
    );
    all
}

fn names() -> Vec<Case> {
    let ca = root("names CA", |_| {});
    let with = |names: Vec<SanType>| leaf(&ca, |params| params.subject_alt_names = names).pem;
    let not_covered = Expect::Refuse(&["name_not_covered"]);
    let wildcard = with(vec![dns("*.registry.lab")]);
    vec![
        case(
            "an address as a DNS name",
            &with(vec![dns(HOST)]),
            &ca.pem,
            HOST,
            not_covered,
        ),
        case(
            "an address in the common name only",
            &with(vec![]),
            &ca.pem,
            HOST,
            not_covered,
        ),
        case(
            "an e-mail address as the only name",
            &with(vec![SanType::Rfc822Name("a@registry.lab".try_into().unwrap())]),
            &ca.pem,
            "registry.lab",
            not_covered,
        ),
        case(
            "upper case in the certificate",
            &with(vec![dns("Registry.LAB")]),
            &ca.pem,
            "registry.lab",
            Expect::Accept,
        ),
        case(
            "a wildcard for one label",
            &wildcard,
            &ca.pem,
            "a.registry.lab",
            Expect::Accept,
        ),
        case(
            "a wildcard for two labels",
            &wildcard,
            &ca.pem,
            "a.b.registry.lab",
            not_covered,
        ),
        case(
            "a wildcard for what it hangs from",
            &wildcard,
            &ca.pem,
            "registry.lab",
            not_covered,
        ),
        case(
            "a wildcard inside a label",
            &with(vec![dns("reg*.registry.lab")]),
            &ca.pem,
            "reg1.registry.lab",
            not_covered,
        )
        .except(
            &[Judge::OpenSsl],
            "OpenSSL takes a part of a label where not told otherwise",
        ),
    ]
}

fn times() -> Vec<Case> {
    let ca = root("times CA", |_| {});
    let good = leaf(&ca, |_| {}).pem;
    let (from, to) = (now() - DAY * 10, now() + DAY * 90);
    let second = Duration::from_secs(1);
    let old_ca = root("old CA", |params| {
        params.not_after = time::OffsetDateTime::from(now() - DAY)
    });
    let under_old = leaf(&old_ca, |_| {}).pem;
    vec![
        case("first second", &good, &ca.pem, HOST, Expect::Accept).at(from),
        case("last second", &good, &ca.pem, HOST, Expect::Accept)
            .at(to)
            .except(&[Judge::OpenSsl], "OpenSSL takes the last second for over"),
        case(
            "a second too early",
            &good,
            &ca.pem,
            HOST,
            Expect::Refuse(&["not_yet_valid", "not_yet_valid"]),
        )
        .at(from - second)
        .except(&[Judge::Nss], "NSS allows a day for slow clocks"),
        case(
            "a second too late",
            &good,
            &ca.pem,
            HOST,
            Expect::Refuse(&["expired", "expired"]),
        )
        .at(to + second),
        case(
            "the CA is over",
            &under_old,
            &old_ca.pem,
            HOST,
            Expect::Refuse(&["expired"]),
        )
        .except(&[Judge::Webpki], "an anchor is a name and a key to webpki"),
        case(
            "over and misnamed",
            &good,
            &ca.pem,
            "10.0.0.1",
            Expect::Refuse(&["name_not_covered", "expired", "expired"]),
        )
        .at(to + DAY),
    ]
}

fn usages() -> Vec<Case> {
    let ca = root("usage CA", |_| {});
    let with = |change: fn(&mut CertificateParams)| leaf(&ca, change).pem;
    let usage = Expect::Refuse(&["key_usage"]);
    let client = with(|params| params.extended_key_usages = vec![Eku::ClientAuth]);
    let none = with(|params| {
        params.extended_key_usages.clear();
        params.key_usages.clear();
    });
    let any = with(|params| params.extended_key_usages = vec![Eku::Any]);
    let commitment = with(|params| params.key_usages = vec![Ku::ContentCommitment]);
    let critical = with(|params| {
        let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99999, 1], vec![5, 0]);
        extension.set_criticality(true);
        params.custom_extensions = vec![extension];
    });
    vec![
        case("for clients only", &client, &ca.pem, HOST, usage),
        case("no usages at all", &none, &ca.pem, HOST, Expect::Accept),
        case("any extended usage", &any, &ca.pem, HOST, Expect::Accept)
            .except(
                &[Judge::OpenSsl, Judge::Webpki, Judge::Nss],
                "they want serverAuth by name",
            )
            .except(&[Judge::Pyca], "it wants serverAuth by name"),
        case("a key that may not sign handshakes", &commitment, &ca.pem, HOST, usage).except(
            &[Judge::Go, Judge::GnuTls, Judge::Pyca, Judge::Webpki],
            "they leave key usage to the handshake, or ignore it",
        ),
        case(
            "an unknown critical extension",
            &critical,
            &ca.pem,
            HOST,
            Expect::Refuse(&["unknown_critical"]),
        ),
    ]
}

fn chains() -> Vec<Case> {
    let ca = root("chain root", |_| {});
    let between = |change: fn(&mut CertificateParams)| signed(&ca, ca_params("chain intermediate"), change);
    let under = |by: &Made| {
        let leaf = leaf(by, |_| {}).pem;
        format!("{leaf}{}", by.pem)
    };
    let good = between(|_| {});
    let chain = under(&good);
    let alone = leaf(&good, |_| {}).pem;
    let not_ca = under(&between(|params| params.is_ca = IsCa::ExplicitNoCa));
    let no_sign = under(&between(|params| params.key_usages = vec![Ku::CrlSign]));
    let over = under(&between(|params| {
        params.not_after = time::OffsetDateTime::from(now() - DAY)
    }));
    let for_clients = under(&between(|params| params.extended_key_usages = vec![Eku::ClientAuth]));
    let short = root("short root", |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0))
    });
    let too_deep = under(&signed(&short, ca_params("one too many"), |_| {}));
    let impostor = root("chain root", |_| {});
    let straight = leaf(&ca, |_| {}).pem;
    let no_sign_root = root("no sign root", |params| params.key_usages = vec![Ku::CrlSign]);
    let under_no_sign = leaf(&no_sign_root, |_| {}).pem;
    let plain_root = root("plain root", |params| params.is_ca = IsCa::NoCa);
    let under_plain = leaf(&plain_root, |_| {}).pem;
    let own = root("192.168.6.1", |params| {
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![Ku::DigitalSignature];
        params.extended_key_usages = vec![Eku::ServerAuth];
        params.subject_alt_names = vec![SanType::IpAddress(HOST.parse().unwrap())];
    });
    let unknown = Expect::Refuse(&["unknown_issuer"]);
    let (one, other) = (root("ring one", |_| {}), root("ring other", |_| {}));
    let one_by_other = other_signs(&one, &other);
    let other_by_one = other_signs(&other, &one);
    let ring = format!("{}{}{}", leaf(&one, |_| {}).pem, one_by_other, other_by_one);
    vec![
        case("through an intermediate CA", &chain, &ca.pem, HOST, Expect::Accept),
        case("the intermediate CA is not sent", &alone, &ca.pem, HOST, unknown),
        case(
            "the root is sent along",
            &format!("{chain}{}", ca.pem),
            &ca.pem,
            HOST,
            Expect::Accept,
        ),
        case(
            "the intermediate is no CA",
            &not_ca,
            &ca.pem,
            HOST,
            Expect::Refuse(&["not_a_ca"]),
        ),
        case(
            "the intermediate may not sign",
            &no_sign,
            &ca.pem,
            HOST,
            Expect::Refuse(&["key_usage"]),
        )
        .except(&[Judge::Webpki], "webpki leaves key usage alone"),
        case(
            "the intermediate is over",
            &over,
            &ca.pem,
            HOST,
            Expect::Refuse(&["expired"]),
        ),
        case(
            "the intermediate is for clients",
            &for_clients,
            &ca.pem,
            HOST,
            Expect::Refuse(&["key_usage"]),
        )
        .except(&[Judge::Nss], "NSS looks at the extended usage of the leaf"),
        case(
            "one CA too many",
            &too_deep,
            &short.pem,
            HOST,
            Expect::Refuse(&["path_length"]),
        )
        .except(&[Judge::Webpki], "an anchor is a name and a key to webpki"),
        case(
            "a CA of the same name with another key",
            &straight,
            &impostor.pem,
            HOST,
            Expect::Refuse(&["wrong_issuer_key"]),
        ),
        case(
            "two CAs of the same name",
            &straight,
            &format!("{}{}", impostor.pem, ca.pem),
            HOST,
            Expect::Accept,
        ),
        case(
            "a root that may not sign",
            &under_no_sign,
            &no_sign_root.pem,
            HOST,
            Expect::Refuse(&["key_usage"]),
        )
        .except(&[Judge::Webpki, Judge::Nss], "they ask nothing of an anchor"),
        case(
            "a root that is no CA",
            &under_plain,
            &plain_root.pem,
            HOST,
            Expect::Refuse(&["not_a_ca"]),
        )
        .except(
            &[Judge::OpenSsl, Judge::Webpki, Judge::Nss, Judge::GnuTls],
            "they ask nothing of an anchor unless strict",
        ),
        case("signed itself and is trusted", &own.pem, &own.pem, HOST, Expect::Accept).except(
            &[Judge::Pyca, Judge::Nss, Judge::GnuTls],
            "they want a CA as the anchor",
        ),
        case("signed itself and is not trusted", &own.pem, &ca.pem, HOST, unknown),
        case("two CAs that sign each other", &ring, &ca.pem, HOST, unknown),
    ]
}

/// `one`'s key and name, signed by `other`.
fn other_signs(one: &Made, other: &Made) -> String {
    one.params
        .signed_by(&one.key, &Issuer::from_params(&other.params, &other.key))
        .unwrap()
        .pem()
}

/// `192.168.6.0/24`, `lab`, and `-` for every DNS name.
fn trees(text: &str) -> Vec<GeneralSubtree> {
    let tree = |word: &str| match word.split_once('/') {
        Some((address, bits)) => {
            let (address, bits) = (address.parse().unwrap(), bits.parse().unwrap());
            GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address, bits))
        }
        None => GeneralSubtree::DnsName(word.trim_matches('-').to_owned()),
    };
    text.split_whitespace().map(tree).collect()
}

fn constraints() -> Vec<Case> {
    const NO: Expect = Expect::Refuse(&["name_constraint"]);
    const YES: Expect = Expect::Accept;
    // Title, permitted, excluded, names of the certificate (the first is reached), what we say.
    let table = [
        ("an address inside", "192.168.6.0/24", "", "192.168.6.1", YES),
        ("an address outside", "192.168.7.0/24", "", "192.168.6.1", NO),
        (
            "an IPv6 address where IPv4 is permitted",
            "192.168.6.0/24",
            "",
            "fd00::1",
            NO,
        ),
        ("an IPv6 address inside", "fd00::/16", "", "fd00::1", YES),
        ("a name inside", "lab", "", "registry.lab", YES),
        ("a name that only ends alike", "lab", "", "mylab", NO),
        ("another name outside", "lab", "", "registry.lab example.org", NO),
        (
            "a name where addresses are permitted",
            "192.168.6.0/24",
            "",
            "registry.lab",
            YES,
        ),
        ("an excluded name", "", "lab", "registry.lab", NO),
        (
            "every name excluded",
            "192.168.6.0/24",
            "-",
            "192.168.6.1 registry.lab",
            NO,
        ),
        (
            "excluded within permitted",
            "192.168.0.0/16",
            "192.168.6.0/24",
            "192.168.6.1",
            NO,
        ),
        ("another family excluded", "192.168.6.0/24", "::/0", "192.168.6.1", YES),
        (
            "the common name outside, and no DNS name",
            "192.168.6.0/24",
            "-",
            "192.168.6.1",
            YES,
        ),
    ];
    let differs: &[(&str, Judge, &str)] = &[
        (
            "an IPv6 address where IPv4 is permitted",
            Judge::GnuTls,
            "GnuTLS takes the families for two kinds",
        ),
        (
            "the common name outside, and no DNS name",
            Judge::OpenSsl,
            "a remark says so",
        ),
        (
            "the common name outside, and no DNS name",
            Judge::GnuTls,
            "a remark says so",
        ),
    ];
    let made = table.into_iter().map(|(title, permitted, excluded, names, expect)| {
        let ca = root("constrained root", constrained(trees(permitted), trees(excluded)));
        let names: Vec<_> = names.split(' ').collect();
        let san = |name: &&str| name.parse().map_or_else(|_| dns(name), SanType::IpAddress);
        let leaf = leaf(&ca, |params| params.subject_alt_names = names.iter().map(san).collect());
        let excuses = differs.iter().filter(|(case, ..)| *case == title);
        excuses.fold(
            case(title, &leaf.pem, &ca.pem, names[0], expect),
            |case, (_, who, why)| case.except(&[*who], why),
        )
    });
    made.collect()
}

/// Certificates as people make them with OpenSSL, the seed's among them.
fn by_openssl() -> Vec<Case> {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
    let days = "-days=3650";
    let self_signed = |name: &str, extra: &[&str]| {
        let (key, out) = (file(&format!("{name}.key")), file(name));
        let mut args = vec!["req", "-x509", "-nodes", "-keyout", &key, "-out", &out];
        let days = days.split_once('=').map(|(_, days)| ["-days", days]).unwrap();
        args.extend(days);
        args.extend(extra);
        succeed(&run("openssl", args));
        read(name)
    };
    let seed = self_signed("seed", &["-newkey", "rsa:2048", "-subj", "/CN=localhost"]);
    let san = "subjectAltName=IP:192.168.6.1,IP:127.0.0.1,DNS:localhost";
    let repaired = self_signed(
        "repaired",
        &["-newkey", "rsa:2048", "-subj", "/CN=192.168.6.1", "-addext", san],
    );
    let short = self_signed(
        "short",
        &["-newkey", "rsa:1024", "-subj", "/CN=192.168.6.1", "-addext", san],
    );
    let mut all = vec![
        case(
            "the seed's certificate",
            &seed,
            &seed,
            HOST,
            Expect::Refuse(&["name_not_covered"]),
        ),
        case(
            "the seed's certificate, repaired",
            &repaired,
            &repaired,
            HOST,
            Expect::Accept,
        )
        .except(&[Judge::Webpki, Judge::Pyca], "a CA's certificate is none for a server"),
        case("a short RSA key", &short, &short, HOST, Expect::Refuse(&["weak_key"]))
            .except(&[Judge::Go, Judge::Nss], "1024 bits are enough for them"),
    ];
    for case in &mut all {
        // OpenSSL makes certificates for the real present.
        case.at = SystemTime::now() + DAY;
    }
    all
}
