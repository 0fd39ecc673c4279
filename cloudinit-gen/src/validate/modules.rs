//! What is wrong with the values that cloud-init's modules read.

use super::expect::{check_commands, expect_boolean, expect_list, expect_text, type_of};
use super::keys::{self, Verdict};
use super::tree::{Kind, Node, Place};
use super::yaml11::Type;
use super::{Finding, Rule, autoinstall};

/// Top-level keys whose value is text.
const TEXTS: [&str; 5] = ["hostname", "fqdn", "timezone", "locale", "final_message"];
/// Top-level keys whose value is a boolean.
const BOOLEANS: [&str; 8] = [
    "ssh_pwauth",
    "ssh_deletekeys",
    "disable_root",
    "preserve_hostname",
    "package_update",
    "package_upgrade",
    "package_reboot_if_required",
    "no_ssh_fingerprints",
];
/// Top-level keys whose value is a list.
const LISTS: [&str; 7] = [
    "write_files",
    "runcmd",
    "bootcmd",
    "ssh_authorized_keys",
    "cloud_init_modules",
    "cloud_config_modules",
    "cloud_final_modules",
];
/// Users that every Debian or Ubuntu image has before cloud-init runs.
const SYSTEM_USERS: [&str; 10] = [
    "root",
    "daemon",
    "bin",
    "sys",
    "mail",
    "www-data",
    "nobody",
    "systemd-network",
    "messagebus",
    "syslog",
];

/// All rules about a mapping of modules' keys: a whole cloud-config, or the part of an autoinstall that becomes one.
pub(super) fn check_config(root: &Node, findings: &mut Vec<Finding>) {
    for (key, value) in root.entries() {
        let Some(name) = key.text() else { continue };
        check_key(name, key.place, findings);
        if TEXTS.contains(&name) {
            expect_text(value, name, findings);
        } else if BOOLEANS.contains(&name) {
            expect_boolean(value, name, findings);
        } else if LISTS.contains(&name) {
            expect_list(value, name, findings);
        }
        match name {
            "write_files" => check_files(value, root, findings),
            "runcmd" | "bootcmd" => check_commands(value, name, findings),
            "users" => check_users(value, findings),
            "chpasswd" => check_chpasswd(value, findings),
            "autoinstall" => autoinstall::check(value, findings),
            "password" => plain_password(value.place, findings),
            _ => {}
        }
    }
}

fn check_key(name: &str, place: Place, findings: &mut Vec<Finding>) {
    match keys::judge(name) {
        Verdict::Fine => {}
        Verdict::Renamed(new) => {
            let message = format!("the key {name} is deprecated, and cloud-init reports that as a recoverable error");
            findings.push(Finding::warning(Rule::Key, place, message, format!("call it {new}")));
        }
        Verdict::Network => {
            let message = "user-data cannot configure the network";
            findings.push(Finding::error(
                Rule::Key,
                place,
                message,
                "put it into network-config, beside user-data",
            ));
        }
        Verdict::Unknown(near) => {
            let message = format!("cloud-init knows no key {name:?} and ignores it");
            let help = near.map_or_else(|| "remove it".to_owned(), |near| format!("did you mean {near}?"));
            findings.push(Finding::error(Rule::Key, place, message, help));
        }
    }
}

fn check_files(files: &Node, root: &Node, findings: &mut Vec<Finding>) {
    for file in files.items() {
        match file.get("path") {
            Some(path) => {
                expect_text(path, "path", findings);
                if path.text().is_some_and(|path| !path.starts_with('/')) {
                    let message = "the path is relative, and to what is not defined";
                    findings.push(Finding::error(Rule::Type, path.place, message, "begin it with `/`"));
                }
            }
            None if matches!(file.kind, Kind::Alias(_)) || file.get("<<").is_some() => {}
            None => {
                let message = "the file has no path";
                findings.push(Finding::error(Rule::Key, file.place, message, "add `path: /…`"));
            }
        }
        if let Some(permissions) = file.get("permissions") {
            check_permissions(permissions, findings);
        }
        if let Some(owner) = file.get("owner") {
            check_owner(owner, file, root, findings);
        }
        if let Some(content) = file.get("content") {
            if type_of(content) != Some(Type::Null) {
                expect_text(content, "content", findings);
            }
            if content
                .text()
                .is_some_and(|text| text.starts_with("#!") && text.contains("\r\n"))
            {
                let message = "the script's lines end as on Windows (CR LF): its interpreter will not be found";
                findings.push(Finding::error(
                    Rule::ScriptLineEnds,
                    content.place,
                    message,
                    "use Unix line ends (LF)",
                ));
            }
        }
    }
}

