//! The commented `lab.toml` that `init` writes: every key, its default and what it means.

use std::fmt::Write as _;

use super::{Config, KEYS};

/// A complete `lab.toml` with every key commented out at its default, the meaning above it. Reading it back gives the defaults.
pub fn commented_template() -> String {
    let schema = serde_json::to_value(super::schema()).unwrap_or_default();
    let defaults = toml::Table::try_from(Config::default()).unwrap_or_default();
    let mut text = String::from(
        "# An air-gapped k3s lab. Every key is optional and shown with its default; remove the `#` to change one.\n\
         # Each can also be set as an environment variable, LAB_<SECTION>_<KEY>, or with --set section.key=value.\n",
    );
    let mut section = "";
    for key in KEYS {
        if key.section != section {
            section = key.section;
            let _ = write!(text, "\n# {}\n[{section}]\n", describe(&schema["properties"][section]));
        }
        let definition = schema["properties"][section]["$ref"]
            .as_str()
            .and_then(|r| r.rsplit('/').next())
            .unwrap_or("");
        let _ = writeln!(
            text,
            "# {}",
            describe(&schema["$defs"][definition]["properties"][key.name])
        );
        let value = defaults.get(section).and_then(|s| s.get(key.name));
        let value = value.map_or_else(|| "\"\"".to_owned(), ToString::to_string);
        let _ = writeln!(text, "#{} = {value}", key.name);
    }
    text.push_str(
        "\n# The nodes: exactly one master, any number of workers. cpus, memory_mib and disk_gib may be set per node.\n",
    );
    for node in &Config::default().nodes.0 {
        let role = format!("{:?}", node.role).to_lowercase();
        let _ = write!(
            text,
            "#[[nodes]]\n#name = \"{}\"\n#role = \"{role}\"\n#address = \"{}\"\n\n",
            node.name, node.address
        );
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn describe(schema: &serde_json::Value) -> String {
    schema["description"].as_str().unwrap_or("").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_read_back_gives_the_defaults() {
        assert_eq!(
            toml::from_str::<Config>(&commented_template()).unwrap(),
            Config::default()
        );
    }

    #[test]
    fn the_template_with_every_default_uncommented_still_gives_the_defaults() {
        let text: String = commented_template()
            .lines()
            .filter(|l| !l.starts_with("# ") && !l.ends_with(" = \"\""))
            .map(|l| l.strip_prefix('#').unwrap_or(l).to_owned() + "\n")
            .collect();
        assert_eq!(toml::from_str::<Config>(&text).unwrap(), Config::default(), "{text}");
    }

    #[test]
    fn every_key_of_the_template_says_what_it_means() {
        let text = commented_template();
        assert!(!text.contains("\n# \n"), "{text}");
    }
}
