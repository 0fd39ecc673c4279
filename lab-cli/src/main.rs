//! `lab-cli`: one command brings up an air-gapped k3s lab of real virtual machines.
//!
//! A thin command line over `lab-engine`: arguments in [`cli`], one module per subcommand in [`commands`], what a run
//! looks like while it goes on in [`progress`], every word in both languages in [`words`], sentences of the
//! libraries in [`speech`], and what went wrong in
//! [`failure`].

mod app;
mod cli;
mod commands;
mod failure;
mod logging;
mod output;
mod phrases;
mod progress;
mod screen;
mod secret;
mod signals;
mod snippet;
mod speech;
mod table;
mod words;

fn main() -> std::process::ExitCode {
    cli::main()
}
