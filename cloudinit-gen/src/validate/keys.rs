//! The top-level keys of cloud-config, as cloud-init 26.2 knows them.

/// Keys that some module reads, between blanks.
const KNOWN: &str = "\
    allow_public_ssh_keys ansible apk_repos apt apt_pipelining authkey_hash autoinstall bootcmd byobu_by_default \
    ca_certs chef chpasswd cloud_config_modules cloud_final_modules cloud_init_modules create_hostname_file \
    device_aliases disable_ec2_metadata disable_root disable_root_opts disk_setup drivers fan final_message fqdn \
    fs_setup groups growpart grub_dpkg hostname keyboard landscape launch-index locale locale_configfile lxd \
    manage_etc_hosts manage_resolv_conf mcollective merge_how merge_type migrate mount_default_fields mounts \
    no_ssh_fingerprints ntp output package_reboot_if_required package_update package_upgrade packages password \
    phone_home power_state prefer_fqdn_over_hostname preserve_hostname puppet random_seed reporting resize_rootfs \
    resolv_conf rh_subscription rpi rsyslog runcmd salt_minion snap spacewalk ssh ssh_authorized_keys \
    ssh_deletekeys ssh_fp_console_blacklist ssh_genkeytypes ssh_import_id ssh_key_console_blacklist ssh_keys \
    ssh_publish_hostkeys ssh_pwauth ssh_quiet_keygen swap timezone ubuntu_pro updates user users vendor_data \
    version wireguard write_files yum_repo_dir yum_repos zypper";

/// Keys that have another name now, and that name. A deprecated key makes cloud-init report a recoverable error.
const RENAMED: [(&str, &str); 6] = [
    ("apt_reboot_if_required", "package_reboot_if_required"),
    ("apt_update", "package_update"),
    ("apt_upgrade", "package_upgrade"),
    ("ca-certs", "ca_certs"),
    ("grub-dpkg", "grub_dpkg"),
    ("ubuntu_advantage", "ubuntu_pro"),
];

/// What to say about a top-level key; nothing if it is fine.
pub(super) enum Verdict {
    Fine,
    Renamed(&'static str),
    Unknown(Option<&'static str>),
    /// Networks have a file of their own.
    Network,
}

pub(super) fn judge(key: &str) -> Verdict {
    if KNOWN.split_whitespace().any(|known| known == key) {
        return Verdict::Fine;
    }
    if let Some((_, new)) = RENAMED.iter().find(|(old, _)| *old == key) {
        return Verdict::Renamed(new);
    }
    if key == "network" {
        return Verdict::Network;
    }
    let alike = key.to_lowercase().replace('-', "_");
    Verdict::Unknown(KNOWN.split_whitespace().find(|known| near(known, &alike)))
}

/// Whether a key may have been meant by another word.
pub(super) fn near(known: &str, alike: &str) -> bool {
    known == alike || differ_by_one(known, alike)
}

/// Whether one letter changed, added or dropped, or two neighbours exchanged, makes one word of the other.
fn differ_by_one(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let (short, long) = if a.len() <= b.len() { (&a, &b) } else { (&b, &a) };
    let same = short.iter().zip(long).take_while(|(x, y)| x == y).count();
    match long.len() - short.len() {
        0 if same == long.len() => true,
        0 => {
            long[same + 1..] == short[same + 1..]
                || (same + 1 < long.len()
                    && long[same] == short[same + 1]
                    && long[same + 1] == short[same]
                    && long[same + 2..] == short[same + 2..])
        }
        1 => long[same + 1..] == short[same..],
        _ => false,
    }
}
