//! `pki`: certificates in any directory, or the lab's own.

mod hand_out;
mod issue;
mod passphrase;
mod verify;

use crate::support::Place;

/// A directory `pki` with certificates for an address and a name.
fn issued() -> Place {
    let place = Place::new();
    place
        .run(&[
            "pki",
            "init",
            "--dir",
            "pki",
            "--host",
            "192.168.6.1",
            "--host",
            "registry.lab",
        ])
        .code(0);
    place
}
