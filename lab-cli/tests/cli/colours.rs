//! `NO_COLOR` over `CLICOLOR_FORCE` over `CLICOLOR` over what standard error is.

use crate::support::{Place, Ran};

/// A mistake in the configuration, which is drawn in colours where there are any.
fn mistake(env: &[(&str, &str)]) -> Ran {
    let place = env
        .iter()
        .fold(Place::new().toml("[vm]\ncpu = 2\n"), |place, (name, value)| {
            place.env(name, *value)
        });
    place.run(&["plan"]).code(2)
}

#[test]
fn off_a_terminal_there_are_no_colours_unless_they_are_forced() {
    let forced = ("CLICOLOR_FORCE", "1");
    for (env, coloured) in [
        (&[][..], false),
        (&[("CLICOLOR", "1")], false),
        (&[forced], true),
        (&[forced, ("CLICOLOR", "0")], true),
        (&[forced, ("NO_COLOR", "1")], false),
        // An empty one is none: no-color.org.
        (&[forced, ("NO_COLOR", "")], true),
    ] {
        let ran = mistake(env);
        assert_eq!(ran.stderr.contains('\u{1b}'), coloured, "{env:?}: {ran}");
    }
}

#[test]
fn data_on_standard_output_follows_the_same_rule() {
    let doctor = |env: Option<(&str, &str)>| {
        let place = Place::new()
            .env("VMRUN_PATH", "/nowhere/vmrun")
            .toml("[registry]\ncheck = false\n");
        let place = env
            .into_iter()
            .fold(place, |place, (name, value)| place.env(name, value));
        place.run(&["doctor"]).code(3).stdout
    };
    assert!(!doctor(None).contains('\u{1b}'));
    assert!(doctor(Some(("CLICOLOR_FORCE", "1"))).contains('\u{1b}'));
}

#[cfg(unix)]
mod on_a_terminal {
    use super::Place;
    use crate::terminal::OnTerminal;

    #[test]
    fn there_are_colours_unless_clicolor_is_0_or_no_color_is_set() {
        for (env, coloured) in [
            (None, true),
            (Some(("CLICOLOR", "1")), true),
            (Some(("CLICOLOR", "0")), false),
            (Some(("NO_COLOR", "1")), false),
            (Some(("NO_COLOR", "")), true),
        ] {
            let place = Place::new().toml("[vm]\ncpu = 2\n");
            let place = env
                .into_iter()
                .fold(place, |place, (name, value)| place.env(name, value));
            let (code, seen) = OnTerminal::start(&place, &["plan"]).end();
            assert_eq!((code, seen.contains("\u{1b}[")), (2, coloured), "{env:?}: {seen:?}");
        }
    }
}
