//! `seed render` and `seed iso`.

use std::path::{Path, PathBuf};

use cloudinit_gen::payload::PayloadAction;
use lab_engine::{ErrorKind, LabError, NodeSeed, SeedForm, SeedOptions, Seeds};
use serde_json::{Value, json};

use crate::app::App;
use crate::failure::{Exit, Failure};
use crate::secret::Unlock;

/// Writes one node's documents.
pub(super) fn render(
    app: &App,
    node: &str,
    dir: &Path,
    options: &SeedOptions,
    unlock: &Unlock,
) -> Result<Exit, Failure> {
    let seeds = Seeds::open(app.config()?.config, unlock.given()?.as_ref())?;
    let seed = seeds.node(node, options, None)?;
    let files = seed.write_files(dir)?;
    let mut answer = facts(&seed);
    answer["files"] = json!(files);
    app.answer(&answer, || {
        let mut text = lines(app, &files);
        if seed.payload.is_none() {
            text.push_str(&no_payload(app));
        }
        text
    })?;
    Ok(Exit::OK)
}

/// Writes the images.
pub(super) fn iso(
    app: &App,
    nodes: Vec<String>,
    dir: &Path,
    options: &SeedOptions,
    with_payload: bool,
    unlock: &Unlock,
) -> Result<Exit, Failure> {
    if options.form == SeedForm::GuestInfo {
        return Err(Failure::usage(
            "guest variables need no seed image",
            "`lab-cli seed render --form guestinfo` writes the lines for the machine's .vmx file",
        ));
    }
    let seeds = Seeds::open(app.config()?.config, unlock.given()?.as_ref())?;
    let nodes = if nodes.is_empty() { seeds.node_names() } else { nodes };
    make_directory(dir)?;
    // First, so that the seeds insist on exactly this payload.
    let payload_path = dir.join("payload.iso");
    let payload = if with_payload {
        seeds.write_payload(&payload_path)?
    } else {
        None
    };
    let mut written = Vec::new();
    let mut answers = Vec::new();
    for node in &nodes {
        let seed = seeds.node(node, options, payload.as_ref().map(|(manifest, _)| manifest))?;
        let path = dir.join(format!("{node}.iso"));
        seed.write_iso(&path)?;
        let mut answer = facts(&seed);
        answer["image"] = json!(path);
        answers.push(answer);
        written.push(path);
    }
    let payload_answer = payload.as_ref().map(|(manifest, action)| {
        json!({
            "image": payload_path,
            "label": manifest.label,
            "digest": manifest.digest,
            "size": manifest.image_len(),
            "reused": *action == PayloadAction::Reused,
        })
    });
    app.answer(&json!({ "seeds": answers, "payload": payload_answer }), || {
        let w = app.words();
        let mut text = lines(app, &written);
        match &payload {
            Some((_, PayloadAction::Reused)) => {
                text.push_str(&line(w.reused, &payload_path));
            }
            Some(_) => text.push_str(&line(w.written, &payload_path)),
            None if with_payload => text.push_str(&no_payload(app)),
            None => {}
        }
        text
    })?;
    Ok(Exit::OK)
}

fn make_directory(dir: &Path) -> Result<(), LabError> {
    std::fs::create_dir_all(dir).map_err(|e| {
        LabError::new(
            ErrorKind::Failed,
            format!("could not create the directory {}", dir.display()),
        )
        .source(e)
    })
}

fn facts(seed: &NodeSeed) -> Value {
    let payload = seed
        .payload
        .as_ref()
        .map(|payload| json!({ "label": payload.label, "digest": payload.digest }));
    json!({
        "node": seed.node,
        "form": seed.form,
        "mac": seed.mac,
        "instance_id": seed.instance_id,
        "payload": payload,
    })
}

fn lines(app: &App, files: &[PathBuf]) -> String {
    let lines: Vec<String> = files.iter().map(|file| line(app.words().written, file)).collect();
    lines.concat()
}

fn line(what: &str, file: &Path) -> String {
    format!("{what}: {}\n", file.display())
}

fn no_payload(app: &App) -> String {
    let w = app.words();
    format!("{}: {}\n", w.note, w.no_payload)
}
