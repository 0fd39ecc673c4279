//! No input makes the crate panic: certificates, keys and YAML files with bytes changed, cut out and doubled.

use std::time::{Duration, Instant, SystemTime};

use registry_pki::certificate::pem_text;
use registry_pki::registries::{CheckOptions, Registries};
use registry_pki::verify::{self, Candidate};
use registry_pki::{Authority, AuthorityParams, CertificateInfo, PrivateKey, RegistryHost, ServerParams};
use secrecy::ExposeSecret as _;

/// Deterministic, so that what it finds can be found again.
struct Mutator(u64);

impl Mutator {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or(0) % below.max(1)
    }

    fn mutate(&mut self, original: &[u8]) -> Vec<u8> {
        let mut bytes = original.to_vec();
        for _ in 0..=self.next(4) {
            let at = self.next(bytes.len());
            match self.next(6) {
                0 => bytes.truncate(at),
                1 => {
                    let end = (at + self.next(40)).min(bytes.len());
                    bytes.drain(at.min(end)..end);
                }
                2 => bytes.insert(at.min(bytes.len()), u8::try_from(self.next(256)).unwrap_or(0)),
                // Lengths and tags of DER are where parsers stumble.
                3 => set(
                    &mut bytes,
                    at,
                    [0, 0x7f, 0x80, 0x81, 0x84, 0xff, 0x30, 0x03][self.next(8)],
                ),
                4 => {
                    let end = (at + self.next(30)).min(bytes.len());
                    let piece = bytes[at.min(end)..end].to_vec();
                    bytes.splice(at.min(end)..at.min(end), piece);
                }
                _ => {
                    let flip = 1_u8 << self.next(8);
                    let value = bytes.get(at).map_or(0, |byte| byte ^ flip);
                    set(&mut bytes, at, value);
                }
            }
        }
        bytes
    }
}

fn set(bytes: &mut [u8], at: usize, value: u8) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte = value;
    }
}

/// As many mutations as fit, and not fewer than a thousand.
fn many(seed: u64, original: &[u8], mut check: impl FnMut(Vec<u8>)) {
    let mut mutator = Mutator(seed);
    let start = Instant::now();
    let mut count = 0;
    while count < 1_000 || (count < 20_000 && start.elapsed() < Duration::from_secs(2)) {
        check(mutator.mutate(original));
        count += 1;
    }
}

fn made() -> (String, String, String) {
    let hosts: Vec<RegistryHost> = ["192.168.6.1", "fd00::1", "реестр.лаб"]
        .iter()
        .map(|text| text.parse().unwrap())
        .collect();
    let ca = Authority::create(&AuthorityParams::new(hosts.clone())).unwrap();
    let leaf = ca.issue(&ServerParams::new(hosts)).unwrap();
    let key = leaf.key().to_pem().expose_secret().to_owned();
    (ca.certificate_pem(), leaf.certificate_pem(), key)
}

#[test]
fn no_mutated_certificate_panics_and_none_is_accepted_with_another_content() {
    let (ca, cert, _) = made();
    let original = pem::parse(&cert).unwrap().into_contents();
    let judge = |chain: &str, trust: &str| {
        let verdict = verify::verify(&Candidate {
            chain_pem: chain,
            key_pem: None,
            trust_pem: trust,
            address: "192.168.6.1".parse().unwrap(),
            at: SystemTime::now(),
        });
        // Wording must cope with whatever the names in it are.
        let _ = (
            format!("{verdict} {verdict:#}"),
            serde_json::to_string(&verdict).unwrap(),
        );
        verdict
    };
    let wrap = |der: Vec<u8>| pem::encode(&pem::Pem::new("CERTIFICATE", der));
    many(0x9e37_79b9_7f4a_7c15, &original, |der| {
        let changed = der != original;
        let shown = format!("{original:02x?}\n{der:02x?}");
        let verdict = judge(&wrap(der), &ca);
        assert!(!(changed && verdict.accepted), "{verdict}\n{shown}");
    });
    let trusted = pem::parse(&ca).unwrap().into_contents();
    many(0xd1b5_4a32_d192_ed03, &trusted, |der| {
        let _ = judge(&cert, &wrap(der));
    });
    many(0x2545_f491_4f6c_dd1d, cert.as_bytes(), |bytes| {
        if let Ok(text) = pem_text(&bytes) {
            let _ = (judge(&text, &ca), CertificateInfo::all_from_pem(&text));
        }
    });
}

#[test]
fn no_mutated_key_panics() {
    let (_, _, key) = made();
    many(0x1234_5678_9abc_def1, key.as_bytes(), |bytes| {
        let _ = PrivateKey::from_pem(&String::from_utf8_lossy(&bytes));
    });
    let der = pem::parse(&key).unwrap().into_contents();
    for label in ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"] {
        many(0xfeed_beef_cafe_0001, &der, |der| {
            let _ = PrivateKey::from_pem(&pem::encode(&pem::Pem::new(label, der)));
        });
    }
}

#[test]
fn no_mutated_registries_file_and_no_mutated_host_panics() {
    let text = Registries::for_mirrors("192.168.6.1:5000", &["docker.io", "*"], "/etc/ca.crt")
        .unwrap()
        .with_rewrite("docker.io", "^(.*)$", "mirror/$1")
        .to_yaml()
        .unwrap();
    many(0x0bad_cafe_dead_beef, text.as_bytes(), |bytes| {
        if let Ok(registries) = Registries::from_yaml(&String::from_utf8_lossy(&bytes)) {
            let findings = registries.check(CheckOptions::default());
            let _: Vec<String> = findings.iter().map(ToString::to_string).collect();
            let _ = registries.https_endpoints();
        }
    });
    for text in [
        "[fd00::1%25eth0]:5000",
        "https://user@реестр.лаб:5000/v2/",
        "*.registry.lab.",
        "192.168.06.1/24",
    ] {
        many(0x5eed_5eed_5eed_5eed, text.as_bytes(), |bytes| {
            let text = String::from_utf8_lossy(&bytes);
            let _ = text.parse::<RegistryHost>().map_err(|error| error.to_string());
            let _ = RegistryHost::parse_allowing_wildcard(&text);
            let _ = RegistryHost::parse_endpoint(&text);
        });
    }
}
