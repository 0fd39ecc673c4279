//! `config show`: the configuration that counts, and where each value came from.

use clap::Subcommand;
use lab_engine::config::{KEYS, Key, Loaded, NODE_KEYS};
use lab_engine::{ErrorKind, LabError};
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::failure::{Context as _, Exit, Failure};

/// What can be done with the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print it as it counts: settings over environment over file over defaults
    Show {
        /// Say where each value came from
        #[arg(long)]
        origin: bool,
    },
}

/// Shows it.
pub(crate) fn run(app: &App, command: &ConfigCommand) -> Result<Exit, Failure> {
    let ConfigCommand::Show { origin } = *command;
    let loaded = app.config()?;
    let table = toml::Table::try_from(&loaded.config)
        .context(ErrorKind::Failed, "the configuration cannot be written as TOML")?;
    let text = if origin {
        with_origins(app, &table, &loaded)
    } else {
        plain(&table)?
    };
    let mut answer = json!({ "file": &loaded.file, "config": &loaded.config });
    if origin {
        let origins = keys(&loaded).map(|path| {
            let value = serde_json::to_value(loaded.origin(&path)).unwrap_or(Value::Null);
            (path, value)
        });
        answer["origins"] = Value::Object(origins.collect::<Map<_, _>>());
    }
    app.answer(&answer, || text)?;
    Ok(Exit::OK)
}

fn plain(table: &toml::Table) -> Result<String, LabError> {
    toml::to_string(table).context(ErrorKind::Failed, "the configuration cannot be written as TOML")
}

/// Like [`plain`], but every key with its origin behind it, and those that are not set as well.
fn with_origins(app: &App, table: &toml::Table, loaded: &Loaded) -> String {
    let mut lines = Vec::new();
    let mut section = "";
    for key in KEYS {
        if key.section != section {
            section = key.section;
            lines.push((format!("[{section}]"), String::new()));
        }
        let value = table.get(section).and_then(|s| s.get(key.name));
        let line = match value {
            Some(value) => format!("{} = {value}", key.name),
            None => format!("#{} =", key.name),
        };
        lines.push((line, format!("# {}", app.say(&loaded.origin(&key.path()).to_string()))));
    }
    let nodes = table
        .get("nodes")
        .and_then(toml::Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    for (i, node) in nodes.iter().enumerate() {
        lines.push(("[[nodes]]".to_owned(), String::new()));
        for key in NODE_KEYS {
            if let Some(value) = node.get(key.name) {
                let origin = loaded.origin(&format!("nodes.{i}.{}", key.name)).to_string();
                lines.push((format!("{} = {value}", key.name), format!("# {}", app.say(&origin))));
            }
        }
    }
    // Aligned among the lines of usual length: one long path must not push all comments out of sight.
    let column = lines
        .iter()
        .map(|(l, _)| crate::table::width(l))
        .filter(|w| *w <= 48)
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for (line, origin) in &lines {
        if line.starts_with('[') && !text.is_empty() {
            text.push('\n');
        }
        text.push_str(format!("{}  {origin}", crate::table::pad(line, column)).trim_end());
        text.push('\n');
    }
    text
}

/// Every key, those of each node by its place in the list.
fn keys(loaded: &Loaded) -> impl Iterator<Item = String> {
    let nodes = (0..loaded.config.nodes.0.len())
        .flat_map(|i| NODE_KEYS.iter().map(move |key| format!("nodes.{i}.{}", key.name)));
    KEYS.iter().map(Key::path).chain(["nodes".to_owned()]).chain(nodes)
}
