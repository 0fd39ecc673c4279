//! `seed lint`: what is wrong with documents, whoever wrote them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use cloudinit_gen::validate::{DocumentKind, Finding, Schema, Severity, Validator};
use lab_engine::ErrorKind;
use serde::Serialize;
use serde_json::json;

use super::{Form, FormChoice};
use crate::app::App;
use crate::failure::{Context as _, Exit, Failure};
use crate::{speech, words};

/// What `seed lint` takes.
#[derive(Debug, Args)]
pub(crate) struct LintArgs {
    /// The files; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    form: Form,
    /// Which document it is; told by its first line, else by its name, without this
    #[arg(long, value_enum, value_name = "KIND")]
    kind: Option<Kind>,
    /// A JSON Schema to check against as well; that of the installed cloud-init without this, if there is one
    #[arg(long, value_name = "FILE", conflicts_with = "no_schema")]
    schema: Option<PathBuf>,
    /// Use no JSON Schema at all
    #[arg(long)]
    no_schema: bool,
    /// Let warnings count as errors
    #[arg(long)]
    strict: bool,
}

/// The documents that can be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// A cloud-config, perhaps with autoinstall in it, or a script.
    UserData,
    /// The identity of a machine.
    MetaData,
    /// Its network.
    NetworkConfig,
    /// An installer's answers without a cloud-config around them.
    Autoinstall,
}

impl From<Kind> for DocumentKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::UserData => Self::UserData,
            Kind::MetaData => Self::MetaData,
            Kind::NetworkConfig => Self::NetworkConfig,
            Kind::Autoinstall => Self::Autoinstall,
        }
    }
}

/// One file's answer.
#[derive(Debug, Serialize)]
struct Linted {
    file: String,
    kind: DocumentKind,
    /// The schema that was used.
    schema: Option<String>,
    errors: usize,
    warnings: usize,
    findings: Vec<Finding>,
}

/// Exit code 5 if there are errors.
pub(super) fn run(app: &App, args: &LintArgs) -> Result<Exit, Failure> {
    let own = args
        .schema
        .as_deref()
        .map(|path| read_schema(path, args.form.form))
        .transpose()?;
    let linted = args
        .files
        .iter()
        .map(|file| lint(file, args, own.as_ref()))
        .collect::<Result<Vec<_>, _>>()?;
    let bad = |file: &Linted| file.errors > 0 || (args.strict && file.warnings > 0);
    let ok = !linted.iter().any(bad);
    app.answer(&json!({ "ok": ok, "files": linted }), || {
        linted.iter().map(|file| text(app, file)).collect()
    })?;
    Ok(if ok { Exit::OK } else { Exit::NOT_READY })
}

fn lint(file: &Path, args: &LintArgs, own: Option<&Schema>) -> Result<Linted, Failure> {
    let (name, bytes) = read(file)?;
    let kind = args
        .kind
        .map_or_else(|| DocumentKind::detect(&base_name(file), &bytes), Into::into);
    let mut validator = Validator::default();
    validator.kind = kind;
    validator.guestinfo = args.form.form == FormChoice::Guestinfo;
    validator.schema = match own {
        Some(schema) => Some(schema.clone()),
        // A schema that came with the machine is a help, and no reason to fail if it cannot be used.
        None if !args.no_schema => Schema::installed(kind).and_then(|path| Schema::read(&path).ok()),
        None => None,
    };
    let findings = validator.validate(&bytes);
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    Ok(Linted {
        file: name,
        kind,
        schema: validator.schema.map(|schema| schema.name().to_owned()),
        errors: count(Severity::Error),
        warnings: count(Severity::Warning),
        findings,
    })
}

/// An installer's schema is about the value of `autoinstall`, wherever that stands.
fn read_schema(path: &Path, form: FormChoice) -> Result<Schema, Failure> {
    let schema = Schema::read(path).context(ErrorKind::Configuration, "the schema cannot be used")?;
    Ok(if form == FormChoice::Autoinstall {
        schema.under("autoinstall")
    } else {
        schema
    })
}

fn read(file: &Path) -> Result<(String, Vec<u8>), Failure> {
    if file == Path::new("-") {
        let bytes = lab_engine::read_foreign_stream(std::io::stdin(), 0)
            .context(ErrorKind::Failed, "could not read standard input")?;
        return Ok(("-".to_owned(), bytes));
    }
    let bytes = lab_engine::read_foreign(file)
        .context(ErrorKind::Configuration, format!("could not read {}", file.display()))?;
    Ok((file.display().to_string(), bytes))
}

fn base_name(file: &Path) -> String {
    file.file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// One line per finding that editors can jump to, what helps below it, and a sum. The file's own lines are not repeated:
/// they may hold secrets, and this goes into logs.
fn text(app: &App, linted: &Linted) -> String {
    let (lang, w) = (app.lang(), app.words());
    let file = &linted.file;
    let mut text = String::new();
    for finding in &linted.findings {
        let severity = match finding.severity {
            Severity::Error => w.error,
            Severity::Warning => w.warning,
        };
        let Finding {
            line,
            column,
            message,
            help,
            rule,
            ..
        } = finding;
        let (message, help) = (speech::say(message, lang), speech::say(help, lang));
        let _ = writeln!(
            text,
            "{file}:{line}:{column}: {severity}: {message} [{}]",
            rule.as_str()
        );
        let _ = writeln!(text, "  {}: {help}", w.help);
    }
    let sum = words::findings(linted.errors, linted.warnings, lang);
    let _ = match &linted.schema {
        Some(schema) => writeln!(text, "{file} ({}): {sum}; {}: {schema}", linted.kind, w.schema),
        None => writeln!(text, "{file} ({}): {sum}", linted.kind),
    };
    text
}
