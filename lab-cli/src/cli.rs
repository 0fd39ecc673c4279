//! The command line itself: which words there are and what they mean.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgAction, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use lab_engine::config::Setting;
use stage_timer::Lang;

use crate::app::{self, App};
use crate::failure::{self, Exit};
use crate::progress::Mode;
use crate::{commands, speech};

/// One command brings up an air-gapped k3s lab of real virtual machines.
///
/// Data goes to standard output, progress and errors to standard error.
#[derive(Debug, Parser)]
#[command(name = "lab-cli", bin_name = "lab-cli", version, max_term_width = 100, after_long_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER_HELP: &str = "\
Exit codes:
  0    done
  1    failed
  2    wrong usage or configuration
  3    a prerequisite is missing
  4    timed out
  5    not ready, or not verified
  130  interrupted

Environment:
  LAB_CONFIG             the configuration file
  LAB_LANG               the language: en or ko
  LAB_<SECTION>_<KEY>    any key of the configuration, such as LAB_VM_CPUS; of [lab]: LAB_NAME
  VMRUN_PATH             the vmrun program
  REGISTRY_HOST_IP, REGISTRY_PORT
                         where nodes find the registry
  INSTALL_USER_PASSWORD  a password for the guests' user; there is none without it
  LAB_PKI_PASSPHRASE     the passphrase of the registry CA's key
  NO_COLOR               no colours";

/// What every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
#[expect(clippy::doc_markdown, reason = "these comments are shown as they are by --help")]
pub(crate) struct Global {
    /// The configuration; ./lab.toml or the user's own if nothing else is named [env: LAB_CONFIG]
    #[arg(short, long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,
    /// Sets one key of the configuration over file and environment; may be repeated
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE", value_parser = setting, global = true)]
    pub(crate) settings: Vec<Setting>,
    /// What standard output is written as
    #[arg(long, value_enum, value_name = "FORM", default_value_t, global = true)]
    pub(crate) output: Output,
    /// How a run is shown on standard error
    #[arg(long, value_enum, value_name = "MODE", default_value_t, global = true)]
    pub(crate) progress: Mode,
    /// The language of what is shown [env: LAB_LANG]
    #[arg(long, value_enum, value_name = "LANG", default_value_t, global = true)]
    pub(crate) lang: LangChoice,
    /// Logs what happens inside to standard error; twice: more; three times: everything
    #[arg(short, long, action = ArgAction::Count, global = true)]
    pub(crate) verbose: u8,
}

/// What standard output is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    #[default]
    Text,
    /// One JSON document; errors become one JSON object on standard error.
    Json,
}

/// Which language to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum LangChoice {
    /// The locale's, if it is one of the others.
    #[default]
    Auto,
    /// English.
    En,
    /// Korean.
    Ko,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a first lab.toml, every key explained
    Init(commands::init::InitArgs),
    /// Show the configuration that counts
    #[command(subcommand)]
    Config(commands::config::ConfigCommand),
    /// Print the JSON Schema of lab.toml, or of the events of a run
    Schema(commands::schema::SchemaArgs),
    /// Look at everything that `up` needs, without changing anything
    Doctor,
    /// Show what `up` would do
    Plan(commands::up::Recreate),
    /// Bring the lab up, or continue where an earlier run stopped
    Up(commands::up::UpArgs),
    /// Look at the lab: machines, bootstrap, cluster
    Status,
    /// Open a shell on a node, or run a command there
    Ssh(commands::ssh::SshArgs),
    /// Run a command on nodes, on several at once
    Exec(commands::exec::ExecArgs),
    /// Show what a node wrote: its console, cloud-init, the bootstrap, k3s, its journal
    Logs(commands::logs::LogsArgs),
    /// Stop machines; the guests shut down
    Stop(commands::power::StopArgs),
    /// Start machines, and wait until they answer
    Start(commands::power::StartArgs),
    /// Stop machines and start them again
    Restart(commands::power::StopArgs),
    /// The whole lab at a moment, to go back to
    #[command(subcommand)]
    Snapshot(commands::snapshot::SnapshotCommand),
    /// Delete the lab's machines, then everything else that the lab made
    Destroy(commands::destroy::DestroyArgs),
    /// The kubeconfig: its path, its text, or into a file of yours
    Kubeconfig(commands::kubeconfig::KubeconfigArgs),
    /// Disk images to clone nodes from
    #[command(subcommand)]
    Image(commands::image::ImageCommand),
    /// Gather what helps to understand a trouble in one archive, without the secrets
    Support(commands::support::SupportArgs),
    /// The registry's certificates
    #[command(subcommand)]
    Pki(commands::pki::PkiCommand),
    /// What nodes are told at their first boot: write it, or check anyone's
    #[command(subcommand)]
    Seed(commands::seed::SeedCommand),
    /// Where the time of earlier runs went
    #[command(subcommand)]
    Timings(commands::timings::TimingsCommand),
    /// Print a completion script for a shell
    Completions(commands::completions::CompletionsArgs),
    /// Write the manual pages
    Man(commands::man::ManArgs),
}

fn setting(text: &str) -> Result<Setting, String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok(Setting {
            key: key.trim().to_owned(),
            value: value.to_owned(),
        }),
        _ => Err("write it as section.key=value, for example vm.cpus=4".to_owned()),
    }
}

