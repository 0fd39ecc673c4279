//! The live table on terminals of any size, and in Korean.

use unicode_width::UnicodeWidthStr as _;

use crate::machines;
use crate::terminal::OnTerminal;

/// Long enough for what is looked at here; it is interrupted then.
const PATIENT: &str = "timeouts.ready=60";

fn tables(lines: &[String]) -> usize {
    lines
        .iter()
        .filter(|l| l.contains("Wait for VMs") && !l.contains("started:"))
        .count()
}

#[test]
fn on_a_narrow_terminal_every_node_keeps_a_line_of_its_own() {
    let place = machines::place();
    let mut terminal = OnTerminal::start_on(&place, &["up", "--set", PATIENT], 40, 10);
    terminal.until_line(|l| l.starts_with("  · w  ") && l.contains("running"));
    terminal.until_line(|l| l.starts_with("  · m  ") && l.contains("running"));
    let lines = terminal.lines();
    let stage = lines.iter().rposition(|l| l.contains("Wait for VMs")).unwrap();
    assert!(
        lines[stage + 1].starts_with("  · m  ") && lines[stage + 2].starts_with("  · w  "),
        "{lines:?}"
    );
    assert!(lines[stage..].iter().all(|l| l.width() <= 40), "{lines:?}");
    terminal.interrupt();
    assert_eq!(terminal.exit(), 130);
}

#[test]
fn a_terminal_that_changes_its_size_is_painted_anew_without_remains() {
    let place = machines::place();
    let mut terminal = OnTerminal::start_on(&place, &["up", "--set", PATIENT], 100, 30);
    terminal.until_line(|l| l.starts_with("  · w  ") && l.contains("refused"));
    for (columns, rows) in [(50, 12), (120, 40), (24, 8), (80, 24)] {
        terminal.resize(columns, rows);
        // Painted at least twice since: the time goes on.
        let before = terminal.seen_bytes();
        terminal.until_seen(|t| t.seen_bytes() > before + 400);
        terminal.until_line(|l| l.starts_with("  · w  "));
        let lines = terminal.lines();
        assert_eq!(tables(&lines), 1, "{columns}x{rows}: {lines:#?}");
        assert_eq!(
            lines.iter().filter(|l| l.starts_with("  · m  ")).count(),
            1,
            "{columns}x{rows}: {lines:#?}"
        );
    }
    terminal.interrupt();
    assert_eq!(terminal.exit(), 130);
    assert!(!terminal.lines().iter().any(|l| l.starts_with("  · ")), "it is gone");
}

#[test]
fn the_table_is_in_korean_too() {
    let place = machines::place();
    let mut terminal = OnTerminal::start(&place, &["up", "--lang", "ko", "--set", PATIENT]);
    terminal.until_line(|l| l.contains("VM 준비 대기"));
    terminal.until_line(|l| l.starts_with("  · w  ") && l.contains("실행 중"));
    terminal.interrupt();
    assert_eq!(terminal.exit(), 130);
    let lines = terminal.lines();
    assert!(lines.iter().any(|l| l == "오류: 중단됨"), "{lines:#?}");
    assert!(
        lines.iter().any(|l| l.starts_with("도움말: `lab-cli up`")),
        "{lines:#?}"
    );
}
