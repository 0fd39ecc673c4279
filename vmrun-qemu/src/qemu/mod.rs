//! QEMU: which program, which abilities, how it is told what to build, and how it is controlled while it runs.

pub(crate) mod command_line;
pub(crate) mod host;
pub(crate) mod launch;
pub(crate) mod qmp;
