//! Reads `lab.toml` and lays environment variables and command-line settings over it.
//!
//! Mistakes are collected, not only the first: all of the file's syntax; else all unknown keys and wrong values, wherever
//! they come from; else all that only the whole can tell.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use toml::{Table, Value};

use super::error::ConfigErrors;
use super::keys::NODES_VARIABLE;
use super::source::Source;
use super::value::{self, Mistake};
use super::{Config, ConfigError, KEYS, Key, Nodes, check, definition};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum Origin {
    /// Nothing set it.
    Default,
    /// The file, at this line.
    File {
        /// The file, as it was named.
        file: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// An environment variable.
    Environment {
        /// Its name.
        variable: String,
    },
    /// A command-line setting, `--set`.
    CommandLine,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { file, line } => write!(f, "{}:{line}", file.display()),
            Self::Environment { variable } => write!(f, "environment variable {variable}"),
            Self::CommandLine => f.write_str("--set"),
        }
    }
}

/// A setting from the command line: a dotted key and its value as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The key, for example `registry.port`; of a node `nodes.k3s-worker1.cpus`; `nodes` for all nodes as TOML.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// A checked configuration and where each of its values came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration. Relative paths have been made absolute.
    pub config: Config,
    /// The origin of every key that is not a default: `vm.cpus`, `nodes`, `nodes.0.address`.
    pub origins: BTreeMap<String, Origin>,
    /// The file that was read, if there was one.
    pub file: Option<PathBuf>,
}

impl Loaded {
    /// Where the value of a key came from; what is part of a list or a table came from where that did.
    pub fn origin(&self, path: &str) -> Origin {
        origin_of(&self.origins, path)
    }
}

fn origin_of(origins: &BTreeMap<String, Origin>, path: &str) -> Origin {
    let mut path = path;
    loop {
        if let Some(origin) = origins.get(path) {
            return origin.clone();
        }
        match path.rsplit_once('.') {
            // A key that is not in its section has its default, wherever the section stands.
            Some((parent, _)) if parent.starts_with("nodes") || parent.contains('.') => path = parent,
            _ => return Origin::Default,
        }
    }
}

/// Reads and checks a configuration: settings over environment over file over defaults.
///
/// `file: None` means that there is no file, which is no mistake. `env` is the environment to look in; a variable that is
/// empty counts as not set.
///
/// # Errors
///
/// All mistakes of the first kind that there are, each with its place.
pub fn load(
    file: Option<&Path>,
    env: impl Fn(&str) -> Option<String>,
    settings: &[Setting],
) -> Result<Loaded, ConfigErrors> {
    let mut loading = Loading::default();
    if let Some(path) = file {
        let (source, table) = Source::read(path).map_err(ConfigErrors)?;
        loading.origins.extend(source.origins());
        let mistakes = value::check_document(&table);
        loading
            .errors
            .extend(mistakes.iter().map(|m| source.locate(m, &m.path)));
        (loading.source, loading.table) = (Some(source), table);
    }
    loading.environment(&env);
    for setting in settings {
        loading.setting(setting);
    }
    loading.finish()
}

#[derive(Default)]
struct Loading {
    source: Option<Source>,
    table: Table,
    origins: BTreeMap<String, Origin>,
    errors: Vec<ConfigError>,
}

impl Loading {
    fn environment(&mut self, env: &impl Fn(&str) -> Option<String>) {
        let env = |variable: &str| env(variable).filter(|v| !v.is_empty());
        for key in KEYS {
            // The alias first: LAB_* is the more specific name and wins by being applied last.
            for variable in key.alias.map(str::to_owned).into_iter().chain([key.variable()]) {
                if let Some(text) = env(&variable) {
                    self.overlay(key, &text, &Origin::Environment { variable });
                }
            }
        }
        if let Some(text) = env(NODES_VARIABLE) {
            let variable = NODES_VARIABLE.to_owned();
            self.overlay_nodes(&text, &Origin::Environment { variable });
        }
    }

