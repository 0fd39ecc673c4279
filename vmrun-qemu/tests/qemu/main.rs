//! The programs on a real QEMU, without any guest operating system.
//!
//! Skipped where QEMU is missing, unless `LAB_TESTS_REQUIRE` is set.

#![cfg(unix)]

mod disks;
mod lab;
mod machines;
