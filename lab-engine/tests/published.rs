//! The files in `docs/` that are made from the configuration's types are those that they make today.
//!
//! `UPDATE_DOCS=1 cargo test -p lab-engine --test published` writes them anew.

use std::path::{Path, PathBuf};

use lab_engine::config;

fn docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)
}

fn same(path: &Path, expected: &str) {
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, expected).unwrap();
    }
    let published = std::fs::read_to_string(path).unwrap_or_default().replace("\r\n", "\n");
    assert!(
        published == expected,
        "{} is not what the types make: run `UPDATE_DOCS=1 cargo test -p lab-engine --test published`",
        path.display()
    );
}

#[test]
fn the_schema_is_published_as_it_is() {
    let schema = serde_json::to_string_pretty(&config::schema()).unwrap();
    same(&docs("lab.schema.json"), &format!("{schema}\n"));
}

#[test]
fn the_reference_of_the_configuration_names_every_key_as_it_is() {
    const MARK: &str = "<!-- From here on made by `lab_engine::config::reference`. -->\n";
    let path = docs("configuration.md");
    let page = std::fs::read_to_string(&path).unwrap().replace("\r\n", "\n");
    let (written, _) = page.split_once(MARK).expect("the page has its mark");
    same(&path, &format!("{written}{MARK}{}", config::reference()));
}
