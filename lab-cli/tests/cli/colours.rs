//! `NO_COLOR` over `CLICOLOR_FORCE` over `CLICOLOR` over what standard error is.

use crate::support::Place;

#[test]
fn off_a_terminal_there_are_no_colours_unless_they_are_forced() {
    let place = || Place::new().toml("[vm]\ncpu = 2\n");
    assert!(!place().run(&["plan"]).stderr.contains('\u{1b}'));
    assert!(
        place()
            .env("CLICOLOR_FORCE", "1")
            .run(&["plan"])
            .stderr
            .contains('\u{1b}')
    );
    let both = place().env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1").run(&["plan"]);
    assert!(!both.stderr.contains('\u{1b}'), "{both}");
}
