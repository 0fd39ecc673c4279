//! The payload of the configured k3s, and its image.
//!
//! The image's checksums cost more than the image: what was computed once is kept for the next image of the same files, a second lab's for
//! example, and what the files' publisher says of them is compared with it.

mod digests;
mod published;

use std::path::{Path, PathBuf};

use cloudinit_gen::payload::{Payload, PayloadAction, PayloadManifest};

use crate::config::Config;
use crate::error::{Context as _, LabError};
use crate::files;
use crate::paths::LabPaths;
use digests::{DigestCache, Look};

/// The payload of the configured k3s; `None` if none is configured. Its build time is its newest file's, not now: the
/// same files give the same image, and nodes that insist on an earlier image's digest accept this one.
pub(crate) fn configured(config: &Config) -> Result<Option<Payload>, LabError> {
    let (Some(binary), Some(images)) = (&config.k3s.binary, &config.k3s.images) else {
        return Ok(None);
    };
    let built = files::modified(binary)?.max(files::modified(images)?);
    let mut payload = Payload::new(binary);
    payload.images = vec![images.clone()];
    payload.build_time = Some(built);
    Ok(Some(payload))
}

/// Writes the payload's image, unless the one there holds exactly this already.
pub(crate) fn ensure_image(
    mut payload: Payload,
    image: &Path,
    paths: &LabPaths,
) -> Result<(PayloadManifest, PayloadAction), LabError> {
    let mut cache = DigestCache::open(paths.digests());
    let looks: Vec<_> = payload
        .sources()
        .filter_map(|source| Some((source.to_owned(), Look::at(source)?)))
        .collect();
    for (source, look) in &looks {
        if let Some(digest) = cache.get(source, look) {
            payload.known_digests.insert(source.clone(), digest);
        }
    }
    let (manifest, action) = payload.ensure_iso(image).context("could not write the payload image")?;
    if action == PayloadAction::Written {
        for file in &manifest.files {
            let before = looks.iter().find(|(source, _)| *source == file.source);
            if let Some((source, look)) = before
                && !payload.known_digests.contains_key(source)
            {
                cache.keep(source, look, &file.sha256);
            }
        }
        unchanged(&looks, image)?;
        if let Err(error) = cache.save() {
            tracing::warn!(error = %error.one_line(), "the files' checksums could not be kept; they are computed anew next time");
        }
    }
    for file in &manifest.files {
        published::compare(&file.source, &file.sha256)?;
    }
    Ok((manifest, action))
}

