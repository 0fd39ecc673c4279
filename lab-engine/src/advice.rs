//! What to do about what a guest reports.

/// About a bootstrap that failed for this reason.
pub(crate) fn failed_bootstrap(node: &str, reason: &str) -> String {
    if reason.starts_with("the payload is damaged") {
        // The image, or a checksum that it was made with: both are kept as long as nothing shows that they are wrong.
        return "delete `seeds/payload.iso` in the lab's directory and `digests.json` in the data directory, so that both are made \
                anew, and run `lab-cli up --recreate-all`"
            .to_owned();
    }
    format!(
        "`lab-cli logs {node} --source bootstrap` shows more; after mending the cause, `lab-cli up` goes on with \
         this step, and `lab-cli up --recreate {node}` makes the machine anew"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_payload_is_made_anew_and_not_only_tried_again() {
        let damaged = failed_bootstrap("w1", "the payload is damaged: k3s: FAILED");
        assert!(
            damaged.contains("digests.json") && damaged.contains("payload.iso"),
            "{damaged}"
        );
        let other = failed_bootstrap("w1", "k3s failed: out of memory");
        assert!(
            other.contains("`lab-cli up` goes on") && other.contains("--recreate w1"),
            "{other}"
        );
    }
}
