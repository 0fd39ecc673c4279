//! How much is translated, and that translations fit.

use std::path::Path;

use clap::CommandFactory as _;

use super::catalogue::{pairs, split};
use super::*;

/// How much must be known, in percent: new sentences may come before their translation, but not many.
const ENOUGH: usize = 70;

fn ko(text: &str) -> String {
    say(text, Lang::Ko).into_owned()
}

#[test]
fn a_sentence_is_found_with_its_gaps_filled() {
    assert_eq!(ko("there is no node `w9`"), "`w9` 노드가 없습니다");
    assert_eq!(ko("the end of /x y/console.log:"), "/x y/console.log의 끝부분:");
    assert_eq!(say("there is no node `w9`", Lang::En), "there is no node `w9`");
    assert_eq!(ko("what nobody ever said"), "what nobody ever said");
}

#[test]
fn what_fills_a_gap_and_what_was_joined_is_translated_too() {
    assert_eq!(
        ko("the cluster was not ready within 600 s: w1 is not Ready: no reason given"),
        "클러스터가 600초 안에 준비되지 않았습니다: w1이(가) Ready가 아닙니다: 이유 없음"
    );
    assert_eq!(
        ko("w1: the guest did not answer within 900 s; last signal: running; last error: cannot reach 192.168.6.11:22"),
        "w1: 게스트가 900초 안에 응답하지 않았습니다; 마지막 신호: 실행 중; 마지막 오류: 192.168.6.11:22에 연결할 수 없습니다"
    );
    assert_eq!(
        ko("w1: could not start the machine: a vmrun command failed: file locked: whatever"),
        "w1: VM을 시작하지 못했습니다: vmrun 명령이 실패했습니다: 파일 잠김: whatever"
    );
}

#[test]
fn hostile_text_is_neither_a_panic_nor_endless() {
    for text in [
        "",
        ": ",
        "; ; ; ",
        "{}",
        "{node}",
        "한글: ",
        "there is no node ``",
        "\u{0}",
        "use  to ",
    ] {
        ko(text);
    }
    ko(&"a: ".repeat(10_000));
    ko(&"also: ".repeat(1000));
}

#[test]
fn every_translation_has_the_gaps_of_its_sentence_and_no_sentence_comes_twice() {
    let mut seen = std::collections::HashSet::new();
    for (en, ko) in pairs(&CATALOGUES) {
        let (mut a, mut b) = (split(en).1, split(ko).1);
        a.sort_unstable();
        b.sort_unstable();
        b.dedup();
        assert_eq!(a, b, "{en}");
        assert!(seen.insert(en), "twice: {en}");
        assert!(!ko.trim().is_empty(), "{en}");
    }
    let lines = CATALOGUES
        .iter()
        .flat_map(|t| t.lines())
        .filter(|l| l.starts_with("en: "))
        .count();
    assert_eq!(seen.len(), lines, "an English line without its Korean one");
}

/// The texts between quotation marks in these sources, tests and comments left out, that look like sentences.
fn sentences(directory: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sentences(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") && !path.to_string_lossy().contains("tests") {
            let text = std::fs::read_to_string(&path).unwrap().replace("\r\n", "\n");
            let code = text.split("#[cfg(test)]").next().unwrap();
            let code: Vec<&str> = code
                .lines()
                .filter(|l| !l.trim_start().starts_with("//") && !l.trim_start().starts_with("#["))
                .collect();
            let code = code.join("\n");
            found.extend(
                quoted(&code)
                    .into_iter()
                    .filter(|t| t.split(' ').filter(|w| w.len() > 1).count() > 2),
            );
        }
    }
}

fn quoted(code: &str) -> Vec<String> {
    let (mut found, mut chars) = (Vec::new(), code.chars());
    while let Some(c) = chars.next() {
        if c == '\'' {
            // A character: a quotation mark in it opens nothing.
            if chars.as_str().starts_with("\"'") {
                chars.nth(1);
            }
            continue;
        }
        if c != '"' {
            continue;
        }
        let mut text = String::new();
        while let Some(c) = chars.next() {
            match c {
                '"' => break,
                '\\' => match chars.next() {
                    // A line that goes on: its indentation is none of the text.
                    Some('\n') => {
                        let rest = chars.as_str();
                        let skip = rest.len() - rest.trim_start_matches([' ', '\t', '\n']).len();
                        chars = rest[skip..].chars();
                    }
                    Some(other) => text.push(other),
                    None => {}
                },
                other => text.push(other),
            }
        }
        found.push(text);
    }
    found
}

/// The sentence with something in its gaps, as a user sees it.
fn filled(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let Some(close) = rest[open..].find('}') else { break };
        out.push_str(&rest[..open]);
        out.push('7');
        rest = &rest[open + close + 1..];
    }
    out + rest
}

#[track_caller]
fn mostly_known(texts: &[String], share: usize) {
    let unknown: Vec<&String> = texts.iter().filter(|t| ko(&filled(t)) == filled(t)).collect();
    let known = texts.len() - unknown.len();
    assert!(
        known * 100 >= texts.len() * share,
        "{known} of {} are known; these are not: {unknown:#?}",
        texts.len()
    );
}

#[test]
fn nearly_all_that_the_engine_says_is_known() {
    let mut found = Vec::new();
    sentences(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("../lab-engine/src"),
        &mut found,
    );
    assert!(found.len() > 150, "{}", found.len());
    mostly_known(&found, ENOUGH);
}

#[test]
fn nearly_all_of_the_help_is_known_and_the_korean_command_line_is_sound() {
    fn texts(command: &clap::Command, found: &mut Vec<String>) {
        let arguments = command.get_arguments().filter_map(|a| a.get_help());
        for text in command.get_about().into_iter().chain(arguments) {
            found.extend(text.to_string().lines().filter(|l| !l.is_empty()).map(str::to_owned));
        }
        for sub in command.get_subcommands() {
            texts(sub, found);
        }
    }
    let mut found = Vec::new();
    texts(&crate::cli::Cli::command(), &mut found);
    found.sort();
    found.dedup();
    mostly_known(&found, ENOUGH);
    let mut korean = help::localised(crate::cli::Cli::command(), Lang::Ko);
    let long = korean.render_long_help().to_string();
    assert!(
        long.contains("사용법: lab-cli") && long.contains("종료 코드:"),
        "{long}"
    );
    korean
        .try_get_matches_from(["lab-cli", "--set", "vm.cpus=2", "exec", "m", "--", "true"])
        .unwrap();
}
