//! The published schemas, judged by an implementation of JSON Schema that is not ours: python3-jsonschema.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::Place;

const JUDGE: &str = r#"
import json, sys, tomllib
from jsonschema import Draft202012Validator as V
asked = json.load(sys.stdin)
V.check_schema(asked["schema"])
judge = V(asked["schema"])
read = tomllib.loads if asked["toml"] else json.loads
json.dump([[e.message for e in judge.iter_errors(read(text))] for text in asked["documents"]], sys.stdout)
"#;

/// What the judge finds wrong with each document. `None` without the judge, which fails under `LAB_TESTS_REQUIRE=1`.
fn judge(schema: &Value, toml: bool, documents: &[String]) -> Option<Vec<Vec<String>>> {
    let python = "/usr/bin/python3";
    let there = Command::new(python)
        .args(["-W", "ignore", "-c", "import jsonschema, tomllib"])
        .stderr(Stdio::null())
        .status();
    if !there.is_ok_and(|s| s.success()) {
        let required = std::env::var("LAB_TESTS_REQUIRE").as_deref() == Ok("1");
        assert!(
            !required,
            "LAB_TESTS_REQUIRE=1, but {python} has no jsonschema (package python3-jsonschema)"
        );
        eprintln!("skipped: {python} has no jsonschema (package python3-jsonschema)");
        return None;
    }
    let mut command = Command::new(python);
    command
        .args(["-W", "ignore", "-c", JUDGE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let asked = json!({ "schema": schema, "toml": toml, "documents": documents }).to_string();
    child.stdin.take().unwrap().write_all(asked.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn the_configurations_schema_accepts_what_is_right_and_refuses_what_is_wrong() {
    let place = Place::new();
    let schema = place.run(&["schema"]).code(0).json();
    let template = place.run(&["init", "--print"]).code(0).stdout;
    let uncommented: String = template
        .lines()
        .filter(|l| !l.starts_with("# "))
        .map(|l| l.strip_prefix('#').unwrap_or(l).to_owned() + "\n")
        .collect();
    let right = [String::new(), template, uncommented];
    let wrong = [
        "[vm]\ncpus = \"two\"\n",
        "[vm]\ncpus = 65\n",
        "[vm]\nmemroy_mib = 4096\n",
        "[registri]\n",
        "[hypervisor]\nkind = \"xen\"\n",
        "[lab]\nname = \"My Lab\"\n",
        "[timeouts]\nready = 0\n",
        "[network]\nprefix = 31\n",
        "nodes = []\n",
        "[[nodes]]\nname = \"m\"\nrole = \"master\"\n",
    ];
    let documents: Vec<String> = right.iter().cloned().chain(wrong.map(str::to_owned)).collect();
    let Some(found) = judge(&schema, true, &documents) else {
        return;
    };
    for (document, found) in documents.iter().zip(&found) {
        let is_right = right.contains(document);
        assert_eq!(found.is_empty(), is_right, "{document}\n{found:?}");
        // And this program says the same, but for what no schema can say: of disk and template only one may be given.
        if *document != right[2] {
            let ran = Place::new().toml(document).run(&["config", "show"]);
            assert_eq!(ran.code == 0, is_right, "{document}\n{ran}");
        }
    }
}

#[cfg(unix)]
#[test]
fn every_line_of_the_event_stream_is_valid() {
    let place = crate::machines::place();
    let schema = place.run(&["schema", "--events"]).code(0).json();
    let ran = place.run(&["up", "--progress", "json"]).code(4);
    let lines: Vec<String> = ran.stderr.lines().map(str::to_owned).collect();
    let (_, events) = lines.split_last().unwrap();
    let Some(found) = judge(&schema, false, events) else {
        return;
    };
    for (line, found) in events.iter().zip(found) {
        assert!(found.is_empty(), "{line}: {found:?}");
    }
    assert!(events.len() > 10, "{ran}");
}
