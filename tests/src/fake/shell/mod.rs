//! The guests' shell: enough of POSIX `sh` for what a host sends over SSH or through VMware Tools.
//!
//! Lists, pipelines, groups, subshells, redirections, quotes, parameters (`$x`, `${x:+word}`), command substitution and the
//! small tools. What it does not know it answers as a shell does: `not found`, exit code 127.

mod expand;
mod logs;
mod parse;
mod run;
mod tools;

pub(crate) use run::{Environment, Outcome, Power, run};
