//! What is wrong with `meta-data`.

use super::expect::expect_text;
use super::tree::{Kind, Node};
use super::{Finding, Rule};

/// All rules about meta-data.
pub(super) fn check(root: &Node, findings: &mut Vec<Finding>) {
    if !matches!(root.kind, Kind::Mapping(_)) {
        return;
    }
    for key in ["instance-id", "local-hostname", "hostname"] {
        if let Some(value) = root.get(key) {
            expect_text(value, key, findings);
        }
    }
    let has = |key| root.get(key).is_some();
    if !has("instance-id") && !has("instance_id") {
        let message = "there is no instance-id: a disk that has booted before is taken for this machine";
        let help = "add `instance-id:` with a text that is new for every new machine";
        findings.push(Finding::warning(Rule::Key, root.place, message, help));
    }
}
