//! What is wrong with `autoinstall`, the answers for Ubuntu's installer.

use super::expect::{check_commands, expect_boolean, expect_list, expect_text, known_keys, type_of};
use super::tree::{Kind, Node};
use super::yaml11::Type;
use super::{Finding, Rule, modules, network};

/// The installer's keys, 22.04 to 26.04.
const KEYS: &[&str] = &[
    "version",
    "interactive-sections",
    "early-commands",
    "locale",
    "refresh-installer",
    "keyboard",
    "source",
    "network",
    "proxy",
    "apt",
    "storage",
    "identity",
    "active-directory",
    "ubuntu-pro",
    "ubuntu-advantage",
    "ssh",
    "codecs",
    "drivers",
    "oem",
    "snaps",
    "debconf-selections",
    "packages",
    "kernel",
    "kernel-crash-dumps",
    "timezone",
    "updates",
    "shutdown",
    "late-commands",
    "error-commands",
    "reporting",
    "user-data",
    "zdevs",
];

/// All rules about an autoinstall mapping.
pub(super) fn check(root: &Node, findings: &mut Vec<Finding>) {
    if !matches!(root.kind, Kind::Mapping(_)) {
        if !matches!(root.kind, Kind::Alias(_)) {
            let message = "autoinstall is not a mapping of keys to values";
            findings.push(Finding::error(
                Rule::Type,
                root.place,
                message,
                "write `key: value` lines",
            ));
        }
        return;
    }
    known_keys(root, KEYS, "the installer", findings);
    check_version(root, findings);
    check_user(root, findings);
    for key in ["early-commands", "late-commands", "error-commands"] {
        if let Some(commands) = root.get(key) {
            expect_list(commands, key, findings);
            check_commands(commands, key, findings);
        }
    }
    for key in ["locale", "timezone", "debconf-selections"] {
        if let Some(value) = root.get(key) {
            expect_text(value, key, findings);
        }
    }
    for (section, key) in [
        ("apt", "geoip"),
        ("apt", "preserve_sources_list"),
        ("ssh", "install-server"),
        ("ssh", "allow-pw"),
        ("refresh-installer", "update"),
    ] {
        if let Some(value) = root.get(section).and_then(|section| section.get(key)) {
            expect_boolean(value, key, findings);
        }
    }
    expect_one_of(
        root.get("apt").and_then(|apt| apt.get("fallback")),
        "fallback",
        &["abort", "continue-anyway", "offline-install"],
        findings,
    );
    expect_one_of(root.get("shutdown"), "shutdown", &["reboot", "poweroff"], findings);
    check_keyboard(root, findings);
    if let Some(packages) = root.get("packages") {
        expect_list(packages, "packages", findings);
        for package in packages.items() {
            expect_text(package, "a package", findings);
        }
    }
    if let Some(network) = root.get("network") {
        network::check(network, true, findings);
    }
    if let Some(user_data) = root.get("user-data") {
        modules::check_config(user_data, findings);
    }
}

fn check_version(root: &Node, findings: &mut Vec<Finding>) {
    match root.get("version") {
        None => findings.push(Finding::error(
            Rule::Key,
            root.place,
            "autoinstall has no version",
            "add `version: 1`",
        )),
        Some(version) if type_of(version) == Some(Type::Integer) && version.text() == Some("1") => {}
        Some(version) => findings.push(Finding::error(
            Rule::Type,
            version.place,
            "the version is not the number 1",
            "write `version: 1`",
        )),
    }
}

fn check_user(root: &Node, findings: &mut Vec<Finding>) {
    let Some(identity) = root.get("identity") else {
        if root.get("user-data").is_none() {
            let message = "there is neither `identity` nor `user-data`, so the system would have no user";
            let help = "add `identity` with username, hostname and password, or `user-data` with `users`";
            findings.push(Finding::error(Rule::Key, root.place, message, help));
        }
        return;
    };
    for key in ["username", "hostname", "password"] {
        match identity.get(key) {
            Some(value) => expect_text(value, key, findings),
            None if matches!(identity.kind, Kind::Alias(_)) => {}
            None => findings.push(Finding::error(
                Rule::Key,
                identity.place,
                format!("identity has no {key}"),
                format!("add `{key}:`"),
            )),
        }
    }
    if let Some(password) = identity.get("password")
        && password.text().is_some_and(|text| !text.starts_with('$'))
    {
        let message = "the password is taken for a crypt(3) hash, and this is none: nobody could log in with it";
        let help = "write the output of `openssl passwd -6`";
        findings.push(Finding::error(Rule::PlainPassword, password.place, message, help));
    }
}

fn check_keyboard(root: &Node, findings: &mut Vec<Finding>) {
    let Some(keyboard) = root.get("keyboard") else { return };
    match keyboard.get("layout") {
        Some(layout) => expect_text(layout, "layout", findings),
        None if matches!(keyboard.kind, Kind::Alias(_)) => {}
        None => findings.push(Finding::error(
            Rule::Key,
            keyboard.place,
            "keyboard has no layout",
            "write `keyboard: {layout: us}`",
        )),
    }
}

fn expect_one_of(node: Option<&Node>, what: &str, words: &[&str], findings: &mut Vec<Finding>) {
    if let Some(node) = node
        && !matches!(node.kind, Kind::Alias(_))
        && !node.text().is_some_and(|text| words.contains(&text))
    {
        let message = format!("{what} is none of {}", words.join(", "));
        findings.push(Finding::error(Rule::Type, node.place, message, "write one of them"));
    }
}