    fn setting(&mut self, setting: &Setting) {
        let origin = Origin::CommandLine;
        if let Some(key) = KEYS.iter().find(|k| k.path() == setting.key) {
            self.overlay(key, &setting.value, &origin);
        } else if setting.key == "nodes" {
            self.overlay_nodes(&setting.value, &origin);
        } else if let Some((node, name)) = setting.key.strip_prefix("nodes.").and_then(|k| k.rsplit_once('.')) {
            self.overlay_node(node, name, &setting.value);
        } else {
            let (section, name) = setting.key.split_once('.').unwrap_or(("", &setting.key));
            let mistake = if definition::sections().contains(&section) {
                value::unknown_key(section, name, setting.key.clone())
            } else {
                let all: Vec<String> = KEYS.iter().map(Key::path).collect();
                let near = super::keys::nearest(&setting.key, all.iter().map(String::as_str));
                let same = || KEYS.iter().find(|k| k.name == name).map(Key::path);
                let help = match near.map(str::to_owned).or_else(same) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => "`lab-cli init --print` lists every key with its meaning".to_owned(),
                };
                Mistake::new(&setting.key, format!("there is no key `{}`", setting.key), help)
            };
            self.errors.push(in_setting(&origin, &setting.key, &mistake));
        }
    }

    fn overlay(&mut self, key: &Key, text: &str, origin: &Origin) {
        let path = key.path();
        match value::from_text(key, text) {
            Ok(value) => {
                let mut mistakes = Vec::new();
                if let Some(d) = definition::find(key.section, key.name) {
                    value::check_value(d, &path, &value, &mut mistakes);
                }
                self.errors
                    .extend(mistakes.iter().map(|m| in_setting(origin, &path, m)));
                let section = self.table.entry(key.section).or_insert_with(|| Table::new().into());
                if let Value::Table(section) = section {
                    section.insert(key.name.to_owned(), value);
                }
                self.forget(&path);
                self.origins.insert(path, origin.clone());
            }
            Err((message, help)) => {
                let mistake = Mistake::new(&path, message, help);
                self.errors.push(in_setting(origin, &path, &mistake));
            }
        }
    }

    fn overlay_nodes(&mut self, text: &str, origin: &Origin) {
        let mut mistakes = Vec::new();
        match value::nodes_from_text(text) {
            Ok(value) => {
                value::check_nodes(&value, &mut mistakes);
                self.table.insert("nodes".to_owned(), value);
                self.forget("nodes");
                self.origins.insert("nodes".to_owned(), origin.clone());
            }
            Err((message, help)) => mistakes.push(Mistake::new("nodes", message, help)),
        }
        self.errors
            .extend(mistakes.iter().map(|m| in_setting(origin, &m.path, m)));
    }

    /// `nodes.k3s-worker1.cpus=4`, or `nodes.1.cpus=4`.
    fn overlay_node(&mut self, node: &str, name: &str, text: &str) {
        let setting = format!("nodes.{node}.{name}");
        let found = self.node(node).map(|index| format!("nodes.{index}.{name}"));
        let result = match (found, definition::find("nodes", name)) {
            (None, _) => Err(Mistake::new(
                &setting,
                format!("there is no node `{node}`"),
                "name a node, or its place in the list, counted from 0",
            )),
            (_, None) => Err(value::unknown_key("nodes", name, setting.clone())),
            (Some(path), Some(d)) => match value::from_text(&d.key, text) {
                Ok(value) => Ok((path, d, value)),
                Err((message, help)) => Err(Mistake::new(&setting, message, help)),
            },
        };
        match result {
            Ok((path, d, value)) => {
                let mut mistakes = Vec::new();
                value::check_value(d, &path, &value, &mut mistakes);
                let origin = Origin::CommandLine;
                self.errors
                    .extend(mistakes.iter().map(|m| in_setting(&origin, &setting, m)));
                let index = path.split('.').nth(1).and_then(|i| i.parse::<usize>().ok());
                let nodes = self.table.get_mut("nodes").and_then(Value::as_array_mut);
                let table = nodes.zip(index).and_then(|(nodes, i)| nodes.get_mut(i)?.as_table_mut());
                if let Some(table) = table {
                    table.insert(name.to_owned(), value);
                    self.origins.insert(path, origin);
                }
            }
            Err(mistake) => self.errors.push(in_setting(&Origin::CommandLine, &setting, &mistake)),
        }
    }

    /// The place of a node in the list, which is the default one if nothing has set it.
    fn node(&mut self, node: &str) -> Option<usize> {
        let default = || Value::try_from(Nodes::default()).unwrap_or_else(|_| Value::Array(Vec::new()));
        let nodes = self.table.entry("nodes").or_insert_with(default).as_array()?;
        let named = nodes
            .iter()
            .position(|n| n.get("name").and_then(Value::as_str) == Some(node));
        named.or_else(|| node.parse().ok().filter(|i| *i < nodes.len()))
    }

    /// What is set anew does not come from where a part of it came from before.
    fn forget(&mut self, path: &str) {
        let below = format!("{path}.");
        self.origins.retain(|p, _| !p.starts_with(&below));
    }

    fn finish(mut self) -> Result<Loaded, ConfigErrors> {
        if self.errors.is_empty() {
            match std::mem::take(&mut self.table).try_into::<Config>() {
                Ok(config) => {
                    let mistakes = check::check(&config, |path| origin_of(&self.origins, path));
                    let located: Vec<_> = mistakes.iter().map(|m| self.locate(m)).collect();
                    self.errors.extend(located);
                    if self.errors.is_empty() {
                        return Ok(self.loaded(config));
                    }
                }
                // Every key was checked: what is left is what this crate's own tables do not know of.
                Err(e) => self.errors.push(ConfigError::in_setting("configuration", e.message())),
            }
        }
        // The file's from the top; a sort that keeps the order of the others.
        self.errors
            .sort_by_key(|e| e.span.as_ref().map_or(usize::MAX, |s| s.start));
        self.errors.dedup();
        Err(ConfigErrors(self.errors))
    }

    /// The mistake where it stands: at its key, or at one that is to blame for it.
    fn locate(&self, mistake: &Mistake) -> ConfigError {
        let candidates = std::iter::once(mistake.path.as_str()).chain(mistake.or.iter().copied());
        for path in candidates {
            match (origin_of(&self.origins, path), &self.source) {
                (Origin::File { .. }, Some(source)) => return source.locate(mistake, path),
                (origin @ (Origin::Environment { .. } | Origin::CommandLine), _) => {
                    return in_setting(&origin, path, mistake);
                }
                _ => {}
            }
        }
        ConfigError::in_setting(&mistake.path, &mistake.message).help(&mistake.help)
    }

    fn loaded(self, mut config: Config) -> Loaded {
        let file = self.source.map(|s| s.path);
        absolute_paths(&mut config, file.as_deref(), &self.origins);
        config.lab.project = file.as_deref().map(crate::project::canonical);
        Loaded {
            config,
            origins: self.origins,
            file,
        }
    }
}