fn check_permissions(node: &Node, findings: &mut Vec<Finding>) {
    let Some(text) = node.text() else {
        let message = "permissions are a list or a mapping";
        return findings.push(Finding::error(Rule::Permissions, node.place, message, "write '0644'"));
    };
    if type_of(node) != Some(Type::Text) {
        let message = format!("permissions {text} without quotes are a number to YAML, and another one than it looks");
        let digits = text.trim_start_matches("0o");
        return findings.push(Finding::error(
            Rule::Permissions,
            node.place,
            message,
            format!("write '{digits:0>4}'"),
        ));
    }
    let digits = text.strip_prefix("0o").unwrap_or(text);
    let octal = (3..=5).contains(&digits.len()) && digits.bytes().all(|b| matches!(b, b'0'..=b'7'));
    if !octal {
        let message = format!("permissions {text:?} are not an octal number");
        findings.push(Finding::error(
            Rule::Permissions,
            node.place,
            message,
            "write three or four octal digits, '0644'",
        ));
    }
}

/// Files are written before users are made, unless they are deferred.
fn check_owner(owner: &Node, file: &Node, root: &Node, findings: &mut Vec<Finding>) {
    let deferred = file
        .get("defer")
        .and_then(Node::text)
        .is_some_and(|text| matches!(text, "true" | "True" | "yes" | "on"));
    let Some(text) = owner.text() else { return };
    let user = text.split(':').next().unwrap_or_default();
    if deferred || user.is_empty() || SYSTEM_USERS.contains(&user) {
        return;
    }
    let made = root.get("users").is_some_and(|users| {
        users
            .items()
            .iter()
            .any(|entry| entry.get("name").and_then(Node::text) == Some(user))
    });
    let help = "add `defer: true`, so that it is written when users exist";
    findings.push(if made {
        let message = format!("{user} does not exist yet when the file is written");
        Finding::error(Rule::Owner, owner.place, message, help)
    } else {
        let message = format!("{user} is a user of the image or does not exist when the file is written");
        Finding::warning(Rule::Owner, owner.place, message, help)
    });
}

fn check_users(users: &Node, findings: &mut Vec<Finding>) {
    for user in users.items() {
        for key in ["name", "shell", "sudo", "gecos", "passwd", "hashed_passwd", "homedir"] {
            if let Some(value) = user.get(key)
                && matches!(
                    type_of(value),
                    Some(Type::Boolean | Type::Integer | Type::Float | Type::Date)
                )
                && !(key == "sudo" && value.text() == Some("false"))
            {
                expect_text(value, key, findings);
            }
        }
        if let Some(locked) = user.get("lock_passwd") {
            expect_boolean(locked, "lock_passwd", findings);
        }
        if let Some((key, _)) = user
            .entries()
            .iter()
            .find(|(key, _)| key.text() == Some("plain_text_passwd"))
        {
            plain_password(key.place, findings);
        }
    }
}

fn check_chpasswd(node: &Node, findings: &mut Vec<Finding>) {
    for user in node.get("users").map_or(&[][..], Node::items) {
        if let Some(kind) = user.get("type").filter(|kind| kind.text() == Some("text")) {
            plain_password(kind.place, findings);
        }
    }
}

fn plain_password(place: Place, findings: &mut Vec<Finding>) {
    let message = "the password is in the document in plain text, and stays on the guest's disk";
    findings.push(Finding::warning(
        Rule::PlainPassword,
        place,
        message,
        "use `hashed_passwd` with a crypt(3) hash",
    ));
}
