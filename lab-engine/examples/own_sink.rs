//! An event sink of one's own: what every node is doing, as one line that another tool could show anywhere.
//!
//! `cargo run -p lab-engine --example own_sink -- lab.toml`

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use lab_engine::{Event, EventSink, Lab, UpOptions, config};
use tokio_util::sync::CancellationToken;

/// What each node showed last.
#[derive(Debug, Default)]
struct Nodes(Mutex<BTreeMap<String, String>>);

impl EventSink for Nodes {
    fn emit(&self, event: Event) {
        let (node, what) = match event {
            Event::NodeSignal { node, signal, .. } => (node, signal.to_string()),
            Event::NodeProgress { node, step } => (node, step),
            Event::NodeTrouble { node, message } => (node, format!("trouble: {message}")),
            _ => return,
        };
        let mut nodes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        nodes.insert(node, what);
        let line: Vec<String> = nodes.iter().map(|(node, what)| format!("{node}: {what}")).collect();
        println!("{}", line.join(" | "));
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).unwrap_or_else(|| "lab.toml".to_owned());
    let loaded = config::load(Some(file.as_ref()), |name| std::env::var(name).ok(), &[])?;
    let lab = Lab::open(loaded.config, Arc::new(Nodes::default()))?;
    let report = lab.up(&UpOptions::default(), None, &CancellationToken::new()).await?;
    println!("{} nodes are ready", report.result?.len());
    Ok(())
}