fn in_setting(origin: &Origin, path: &str, mistake: &Mistake) -> ConfigError {
    let origin = match origin {
        Origin::CommandLine => format!("--set {path}"),
        other => other.to_string(),
    };
    ConfigError::in_setting(origin, &mistake.message).help(&mistake.help)
}

/// A path in a file is relative to that file; from anywhere else, to the working directory.
fn absolute_paths(config: &mut Config, file: Option<&Path>, origins: &BTreeMap<String, Origin>) {
    let file_dir = file
        .and_then(|f| std::path::absolute(f).ok())
        .and_then(|f| f.parent().map(Path::to_owned));
    let fix = |key: &str, path: &mut Option<PathBuf>| {
        let Some(p) = path else { return };
        let base = match origins.get(key) {
            Some(Origin::File { .. }) => file_dir.clone(),
            _ => None,
        };
        *p = match base {
            Some(base) => base.join(&*p),
            None => std::path::absolute(&*p).unwrap_or_else(|_| p.clone()),
        };
    };
    fix("lab.data_dir", &mut config.lab.data_dir);
    fix("hypervisor.vmrun", &mut config.hypervisor.vmrun);
    fix("image.disk", &mut config.image.disk);
    fix("image.template", &mut config.image.template);
    fix("k3s.binary", &mut config.k3s.binary);
    fix("k3s.images", &mut config.k3s.images);
    fix("registry.ca", &mut config.registry.ca);
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
