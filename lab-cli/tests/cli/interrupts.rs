//! The first interrupt ends a run in good order, the second one at once.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::fake;
use crate::support::Place;

/// A place whose vmrun never answers once it was asked something.
fn hanging() -> Place {
    fake::vmrun_that_hangs()
}

/// `up`, as soon as it is at work.
fn start(place: &Place) -> (Child, BufReader<ChildStderr>) {
    let mut child = place
        .command(&["up"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("started: Prerequisites") {
        line.clear();
        assert_ne!(
            stderr.read_line(&mut line).unwrap(),
            0,
            "it ended before it was interrupted"
        );
    }
    (child, stderr)
}

fn interrupt(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Its exit code, which must come within twenty seconds.
fn code(child: &mut Child) -> i32 {
    let end = Instant::now() + Duration::from_secs(20);
    while Instant::now() < end {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().expect("it ends by itself, not by the signal");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    panic!("it did not end");
}

#[test]
fn an_interrupted_run_ends_with_its_summary_its_record_and_130() {
    for signal in [Signal::INT, Signal::TERM] {
        let place = hanging();
        let (mut child, mut stderr) = start(&place);
        interrupt(&child, signal);
        assert_eq!(code(&mut child), 130);
        let mut said = String::new();
        stderr.read_to_string(&mut said).unwrap();
        assert!(said.contains("interrupted: ending cleanly"), "{said}");
        assert!(
            said.ends_with("error: interrupted\nhelp: run `lab-cli up` again to continue where it stopped\n"),
            "{said}"
        );
        let mut summary = String::new();
        child.stdout.take().unwrap().read_to_string(&mut summary).unwrap();
        assert!(
            summary.contains("Stage durations:") && summary.contains("cancelled") && !summary.contains("aborted"),
            "{summary}"
        );
        let json = place.run(&["timings", "list", "--output", "json"]).json();
        assert_eq!(json[0]["outcome"]["outcome"], "cancelled");
    }
}

/// Reading such an image takes minutes, and a read cannot be taken back: a clean end waits for it as long as it waits for
/// anything. The disk is not filled, the file is a hole.
#[cfg(target_os = "linux")]
fn a_long_read() -> Place {
    let place = crate::machines::place();
    let path = place.write("huge.vmdk", "KDMV\u{1}\u{0}\u{0}\u{0}");
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(256 << 30).unwrap();
    place
}

#[cfg(target_os = "linux")]
#[test]
fn the_second_interrupt_ends_it_at_once_whatever_it_is_at() {
    for signal in [Signal::INT, Signal::TERM] {
        let place = a_long_read();
        let mut command = place.command(&["image", "import", "huge.vmdk"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let reads = || {
            let open = std::fs::read_dir(format!("/proc/{}/fd", child.id())).unwrap();
            let open = open.flatten().filter_map(|fd| std::fs::read_link(fd.path()).ok());
            open.into_iter().any(|path| path.ends_with("huge.vmdk"))
        };
        while !reads() {
            std::thread::sleep(Duration::from_millis(5));
        }
        interrupt(&child, signal);
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        assert!(line.contains("interrupted: ending cleanly"), "{line}");
        std::thread::sleep(Duration::from_millis(300));
        assert!(child.try_wait().unwrap().is_none(), "the read is waited for");
        let second = Instant::now();
        interrupt(&child, signal);
        assert_eq!(code(&mut child), 130);
        assert!(second.elapsed() < Duration::from_secs(3), "{:?}", second.elapsed());
    }
}
