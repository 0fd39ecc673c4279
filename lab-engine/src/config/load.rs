//! Reads `lab.toml` and lays environment variables and command-line settings over it.
//!
//! The file is checked on its own first, so that its mistakes carry a position; the overlays are then applied one at a
//! time, so that a bad one can be named.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Serialize;
use toml::de::{DeTable, DeValue};

use super::{Config, ConfigError, KEYS, Key, KeyKind, check};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum Origin {
    /// Nothing set it.
    Default,
    /// The file, at this line.
    File {
        /// The line, counted from 1.
        line: usize,
    },
    /// An environment variable.
    Environment {
        /// Its name.
        variable: String,
    },
    /// A command-line setting.
    CommandLine,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { line } => write!(f, "lab.toml line {line}"),
            Self::Environment { variable } => write!(f, "environment {variable}"),
            Self::CommandLine => f.write_str("command line"),
        }
    }
}

/// A setting from the command line: a dotted key and its value as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The key, for example `registry.port`.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// A checked configuration and where each of its values came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration. Relative paths have been made absolute.
    pub config: Config,
    /// The origin of every key that is not a default; `nodes` counts as one key.
    pub origins: BTreeMap<String, Origin>,
    /// The file that was read, if there was one.
    pub file: Option<PathBuf>,
}

/// Reads and checks a configuration: settings over environment over file over defaults.
///
/// `file: None` means that there is no file, which is no mistake. `env` is the environment to look in.
///
/// # Errors
///
/// The first mistake found, with its place.
pub fn load(
    file: Option<&Path>,
    env: impl Fn(&str) -> Option<String>,
    settings: &[Setting],
) -> Result<Loaded, ConfigError> {
    let source = file.map(Source::read).transpose()?;
    let mut origins = BTreeMap::new();
    let mut table = toml::Table::new();
    if let Some(source) = &source {
        source.typed()?;
        table = source.table()?;
        origins.extend(source.origins());
    }
    for (key, text, origin) in overlays(&env, settings)? {
        let name = match &origin {
            Origin::Environment { variable } => format!("environment variable {variable}"),
            _ => format!("setting {}", key.path()),
        };
        insert(
            &mut table,
            key,
            value_of(key, &text).map_err(|m| ConfigError::in_setting(&name, m))?,
        );
        if let Err(e) = table.clone().try_into::<Config>() {
            return Err(ConfigError::in_setting(
                name,
                format!("`{text}` is not a value for {}: {}", key.path(), e.message()),
            ));
        }
        origins.insert(key.path(), origin);
    }
    let mut config: Config = table
        .try_into()
        .map_err(|e: toml::de::Error| ConfigError::in_setting("configuration", e.message()))?;
    if let Err(mistake) = check::check(&config) {
        let span = source
            .as_ref()
            .and_then(|s| mistake.path.iter().rev().find_map(|p| s.span(p)));
        let mut error = match (&source, span) {
            (Some(s), Some(span)) => ConfigError::in_file(&s.path, &s.text, Some(span), mistake.message),
            _ => ConfigError::in_setting(mistake.origin(&origins), mistake.message),
        };
        error.help = Some(mistake.help);
        return Err(error);
    }
    absolute_paths(&mut config, source.as_ref().map(|s| s.path.as_path()), &origins);
    Ok(Loaded {
        config,
        origins,
        file: source.map(|s| s.path),
    })
}

