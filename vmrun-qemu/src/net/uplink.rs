//! The hidden subcommand between a network's hub and its user-mode stack.
//!
//! A hub shows every frame to everybody, and the stack takes frames of one guest to another for its own: asked for a
//! connection to an address that it does not serve, it refuses in the other guest's name, and its refusal comes first. So
//! the stack is not on the hub. It gets what this process hands on: frames to everybody, and those to its own hardware
//! addresses, which all begin with 52:55.

use std::ffi::OsString;
use std::io::{self, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::thread;

use crate::fault::{Fault, OrUnknown};
use crate::process::ProcessId;

/// The name of the subcommand. No vmrun command is called like this.
pub(crate) const NAME: &str = "__uplink";

/// The longest frame that QEMU sends, with room to spare; a longer one means that the stream is out of step.
const LONGEST: usize = 128 * 1024;

/// Starts the process between these two sockets of a network, on which its QEMU listens already. It outlives this program,
/// which never waits for it.
pub(crate) fn start(own: &Path, hub: &Path, stack: &Path) -> Result<ProcessId, Fault> {
    let child = Command::new(own)
        .arg(NAME)
        .args([hub, stack])
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .or_unknown("starting the network's uplink")?;
    ProcessId::of(child.id())
        .ok_or_else(|| Fault::unknown("the network's uplink ended as soon as it was started".to_owned()))
}

/// Runs between the sockets `HUB` and `STACK` until either is closed.
pub(crate) fn main(arguments: &[OsString]) -> ExitCode {
    let [hub, stack] = arguments else {
        return ExitCode::FAILURE;
    };
    // A terminal that is closed, or Ctrl-C in it, must not take the network with it.
    let _ = rustix::process::setsid();
    match carry(Path::new(hub), Path::new(stack)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn carry(hub: &Path, stack: &Path) -> io::Result<()> {
    let (hub, stack) = (UnixStream::connect(hub)?, UnixStream::connect(stack)?);
    let (mut from_stack, mut to_hub) = (stack.try_clone()?, hub.try_clone()?);
    thread::spawn(move || {
        let _ = io::copy(&mut from_stack, &mut to_hub);
        // One closed side is the end of both: the other thread sees it as its own.
        let _ = to_hub.shutdown(std::net::Shutdown::Both);
    });
    let result = hand_on(BufReader::with_capacity(LONGEST, &hub), &stack);
    let _ = stack.shutdown(std::net::Shutdown::Both);
    result
}

/// Copies the frames that are for the stack. On QEMU's stream sockets a frame follows its length, a 32-bit number in
/// network byte order.
fn hand_on(mut from: impl Read, mut to: impl Write) -> io::Result<()> {
    let mut frame = Vec::new();
    loop {
        let mut length = [0; 4];
        if let Err(error) = from.read_exact(&mut length) {
            let over = error.kind() == io::ErrorKind::UnexpectedEof;
            return if over { Ok(()) } else { Err(error) };
        }
        let size = u32::from_be_bytes(length) as usize;
        if size > LONGEST {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame longer than any"));
        }
        frame.clear();
        frame.extend_from_slice(&length);
        frame.resize(4 + size, 0);
        from.read_exact(&mut frame[4..])?;
        if is_for_stack(&frame[4..]) {
            to.write_all(&frame)?;
        }
    }
}

/// Whether a frame is for everybody (the group bit of its destination is set) or for an address of the stack.
fn is_for_stack(frame: &[u8]) -> bool {
    matches!(frame, [first, second, ..] if first & 1 == 1 || (*first == 0x52 && *second == 0x55))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(frames: &[&[u8]]) -> Vec<u8> {
        let length = |frame: &[u8]| u32::try_from(frame.len()).unwrap().to_be_bytes();
        frames
            .iter()
            .flat_map(|frame| length(frame).into_iter().chain(frame.iter().copied()))
            .collect()
    }

    #[test]
    fn the_stack_sees_broadcasts_and_its_own_frames_and_nothing_between_guests() {
        let broadcast = [0xff; 60];
        let mut own = [0_u8; 60];
        own[..6].copy_from_slice(&[0x52, 0x55, 192, 168, 6, 254]);
        let mut guest = [0_u8; 60];
        guest[..6].copy_from_slice(&[0x00, 0x50, 0x56, 1, 2, 3]);
        let mut seen = Vec::new();
        hand_on(&framed(&[&guest, &broadcast, &guest, &own, &guest])[..], &mut seen).unwrap();
        assert_eq!(seen, framed(&[&broadcast, &own]));
    }

    #[test]
    fn a_stream_out_of_step_or_cut_short_ends_without_a_word_to_the_stack() {
        let mut seen = Vec::new();
        hand_on(&[0xff, 0xff, 0xff, 0xff, 1, 2][..], &mut seen).unwrap_err();
        hand_on(&[0, 0, 0, 60, 0xff, 0xff][..], &mut seen).unwrap_err();
        hand_on(&[0, 0][..], &mut seen).unwrap();
        assert!(seen.is_empty());
    }

    #[test]
    fn closing_one_side_ends_the_process() {
        let directory = tempfile::tempdir().unwrap();
        let paths = ["hub", "stack"].map(|name| directory.path().join(name));
        let listeners = paths
            .clone()
            .map(|path| std::os::unix::net::UnixListener::bind(path).unwrap());
        let uplink = thread::spawn(move || carry(&paths[0], &paths[1]));
        let (hub, _) = listeners[0].accept().unwrap();
        let (mut stack, _) = listeners[1].accept().unwrap();
        (&hub).write_all(&framed(&[&[0xff; 60]])).unwrap();
        let mut seen = [0; 64];
        stack.read_exact(&mut seen).unwrap();
        drop(stack);
        uplink.join().unwrap().unwrap();
        drop(hub);
    }
}
