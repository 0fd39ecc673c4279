//! Every command, driven through the binary as a user would, without a hypervisor.

mod support;

mod answers;
mod colours;
mod configuration;
mod destroy;
#[cfg(unix)]
mod fake;
#[cfg(unix)]
mod forecasts;
mod help;
mod init;
#[cfg(unix)]
mod interrupts;
mod judged;
mod languages;
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
