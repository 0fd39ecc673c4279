//! cloudinit-gen: what a guest writes, and seeds of anybody's.

use cloudinit_gen::guest::{Failure, Step};
use cloudinit_gen::validate::{DocumentKind, Validator};

/// A guest's progress and failure files, cut short or overwritten with anything.
pub(crate) fn guest_files(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Some(failure) = Failure::parse(&text) {
        for value in [&failure.instance_id, &failure.step, &failure.reason] {
            assert!(!value.contains('\n'));
        }
        assert!(!failure.step.is_empty() && !failure.reason.is_empty());
    }
    for line in text.lines() {
        match line.parse::<Step>() {
            Ok(step) => assert_eq!(step.as_str(), line.trim_end()),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

/// The first byte picks the kind of document. Findings come in order, within the document, each with a text and a help.
pub(crate) fn seed_lint(bytes: &[u8]) {
    const KINDS: [DocumentKind; 4] = [
        DocumentKind::UserData,
        DocumentKind::MetaData,
        DocumentKind::NetworkConfig,
        DocumentKind::Autoinstall,
    ];
    let Some((first, document)) = bytes.split_first() else {
        return;
    };
    let mut validator = Validator::default();
    validator.kind = KINDS[usize::from(*first) % KINDS.len()];
    let findings = validator.validate(document);
    assert!(findings.is_sorted_by_key(|finding| (finding.line, finding.column)));
    let lines = document.iter().filter(|b| matches!(b, b'\n' | b'\r')).count() + 1;
    for finding in &findings {
        assert!(!finding.message.is_empty() && !finding.help.is_empty(), "{finding:?}");
        assert!(
            finding.line >= 1 && finding.column >= 1 && finding.line <= lines + 1,
            "{finding:?}"
        );
    }
}
