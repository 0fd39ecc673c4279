//! `config show`: the configuration that counts, and where each value came from.

use clap::Subcommand;
use lab_engine::config::{KEYS, Key, Loaded, Origin};
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
        with_origins(&table, &loaded)
    } else {
        plain(&table)?
    };
    let mut answer = json!({ "file": &loaded.file, "config": &loaded.config });
    if origin {
        let origins = keys().map(|path| {
            let value = serde_json::to_value(of(&loaded, &path)).unwrap_or(Value::Null);
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
fn with_origins(table: &toml::Table, loaded: &Loaded) -> String {
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
        lines.push((line, format!("# {}", of(loaded, &key.path()))));
    }
    let nodes = table
        .get("nodes")
        .and_then(toml::Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    for node in nodes {
        lines.push(("[[nodes]]".to_owned(), format!("# {}", of(loaded, "nodes"))));
        lines.extend(
            node.as_table()
                .into_iter()
                .flatten()
                .map(|(k, v)| (format!("{k} = {v}"), String::new())),
        );
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

fn keys() -> impl Iterator<Item = String> {
    KEYS.iter().map(Key::path).chain(["nodes".to_owned()])
}

fn of(loaded: &Loaded, path: &str) -> Origin {
    loaded.origins.get(path).cloned().unwrap_or(Origin::Default)
}
