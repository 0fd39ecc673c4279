//! Names: of hosts, instances, users, time zones and volumes.

use super::macros::text_value;

text_value! {
    /// A host name of one label: `a` to `z`, digits and inner hyphens, 1 to 63 characters.
    ///
    /// It is also the node's name in Kubernetes, which takes lower-case names only (RFC 1123 label).
    Hostname, "host name", check_hostname
}

text_value! {
    /// The id of one life of a machine's disk: when it changes, cloud-init treats the boot as a first boot.
    ///
    /// 1 to 128 characters of `A-Z a-z 0-9 . _ -`, beginning with a letter or a digit: markers hold it on one line.
    InstanceId, "instance id", check_instance_id
}

text_value! {
    /// A login name that Debian's `useradd` takes: `a` to `z`, `_`, then digits and hyphens too, at most 32 characters.
    UserName, "user name", check_user_name
}

text_value! {
    /// A time zone by its tz database name, for example `Asia/Seoul` or `Etc/UTC`.
    Timezone, "time zone", check_timezone
}

text_value! {
    /// The label of a volume that both ISO 9660 and Joliet can hold: 1 to 16 characters of `A-Z 0-9 _`.
    VolumeLabel, "volume label", check_volume_label
}

fn check_hostname(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > 63 {
        return Err("must have 1 to 63 characters");
    }
    if !text
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    {
        return Err("may only have the characters a-z, 0-9 and '-'");
    }
    if text.starts_with('-') || text.ends_with('-') {
        return Err("must not begin or end with '-'");
    }
    // A name of digits alone is read as a number or an address by more tools than can be listed.
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return Err("must have at least one letter");
    }
    Ok(())
}

fn check_instance_id(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > 128 {
        return Err("must have 1 to 128 characters");
    }
    if !text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    {
        return Err("may only have the characters A-Z, a-z, 0-9, '.', '_' and '-'");
    }
    // It becomes a directory's name below /var/lib/cloud/instances.
    if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Err("must begin with a letter or a digit");
    }
    Ok(())
}

fn check_user_name(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > 32 {
        return Err("must have 1 to 32 characters");
    }
    if !text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_') {
        return Err("must begin with a-z or '_'");
    }
    if !text
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'))
    {
        return Err("may only have the characters a-z, 0-9, '_' and '-'");
    }
    if text == "root" {
        return Err("must be an ordinary user: root does not log in over SSH here");
    }
    // cloud-init reads the entry `default` in `users` as the image's own default user.
    if text == "default" {
        return Err("stands for the image's own user in cloud-init; choose another name");
    }
    Ok(())
}

fn check_timezone(text: &str) -> Result<(), &'static str> {
    const FORM: &str = "must be a tz database name such as Asia/Seoul or Etc/UTC";
    if text.is_empty() || text.len() > 64 {
        return Err(FORM);
    }
    if !text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-' | b'+'))
    {
        return Err(FORM);
    }
    // It is joined to /usr/share/zoneinfo as a path.
    if text
        .split('/')
        .any(|part| !part.starts_with(|c: char| c.is_ascii_alphabetic()))
    {
        return Err(FORM);
    }
    Ok(())
}

fn check_volume_label(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > 16 {
        return Err("must have 1 to 16 characters");
    }
    if !text
        .bytes()
        .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    {
        return Err("may only have the characters A-Z, 0-9 and '_'");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_are_taken_as_they_are() {
        assert_eq!("k3s-master1".parse::<Hostname>().unwrap().as_str(), "k3s-master1");
        assert_eq!("i-0a.b_c".parse::<InstanceId>().unwrap().as_str(), "i-0a.b_c");
        assert_eq!("ubuntu".parse::<UserName>().unwrap().as_str(), "ubuntu");
        for zone in [
            "Asia/Seoul",
            "Etc/UTC",
            "America/Argentina/Buenos_Aires",
            "Etc/GMT+9",
            "UTC",
        ] {
            assert_eq!(zone.parse::<Timezone>().unwrap().as_str(), zone);
        }
        assert_eq!("CIDATA".parse::<VolumeLabel>().unwrap().as_str(), "CIDATA");
    }

    #[test]
    fn names_that_could_end_a_line_a_path_or_a_word_are_refused() {
        for bad in [
            "",
            "a\nb",
            "a b",
            "a;b",
            "$(id)",
            "-a",
            "a-",
            "A",
            "a_b",
            "마스터",
            "123",
            &"a".repeat(64),
        ] {
            assert!(bad.parse::<Hostname>().is_err(), "{bad:?}");
        }
        for bad in ["", "..", ".hidden", "a/b", "a\n", "a'b", "a b"] {
            assert!(bad.parse::<InstanceId>().is_err(), "{bad:?}");
        }
        for bad in ["", "root", "default", "Ubuntu", "a:b", "a b", "1a", "a\n"] {
            assert!(bad.parse::<UserName>().is_err(), "{bad:?}");
        }
        for bad in [
            "",
            "../etc/passwd",
            "/Asia/Seoul",
            "Asia//Seoul",
            "Asia/Seoul\n",
            "Asia/../x",
            "Asia/",
        ] {
            assert!(bad.parse::<Timezone>().is_err(), "{bad:?}");
        }
        for bad in ["", "cidata", "A B", "ABCDEFGHIJKLMNOPQ"] {
            assert!(bad.parse::<VolumeLabel>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_refusal_names_the_value_on_one_line_and_says_what_would_do() {
        let error = "a\nb".parse::<Hostname>().unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"host name "a\nb" may only have the characters a-z, 0-9 and '-'"#
        );
    }
}
