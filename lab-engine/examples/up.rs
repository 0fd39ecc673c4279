//! Embeds a whole lab in another program: reads `lab.toml`, brings the lab up, and draws the events in its own way.
//!
//! `cargo run -p lab-engine --example up -- lab.toml`

use std::sync::Arc;

use lab_engine::{Event, Lab, UpOptions, config};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).unwrap_or_else(|| "lab.toml".to_owned());
    let loaded = config::load(Some(file.as_ref()), |name| std::env::var(name).ok(), &[])?;
    let events = |event: Event| println!("{}", serde_json::to_string(&event).unwrap_or_default());
    let lab = Lab::open(loaded.config, Arc::new(events))?;
    let report = lab.up(&UpOptions::default(), None, &CancellationToken::new()).await?;
    println!("{}", report.record.summary(stage_timer::Lang::En));
    for node in report
        .result
        .inspect_err(|e| eprintln!("{}\n{}", e.one_line(), e.detail_lines().join("\n")))?
    {
        println!("{} is ready", node.name);
    }
    Ok(())
}
