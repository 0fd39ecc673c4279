//! Checking a document against a JSON Schema: cloud-init's own, or the one of Ubuntu's installer. None is a part of this
//! crate; they are read from where they are installed.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use boon::{Compiler, Draft, ErrorKind, InstanceLocation, InstanceToken, SchemaIndex, Schemas, UrlLoader};
use serde_json::Value;

use super::tree::Node;
use super::{DocumentKind, Finding, Rule, Severity, value};

/// Where the schema is to its own references.
const LOCATION: &str = "file:///schema.json";
/// Directories below `/usr/lib` in which distributions keep cloud-init's Python modules.
const PYTHON_DIRECTORY: &str = "cloudinit/config/schemas";
/// Most words of an enumeration that a finding lists.
const SHOWN_WORDS: usize = 12;
/// Most reasons that a finding about a choice of schemas lists.
const SHOWN_REASONS: usize = 4;

/// A JSON Schema, ready to be used. Cheap to clone.
#[derive(Clone)]
pub struct Schema {
    name: String,
    under: Option<&'static str>,
    compiled: Arc<(Schemas, SchemaIndex)>,
}

/// A file cannot be used as a JSON Schema.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// It cannot be read.
    #[error("cannot read the schema {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// It is not JSON.
    #[error("the schema {name} is not JSON")]
    Json {
        /// The schema.
        name: String,
        /// Where it is not.
        #[source]
        source: serde_json::Error,
    },
    /// It is JSON, but no schema.
    #[error("{name} is not a JSON Schema: {reason}")]
    Schema {
        /// The schema.
        name: String,
        /// Why not.
        reason: String,
    },
}

impl Schema {
    /// Reads a schema from a file.
    pub fn read(path: &Path) -> Result<Self, SchemaError> {
        let text = std::fs::read(path).map_err(|source| SchemaError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::from_json(path.display().to_string(), &text)
    }

    /// Reads a schema from JSON text. `name` is what findings call it.
    pub fn from_json(name: impl Into<String>, text: &[u8]) -> Result<Self, SchemaError> {
        let name = name.into();
        let json: Value = serde_json::from_slice(text).map_err(|source| SchemaError::Json {
            name: name.clone(),
            source,
        })?;
        let failed = |error: boon::CompileError| SchemaError::Schema {
            name: name.clone(),
            reason: match &error {
                boon::CompileError::LoadUrlError { url, .. } => {
                    format!("it refers to {url}, which is not fetched; use the schema that is there")
                }
                other => other.to_string(),
            },
        };
        if !json.is_object() {
            return Err(SchemaError::Schema {
                name,
                reason: "it is no object".to_owned(),
            });
        }
        let mut schemas = Schemas::new();
        let mut compiler = Compiler::new();
        // A schema that does not say which draft it follows is read as the one that Python's jsonschema defaulted to when
        // cloud-init and the installer were written.
        compiler.set_default_draft(Draft::V7);
        compiler.use_loader(Box::new(NoLoader));
        compiler.add_resource(LOCATION, json).map_err(failed)?;
        let index = compiler.compile(LOCATION, &mut schemas).map_err(failed)?;
        Ok(Self {
            name,
            under: None,
            compiled: Arc::new((schemas, index)),
        })
    }

    /// The file of cloud-init's own schema for documents of this kind, if cloud-init is installed here and has one.
    pub fn installed(kind: DocumentKind) -> Option<PathBuf> {
        let name = match kind {
            DocumentKind::UserData => "schema-cloud-config-v1.json",
            DocumentKind::NetworkConfig => "schema-network-config-v2.json",
            DocumentKind::MetaData | DocumentKind::Autoinstall => return None,
        };
        let mut directories = vec![PathBuf::from("/usr/lib/python3/dist-packages")];
        if let Ok(entries) = std::fs::read_dir("/usr/lib") {
            let versions = entries.flatten().map(|entry| entry.path());
            let mut versions: Vec<_> = versions
                .filter(|path| {
                    path.file_name()
                        .is_some_and(|name| name.to_string_lossy().starts_with("python3."))
                })
                .map(|path| path.join("site-packages"))
                .collect();
            versions.sort();
            directories.extend(versions);
        }
        directories
            .into_iter()
            .map(|directory| directory.join(PYTHON_DIRECTORY).join(name))
            .find(|path| path.is_file())
    }

    /// Applies to the value of this top-level key alone, where the document has it: an installer's schema knows nothing
    /// of the cloud-config around `autoinstall`.
    pub fn under(mut self, key: &'static str) -> Self {
        self.under = Some(key);
        self
    }

    /// What it is called: its file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Adds what the schema does not accept. Where another rule has found an error already, its answer stays the only one.
    pub(super) fn check(&self, root: &Node, findings: &mut Vec<Finding>) {
        let root = self.under.and_then(|key| root.get(key)).unwrap_or(root);
        let Some(value) = value::resolve(root) else {
            let message = "the document's aliases stand for more than can be checked";
            return findings.push(Finding::error(Rule::Schema, root.place, message, "use fewer aliases"));
        };
        let (schemas, index) = &*self.compiled;
        let Err(error) = schemas.validate(&value, *index) else {
            return;
        };
        let mut problems = Vec::new();
        collect(&error, &mut problems);
        for problem in problems {
            let place = value::place(root, &problem.path, problem.key.as_deref());
            let said = findings
                .iter()
                .any(|finding| (finding.line, finding.column) == place && finding.severity == Severity::Error);
            if !said {
                let help = format!("see {}", self.name);
                findings.push(Finding::error(Rule::Schema, place, problem.message, help));
            }
        }
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schema")
            .field("name", &self.name)
            .field("under", &self.under)
            .finish_non_exhaustive()
    }
}

/// Fetches nothing: neither from the network nor from other files.
struct NoLoader;

impl UrlLoader for NoLoader {
    fn load(&self, url: &str) -> Result<Value, Box<dyn Error>> {
        Err(format!("{url} is not fetched").into())
    }
}

/// One thing that a schema does not accept.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Problem {
    path: Vec<String>,
    /// A key at `path` that is to be pointed at.
    key: Option<String>,
    message: String,
}

