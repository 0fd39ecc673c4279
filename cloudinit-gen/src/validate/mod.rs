//! Finding what is wrong with user-data before a guest does.
//!
//! cloud-init's schema, which can be used as well, catches wrong keys and types. It does not catch duplicate keys, an owner that does not exist yet,
//! a script with Windows line ends, or a string that YAML 1.1 takes for a number, and its answer names no help. The
//! rules here cover those, and the keys that this crate writes, with the place of each finding.

mod autoinstall;
mod expect;
mod finding;
mod keys;
mod kind;
mod meta_data;
mod modules;
mod network;
#[cfg(feature = "schema")]
mod schema;
mod structure;
mod text;
mod tree;
#[cfg(feature = "schema")]
mod value;
mod yaml11;

pub use finding::{Finding, Rule, Severity};
pub use kind::DocumentKind;
#[cfg(feature = "schema")]
pub use schema::{Schema, SchemaError};

use tree::Tree;

/// Checks user-data that any data source may carry. See [`Validator`] for limits of size.
pub fn validate(user_data: impl AsRef<[u8]>) -> Vec<Finding> {
    Validator::default().validate(user_data)
}

/// What a document is checked against.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Validator {
    /// Most bytes that the transport carries; `None`: any number.
    pub max_len: Option<usize>,
    /// Whether it is to travel in VMware's guest variables, whose limit counts after encoding.
    pub guestinfo: bool,
    /// Which document it is.
    pub kind: DocumentKind,
    /// A JSON Schema that the document has to fulfil as well, such as cloud-init's own.
    #[cfg(feature = "schema")]
    pub schema: Option<Schema>,
}

impl Validator {
    /// Checks a document. Findings come in the order of their places.
    pub fn validate(&self, document: impl AsRef<[u8]>) -> Vec<Finding> {
        let bytes = document.as_ref();
        let mut findings = Vec::new();
        if let Some(max) = self.max_len
            && bytes.len() > max
        {
            findings.push(Finding::error(
                Rule::Size,
                (1, 1),
                format!(
                    "the document has {} bytes, and its transport carries {max}",
                    bytes.len()
                ),
                "carry it on a seed image, or compress it",
            ));
        }
        if self.guestinfo {
            text::check_guestinfo(bytes, &mut findings);
        }
        if let Some(text) = text::decode(bytes, &mut findings)
            && let Some(yaml) = text::check(text, self.kind, &mut findings)
        {
            match Tree::parse(yaml) {
                Ok(tree) => {
                    structure::check(&tree, yaml, &mut findings);
                    self.check_tree(&tree, &mut findings);
                }
                // A character that may not be there is the reason already.
                Err(_) if findings.iter().any(|finding| finding.rule == Rule::Syntax) => {}
                Err(error) => findings.push(structure::explain(&error, yaml)),
            }
        }
        findings.sort_by_key(|finding| (finding.line, finding.column));
        findings
    }

    fn check_tree(&self, tree: &Tree, findings: &mut Vec<Finding>) {
        let Some(root) = &tree.root else { return };
        match self.kind {
            DocumentKind::UserData => modules::check_config(root, findings),
            DocumentKind::MetaData => meta_data::check(root, findings),
            DocumentKind::NetworkConfig => network::check(root, false, findings),
            // From 24.04 on, the key itself may be there as in user-data.
            DocumentKind::Autoinstall => autoinstall::check(root.get("autoinstall").unwrap_or(root), findings),
        }
        #[cfg(feature = "schema")]
        if let Some(schema) = &self.schema {
            schema.check(root, findings);
        }
    }
}
