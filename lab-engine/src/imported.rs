//! Images that were imported: a downloaded cloud image, checked, converted where the hypervisor cannot run it as it is, and
//! made a template machine with a snapshot that nodes are cloned from.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use vmrun_rs::disk::{DiskLayout, DiskManager};

use crate::error::{Context as _, ErrorKind, LabError};
use crate::lab::Lab;
use crate::owner::{self, Owner};
use crate::{files, identity, template};

/// Written last into an image's directory: without it the import is half-made.
const DESCRIPTION: &str = "image.json";

/// An image that nodes can be cloned from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportedImage {
    /// Its name among the imported images.
    pub name: String,
    /// The template machine: what `image.template` in lab.toml names.
    pub template: PathBuf,
    /// Its snapshot: `image.snapshot` in lab.toml.
    pub snapshot: String,
    /// The SHA-256 of the file that it was made of.
    pub sha256: String,
    /// That file's name.
    pub source: String,
}

/// What a disk image is, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A VMDK that can be run as it is.
    Vmdk,
    /// A VMDK that must be converted: compressed, or a descriptor with extents.
    OtherVmdk,
    Qcow2,
}

impl Lab {
    /// Imports a cloud image: a VMDK or qcow2 file. With `sha256`, another file than that is refused before anything is
    /// made. An image that is there already, of the same file, is only looked up.
    ///
    /// # Errors
    ///
    /// If the file is no disk image or another one than expected, its name is taken, or it cannot be converted.
    pub async fn import_image(
        &self,
        file: &Path,
        sha256: Option<&str>,
        name: Option<&str>,
    ) -> Result<ImportedImage, LabError> {
        let file = std::path::absolute(file).map_err(|e| LabError::io("find", file, e))?;
        let form = form(&file)?;
        let name = name.map_or_else(|| name_of(&file), str::to_owned);
        usable(&name)?;
        let found = digest_of(&file).await?;
        if let Some(expected) = sha256
            && !expected.trim().eq_ignore_ascii_case(&found)
        {
            return Err(
                LabError::failed(format!("{} is not the file that was expected", file.display()))
                    .details([
                        format!("expected SHA-256 {}", expected.trim()),
                        format!("found    SHA-256 {found}"),
                    ])
                    .help("download it again, and compare with the publisher's checksum"),
            );
        }
        let images = self.paths().images();
        files::private_dir(&images)?;
        let _turn = template::lock(&images.join(format!("{name}.lock"))).await?;
        let dir = images.join(&name);
        if let Some(there) = read(&dir)? {
            if there.sha256 == found {
                return Ok(there);
            }
            return Err(LabError::new(
                ErrorKind::Configuration,
                format!("there is another image `{name}` already, made of {}", there.source),
            )
            .help("choose another name with --name"));
        }
        let owner = Owner {
            lab: "imported image".to_owned(),
            lab_id: format!("image {name}"),
            node: None,
        };
        owner::remove_owned(&dir, &owner)?;
        files::private_dir(&dir)?;
        owner.mark(&dir)?;
        let disk = self.runnable(&file, form, &dir).await?;
        let vm = template::make(self.config(), self.hypervisor().as_ref(), dir.join("vm"), disk).await?;
        let image = ImportedImage {
            name,
            template: PathBuf::from(vm.as_str()),
            snapshot: template::SNAPSHOT.to_owned(),
            sha256: found,
            source: file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        };
        let text = serde_json::to_vec_pretty(&image).context("could not describe the image")?;
        files::write_private(&dir.join(DESCRIPTION), &text)?;
        Ok(image)
    }

    /// The images that were imported, by name.
    ///
    /// # Errors
    ///
    /// If a description cannot be understood.
    pub fn images(&self) -> Result<Vec<ImportedImage>, LabError> {
        let entries = std::fs::read_dir(self.paths().images());
        let mut images = Vec::new();
        for entry in entries.into_iter().flatten().flatten() {
            images.extend(read(&entry.path())?);
        }
        images.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(images)
    }

    /// A copy of the disk that the hypervisor can run.
    async fn runnable(&self, file: &Path, form: Form, dir: &Path) -> Result<PathBuf, LabError> {
        let disk = dir.join("disk.vmdk");
        match form {
            Form::Vmdk => {
                let copied = tokio::fs::copy(file, &disk).await;
                copied.map_err(|e| LabError::io("copy the disk image to", &disk, e))?;
            }
            Form::OtherVmdk => {
                let manager =
                    DiskManager::beside(&self.chosen().program).context("could not convert the disk image")?;
                let converted = manager.convert(file, &disk, DiskLayout::Growable).await;
                converted.context(format!("could not convert {}", file.display()))?;
            }
            Form::Qcow2 => {
                let (from, to) = (file.to_owned(), disk.clone());
                tokio::task::spawn_blocking(move || convert_qcow2(&from, &to))
                    .await
                    .context("converting the disk image was interrupted")??;
            }
        }
        Ok(disk)
    }
}

