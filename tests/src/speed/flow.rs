//! The flow of the scripts that this lab replaces, as its log shows it: one machine after the other, a fixed wait of 300 s each
//! once its Tools run, a completion check that takes "cannot ask" for "done".

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{programs, world};
use crate::fake::{FakeWorld, WorldConfig, sample};

/// Seconds.
const FIXED_WAIT: f64 = 300.0;
/// Between two looks at the Tools.
const POLL: f64 = 5.0;
/// After a stop, before the file is edited.
const SETTLE: f64 = 5.0;

struct Flow {
    world: FakeWorld,
    scale: f64,
    machines: Vec<PathBuf>,
}

impl Flow {
    fn call(&self, argv: &[&str]) -> Result<(i32, String), String> {
        self.world.call(&[&["-T", "ws"], argv].concat())
    }

    fn sleep(&self, seconds: f64) {
        std::thread::sleep(Duration::from_secs_f64(seconds / self.scale));
    }

    fn each(&self, work: impl Fn(&str) -> Result<(), String>) -> Result<(), String> {
        self.machines.iter().try_for_each(|vmx| work(&vmx.to_string_lossy()))
    }

    fn wait(&self, vmx: &str) -> Result<(), String> {
        while self.call(&["checkToolsState", vmx])?.1.trim() != "running" {
            self.sleep(POLL);
        }
        self.sleep(FIXED_WAIT);
        // It looks for an echoed word in vmrun's own output, where it never is: the answer is not used.
        self.call(&[
            "-gu",
            "ubuntu",
            "-gp",
            "x",
            "runProgramInGuest",
            vmx,
            "/bin/echo",
            "ready",
        ])
        .map(drop)
    }
}

/// Replays it on three machines, and prints the stages in virtual seconds.
pub(super) fn run(scale: f64) -> Result<bool, String> {
    let directory = tempfile::tempdir().map_err(|e| e.to_string())?;
    let config = WorldConfig { scale, ..world() };
    let program = programs()?.join(format!("vmrun-fake{}", std::env::consts::EXE_SUFFIX));
    let world = FakeWorld::start(&program, &directory.path().join("world"), &config)?;
    let mut machines = Vec::new();
    for (name, last) in [("m", 10), ("w1", 11), ("w2", 12)] {
        let home = directory.path().join(name);
        std::fs::create_dir(&home).map_err(|e| e.to_string())?;
        sample::seed(name, last, last == 10, &home.join("seed.iso"))?;
        let vmx = home.join(format!("{name}.vmx"));
        sample::machine(&vmx, last).map_err(|e| e.to_string())?;
        machines.push(vmx);
    }
    let flow = Flow { world, scale, machines };
    let begun = Instant::now();
    let virtual_seconds = |since: Instant| since.elapsed().as_secs_f64() * scale;
    println!("the sequential flow, three nodes, time-scaled by {scale}:");
    let stage = |name: &str, work: &dyn Fn() -> Result<(), String>| {
        let since = Instant::now();
        work()?;
        println!("  {name:<32}{:>8.1} s", virtual_seconds(since));
        Ok::<_, String>(())
    };
    stage("Start VMs", &|| {
        flow.each(|vmx| flow.call(&["start", vmx, "nogui"]).map(drop))
    })?;
    stage("Wait for VMs ready", &|| flow.each(|vmx| flow.wait(vmx)))?;
    stage("Monitor initialization completion", &|| {
        flow.each(|vmx| {
            flow.call(&[
                "-gu",
                "ubuntu",
                "-gp",
                "x",
                "fileExistsInGuest",
                vmx,
                "/var/lib/iso-copy-complete",
            ])
            .map(drop)
        })
    })?;
    let truth = flow.world.truth()?;
    let complete = truth["machines"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|m: &&Value| m["complete"] == true)
        .count();
    println!("    it says that all three have completed; {complete} have");
    stage("Disconnect ISOs", &|| {
        flow.each(|vmx| {
            flow.call(&["stop", vmx, "soft"])?;
            flow.sleep(SETTLE);
            let text = std::fs::read_to_string(vmx).map_err(|e| e.to_string())?;
            std::fs::write(
                vmx,
                text.replace("sata0:0.present = \"TRUE\"", "sata0:0.present = \"FALSE\""),
            )
            .map_err(|e| e.to_string())
        })
    })?;
    stage("Restart VMs", &|| {
        flow.each(|vmx| flow.call(&["start", vmx, "nogui"]).map(drop))
    })?;
    println!("  {:<32}{:>8.1} s", "Total", virtual_seconds(begun));
    Ok(true)
}
