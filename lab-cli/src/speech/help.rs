//! The command line's own help in the user's language.

use clap::builder::StyledStr;
use clap::{Arg, Command};
use stage_timer::Lang;

use super::say;

/// What stands around the parts in Korean; clap's own form with its fixed words replaced.
const KO_TEMPLATE: &str = "{before-help}{about-with-newline}\n사용법: {usage}\n\n{all-args}{after-help}";

/// The command line with every text of its help in this language. The descriptions of single values, which clap does
/// not let anybody replace, stay English.
pub(crate) fn localised(mut command: Command, lang: Lang) -> Command {
    if lang != Lang::Ko {
        return command;
    }
    // What clap itself adds (`help`, `--help`, `--version`) must be there to be translated.
    command.build();
    translated(command, lang)
}

fn translated(command: Command, lang: Lang) -> Command {
    let said = |text: Option<&StyledStr>| text.map(|t| lines(&t.to_string(), lang));
    let (about, long_about) = (said(command.get_about()), said(command.get_long_about()));
    let (after, after_long) = (said(command.get_after_help()), said(command.get_after_long_help()));
    let mut command = command
        .help_template(KO_TEMPLATE)
        .subcommand_help_heading("명령")
        .mut_args(|arg| argument(arg, lang))
        .mut_subcommands(|sub| translated(sub, lang));
    if let Some(about) = about {
        command = command.about(about);
    }
    if let Some(about) = long_about {
        command = command.long_about(about);
    }
    if let Some(after) = after {
        command = command.after_help(after);
    }
    if let Some(after) = after_long {
        command = command.after_long_help(after);
    }
    command
}

fn argument(arg: Arg, lang: Lang) -> Arg {
    let said = |text: Option<&StyledStr>| text.map(|t| lines(&t.to_string(), lang));
    let (help, long_help) = (said(arg.get_help()), said(arg.get_long_help()));
    let heading = match arg.get_help_heading() {
        Some(_) => "공통 옵션",
        None if arg.is_positional() => "인수",
        None => "옵션",
    };
    let mut arg = arg.help_heading(heading);
    if let Some(help) = help {
        arg = arg.help(help);
    }
    if let Some(help) = long_help {
        arg = arg.long_help(help);
    }
    arg
}

/// Line by line, the indentation kept: what clap says in one text is several sentences.
pub(crate) fn lines(text: &str, lang: Lang) -> String {
    let line = |line: &str| {
        let body = line.trim_start();
        let indent = &line[..line.len() - body.len()];
        format!("{indent}{}", say(body, lang))
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}
