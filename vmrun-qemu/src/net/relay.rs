//! The hidden subcommand that carries one guest connection to one port of the host.
//!
//! The network's QEMU runs it for each connection of a guest to a forwarded host port, with the connection as its standard
//! input and output. Which port that is was decided when the network was started; a guest has no say in it.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::thread;

/// The name of the subcommand. No vmrun command is called like this.
pub(crate) const NAME: &str = "__relay";

/// Runs the relay for `PORT`.
pub(crate) fn main(arguments: &[OsString]) -> ExitCode {
    let port = arguments
        .first()
        .and_then(|port| port.to_str())
        .and_then(|port| port.parse().ok());
    // An error ends the connection, which is all that a guest can be told.
    match port.map(relay) {
        Some(Ok(())) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn relay(port: u16) -> io::Result<()> {
    let host = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    host.set_nodelay(true)?;
    let guest = io::stdin().as_fd().try_clone_to_owned()?;
    let mut from_guest = File::from(guest.try_clone()?);
    let mut to_guest = File::from(guest.try_clone()?);
    let mut to_host = host.try_clone()?;
    let upload = thread::spawn(move || {
        let result = io::copy(&mut from_guest, &mut to_host);
        let _ = to_host.shutdown(Shutdown::Write);
        result
    });
    let mut from_host = host;
    let download = io::copy(&mut from_host, &mut to_guest);
    // The same end on both sides: the guest sees that no more will come, and may still send.
    let _ = TcpStream::from(guest).shutdown(Shutdown::Write);
    download?;
    upload.join().map_err(|_| io::Error::other("the upload panicked"))??;
    Ok(())
}