/// The leaves of a tree of errors; of a choice between schemas, those of the branch that came furthest.
fn collect(error: &boon::ValidationError<'_, '_>, problems: &mut Vec<Problem>) {
    if matches!(error.kind, ErrorKind::AnyOf | ErrorKind::OneOf(None)) {
        return collect_choice(error, problems);
    }
    if !error.causes.is_empty() {
        for cause in &error.causes {
            collect(cause, problems);
        }
        return;
    }
    let path = steps(&error.instance_location);
    if let ErrorKind::AdditionalProperties { got } = &error.kind {
        problems.extend(got.iter().map(|key| Problem {
            path: path.clone(),
            key: Some(key.to_string()),
            message: format!("the schema knows no key {key:?} here"),
        }));
        return;
    }
    let subject = path
        .last()
        .map_or_else(|| "the document".to_owned(), |name| format!("`{name}`"));
    problems.push(Problem {
        message: format!("{subject} {}", reason(&error.kind, error.schema_url)),
        path,
        key: None,
    });
}

fn collect_choice(error: &boon::ValidationError<'_, '_>, problems: &mut Vec<Problem>) {
    let here = steps(&error.instance_location);
    let mut branches: Vec<Vec<Problem>> = error
        .causes
        .iter()
        .map(|cause| {
            let mut found = Vec::new();
            collect(cause, &mut found);
            found
        })
        .collect();
    let depth = |branch: &Vec<Problem>| {
        branch
            .iter()
            .map(|problem| problem.path.len() + usize::from(problem.key.is_some()))
            .max()
            .unwrap_or(0)
    };
    let deepest = branches.iter().map(depth).max().unwrap_or(0);
    if deepest > here.len() {
        branches.retain(|branch| depth(branch) == deepest);
        branches.sort_by_key(Vec::len);
        problems.extend(branches.into_iter().next().unwrap_or_default());
        return;
    }
    let mut reasons: Vec<String> = branches.into_iter().flatten().map(|problem| problem.message).collect();
    reasons.dedup();
    reasons.truncate(SHOWN_REASONS);
    problems.push(Problem {
        path: here,
        key: None,
        message: if reasons.is_empty() {
            "none of the schema's choices fits".to_owned()
        } else {
            reasons.join(", or ")
        },
    });
}

/// What is wrong, without the value: it may be a secret.
fn reason(kind: &ErrorKind<'_, '_>, schema_url: &str) -> String {
    match kind {
        ErrorKind::Type { got, want } => {
            let want: Vec<String> = want.iter().map(|kind| kind.to_string()).collect();
            format!("is {got}, not {}", want.join(" or "))
        }
        ErrorKind::Required { want } => format!("lacks {}", want.join(", ")),
        ErrorKind::Enum { want } => {
            let words: Vec<String> = want.iter().take(SHOWN_WORDS).map(ToString::to_string).collect();
            let more = if want.len() > SHOWN_WORDS { ", …" } else { "" };
            format!("is none of {}{more}", words.join(", "))
        }
        ErrorKind::Const { want } => format!("is not {want}"),
        ErrorKind::Pattern { want, .. } => format!("does not match {want}"),
        ErrorKind::Format { want, .. } => format!("is not a {want}"),
        ErrorKind::MinItems { want, .. } => format!("has fewer than {want} items"),
        ErrorKind::MaxItems { want, .. } => format!("has more than {want} items"),
        ErrorKind::MinProperties { want, .. } => format!("has fewer than {want} keys"),
        ErrorKind::MaxProperties { want, .. } => format!("has more than {want} keys"),
        ErrorKind::MinLength { want, .. } => format!("has fewer than {want} characters"),
        ErrorKind::MaxLength { want, .. } => format!("has more than {want} characters"),
        ErrorKind::Minimum { want, .. } => format!("is less than {want}"),
        ErrorKind::Maximum { want, .. } => format!("is more than {want}"),
        ErrorKind::UniqueItems { got } => format!("has the same item at {} and {}", got[0], got[1]),
        ErrorKind::Dependency { prop, missing } | ErrorKind::DependentRequired { prop, missing } => {
            format!("has {prop}, which needs {}", missing.join(", "))
        }
        ErrorKind::OneOf(Some(_)) => "fits more than one of the schema's choices".to_owned(),
        _ => {
            let rule = schema_url.rsplit_once('#').map_or(schema_url, |(_, rule)| rule);
            format!("breaks the schema's rule {rule}")
        }
    }
}

fn steps(location: &InstanceLocation<'_>) -> Vec<String> {
    let step = |token: &InstanceToken<'_>| match token {
        InstanceToken::Prop(name) => name.to_string(),
        InstanceToken::Item(index) => index.to_string(),
    };
    location.tokens.iter().map(step).collect()
}
