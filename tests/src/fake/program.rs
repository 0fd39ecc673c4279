//! The program: `vmrun`, `vmware-vdiskmanager`, or the world's keeper, by its name.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::server::Answer;
use super::{client, server};
use crate::programs::wants_help;

const HELP: &str = "\
vmrun-fake: a vmrun whose machines are a model, for tests

  vmrun-fake install DIR   puts `vmrun` and `vmware-vdiskmanager` into DIR, which becomes a world (world.json)
  vmrun-fake serve DIR     runs the world's server until its standard input ends
  vmrun-fake truth DIR     what is true of its machines, as JSON
  vmrun-fake clear DIR     from now on nothing goes wrong
  vmrun-fake end DIR       ends the server

Under any other name it is that program, in the world of its own directory or of VMRUN_FAKE_WORLD.
";

/// Runs it.
pub fn main() -> ExitCode {
    let argv: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|a| a.to_string_lossy().into_owned())
        .collect();
    if std::env::var_os("VMRUN_FAKE_SERVE").is_some() {
        return told(client::world().and_then(|directory| server::serve(&directory, false)));
    }
    let name = std::env::current_exe().ok();
    let name = name
        .as_deref()
        .and_then(Path::file_stem)
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    match name.as_str() {
        "vmrun-fake" => keeper(&argv),
        "vmware-vdiskmanager" => called("vdiskmanager", &argv),
        _ => called("vmrun", &argv),
    }
}

fn told(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("vmrun-fake: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn keeper(argv: &[String]) -> ExitCode {
    if wants_help(argv) {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let words: Vec<&str> = argv.iter().map(String::as_str).collect();
    let [command, directory] = words.as_slice() else {
        print!("{HELP}");
        return ExitCode::from(2);
    };
    let directory = PathBuf::from(directory);
    match *command {
        "install" => told(super::handle::install(&directory)),
        "serve" => told(server::serve(&directory, true)),
        "truth" => printed(client::ask(&directory, "control", &["truth".to_owned()])),
        "clear" => printed(client::ask(&directory, "control", &["clear-faults".to_owned()])),
        "end" => match client::ask_running(&directory, "control", &["end".to_owned()]) {
            Some(answer) => printed(answer),
            None => ExitCode::SUCCESS,
        },
        _ => {
            print!("{HELP}");
            ExitCode::from(2)
        }
    }
}

fn called(program: &str, argv: &[String]) -> ExitCode {
    printed(client::world().and_then(|directory| client::ask(&directory, program, argv)))
}

fn printed(answer: Result<Answer, String>) -> ExitCode {
    match answer {
        Ok(answer) => {
            // Whoever closed the pipe does not want it.
            let _ = std::io::stdout().write_all(&answer.stdout);
            let _ = std::io::stdout().flush();
            let _ = std::io::stderr().write_all(&answer.stderr);
            if answer.crash {
                std::process::abort();
            }
            exit_code(answer.exit)
        }
        Err(reason) => told(Err(reason)),
    }
}

/// Windows' programs end with -1 where others end with 255.
fn exit_code(code: i32) -> ExitCode {
    if cfg!(windows) && code == 255 {
        std::process::exit(-1);
    }
    ExitCode::from(u8::try_from(code).unwrap_or(255))
}