fn read(dir: &Path) -> Result<Option<ImportedImage>, LabError> {
    let path = dir.join(DESCRIPTION);
    let Some(bytes) = files::read_optional(&path).unwrap_or(None) else {
        return Ok(None);
    };
    let image = serde_json::from_slice(&bytes).context(format!("{} cannot be understood", path.display()))?;
    Ok(Some(image))
}

fn form(file: &Path) -> Result<Form, LabError> {
    let mut head = Vec::new();
    let read = File::open(file).and_then(|f| f.take(512).read_to_end(&mut head));
    read.map_err(|e| {
        LabError::new(
            ErrorKind::Prerequisite,
            format!("the disk image {} cannot be read", file.display()),
        )
        .source(e)
    })?;
    let compressed = head.get(10).is_some_and(|b| b & 1 == 1);
    match &head {
        h if h.starts_with(b"KDMV") => Ok(if compressed { Form::OtherVmdk } else { Form::Vmdk }),
        h if h.starts_with(b"# Disk DescriptorFile") => Ok(Form::OtherVmdk),
        h if h.starts_with(b"QFI\xfb") => Ok(Form::Qcow2),
        _ => Err(LabError::prerequisite(
            format!("{} is neither a VMDK nor a qcow2 disk image", file.display()),
            "an .ova is a tar archive: unpack it and import the .vmdk in it; a raw image is converted by `qemu-img convert -O qcow2`",
        )),
    }
}

/// The file's name without its endings, as far as it can be a name here.
fn name_of(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '-' || c == '.' {
            c
        } else {
            '-'
        }
    };
    let name: String = stem.chars().map(plain).collect();
    name.trim_matches(['-', '.']).to_owned()
}

fn usable(name: &str) -> Result<(), LabError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    if !name.is_empty() && name.len() <= 64 && name.bytes().all(plain) && !name.starts_with(['.', '-']) {
        return Ok(());
    }
    Err(
        LabError::new(ErrorKind::Configuration, format!("`{name}` cannot be an image's name")).help(
            "give it another with --name: up to 64 letters, digits, `-`, `_` and `.`, with a letter or digit first",
        ),
    )
}

async fn digest_of(file: &Path) -> Result<String, LabError> {
    let path = file.to_owned();
    let work = move || -> std::io::Result<String> {
        let mut file = File::open(&path)?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 1 << 20];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(identity::hex(&hash.finalize())),
                n => hash.update(&buffer[..n]),
            }
        }
    };
    let digest = tokio::task::spawn_blocking(work)
        .await
        .context("reading the image was interrupted")?;
    digest.map_err(|e| LabError::io("read", file, e))
}

/// An image that names another file as its base would draw that file's content in, whatever it is.
fn convert_qcow2(from: &Path, to: &Path) -> Result<(), LabError> {
    let info = qemu_img(&["info", "--output=json", "-f", "qcow2"], &[from])?;
    let info: serde_json::Value = serde_json::from_slice(&info).context("qemu-img info cannot be understood")?;
    if let Some(base) = info["backing-filename"].as_str() {
        return Err(
            LabError::failed(format!("{} is only a layer above {base}", from.display()))
                .help("flatten it first: `qemu-img convert -O qcow2 LAYER WHOLE`"),
        );
    }
    qemu_img(
        &[
            "convert",
            "-f",
            "qcow2",
            "-O",
            "vmdk",
            "-o",
            "subformat=monolithicSparse",
        ],
        &[from, to],
    )
    .map(drop)
}

fn qemu_img(arguments: &[&str], paths: &[&Path]) -> Result<Vec<u8>, LabError> {
    let program = std::env::var_os("VMRUN_QEMU_IMG").unwrap_or_else(|| "qemu-img".into());
    let output = Command::new(&program)
        .args(arguments)
        .args(paths)
        .output()
        .map_err(|e| {
            LabError::prerequisite(
                "qemu-img, which converts qcow2 images, cannot be run",
                "install it (qemu-utils on Debian and Ubuntu, QEMU for Windows), or download the image as a VMDK",
            )
            .source(e)
        })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', " ");
    Err(LabError::failed(format!("qemu-img {}: {said}", arguments[0])))
}
