//! Log lines of the libraries on standard error, each with `yyyy-MM-dd HH:mm:ss` in front.

use std::fmt;

use stage_timer::WallTime;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::progress::LogFile;
use crate::screen::Screen;

/// The crates of this workspace; others only speak up from `-vvv` on.
const OURS: [&str; 6] = [
    "lab_cli",
    "lab_engine",
    "vmrun_rs",
    "cloudinit_gen",
    "registry_pki",
    "stage_timer",
];

/// Starts logging: to standard error warnings always, more with each `-v`, as JSON where the rest of it is; to the log file
/// of a run always what helps to find out later why it went as it did.
pub(crate) fn start(verbose: u8, json: bool, screen: &Screen, log: &LogFile) {
    let (ours, others) = match verbose {
        0 => (LevelFilter::WARN, LevelFilter::ERROR),
        1 => (LevelFilter::INFO, LevelFilter::WARN),
        2 => (LevelFilter::DEBUG, LevelFilter::INFO),
        _ => (LevelFilter::TRACE, LevelFilter::DEBUG),
    };
    let targets = |ours, others| {
        Targets::new()
            .with_default(others)
            .with_targets(OURS.map(|name| (name, ours)))
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_timer(LocalTime)
        .with_target(verbose > 1)
        .with_writer(screen.clone());
    let lines = if json { lines.json().boxed() } else { lines.boxed() };
    let kept = tracing_subscriber::fmt::layer()
        .with_timer(LocalTime)
        .with_ansi(false)
        .with_writer(log.clone())
        .with_filter(targets(LevelFilter::DEBUG, LevelFilter::WARN));
    // Fails only if there is a subscriber already, and then its lines are the ones that are wanted.
    let _ = tracing_subscriber::registry()
        .with(lines.with_filter(targets(ours, others)))
        .with(kept)
        .try_init();
}

struct LocalTime;

impl FormatTime for LocalTime {
    fn format_time(&self, w: &mut Writer<'_>) -> fmt::Result {
        write!(w, "{}", WallTime::now())
    }
}
