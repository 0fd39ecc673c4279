//! What `kubectl get nodes|pods -o json` answers: the cluster as its server sees it.

use serde_json::{Value, json};

use super::machine::{Machine, Time};
use super::world::World;

const VERSION: &str = "v1.33.5+k3s1-fake";
const REFUSED: &str =
    "The connection to the server 127.0.0.1:6443 was refused - did you specify the right host or port?";
const PODS: [&str; 5] = [
    "coredns-6d668d687b-x7kqv",
    "local-path-provisioner-69879b995d-p5wlm",
    "metrics-server-77dbbf84b9-9zt4c",
    "svclb-traefik-5f1c7a3e-8vj2w",
    "traefik-865bd56545-gh2fn",
];

/// The nodes, or why the server does not answer. A node that fell silent is believed in for a while.
pub(crate) fn nodes(world: &World, server: &str, now: Time) -> Result<String, String> {
    let Some(master) = world.machines.get(server).filter(|m| m.k3s_runs(now)) else {
        return Err(REFUSED.to_owned());
    };
    let items: Vec<Value> = master
        .disk
        .members
        .iter()
        .map(|(name, address)| {
            let ready = world.machines.values().any(|m| {
                let named = m.disk.identity.as_ref().is_some_and(|i| i.hostname == *name);
                let believed = m.down_at + world.config.guest.grace > now && m.boots > 0;
                named && (m.k3s_runs(now) || believed)
            });
            let condition = if ready {
                json!({"type": "Ready", "status": "True", "message": "kubelet is posting ready status"})
            } else {
                json!({"type": "Ready", "status": "Unknown", "message": "Kubelet stopped posting node status."})
            };
            json!({
                "metadata": {"name": name},
                "status": {
                    "conditions": [condition],
                    "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
                    "nodeInfo": {"kubeletVersion": VERSION},
                },
            })
        })
        .collect();
    Ok(json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string())
}

/// The pods of `kube-system`.
pub(crate) fn pods(world: &World, server: &str, now: Time) -> Result<String, String> {
    let master = world.machines.get(server);
    let Some(since) = master.filter(|m| m.k3s_runs(now)).and_then(Machine::k3s_since) else {
        return Err(REFUSED.to_owned());
    };
    let up = now >= since + world.config.guest.components;
    let pod = |name: &&str| {
        json!({
            "metadata": {"name": name, "namespace": "kube-system"},
            "status": {"phase": if up { "Running" } else { "Pending" }, "containerStatuses": [{"ready": up}]},
        })
    };
    let items: Vec<Value> = PODS.iter().map(pod).collect();
    Ok(json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string())
}
