//! The passphrase of the CA's key.

use super::issued;

#[test]
fn the_ca_s_key_gets_a_passphrase_changes_and_loses_it() {
    let place = issued();
    place.write("one", "first secret\n");
    place.write("two", "second secret\n");
    place.write("none", "\n");
    let passphrase = |more: &[&str]| place.run(&[&["pki", "passphrase", "--dir", "pki"], more].concat());
    let encrypted = || {
        std::fs::read_to_string(place.file("pki/ca.key"))
            .unwrap()
            .contains("ENCRYPTED")
    };
    passphrase(&[]).code(2);
    let ran = passphrase(&["--remove"]).code(2);
    assert!(ran.stderr.contains("has no passphrase that could be removed"), "{ran}");
    let ran = passphrase(&["--new-file", "none"]).code(2);
    assert!(
        ran.stderr.contains("there is no passphrase in the first line of none"),
        "{ran}"
    );
    let ran = passphrase(&["--new-file", "one"]).code(0);
    assert!(encrypted() && !format!("{ran}").contains("first secret"), "{ran}");

    let renew = |more: &[&str]| place.run(&[&["pki", "renew", "--dir", "pki"], more].concat());
    let ran = renew(&[]).code(2);
    assert!(
        ran.stderr.contains("its passphrase is needed") && ran.stderr.contains("LAB_PKI_PASSPHRASE"),
        "{ran}"
    );
    let ran = renew(&["--passphrase-file", "two"]).code(2);
    assert!(ran.stderr.contains("does not open the private key"), "{ran}");
    renew(&["--passphrase-file", "one"]).code(0);
    // Nothing needs it that does not issue.
    place.run(&["pki", "show", "--dir", "pki"]).code(0);
    place.run(&["pki", "verify", "--dir", "pki"]).code(0);
    place
        .run(&["pki", "init", "--dir", "pki", "--host", "registry.lab"])
        .code(0);

    passphrase(&["--passphrase-file", "one", "--new-file", "two"]).code(0);
    passphrase(&["--passphrase-file", "one", "--remove"]).code(2);
    let place = place.env("LAB_PKI_PASSPHRASE", "second secret");
    place.run(&["pki", "rotate", "--dir", "pki"]).code(0);
    assert!(
        std::fs::read_to_string(place.file("pki/ca.key"))
            .unwrap()
            .contains("ENCRYPTED")
    );
    let ran = place.run(&["pki", "passphrase", "--dir", "pki", "--remove"]).code(0);
    assert!(!format!("{ran}").contains("second secret"), "{ran}");
    assert!(
        std::fs::read_to_string(place.file("pki/ca.key"))
            .unwrap()
            .starts_with("-----BEGIN PRIVATE KEY")
    );
}

#[cfg(unix)]
mod of_a_lab {
    use crate::machines;
    use crate::support::Place;
    use crate::terminal::OnTerminal;

    /// Another host than the one that the CA may sign for.
    const ELSEWHERE: [&str; 2] = ["--set", "registry.host=registry.lab"];

    /// A lab whose CA's key is encrypted, with `first secret`.
    fn locked() -> Place {
        let place = machines::waiting(1);
        place.write("one", "first secret\n");
        place.write("two", "second secret\n");
        place.run(&["pki", "init"]).code(0);
        place.run(&["pki", "passphrase", "--new-file", "one"]).code(0);
        place
    }

