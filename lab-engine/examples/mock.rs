//! Embeds a lab without any hypervisor: `MockHypervisor` stands in for one, as in a test of a tool that uses this library.
//!
//! `cargo run -p lab-engine --example mock`

use std::sync::Arc;

use lab_engine::backend::Chosen;
use lab_engine::{Action, Config, Lab, NoEvents, UpOptions};
use vmrun_rs::HypervisorError;
use vmrun_rs::hypervisor::{HypervisorInfo, MockHypervisor};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut hypervisor = MockHypervisor::new();
    hypervisor.expect_info().returning(|| {
        Ok::<_, HypervisorError>(HypervisorInfo {
            name: "mock".to_owned(),
            version: "1".to_owned(),
            program: "mock".into(),
        })
    });
    let mut config = Config::default();
    config.lab.data_dir = Some(std::env::temp_dir().join("lab-engine-example-mock"));
    let chosen = Chosen {
        program: "mock".into(),
        drop_in: false,
        why: "an example".to_owned(),
    };
    let lab = Lab::with_hypervisor(config, Arc::new(hypervisor), chosen, Arc::new(NoEvents))?;
    let steps = lab.plan(&UpOptions::default()).await?;
    assert!(steps.iter().all(|step| step.action == Action::Create));
    for step in &steps {
        println!("{} would be created", step.node);
    }
    let info = lab.hypervisor().info().await?;
    println!("by {} {}", info.name, info.version);
    Ok(())
}
