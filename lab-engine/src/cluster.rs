//! What the cluster says about itself: nodes and the packaged components, read through the master's own kubectl.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use vmrun_rs::GuestChannel;
use vmrun_rs::guest::GuestCommand;

use crate::error::{Context as _, LabError};
use crate::kubeconfig;
use crate::said::last_line;

/// k3s inside a guest.
const K3S: &str = "/usr/local/bin/k3s";
/// Where the server writes its administrator configuration.
const KUBECONFIG: &str = "/etc/rancher/k3s/k3s.yaml";

/// The components that k3s brings along, and how the names of their pods begin.
pub(crate) const PACKAGED: [(&str, &str); 5] = [
    ("coredns", "coredns-"),
    ("local-storage", "local-path-provisioner-"),
    ("metrics-server", "metrics-server-"),
    ("servicelb", "svclb-traefik"),
    ("traefik", "traefik-"),
];

/// A node as the cluster sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClusterNode {
    /// Its name.
    pub name: String,
    /// Whether its condition Ready is True.
    pub ready: bool,
    /// Why not, in the cluster's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Its internal address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The version that it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

#[derive(Deserialize)]
struct List<T> {
    items: Vec<T>,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
}

#[derive(Deserialize)]
struct NodeItem {
    metadata: Metadata,
    #[serde(default)]
    status: NodeStatus,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct NodeStatus {
    conditions: Vec<Condition>,
    addresses: Vec<Address>,
    node_info: NodeInfo,
}

#[derive(Deserialize)]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    #[serde(default)]
    message: Option<String>,
}

#[derive(Deserialize)]
struct Address {
    #[serde(rename = "type")]
    kind: String,
    address: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct NodeInfo {
    kubelet_version: Option<String>,
}

#[derive(Deserialize)]
struct PodItem {
    metadata: Metadata,
    #[serde(default)]
    status: PodStatus,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct PodStatus {
    phase: String,
    container_statuses: Vec<ContainerStatus>,
}

#[derive(Deserialize)]
struct ContainerStatus {
    #[serde(default)]
    ready: bool,
}

/// Lets the cluster forget a node, and with it the password that k3s keeps for its name: without that, a new machine of
/// the same name is not let in.
pub(crate) async fn forget(master: &dyn GuestChannel, node: &str) -> Result<(), LabError> {
    kubectl(master, &["delete", "node", node, "--ignore-not-found"])
        .await
        .map(drop)
}

/// Asks the master for the cluster's nodes.
pub(crate) async fn nodes(master: &dyn GuestChannel) -> Result<Vec<ClusterNode>, LabError> {
    let output = kubectl(master, &["get", "nodes", "-o", "json"]).await?;
    parse_nodes(&output).context("the cluster's list of nodes cannot be understood")
}

/// Asks the master which packaged components do not run, but for those in `disabled`. Empty: all run.
pub(crate) async fn missing_components(
    master: &dyn GuestChannel,
    disabled: &[String],
) -> Result<Vec<String>, LabError> {
    let output = kubectl(master, &["get", "pods", "-n", "kube-system", "-o", "json"]).await?;
    let running = running_pods(&output).context("the cluster's list of pods cannot be understood")?;
    Ok(missing(&running, disabled))
}

/// Reads the administrator configuration, with `server` in the place of the guest's own loopback.
pub(crate) async fn kubeconfig(master: &dyn GuestChannel, server: &str) -> Result<String, LabError> {
    let output = master
        .run(&GuestCommand::new(["cat", KUBECONFIG]).as_root())
        .await
        .context(format!("could not read {KUBECONFIG} on the master"))?;
    if !output.success() {
        return Err(LabError::failed(format!(
            "could not read {KUBECONFIG} on the master: exit code {}",
            output.exit_code
        )));
    }
    with_server(&output.stdout_text(), server)
}

fn with_server(text: &str, server: &str) -> Result<String, LabError> {
    let mut config = kubeconfig::parse(text).context(format!("{KUBECONFIG} on the master is not a kubeconfig"))?;
    let clusters = config["clusters"].as_array_mut().filter(|c| !c.is_empty());
    let clusters = clusters.ok_or_else(|| LabError::failed(format!("{KUBECONFIG} on the master names no cluster")))?;
    for cluster in clusters {
        cluster["cluster"]["server"] = server.into();
    }
    serde_saphyr::to_string(&config).context("could not write the kubeconfig")
}

async fn kubectl(master: &dyn GuestChannel, arguments: &[&str]) -> Result<Vec<u8>, LabError> {
    let argv = [K3S, "kubectl"].into_iter().chain(arguments.iter().copied());
    let command = GuestCommand::new(argv).as_root();
    let output = master
        .run(&command)
        .await
        .context("could not ask the master about the cluster")?;
    if output.success() {
        return Ok(output.stdout);
    }
    Err(LabError::failed(format!(
        "kubectl {} on the master: exit code {}: {}",
        arguments.join(" "),
        output.exit_code,
        last_line(&output.stderr)
    )))
}

fn parse_nodes(json: &[u8]) -> Result<Vec<ClusterNode>, serde_json::Error> {
    let list: List<NodeItem> = serde_json::from_slice(json)?;
    Ok(list
        .items
        .into_iter()
        .map(|item| {
            let condition = item.status.conditions.into_iter().find(|c| c.kind == "Ready");
            let ready = condition.as_ref().is_some_and(|c| c.status == "True");
            let reason = if ready { None } else { condition.and_then(|c| c.message) };
            let address = item
                .status
                .addresses
                .into_iter()
                .find(|a| a.kind == "InternalIP")
                .map(|a| a.address);
            ClusterNode {
                name: item.metadata.name,
                ready,
                reason,
                address,
                version: item.status.node_info.kubelet_version,
            }
        })
        .collect())
}

fn running_pods(json: &[u8]) -> Result<BTreeSet<String>, serde_json::Error> {
    let list: List<PodItem> = serde_json::from_slice(json)?;
    let runs = |p: &PodItem| {
        let containers = &p.status.container_statuses;
        p.status.phase == "Running" && !containers.is_empty() && containers.iter().all(|c| c.ready)
    };
    Ok(list.items.into_iter().filter(runs).map(|p| p.metadata.name).collect())
}

fn missing(running: &BTreeSet<String>, disabled: &[String]) -> Vec<String> {
    PACKAGED
        .iter()
        .filter(|(component, _)| !disabled.iter().any(|d| d == component))
        .filter(|(_, prefix)| !running.iter().any(|pod| pod.starts_with(prefix)))
        .map(|(component, _)| (*component).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_kubeconfig_is_refused_without_its_lines() {
        let error = with_server("users:\n- user:\n    client-key-data: [canary-7\n", "https://h:6443").unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(
            text.contains("is not a kubeconfig") && !text.contains("canary-7"),
            "{text}"
        );
    }

    #[test]
    fn a_node_is_ready_only_when_its_condition_says_true() {
        let json = br#"{"items":[
            {"metadata":{"name":"a"},"status":{"conditions":[{"type":"Ready","status":"True"}],
             "addresses":[{"type":"InternalIP","address":"192.168.6.10"}],"nodeInfo":{"kubeletVersion":"v1"}}},
            {"metadata":{"name":"b"},"status":{"conditions":[{"type":"Ready","status":"Unknown","message":"lost"}]}},
            {"metadata":{"name":"c"}}]}"#;
        let nodes = parse_nodes(json).unwrap();
        assert_eq!(nodes.iter().map(|n| n.ready).collect::<Vec<_>>(), [true, false, false]);
        assert_eq!(nodes[0].address.as_deref(), Some("192.168.6.10"));
        assert_eq!(nodes[1].reason.as_deref(), Some("lost"));
    }