/// The file's text and its parsed form with positions.
struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    fn read(path: &Path) -> Result<Self, ConfigError> {
        let bytes = std::fs::read(path).map_err(|e| ConfigError::unreadable(path, &e))?;
        // PowerShell's `Set-Content -Encoding utf8` starts a file with a byte order mark.
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
        let text = String::from_utf8(bytes.to_vec()).map_err(|e| {
            ConfigError::in_setting(
                path.display().to_string(),
                format!("is not UTF-8 at byte {}", e.utf8_error().valid_up_to()),
            )
            .help("save the file as UTF-8")
        })?;
        Ok(Self {
            path: path.to_owned(),
            text,
        })
    }

    /// Deserialises only to find type mistakes and unknown keys with their position.
    fn typed(&self) -> Result<(), ConfigError> {
        toml::from_str::<Config>(&self.text)
            .map(drop)
            .map_err(|e| self.mistake(&e))
    }

    fn table(&self) -> Result<toml::Table, ConfigError> {
        self.text.parse().map_err(|e: toml::de::Error| self.mistake(&e))
    }

    fn mistake(&self, error: &toml::de::Error) -> ConfigError {
        let message = error.message().to_owned();
        let unknown = message.starts_with("unknown field");
        let mistake = ConfigError::in_file(&self.path, &self.text, error.span(), message);
        if unknown {
            mistake.help("check the spelling; `lab-cli init --print` lists every key with its meaning")
        } else {
            mistake
        }
    }

    /// The position of a key such as `nodes.1.address`.
    fn span(&self, path: &str) -> Option<Range<usize>> {
        let root = DeTable::parse(&self.text).ok()?;
        let mut parts = path.split('.');
        let mut value = root.get_ref().get(parts.next()?)?;
        for part in parts {
            value = match value.get_ref() {
                DeValue::Table(t) => t.get(part)?,
                DeValue::Array(a) => a.get(part.parse::<usize>().ok()?)?,
                _ => return None,
            };
        }
        Some(value.span())
    }

    fn origins(&self) -> BTreeMap<String, Origin> {
        let paths = KEYS.iter().map(Key::path).chain(["nodes".to_owned()]);
        paths
            .filter_map(|p| {
                Some((
                    p.clone(),
                    Origin::File {
                        line: self.line(self.span(&p)?.start),
                    },
                ))
            })
            .collect()
    }

    fn line(&self, byte: usize) -> usize {
        self.text.as_bytes().iter().take(byte).filter(|b| **b == b'\n').count() + 1
    }
}

type Overlay = (&'static Key, String, Origin);

fn overlays(env: &impl Fn(&str) -> Option<String>, settings: &[Setting]) -> Result<Vec<Overlay>, ConfigError> {
    let mut found = Vec::new();
    for key in KEYS {
        // The alias first: LAB_* is the more specific name and wins by being applied last.
        for variable in key.alias.map(str::to_owned).into_iter().chain([key.variable()]) {
            if let Some(value) = env(&variable).filter(|v| !v.is_empty()) {
                found.push((key, value, Origin::Environment { variable }));
            }
        }
    }
    for setting in settings {
        let key = KEYS.iter().find(|k| k.path() == setting.key).ok_or_else(|| {
            ConfigError::in_setting(format!("setting {}", setting.key), "there is no such key")
                .help("`lab-cli init --print` lists every key with its meaning")
        })?;
        found.push((key, setting.value.clone(), Origin::CommandLine));
    }
    Ok(found)
}

fn value_of(key: &Key, text: &str) -> Result<toml::Value, String> {
    Ok(match key.kind {
        KeyKind::Text | KeyKind::Path => toml::Value::String(text.to_owned()),
        KeyKind::Integer => toml::Value::Integer(
            text.trim()
                .parse()
                .map_err(|_| format!("`{text}` is not a whole number"))?,
        ),
        KeyKind::Boolean => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => toml::Value::Boolean(true),
            "false" | "0" | "no" | "off" => toml::Value::Boolean(false),
            _ => return Err(format!("`{text}` is neither true nor false")),
        },
        KeyKind::List => toml::Value::Array(
            text.split(',')
                .map(str::trim)
                .filter(|t| !t.is_empty())
                .map(|t| toml::Value::String(t.to_owned()))
                .collect(),
        ),
    })
}

