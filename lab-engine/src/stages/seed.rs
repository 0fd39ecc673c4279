//! The images that a new machine boots with: one small seed per node, one payload for all.

use std::path::PathBuf;
use std::time::SystemTime;

use cloudinit_gen::PayloadRef;

use crate::config::NodeSection;
use crate::error::{Context as _, LabError};
use crate::run::Run;
use crate::seed::{Life, SeedNode};
use crate::{files, payload};

/// The payload image, and what a node must know of it.
#[derive(Debug, Clone)]
pub(super) struct PayloadImage {
    pub(super) path: PathBuf,
    pub(super) reference: PayloadRef,
}

/// Makes the payload image, unless the one there was made of the same files.
pub(super) async fn payload(run: &Run<'_>) -> Result<PayloadImage, LabError> {
    let config = run.config();
    let missing = || {
        let what = match config.k3s.binary {
            None => "k3s program",
            Some(_) => "image archive",
        };
        LabError::prerequisite(format!("no {what} is configured"), "set k3s.binary and k3s.images")
    };
    let payload = payload::configured(config)?.ok_or_else(missing)?;
    let paths = run.lab.paths().clone();
    let path = paths.payload();
    files::private_dir(&paths.seeds())?;
    // Hashing and copying hundreds of megabytes must not hold up the other node's work.
    tokio::task::spawn_blocking(move || {
        let (manifest, _) = payload::ensure_image(payload, &path, &paths)?;
        let mut reference = manifest.to_ref();
        // What nodes set a clock to that is behind: it must also be later than the certificates' first moment.
        reference.build_time = SystemTime::now();
        Ok(PayloadImage { path, reference })
    })
    .await
    .context("writing the payload image was interrupted")?
}

/// Writes one node's seed image.
pub(super) async fn node(
    run: &Run<'_>,
    node: &NodeSection,
    mac: &str,
    instance_id: &str,
    payload: &PayloadImage,
) -> Result<PathBuf, LabError> {
    let paths = run.lab.paths();
    let life = Life {
        mac,
        instance_id,
        payload: Some(payload.reference.clone()),
        password: run.password.clone(),
    };
    let seed = SeedNode::new(run.config(), paths, node, life)?.render()?;
    let path = paths.seed(&node.name);
    let out = path.clone();
    let written = tokio::task::spawn_blocking(move || seed.write_iso(&out)).await;
    written
        .context("writing the seed image was interrupted")?
        .context("could not write the seed image")?;
    Ok(path)
}