/// Parses, runs, reports.
pub(crate) fn main() -> ExitCode {
    let args = settings_first(std::env::args_os().collect());
    let lang = language_asked_for(&args);
    let parsed = speech::localised(Cli::command(), lang).try_get_matches_from(args);
    let cli = match parsed.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, lang).into(),
    };
    let output = cli.global.output;
    // Between the events only JSON may stand.
    let errors = if cli.global.progress == Mode::Json {
        Output::Json
    } else {
        output
    };
    let result = App::new(cli.global).and_then(|app| commands::run(&app, cli.command).map_err(|e| app.with_hint(e)));
    match result {
        Ok(exit) => exit.into(),
        Err(error) => failure::report(&error, errors, lang).into(),
    }
}

/// The arguments with every `--set` moved to the front: of an option that is given both before and after the command,
/// clap keeps the later ones alone.
fn settings_first(args: Vec<OsString>) -> Vec<OsString> {
    let mut args = args.into_iter();
    let (mut first, mut rest): (Vec<_>, _) = (args.next().into_iter().collect(), Vec::new());
    while let Some(arg) = args.next() {
        if arg == "--" {
            rest.push(arg);
            break;
        }
        if arg == "--set" {
            first.push(arg);
            first.extend(args.next());
        } else if arg.to_string_lossy().starts_with("--set=") {
            first.push(arg);
        } else {
            rest.push(arg);
        }
    }
    first.extend(rest);
    first.extend(args);
    first
}

/// What clap has to say: help and version are answers, everything else is a mistake.
fn usage(error: &clap::Error, lang: Lang) -> Exit {
    if !error.use_stderr() {
        // Nothing to be done about a reader that went away.
        let _ = error.print();
        return Exit::OK;
    }
    if wants_json(std::env::args_os()) {
        failure::report_usage(&error.to_string());
    } else if lang == Lang::En {
        let _ = error.print();
    } else {
        // When standard error is gone there is nobody left to tell.
        let _ = writeln!(
            std::io::stderr(),
            "{}",
            speech::lines(error.to_string().trim_end(), lang)
        );
    }
    Exit::USAGE
}

/// The language, known before the arguments are understood: help and mistakes in them are in it too. An unknown one is
/// found to be a mistake later.
fn language_asked_for(args: &[OsString]) -> Lang {
    let args: Vec<_> = args
        .iter()
        .take_while(|a| *a != "--")
        .map(|a| a.to_string_lossy())
        .collect();
    let named = |word: &str| {
        let apart = args.windows(2).any(|w| w[0] == "--lang" && w[1] == word);
        apart || args.iter().any(|a| a.strip_prefix("--lang=") == Some(word))
    };
    let choice = match (named("ko"), named("en")) {
        (true, _) => LangChoice::Ko,
        (_, true) => LangChoice::En,
        _ => LangChoice::Auto,
    };
    app::chosen_language(choice).unwrap_or_default()
}

/// Whether the arguments ask for JSON, although they are wrong in some other place.
fn wants_json(args: impl IntoIterator<Item = OsString>) -> bool {
    let args: Vec<OsString> = args.into_iter().take_while(|a| a != "--").collect();
    args.iter().any(|a| a == "--output=json") || args.windows(2).any(|w| w[0] == "--output" && w[1] == "json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_setting_may_contain_equals_signs_and_be_empty_but_has_a_key() {
        assert_eq!(setting("image.disk=/a=b").unwrap().value, "/a=b");
        assert_eq!(setting("registry.mirrors=").unwrap().value, "");
        setting("vm.cpus").unwrap_err();
        setting("=4").unwrap_err();
    }

    #[test]
    fn settings_before_and_after_the_command_all_count() {
        let args = [
            "lab-cli",
            "--set",
            "vm.cpus=1",
            "exec",
            "n",
            "--set=vm.disk_gib=2",
            "--",
            "x",
            "--set",
            "y",
        ];
        let cli = Cli::try_parse_from(settings_first(args.map(OsString::from).to_vec())).unwrap();
        let keys: Vec<_> = cli.global.settings.iter().map(|s| s.key.as_str()).collect();
        assert_eq!(keys, ["vm.cpus", "vm.disk_gib"]);
        let Command::Exec(exec) = cli.command else {
            panic!("{:?}", cli.command)
        };
        assert!(format!("{exec:?}").contains(r#"["x", "--set", "y"]"#), "{exec:?}");
    }

    #[test]
    fn a_setting_without_its_value_is_still_a_mistake() {
        let args = ["lab-cli", "plan", "--set"].map(OsString::from).to_vec();
        Cli::try_parse_from(settings_first(args)).unwrap_err();
    }

    #[test]
    fn json_is_recognised_in_a_wrong_command_line_but_not_behind_its_end() {
        let args = |list: &[&str]| wants_json(list.iter().map(OsString::from));
        assert!(args(&["lab-cli", "--output", "json", "nonsense"]));
        assert!(args(&["lab-cli", "nonsense", "--output=json"]));
        assert!(!args(&["lab-cli", "exec", "--", "--output=json"]));
        assert!(!args(&["lab-cli", "--output", "text"]));
    }
}
