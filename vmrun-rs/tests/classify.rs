//! The classifier against every message that is known, with where each was seen.

use serde::Deserialize;
use vmrun_rs::failure::{FailureClass, classify};

#[derive(Deserialize)]
struct Message {
    text: String,
    exit: Option<i32>,
    #[serde(default)]
    stderr: String,
    class: String,
    vix: Option<u32>,
    retryable: bool,
    /// A word that the advice must hold.
    hint: Option<String>,
    source: String,
}

fn messages() -> Vec<Message> {
    serde_json::from_str(include_str!("fixtures/messages.json")).unwrap()
}

/// A class's name in JSON.
fn name(class: FailureClass) -> String {
    serde_json::to_value(class).unwrap().as_str().unwrap().to_owned()
}

fn check(message: &Message, stdout: &[u8], how: &str) {
    let failure = classify(message.exit, stdout, message.stderr.as_bytes())
        .unwrap_or_else(|| panic!("{how}: no failure seen in {:?} ({})", message.text, message.source));
    let got = (name(failure.class), failure.vix, failure.retryable);
    let expected = (message.class.clone(), message.vix, message.retryable);
    assert_eq!(got, expected, "{how}: {:?} ({})", message.text, message.source);
    assert!(!failure.summary.contains('\n') && !failure.hint.is_empty());
    let told = message
        .hint
        .as_ref()
        .is_none_or(|word| failure.hint.contains(word.as_str()));
    assert!(told, "{how}: {:?}: {}", message.text, failure.hint);
    assert_eq!(failure.to_string(), failure.summary);
}

#[test]
fn every_known_message_is_classified() {
    for message in messages() {
        check(&message, message.text.as_bytes(), "as seen");
    }
}

#[test]
fn noise_line_ends_and_encodings_make_no_difference() {
    for message in messages() {
        let text = message.text.as_bytes();
        let crlf = message.text.replace('\n', "\r\n") + "\r\n";
        check(&message, crlf.as_bytes(), "with CRLF");
        let noise = [
            &b"2025-01-28T22:07:59.876| ServiceImpl_Opener: PID 47808\n\n\xb0\xa1\xb3\xaa\n"[..],
            text,
        ]
        .concat();
        if !text.is_empty() {
            check(&message, &noise, "behind noise");
            let utf16: Vec<u8> = [0xFEFF]
                .into_iter()
                .chain(message.text.encode_utf16())
                .flat_map(u16::to_le_bytes)
                .collect();
            check(&message, &utf16, "as PowerShell saves it");
        }
        if message.text.starts_with("Error:") && !message.text.contains(['\n', ',']) && message.class != "unknown" {
            // The path of a machine in Korean Windows' own code page, which is no UTF-8.
            let path = [text, b": C:\\\xb0\xa1\xbb\xf3, \xb8\xd3\xbd\xc5\\\xc0\xa5.vmx"].concat();
            check(&message, &path, "before a path that is no UTF-8");
        }
    }
}

#[test]
fn success_is_no_failure() {
    for output in [
        "",
        "Total running VMs: 0\n",
        "The file exists.",
        "192.168.6.10\r\n",
        "unknown\n",
    ] {
        assert!(classify(Some(0), output.as_bytes(), b"").is_none(), "{output:?}");
    }
}

#[test]
fn windows_exit_codes_and_signals_are_failures() {
    for exit in [Some(-1), Some(127), Some(1), None] {
        assert_eq!(classify(exit, b"", b"").unwrap().class, FailureClass::Unknown);
    }
}

#[test]
fn a_guest_programs_code_is_read() {
    let code = |text: &str| classify(Some(1), text.as_bytes(), b"").unwrap().guest_exit_code;
    assert_eq!(code("Guest program exited with non-zero exit code: 42\r\n"), Some(42));
    assert_eq!(
        code("Guest program exited with non-zero exit code: 3221225477"),
        Some(-1_073_741_819)
    );
    assert_eq!(code("Guest program exited with non-zero exit code: many"), None);
}

#[test]
fn a_long_message_is_cut() {
    let failure = classify(Some(255), format!("Error: {}", "길".repeat(100_000)).as_bytes(), b"").unwrap();
    assert!(failure.summary.chars().count() < 500);
}

proptest::proptest! {
    #[test]
    fn no_output_makes_the_classifier_panic(stdout: Vec<u8>, stderr: Vec<u8>, exit: Option<i32>) {
        let _ = classify(exit, &stdout, &stderr);
        let _ = classify(exit, &[b"Error: Cannot open VM: ", &stdout[..]].concat(), &stderr);
    }
}