fn insert(table: &mut toml::Table, key: &Key, value: toml::Value) {
    let section = table
        .entry(key.section)
        .or_insert_with(|| toml::Value::Table(toml::Table::new()));
    if let toml::Value::Table(section) = section {
        section.insert(key.name.to_owned(), value);
    }
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
mod tests {
    use super::*;

    fn load_text(text: &str, env: &[(&str, &str)], settings: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("lab.toml");
        std::fs::write(&file, text).unwrap();
        let settings: Vec<_> = settings
            .iter()
            .map(|(k, v)| Setting {
                key: (*k).to_owned(),
                value: (*v).to_owned(),
            })
            .collect();
        load(
            Some(&file),
            |n| env.iter().find(|(k, _)| *k == n).map(|(_, v)| (*v).to_owned()),
            &settings,
        )
    }

    #[test]
    fn with_nothing_set_the_defaults_describe_the_seeds_lab() {
        let loaded = load(None, |_| None, &[]).unwrap();
        let names: Vec<_> = loaded
            .config
            .nodes
            .0
            .iter()
            .map(|n| format!("{} {}", n.name, n.address))
            .collect();
        assert_eq!(
            names,
            [
                "k3s-master1 192.168.6.10",
                "k3s-worker1 192.168.6.11",
                "k3s-worker2 192.168.6.12"
            ]
        );
        assert_eq!(loaded.config.registry_endpoint(), "192.168.6.1:5000");
        assert_eq!(
            loaded.config.vm,
            VmSection {
                cpus: 2,
                memory_mib: 4096,
                disk_gib: 40
            }
        );
    }

    use super::super::VmSection;

    #[test]
    fn the_command_line_wins_over_the_environment_over_the_file() {
        let text = "[registry]\nport = 5001\n";
        assert_eq!(load_text(text, &[], &[]).unwrap().config.registry.port, 5001);
        let env = [("REGISTRY_PORT", "5002")];
        assert_eq!(load_text(text, &env, &[]).unwrap().config.registry.port, 5002);
        let both = [("REGISTRY_PORT", "5002"), ("LAB_REGISTRY_PORT", "5003")];
        assert_eq!(load_text(text, &both, &[]).unwrap().config.registry.port, 5003);
        let loaded = load_text(text, &both, &[("registry.port", "5004")]).unwrap();
        assert_eq!(loaded.config.registry.port, 5004);
        assert_eq!(loaded.origins["registry.port"], Origin::CommandLine);
    }

    #[test]
    fn an_unknown_key_is_named_with_line_and_column() {
        let error = load_text("[vm]\ncpus = 2\nmemroy = 4\n", &[], &[]).unwrap_err();
        assert_eq!(error.position(), Some((3, 1)));
        assert!(error.message.contains("memroy"), "{error}");
        assert!(error.help.is_some());
    }

    #[test]
    fn a_wrong_type_and_a_bad_address_carry_their_position() {
        let error = load_text("[vm]\ncpus = \"two\"\n", &[], &[]).unwrap_err();
        assert_eq!(error.position(), Some((2, 8)));
        let error = load_text("[network]\ngateway = \"192.168.6.256\"\n", &[], &[]).unwrap_err();
        assert_eq!(error.position(), Some((2, 11)));
    }

    #[test]
    fn two_nodes_with_one_address_are_refused_where_the_second_stands() {
        let text = "[[nodes]]\nname = \"m\"\nrole = \"master\"\naddress = \"192.168.6.10\"\n\
                    [[nodes]]\nname = \"w\"\nrole = \"worker\"\naddress = \"192.168.6.10\"\n";
        let error = load_text(text, &[], &[]).unwrap_err();
        assert_eq!(error.position(), Some((8, 11)), "{error}");
    }

    #[test]
    fn a_bad_environment_variable_is_named() {
        let error = load_text("", &[("LAB_VM_CPUS", "many")], &[]).unwrap_err();
        assert!(
            error.to_string().starts_with("environment variable LAB_VM_CPUS: "),
            "{error}"
        );
        let error = load_text("", &[("LAB_NETWORK_GATEWAY", "300.1.1.1")], &[]).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("environment variable LAB_NETWORK_GATEWAY: "),
            "{error}"
        );
    }

    #[test]
    fn a_semantic_mistake_from_the_environment_names_the_variable() {
        let error = load_text("", &[("LAB_NAME", "Bad Name")], &[]).unwrap_err();
        assert!(error.to_string().contains("LAB_NAME"), "{error}");
    }

    #[test]
    fn a_path_in_the_file_is_relative_to_the_file() {
        let loaded = load_text("[image]\ndisk = \"images/base.vmdk\"\n", &[], &[]).unwrap();
        let dir = loaded.file.as_ref().unwrap().parent().unwrap().to_owned();
        assert_eq!(loaded.config.image.disk, Some(dir.join("images/base.vmdk")));
    }

    #[test]
    fn a_byte_order_mark_from_powershell_is_no_mistake() {
        assert_eq!(
            load_text("\u{feff}[vm]\ncpus = 3\n", &[], &[]).unwrap().config.vm.cpus,
            3
        );
    }
}