    #[test]
    fn a_component_whose_pod_is_not_ready_is_missing_unless_disabled() {
        let pod = |name: &str, ready: bool| {
            format!(
                r#"{{"metadata":{{"name":"{name}"}},"status":{{"phase":"Running","containerStatuses":[{{"ready":{ready}}}]}}}}"#
            )
        };
        let pods = [
            pod("coredns-1", true),
            pod("traefik-1", false),
            pod("svclb-traefik-1", true),
            pod("metrics-server-1", true),
        ];
        let running = running_pods(format!(r#"{{"items":[{}]}}"#, pods.join(",")).as_bytes()).unwrap();
        assert_eq!(missing(&running, &[]), ["local-storage", "traefik"]);
        assert_eq!(missing(&running, &["traefik".to_owned()]), ["local-storage"]);
    }

    #[test]
    fn the_kubeconfig_points_at_the_given_server_and_keeps_the_rest() {
        let text = "apiVersion: v1\nkind: Config\nclusters:\n- cluster:\n    server: https://127.0.0.1:6443\n    certificate-authority-data: QQ==\n  name: default\n";
        let config: serde_json::Value =
            serde_saphyr::from_str(&with_server(text, "https://192.168.6.10:6443").unwrap()).unwrap();
        assert_eq!(config["clusters"][0]["cluster"]["server"], "https://192.168.6.10:6443");
        assert_eq!(config["clusters"][0]["cluster"]["certificate-authority-data"], "QQ==");
        with_server("nonsense: [", "x").unwrap_err();
        with_server("clusters: []", "x").unwrap_err();
    }
}
