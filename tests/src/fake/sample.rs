//! Seeds that the real generator writes, for machines that no lab made.

use std::path::Path;

use cloudinit_gen::{
    HostKey, InterfaceAddress, K3sAgentConfig, K3sServerConfig, MasterNode, NodeConfig, NodeEssentials, WorkerNode,
};
use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, PrivateKey};

/// Writes the seed image of a node at 198.18.0.`last`, with the instance id `i-NAME`; the server is at 198.18.0.10.
///
/// # Errors
///
/// If it cannot be written.
pub fn seed(name: &str, last: u8, master: bool, path: &Path) -> Result<(), String> {
    fn text(error: impl std::fmt::Display) -> String {
        error.to_string()
    }
    let key = PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).map_err(text)?;
    let private = key.to_openssh(LineEnding::LF).map_err(text)?.to_string();
    let public = key.public_key().to_openssh().map_err(text)?;
    let node = NodeConfig::new(NodeEssentials {
        hostname: name.parse().map_err(text)?,
        instance_id: format!("i-{name}").parse().map_err(text)?,
        mac: format!("00:50:56:00:00:{last:02x}").parse().map_err(text)?,
        address: InterfaceAddress::new([198, 18, 0, last].into(), 24).map_err(text)?,
        gateway: [198, 18, 0, 1].into(),
        user: "ubuntu".parse().map_err(text)?,
        authorized_keys: vec![public.clone()],
        host_key: HostKey::new(private.into(), public),
        token: "token".to_owned().into(),
    });
    let files = if master {
        MasterNode::new(node, K3sServerConfig::default()).render()
    } else {
        WorkerNode::new(node, K3sAgentConfig::new("https://198.18.0.10:6443")).render()
    };
    files.map_err(text)?.write_iso(path).map_err(text)
}

/// Writes the configuration of that node's machine, beside which the seed is `seed.iso`.
///
/// # Errors
///
/// If it cannot be written.
pub fn machine(vmx: &Path, last: u8) -> std::io::Result<()> {
    let text = format!(
        "config.version = \"8\"\nvirtualHW.version = \"18\"\nethernet0.address = \"00:50:56:00:00:{last:02x}\"\n\
         sata0:0.present = \"TRUE\"\nsata0:0.fileName = \"seed.iso\"\nscsi0:0.fileName = \"d.vmdk\"\n\
         serial0.present = \"TRUE\"\nserial0.fileName = \"console.log\"\n"
    );
    std::fs::write(vmx, text)?;
    std::fs::write(vmx.with_file_name("d.vmdk"), "")
}
