//! The commented `lab.toml` that `init` writes: every key, its default and what it means.

use std::fmt::Write as _;

use super::definition::{Definition, definitions, find, section_meaning};
use super::{Config, Role};

const HEAD: [&str; 3] = [
    "An air-gapped k3s lab. Every key is optional and shown with its default; remove the `#` to change one.",
    "Each can also be set as an environment variable, LAB_<SECTION>_<KEY>, or with --set section.key=value, which wins.",
    "For completion in an editor: `lab-cli schema > lab.schema.json`, and as the first line here: #:schema ./lab.schema.json",
];
const EXAMPLE: &str = "an example: it has no default";

/// A complete `lab.toml` with every key commented out at its default, the meaning above it. Reading it back gives the defaults.
pub fn commented_template() -> String {
    commented_template_in(str::to_owned)
}

/// The same with the comments in another language: `translate` gets each English text.
pub fn commented_template_in(translate: impl Fn(&str) -> String) -> String {
    let mut text = String::new();
    for line in HEAD {
        let _ = writeln!(text, "# {}", translate(line));
    }
    let mut section = "";
    for d in definitions().iter().filter(|d| d.key.section != "nodes") {
        if d.key.section != section {
            section = d.key.section;
            let _ = write!(text, "\n# {}\n[{section}]\n", translate(&section_meaning(section)));
        }
        key(&mut text, d, None, &translate);
    }
    let _ = writeln!(text, "\n# {}", translate(&section_meaning("nodes")));
    for (i, node) in Config::default().nodes.0.iter().enumerate() {
        text.push_str(if i == 0 { "#[[nodes]]\n" } else { "\n#[[nodes]]\n" });
        let role = match node.role {
            Role::Master => "master",
            Role::Worker => "worker",
        };
        let address = node.address.to_string();
        for (name, value) in [
            ("name", node.name.as_str()),
            ("role", role),
            ("address", address.as_str()),
        ] {
            let value = format!("\"{value}\"");
            match find("nodes", name) {
                Some(d) if i == 0 => key(&mut text, d, Some(&value), &translate),
                _ => {
                    let _ = writeln!(text, "#{name} = {value}");
                }
            }
        }
        if i == 0 {
            for d in definitions()
                .iter()
                .filter(|d| d.key.section == "nodes" && d.range.is_some())
            {
                key(&mut text, d, None, &translate);
            }
        }
    }
    text
}

/// The meaning, the limits, and the key commented out at this value, else its default, else an example.
fn key(text: &mut String, d: &Definition, value: Option<&str>, translate: &impl Fn(&str) -> String) {
    let limits = match (d.range, d.values.as_slice()) {
        (Some((min, max)), _) => format!(" ({min} … {max})"),
        (None, []) => String::new(),
        (None, values) => format!(" ({})", values.join(" | ")),
    };
    let _ = writeln!(text, "# {}{limits}", translate(&d.meaning));
    let has_default = value.is_some() || d.default.is_some();
    let value = value.map_or_else(|| shown(d), str::to_owned);
    let remark = if has_default {
        String::new()
    } else {
        format!("  # {}", translate(EXAMPLE))
    };
    let _ = writeln!(text, "#{} = {value}{remark}", d.key.name);
}

/// The size of a node is by default that of `[vm]`, which makes the best example.
fn shown(d: &Definition) -> String {
    match find("vm", d.key.name) {
        Some(vm) if d.key.section == "nodes" => vm.shown(),
        _ => d.shown(),
    }
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
            .filter(|l| !l.starts_with("# ") && !l.contains(EXAMPLE))
            .map(|l| l.strip_prefix('#').unwrap_or(l).to_owned() + "\n")
            .collect();
        assert_eq!(toml::from_str::<Config>(&text).unwrap(), Config::default(), "{text}");
    }

    #[test]
    fn the_template_with_everything_uncommented_is_understood() {
        let text: String = commented_template()
            .lines()
            .filter(|l| !l.starts_with("# "))
            .map(|l| l.strip_prefix('#').unwrap_or(l).to_owned() + "\n")
            .collect();
        let config = toml::from_str::<Config>(&text).unwrap();
        assert_eq!(config.nodes.0[0].cpus, Some(2), "{text}");
        assert!(config.image.disk.is_some() && config.registry.ca.is_some());
    }

    #[test]
    fn every_key_of_the_template_says_what_it_means() {
        let text = commented_template();
        assert!(!text.contains("\n# \n"), "{text}");
        for d in definitions() {
            assert!(text.contains(&format!("\n#{} = ", d.key.name)), "{d:?}");
        }
    }

    #[test]
    fn every_comment_can_be_in_another_language() {
        let text = commented_template_in(|_| "…".to_owned());
        for comment in text.lines().filter(|l| l.starts_with("# ")) {
            assert!(comment.starts_with("# …"), "{comment}");
        }
    }
}