/// Throws an image away whose files are not those any more whose checksums were looked up: it may hold other data than it says.
fn unchanged(looks: &[(PathBuf, Look)], image: &Path) -> Result<(), LabError> {
    let same = |(source, look): &&(PathBuf, Look)| Look::at(source).is_some_and(|now| now.is_of_same_file(look));
    let Some((changed, _)) = looks.iter().find(|look| !same(look)) else {
        return Ok(());
    };
    std::fs::remove_file(image).map_err(|e| LabError::io("remove", image, e))?;
    Err(LabError::failed(format!(
        "{} changed while the payload image was written",
        changed.display()
    ))
    .help("try again when nothing writes to it"))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::time::{Duration, SystemTime};

    use super::*;

    struct Scene {
        dir: tempfile::TempDir,
        paths: LabPaths,
    }

    impl Scene {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let paths = LabPaths::new(Some(&dir.path().join("data")), "lab").unwrap();
            let scene = Self { dir, paths };
            scene.put("k3s", b"\x7fELF one");
            scene.put("images.tar.zst", b"\x28\xb5\x2f\xfd one");
            scene
        }

        fn path(&self, name: &str) -> PathBuf {
            self.dir.path().join(name)
        }

        fn put(&self, name: &str, data: &[u8]) {
            fs::write(self.path(name), data).unwrap();
        }

        fn ensure(&self, image: &str) -> Result<PayloadManifest, LabError> {
            let mut payload = Payload::new(self.path("k3s"));
            payload.images = vec![self.path("images.tar.zst")];
            payload.build_time = Some(SystemTime::UNIX_EPOCH);
            ensure_image(payload, &self.path(image), &self.paths).map(|(manifest, _)| manifest)
        }
    }

    #[test]
    fn files_that_were_just_written_are_not_kept() {
        let scene = Scene::new();
        scene.ensure("a.iso").unwrap();
        let mut cache = DigestCache::open(scene.paths.digests());
        let k3s = scene.path("k3s");
        assert_eq!(cache.get(&k3s, &Look::at(&k3s).unwrap()), None);
    }

    /// A file's change time cannot be set, so this waits until the files count as settled.
    #[test]
    fn a_second_image_of_the_same_files_needs_no_checksums_and_a_changed_file_does() {
        let scene = Scene::new();
        std::thread::sleep(digests::SETTLED + Duration::from_millis(100));
        let first = scene.ensure("a.iso").unwrap();
        let mut cache = DigestCache::open(scene.paths.digests());
        let k3s = scene.path("k3s");
        let look = Look::at(&k3s).unwrap();
        let kept = first.files.iter().find(|file| file.name == "k3s").unwrap();
        assert_eq!(cache.get(&k3s, &look), Some(kept.sha256.clone()));

        // What is kept is what a second image is made with: a false entry shows in it.
        let other: cloudinit_gen::Sha256Digest = "0".repeat(64).parse().unwrap();
        cache.keep(&k3s, &look, &other);
        cache.save().unwrap();
        let second = scene.ensure("b.iso").unwrap();
        assert!(second.files.iter().any(|file| file.sha256 == other));

        // The same size and the same time of modification, other data.
        let modified = fs::metadata(&k3s).unwrap().modified().unwrap();
        scene.put("k3s", b"\x7fELF two");
        File::options()
            .append(true)
            .open(&k3s)
            .unwrap()
            .set_modified(modified)
            .unwrap();
        let third = scene.ensure("c.iso").unwrap();
        if cfg!(unix) {
            assert!(
                third
                    .files
                    .iter()
                    .all(|file| file.sha256 != other && file.sha256 != kept.sha256 || file.name != "k3s")
            );
        }
    }

    #[test]
    fn an_image_whose_files_changed_after_their_checksums_were_looked_up_is_thrown_away() {
        let scene = Scene::new();
        scene.ensure("a.iso").unwrap();
        let k3s = scene.path("k3s");
        let looks = [(k3s.clone(), Look::at(&k3s).unwrap())];
        unchanged(&looks, &scene.path("a.iso")).unwrap();
        scene.put("k3s", b"\x7fELF longer");
        let error = unchanged(&looks, &scene.path("a.iso")).unwrap_err();
        assert!(error.to_string().contains("k3s changed while"), "{error}");
        assert!(!scene.path("a.iso").exists());
        assert!(scene.ensure("a.iso").is_ok());
    }

    #[test]
    fn a_cache_that_is_damaged_or_cannot_be_written_stops_nothing() {
        let scene = Scene::new();
        fs::create_dir_all(scene.paths.data()).unwrap();
        fs::write(scene.paths.digests(), "{\"files\": 5").unwrap();
        let first = scene.ensure("a.iso").unwrap();
        fs::remove_file(scene.paths.digests()).unwrap();
        fs::create_dir(scene.paths.digests()).unwrap();
        assert_eq!(scene.ensure("b.iso").unwrap().digest, first.digest);
    }

    #[test]
    fn a_file_that_its_publisher_lists_with_another_checksum_is_refused_with_both() {
        let scene = Scene::new();
        let manifest = scene.ensure("a.iso").unwrap();
        let sum = |name: &str| manifest.files.iter().find(|f| f.name == name).unwrap().sha256.clone();
        let images = sum("images/images.tar.zst");
        scene.put(
            "sha256sum-amd64.txt",
            format!("{}  k3s\n{images}  images.tar.zst\n", "0".repeat(64)).as_bytes(),
        );
        let error = scene.ensure("a.iso").unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("k3s is not the file that sha256sum-amd64.txt beside it lists"),
            "{error}"
        );
        let details = error.detail_lines().join("\n");
        assert!(
            details.contains(&"0".repeat(64)) && details.contains(sum("k3s").as_str()),
            "{details}"
        );
        scene.put("sha256sum-amd64.txt", format!("{} *k3s\r\n", sum("k3s")).as_bytes());
        scene.ensure("a.iso").unwrap();
    }
}
