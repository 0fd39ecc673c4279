//! Every command, driven through the binary as a user would, without a hypervisor.

mod support;

mod answers;
// Those that are for Unix alone play vmrun with a shell script, or need its signals or a pseudo-terminal.
#[cfg(unix)]
mod bundle;
mod colours;
mod configuration;
mod destroy;
#[cfg(unix)]
mod fake;
#[cfg(unix)]
mod forecasts;
mod help;
#[cfg(unix)]
mod images;
mod init;
#[cfg(unix)]
mod interrupts;
mod judged;
mod kubeconfig;
mod languages;
#[cfg(unix)]
mod logs;
#[cfg(unix)]
mod machines;
mod missing;
mod nodes;
mod pki;
#[cfg(unix)]
mod runs;
mod seed;
#[cfg(unix)]
mod sizes;
#[cfg(unix)]
mod streams;
#[cfg(unix)]
mod terminal;
mod timings;
