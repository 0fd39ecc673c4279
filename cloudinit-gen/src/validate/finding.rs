//! One thing that is wrong, and where.

use std::fmt;

use serde::Serialize;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It works, but perhaps not as meant.
    Warning,
    /// cloud-init refuses it, or does something else than is written there.
    Error,
}

/// Which rule was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Rule {
    /// The text is not UTF-8.
    Encoding,
    /// A byte order mark hides the first line.
    Bom,
    /// Lines end as on Windows.
    LineEnds,
    /// The first line does not say what the document is.
    Header,
    /// The document is a template.
    Jinja,
    /// It is not YAML.
    Syntax,
    /// A tab where only blanks may be.
    Tab,
    /// There is more than one document in the file.
    Documents,
    /// A key is there twice.
    DuplicateKey,
    /// A key that cloud-init does not know, or no longer wants.
    Key,
    /// A value of the wrong type, or one that YAML 1.1 reads as another type than its writer.
    Type,
    /// File permissions that are not what they look like.
    Permissions,
    /// A file's owner does not exist when the file is written.
    Owner,
    /// A script whose lines end as on Windows.
    ScriptLineEnds,
    /// A password in plain text.
    PlainPassword,
    /// More bytes than the transport carries.
    Size,
    /// A JSON Schema does not accept it.
    Schema,
}

impl Rule {
    /// The rule's name, as in `--output json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Encoding => "encoding",
            Self::Bom => "bom",
            Self::LineEnds => "line-ends",
            Self::Header => "header",
            Self::Jinja => "jinja",
            Self::Syntax => "syntax",
            Self::Tab => "tab",
            Self::Documents => "documents",
            Self::DuplicateKey => "duplicate-key",
            Self::Key => "key",
            Self::Type => "type",
            Self::Permissions => "permissions",
            Self::Owner => "owner",
            Self::ScriptLineEnds => "script-line-ends",
            Self::PlainPassword => "plain-password",
            Self::Size => "size",
            Self::Schema => "schema",
        }
    }
}

/// One thing that is wrong. Neither text repeats a value that may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Which rule was broken.
    pub rule: Rule,
    /// Line, from 1.
    pub line: usize,
    /// Character in the line, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: String,
}

impl Finding {
    pub(super) fn error(
        rule: Rule,
        place: (usize, usize),
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        let (line, column) = place;
        Self {
            severity: Severity::Error,
            rule,
            line,
            column,
            message: message.into(),
            help: help.into(),
        }
    }

    pub(super) fn warning(
        rule: Rule,
        place: (usize, usize),
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(rule, place, message, help)
        }
    }
}

impl fmt::Display for Finding {
    /// `3:14: error: message (help) [rule]`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        let Self {
            line,
            column,
            message,
            help,
            rule,
            ..
        } = self;
        write!(f, "{line}:{column}: {severity}: {message} ({help}) [{}]", rule.as_str())
    }
}
