use super::*;

fn parsed(text: &str) -> String {
    text.parse::<RegistryHost>()
        .map_or_else(|error| panic!("{text}: {error}"), |host| host.to_string())
}

fn refused(text: &str) -> HostError {
    match text.parse::<RegistryHost>() {
        Ok(host) => panic!("{text} was taken for {host:?}"),
        Err(error) => error,
    }
}

#[test]
fn addresses_and_names_are_normalised() {
    for (text, expected) in [
        ("192.168.6.1", "192.168.6.1"),
        (" 192.168.6.1\n", "192.168.6.1"),
        ("[fd00::1]", "fd00::1"),
        ("fd00:0:0::1", "fd00::1"),
        ("::1", "::1"),
        ("::ffff:192.168.6.1", "192.168.6.1"),
        ("registry.lab", "registry.lab"),
        ("Registry.LAB", "registry.lab"),
        ("localhost", "localhost"),
        ("registry", "registry"),
        ("реестр.лаб", "xn--e1aa5aceg.xn--80ac2a"),
        ("레지스트리.lab", "xn--om2b23a15p8shb5l.lab"),
        ("straße.lab", "xn--strae-oqa.lab"),
        ("3com.lab", "3com.lab"),
        ("xn--e1aa5aceg.xn--80ac2a", "xn--e1aa5aceg.xn--80ac2a"),
    ] {
        assert_eq!(parsed(text), expected, "{text}");
    }
}

#[test]
fn everything_that_cannot_stand_in_a_certificate_is_refused_with_its_reason() {
    assert_eq!(refused("  "), HostError::Blank);
    assert!(matches!(refused("http://registry.lab"), HostError::Scheme { host: Some(h), .. } if h == "registry.lab"));
    assert!(
        matches!(refused("192.168.6.1:5000"), HostError::Port { port, host: Some(h), .. } if port == "5000" && h == "192.168.6.1")
    );
    assert!(matches!(refused("[fd00::1]:5000"), HostError::Port { host: Some(h), .. } if h == "fd00::1"));
    assert!(matches!(refused("registry.lab:"), HostError::Port { .. }));
    assert!(matches!(refused("registry.lab/v2/"), HostError::Path { path, .. } if path == "/v2/"));
    assert!(matches!(refused("192.168.6.0/24"), HostError::Network { .. }));
    assert!(matches!(refused("me@registry.lab"), HostError::UserInfo { .. }));
    assert!(matches!(refused("my_registry.lab"), HostError::Underscore { label, .. } if label == "my_registry"));
    assert!(matches!(
        refused("my registry"),
        HostError::Character { character: ' ', .. }
    ));
    assert!(matches!(refused("a,b"), HostError::Character { character: ',', .. }));
    assert!(matches!(refused("a\u{3000}b.lab"), HostError::Character { .. }));
    assert!(matches!(refused("a..b"), HostError::EmptyLabel { .. }));
    assert!(matches!(refused(".lab"), HostError::EmptyLabel { .. }));
    assert!(matches!(refused("."), HostError::EmptyLabel { .. }));
    assert!(matches!(refused("registry.lab."), HostError::TrailingDot { host: Some(h), .. } if h == "registry.lab"));
    assert!(matches!(refused("-a.lab"), HostError::Hyphen { .. }));
    assert!(matches!(refused("a-.lab"), HostError::Hyphen { .. }));
    for numeric in [
        "1.2.3",
        "256.1.1.1",
        "1.2.3.4.5",
        "192.168.06.1",
        "12",
        "host.0x7f",
        "１９２.１６８.６.１",
    ] {
        assert!(
            matches!(refused(numeric), HostError::Numeric { .. }),
            "{numeric}: {:?}",
            refused(numeric)
        );
    }
    assert!(matches!(refused("fe80::1%eth0"), HostError::ZoneId { zone, .. } if zone == "eth0"));
    assert!(matches!(refused("[fe80::1%25eth0]"), HostError::ZoneId { .. }));
    assert!(matches!(refused("fd00::zz"), HostError::Ipv6 { .. }));
    assert!(matches!(refused("[fd00::1"), HostError::Ipv6 { .. }));
    assert!(matches!(refused("[192.168.6.1]"), HostError::Ipv6 { .. }));
    for unreachable in ["0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255"] {
        assert!(
            matches!(refused(unreachable), HostError::Unreachable { .. }),
            "{unreachable}"
        );
    }
    assert!(matches!(refused("*.registry.lab"), HostError::Wildcard { .. }));
    assert!(matches!(refused("reg*.lab"), HostError::WildcardPosition { .. }));
    assert!(matches!(refused("xn--zzzzzz.lab"), HostError::Idna { .. }));
}

#[test]
fn lengths_are_those_of_the_encoded_form() {
    let label = "a".repeat(63);
    assert_eq!(parsed(&format!("{label}.lab")), format!("{label}.lab"));
    assert!(matches!(
        refused(&format!("a{label}.lab")),
        HostError::LabelTooLong { length: 64, .. }
    ));
    // 40 letters, but more than 63 octets once encoded.
    assert!(matches!(
        refused(&format!("{}.lab", "ёжшщъ".repeat(12))),
        HostError::LabelTooLong { .. }
    ));
    let long = [label.as_str(); 4].join(".");
    assert!(matches!(refused(&long), HostError::NameTooLong { length: 255, .. }));
}

#[test]
fn wildcards_are_taken_only_where_asked_for_and_only_in_front() {
    let host = RegistryHost::parse_allowing_wildcard("*.Registry.lab").unwrap();
    assert_eq!(host.to_string(), "*.registry.lab");
    assert!(host.is_wildcard());
    for text in ["*.lab", "*.*.lab", "*.192.168.6.1", "*"] {
        assert!(RegistryHost::parse_allowing_wildcard(text).is_err(), "{text}");
    }
    assert_eq!(
        RegistryHost::parse_allowing_wildcard("registry.lab")
            .unwrap()
            .to_string(),
        "registry.lab"
    );
}

#[test]
fn endpoints_split_and_join() {
    for (text, host, port) in [
        ("192.168.6.1:5000", "192.168.6.1", Some(5000)),
        ("[fd00::1]:5000", "fd00::1", Some(5000)),
        ("fd00::1", "fd00::1", None),
        ("registry.lab", "registry.lab", None),
    ] {
        let (parsed, parsed_port) = RegistryHost::parse_endpoint(text).unwrap();
        assert_eq!((parsed.to_string().as_str(), parsed_port), (host, port));
        if let Some(port) = port {
            assert_eq!(parsed.endpoint(port), text);
        }
    }
    for text in [
        "registry.lab:0",
        "registry.lab:65536",
        "registry.lab:+1",
        "registry.lab:http",
        "registry.lab:",
    ] {
        assert!(
            matches!(RegistryHost::parse_endpoint(text), Err(HostError::Port { .. })),
            "{text}"
        );
    }
}

#[test]
fn a_name_that_people_cannot_read_is_shown_with_the_one_they_can() {
    let host: RegistryHost = "реестр.лаб".parse().unwrap();
    assert_eq!(host.describe(), "реестр.лаб (xn--e1aa5aceg.xn--80ac2a)");
    let json = serde_json::to_string(&host).unwrap();
    assert_eq!(json, "\"xn--e1aa5aceg.xn--80ac2a\"");
    assert_eq!(serde_json::from_str::<RegistryHost>(&json).unwrap(), host);
}
