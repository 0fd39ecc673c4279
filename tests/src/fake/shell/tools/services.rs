//! What stands for services: kubectl, systemctl, power.

use super::say;
use crate::fake::shell::run::{Power, Shell, Streams};

pub(super) fn kubectl(shell: &Shell<'_, '_>, name: &str, args: &[String], out: &mut Streams) -> i32 {
    let args: Vec<&str> = args
        .iter()
        .map(String::as_str)
        .skip(usize::from(name == "k3s"))
        .collect();
    if !shell.root {
        out.complain("error: open /etc/rancher/k3s/k3s.yaml: permission denied");
        return 1;
    }
    let answer = match args.as_slice() {
        ["get", "nodes" | "node", ..] => &shell.env.nodes,
        ["get", "pods" | "pod", ..] => &shell.env.pods,
        _ => {
            out.complain("error: this kubectl only knows `get nodes` and `get pods`");
            return 1;
        }
    };
    match answer {
        Ok(json) => say(out, json),
        Err(reason) => {
            out.complain(reason);
            1
        }
    }
}

pub(super) fn systemctl(shell: &mut Shell<'_, '_>, args: &[String], out: &mut Streams) -> i32 {
    match args.first().map(String::as_str) {
        Some("poweroff" | "halt") => power(shell, out, Power::Off),
        Some("reboot") => power(shell, out, Power::Reboot),
        Some("is-active") => say(out, "active"),
        _ => 0,
    }
}

pub(super) fn power(shell: &mut Shell<'_, '_>, out: &mut Streams, power: Power) -> i32 {
    if !shell.root {
        out.complain("Call to Reboot failed: Interactive authentication required.");
        return 1;
    }
    shell.power = Some(power);
    0
}
