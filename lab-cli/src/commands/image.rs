//! `image`: what nodes are cloned from.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Subcommand;
use lab_engine::{ImportedImage, NoEvents};
use serde_json::json;

use crate::app::App;
use crate::failure::{Exit, Failure};
use crate::{phrases, table};

/// What can be done with images.
#[derive(Debug, Subcommand)]
pub(crate) enum ImageCommand {
    /// Make a template machine of a cloud image (VMDK or qcow2), to clone nodes from
    Import {
        /// The image
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The checksum that it must have
        #[arg(long, value_name = "DIGEST")]
        sha256: Option<String>,
        /// What to call it; the file's name if nothing is given
        #[arg(long, value_name = "IMAGE")]
        name: Option<String>,
    },
    /// List the images that were imported
    List,
}

/// Does it.
pub(crate) fn run(app: &App, command: ImageCommand) -> Result<Exit, Failure> {
    match command {
        ImageCommand::Import { file, sha256, name } => {
            let lab = app.lab(Arc::new(NoEvents))?;
            let image = app.block_on(lab.import_image(&file, sha256.as_deref(), name.as_deref()))?;
            app.answer(&image, || imported(app, &image))?;
        }
        ImageCommand::List => {
            let images = app.offline_lab(Arc::new(NoEvents))?.images()?;
            app.answer(&json!({ "images": &images }), || list(app, &images))?;
        }
    }
    Ok(Exit::OK)
}

/// The lines of lab.toml that use it.
fn imported(app: &App, image: &ImportedImage) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    format!(
        "{}\n\n[image]\ntemplate = {}\nsnapshot = {}\n",
        phrases::imported(&image.name, app.lang()),
        quoted(&image.template.display().to_string()),
        quoted(&image.snapshot),
    )
}

fn list(app: &App, images: &[ImportedImage]) -> String {
    if images.is_empty() {
        return format!("{}\n", phrases::no_images(app.lang()));
    }
    let rows: Vec<[String; 3]> = images
        .iter()
        .map(|i| [i.name.clone(), i.source.clone(), i.template.display().to_string()])
        .collect();
    table::draw(phrases::image_heading(app.lang()), &rows)
}