    #[test]
    fn up_takes_it_as_pki_does_and_only_where_it_issues() {
        let place = locked();
        // These guests never answer: the time-out says that the certificate was no hindrance.
        place.run(&["up", "--progress", "none"]).code(4);
        let up = |more: &[&str]| place.run(&[&["up", "--progress", "none"], &ELSEWHERE[..], more].concat());
        let ran = up(&[]).code(2);
        assert!(
            ran.stderr.contains("could not issue the registry's certificate")
                && ran
                    .stderr
                    .contains("help: give the passphrase with `--passphrase-file` or in LAB_PKI_PASSPHRASE"),
            "{ran}"
        );
        let ran = up(&["--lang", "ko"]).code(2);
        assert!(
            ran.stderr.contains("`--passphrase-file` 또는 LAB_PKI_PASSPHRASE"),
            "{ran}"
        );
        let ran = up(&["--passphrase-file", "two"]).code(2);
        assert!(ran.stderr.contains("does not open the private key"), "{ran}");
        let ran = up(&["--passphrase-file", "none"]).code(2);
        assert!(ran.stderr.contains("could not read none"), "{ran}");
        let issued = |place: &Place| std::fs::read(place.lab().join("pki/registry.crt")).unwrap();
        let before = issued(&place);
        // The nodes were made for the other registry, which only new ones can take on or a running guest can be told.
        let ran = up(&["--passphrase-file", "one"]);
        assert!(!ran.stderr.contains("certificate"), "{ran}");
        assert_ne!(issued(&place), before);
        let key = std::fs::read_to_string(place.lab().join("pki/ca.key")).unwrap();
        assert!(key.contains("ENCRYPTED"), "the new CA's key is no plain one");
        for file in std::fs::read_dir(place.lab().join("runs")).unwrap() {
            let text = std::fs::read(file.unwrap().path()).unwrap();
            assert!(!String::from_utf8_lossy(&text).contains("first secret"));
        }
        let place = locked().env("LAB_PKI_PASSPHRASE", "first secret");
        let before = issued(&place);
        place
            .run(&[&["up", "--progress", "none"], &ELSEWHERE[..]].concat())
            .code(4);
        assert_ne!(issued(&place), before);
    }

    #[test]
    fn seeds_take_it_too() {
        let place = locked();
        let render = |more: &[&str]| {
            let arguments = ["seed", "render", "--node", "m", "--dir", "seed"];
            place.run(&[&arguments[..], &ELSEWHERE, more].concat())
        };
        let ran = render(&[]).code(2);
        assert!(ran.stderr.contains("--passphrase-file"), "{ran}");
        render(&["--passphrase-file", "one"]).code(0);
    }

    #[test]
    fn at_a_terminal_it_is_asked_for_and_never_shown() {
        let place = locked();
        let arguments = [&["up", "--progress", "plain"], &ELSEWHERE[..]].concat();
        for (typed, code) in [
            ("\r", 2),
            ("first sacret\r", 2),
            ("\u{3}", 130),
            ("first sacret\u{15}first secrex\u{7f}t\r", 4),
        ] {
            let mut terminal = OnTerminal::start(&place, &arguments);
            terminal.until("Passphrase of the CA's key: ");
            terminal.press(typed);
            let (ended, seen) = terminal.end();
            assert_eq!(ended, code, "{typed:?}: {seen}");
            assert!(!seen.contains("first s"), "{seen}");
        }
        // Nobody is asked for what is not needed, or where the answer was given.
        let (code, seen) = OnTerminal::start(&place, &arguments).end();
        assert_eq!((code, seen.contains("Passphrase")), (4, false), "{seen}");
        let mut terminal = OnTerminal::start(&place, &["pki", "renew", "--lang", "ko"]);
        terminal.until("CA 키의 암호: ");
        terminal.press("first secret\r");
        let (code, seen) = terminal.end();
        assert_eq!(code, 0, "{seen}");
        let (_, seen) = OnTerminal::start(&place, &["pki", "renew", "--passphrase-file", "one"]).end();
        assert!(!seen.contains("Passphrase"), "{seen}");
    }

    #[test]
    fn the_passphrase_of_a_rotated_ca_is_asked_for_twice_because_no_old_key_is_opened() {
        let place = locked();
        let rotate = |again: &str| {
            let mut terminal = OnTerminal::start(&place, &["pki", "rotate"]);
            terminal.until("Passphrase for the new CA's key: ");
            terminal.press("another secret\r");
            terminal.until("Again: ");
            terminal.press(again);
            terminal.end()
        };
        let key = || std::fs::read(place.lab().join("pki/ca.key")).unwrap();
        let before = key();
        let (code, seen) = rotate("anothr secret\r");
        assert_eq!((code, key()), (2, before), "{seen}");
        assert!(seen.contains("the two passphrases differ"), "{seen}");
        let (code, seen) = rotate("another secret\r");
        assert_eq!(code, 0, "{seen}");
        let renew = |secret: &str| {
            place.write("try", secret);
            place.run(&["pki", "renew", "--passphrase-file", "try"]).code
        };
        assert_ne!(renew("first secret"), 0);
        assert_eq!(renew("another secret"), 0);
    }
}
