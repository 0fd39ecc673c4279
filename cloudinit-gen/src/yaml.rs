//! The one place where YAML is written.
//!
//! cloud-init reads YAML 1.1 through `PyYAML`, k3s reads YAML 1.2 through Go; what is written here means the same to
//! both. Strings that either reader would take for a boolean, a number, a date or syntax are quoted by serde-saphyr.

use serde::Serialize;

/// A document could not be written as YAML.
#[derive(Debug, thiserror::Error)]
#[error("could not write {document} as YAML")]
pub struct YamlError {
    document: &'static str,
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// Serialises one document. `name` says in an error which one it was.
pub(crate) fn to_string(name: &'static str, document: &impl Serialize) -> Result<String, YamlError> {
    let mut text = String::new();
    append(&mut text, name, document)?;
    Ok(text)
}

/// Serialises one document behind what is in `text`.
pub(crate) fn append(text: &mut String, name: &'static str, document: &impl Serialize) -> Result<(), YamlError> {
    let options = serde_saphyr::ser_options! {
        // Never fold: a folded scalar turns line breaks into blanks and back, which readers do not all do alike.
        folded_wrap_chars: usize::MAX,
    };
    serde_saphyr::to_fmt_writer_with_options(text, document, options).map_err(|source| YamlError {
        document: name,
        source: Box::new(source),
    })
}
