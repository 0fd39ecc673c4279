//! Finding what is wrong with user-data before a guest does.
//!
//! cloud-init's schema catches wrong keys and types. It does not catch duplicate keys, an owner that does not exist yet,
//! a script with Windows line ends, or a string that YAML 1.1 takes for a number, and its answer names no help. The
//! rules here cover those, and the keys that this crate writes, with the place of each finding.

mod finding;
mod keys;
mod modules;
mod structure;
mod text;
mod tree;
mod yaml11;

pub use finding::{Finding, Rule, Severity};

use tree::Tree;

/// Checks user-data that any data source may carry. See [`Validator`] for limits of size.
pub fn validate(user_data: impl AsRef<[u8]>) -> Vec<Finding> {
    Validator::default().validate(user_data)
}

/// What user-data is checked against.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Validator {
    /// Most bytes that the transport carries; `None`: any number.
    pub max_len: Option<usize>,
}

impl Validator {
    /// Checks user-data. Findings come in the order of their places.
    pub fn validate(&self, user_data: impl AsRef<[u8]>) -> Vec<Finding> {
        let bytes = user_data.as_ref();
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
        if let Some(text) = text::decode(bytes, &mut findings)
            && let Some(yaml) = text::check(text, &mut findings)
        {
            match Tree::parse(yaml) {
                Ok(tree) => {
                    structure::check(&tree, yaml, &mut findings);
                    modules::check(&tree, &mut findings);
                }
                // A character that may not be there is the reason already.
                Err(_) if findings.iter().any(|finding| finding.rule == Rule::Syntax) => {}
                Err(error) => findings.push(structure::explain(&error, yaml)),
            }
        }
        findings.sort_by_key(|finding| (finding.line, finding.column));
        findings
    }
}
