//! A home of its own for each test, machines with blank disks, and the programs under test.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

/// Longer than anything here may take, and still an end.
const PATIENCE: Duration = Duration::from_secs(180);

/// A directory with machines and a home.
pub(crate) struct Lab {
    directory: tempfile::TempDir,
}

/// What a program printed, and its exit code.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) text: String,
}

impl Answer {
    /// Insists on success and returns what was printed.
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}", self.text);
        self.text
    }

    /// Insists on failure with vmrun's exit code and returns what was printed.
    pub(crate) fn failed(self) -> String {
        assert_eq!(self.code, 255, "{}", self.text);
        self.text
    }
}

/// Whether QEMU is there. Where it must be, a test without it fails.
pub(crate) fn have_qemu() -> bool {
    let named = |variable, default: &str| std::env::var(variable).unwrap_or_else(|_| default.to_owned());
    let programs = [
        named("VMRUN_QEMU_SYSTEM", "qemu-system-x86_64"),
        named("VMRUN_QEMU_IMG", "qemu-img"),
        "qemu-io".to_owned(),
    ];
    let missing: Vec<&String> = programs
        .iter()
        .filter(|program| {
            Command::new(program)
                .arg("--version")
                .stdin(Stdio::null())
                .output()
                .is_err()
        })
        .collect();
    if missing.is_empty() {
        return true;
    }
    assert!(
        std::env::var_os("LAB_TESTS_REQUIRE").is_none(),
        "LAB_TESTS_REQUIRE is set and {missing:?} cannot be run"
    );
    eprintln!("skipped: {missing:?} cannot be run");
    false
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().expect("a directory"),
        }
    }

    /// A path in the lab's directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.path("home")
    }

    /// A machine with a blank disk of 8 MiB, below as many directories as wanted.
    pub(crate) fn machine(&self, name: &str) -> PathBuf {
        let vmx = self.path(name);
        let directory = vmx.parent().expect("a directory");
        std::fs::create_dir_all(directory).expect("made");
        let disk = directory.join("disk.vmdk");
        Self::vdiskmanager(&["-c", "-s", "8MB", "-a", "lsilogic", "-t", "0", &text(&disk)]).ok();
        let number = u32::from_be_bytes([0, 0, 0, next_number()]);
        let vmx_text = format!(
            "config.version = \"8\"\nvirtualHW.version = \"18\"\nguestOS = \"ubuntu-64\"\nmemsize = \"64\"\n\
             pciBridge4.present = \"TRUE\"\npciBridge4.virtualDev = \"pcieRootPort\"\nscsi0.present = \"TRUE\"\n\
             scsi0.virtualDev = \"pvscsi\"\nscsi0:0.present = \"TRUE\"\nscsi0:0.fileName = \"disk.vmdk\"\n\
             sata0.present = \"TRUE\"\nsata0:1.present = \"TRUE\"\nsata0:1.deviceType = \"cdrom-image\"\n\
             sata0:1.fileName = \"../seed.iso\"\nethernet0.present = \"TRUE\"\nethernet0.virtualDev = \"e1000e\"\n\
             ethernet0.connectionType = \"hostonly\"\nethernet0.addressType = \"static\"\n\
             ethernet0.address = \"00:50:56:00:00:{number:02x}\"\nserial0.present = \"TRUE\"\n\
             serial0.fileType = \"file\"\nserial0.fileName = \"console.log\"\n"
        );
        std::fs::write(&vmx, vmx_text).expect("written");
        std::fs::write(directory.join("../seed.iso"), vec![0; 4096]).expect("written");
        vmx
    }

    /// Runs vmrun, reading its output to the end, which must come although machines live on.
    pub(crate) fn vmrun(&self, arguments: &[&str]) -> Answer {
        Self::vmrun_in(&self.home(), arguments)
    }

    /// [`vmrun`](Self::vmrun) with another home.
    pub(crate) fn vmrun_in(home: &Path, arguments: &[&str]) -> Answer {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vmrun-qemu"));
        command
            .args(["-T", "ws"])
            .args(arguments)
            .env("VMRUN_QEMU_HOME", home)
            .env("VMRUN_QEMU_ACCEL", "tcg");
        answer(&mut command)
    }

    pub(crate) fn vdiskmanager(arguments: &[&str]) -> Answer {
        answer(Command::new(env!("CARGO_BIN_EXE_vmware-vdiskmanager-qemu")).args(arguments))
    }

    /// The process number in a machine's or a network's record.
    pub(crate) fn pid_of(record: &Path) -> u32 {
        let value: serde_json::Value =
            serde_json::from_slice(&std::fs::read(record).expect("a record")).expect("a good record");
        u32::try_from(value["process"]["pid"].as_u64().expect("a process")).expect("a process number")
    }

    /// Records of the machines that run.
    pub(crate) fn records(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.home().join("running"))
            .into_iter()
            .flatten()
            .flatten();
        entries
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|end| end == "json"))
            .collect()
    }

    /// The record of a network's process.
    pub(crate) fn network(&self, name: &str) -> PathBuf {
        self.home().join("networks").join(format!("{name}.gateway.json"))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // Whatever a failed test left running.
        for vmx in self.vmrun(&["list"]).text.lines().skip(1) {
            self.vmrun(&["stop", vmx, "hard"]);
        }
    }
}

/// Ends a process at once, as a crash would.
pub(crate) fn kill(pid: u32) {
    assert!(
        Command::new("kill")
            .args(["-9", &pid.to_string()])
            .status()
            .expect("kill runs")
            .success()
    );
    wait_until("the process is gone", || !alive(pid));
}

/// Whether a process runs; one that has ended but was not waited for does not.
pub(crate) fn alive(pid: u32) -> bool {
    let out = Command::new("ps")
        .args(["-o", "state=", "-p", &pid.to_string()])
        .output()
        .expect("ps runs");
    let state = String::from_utf8_lossy(&out.stdout).trim().to_owned();
    !state.is_empty() && !state.starts_with('Z')
}

pub(crate) fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !done() {
        assert!(Instant::now() < deadline, "{what}: not within 30 seconds");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub(crate) fn text(path: &Path) -> String {
    path.to_str().expect("UTF-8").to_owned()
}

/// Writes a pattern to a disk image, or checks that it is there.
pub(crate) fn pattern(verb: &str, disk: &Path, byte: u8, offset: &str) -> bool {
    let command = format!("{verb} -P {byte:#x} {offset} 64k");
    let out = Command::new("qemu-io")
        .args(["-f", "vmdk", "-c", &command])
        .arg(disk)
        .stdin(Stdio::null())
        .output()
        .expect("qemu-io runs");
    let said = String::from_utf8_lossy(&out.stdout);
    out.status.success() && !said.contains("verification failed")
}

fn answer(command: &mut Command) -> Answer {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut pipe = child.stdout.take().expect("a pipe");
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        pipe.read_to_end(&mut text).expect("read");
        text
    });
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = child.try_wait().expect("waited for") {
            break status;
        }
        assert!(Instant::now() < deadline, "{command:?} does not end");
        std::thread::sleep(Duration::from_millis(5));
    };
    wait_until("the end of the output, which no QEMU may hold open", || {
        reader.is_finished()
    });
    let text = String::from_utf8_lossy(&reader.join().expect("read")).into_owned();
    Answer {
        code: status.code().unwrap_or(-1),
        text,
    }
}

fn next_number() -> u8 {
    static NUMBER: AtomicU8 = AtomicU8::new(1);
    NUMBER.fetch_add(1, Ordering::Relaxed)
}
