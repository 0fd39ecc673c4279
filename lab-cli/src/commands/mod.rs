//! One module per subcommand.

pub(crate) mod completions;
pub(crate) mod config;
mod confirm;
pub(crate) mod destroy;
mod doctor;
pub(crate) mod exec;
pub(crate) mod image;
pub(crate) mod init;
pub(crate) mod kubeconfig;
pub(crate) mod logs;
pub(crate) mod man;
pub(crate) mod pki;
mod plan;
pub(crate) mod power;
mod recorded;
pub(crate) mod schema;
pub(crate) mod seed;
pub(crate) mod snapshot;
pub(crate) mod ssh;
mod status;
pub(crate) mod support;
pub(crate) mod timings;
pub(crate) mod up;

use lab_engine::{Config, Lab};

use crate::app::App;
use crate::cli::Command;
use crate::failure::{Exit, Failure};

/// Does what was asked for.
pub(crate) fn run(app: &App, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Init(args) => init::run(app, &args),
        Command::Config(command) => config::run(app, &command),
        Command::Schema(args) => schema::run(&args),
        Command::Doctor => doctor::run(app),
        Command::Plan(args) => plan::run(app, &args),
        Command::Up(args) => up::run(app, &args),
        Command::Status => status::run(app),
        Command::Ssh(args) => ssh::run(app, args),
        Command::Exec(args) => exec::run(app, args),
        Command::Logs(args) => logs::run(app, &args),
        Command::Image(command) => image::run(app, command),
        Command::Support(args) => support::run(app, &args),
        Command::Stop(args) => power::stop(app, &args),
        Command::Start(args) => power::start(app, &args),
        Command::Restart(args) => power::restart(app, &args),
        Command::Snapshot(command) => snapshot::run(app, command),
        Command::Destroy(args) => destroy::run(app, &args),
        Command::Kubeconfig(args) => kubeconfig::run(app, &args),
        Command::Pki(command) => pki::run(app, command),
        Command::Seed(command) => seed::run(app, command),
        Command::Timings(command) => timings::run(app, command),
        Command::Completions(args) => completions::run(app, &args),
        Command::Man(args) => man::run(app, &args),
    }
}

/// An error that lists the nodes, if one of these is not in the lab.
fn known_nodes(lab: &Lab, names: &[String]) -> Result<(), Failure> {
    known_to(lab.config(), names)
}

/// An error that lists the nodes, if one of these is not in the configuration.
fn known_to(config: &Config, names: &[String]) -> Result<(), Failure> {
    match names.iter().find(|name| config.node(name).is_none()) {
        None => Ok(()),
        Some(name) => {
            let nodes: Vec<&str> = config.nodes.0.iter().map(|node| node.name.as_str()).collect();
            let help = format!("the nodes are: {}", nodes.join(", "));
            Err(Failure::usage(format!("there is no node `{name}`"), help))
        }
    }
}
