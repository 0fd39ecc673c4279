//! What must hold for any input: called by the fuzz targets, and by an ordinary test over the kept corpus.

pub(crate) mod engine;
pub(crate) mod pki;
pub(crate) mod seed;
pub(crate) mod timer;
pub(crate) mod vmrun;
#[cfg(unix)]
pub(crate) mod vmrun_qemu;
