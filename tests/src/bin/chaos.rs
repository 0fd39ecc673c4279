//! Faults on purpose; see [`lab_tests::chaos`].

use std::process::ExitCode;

fn main() -> ExitCode {
    lab_tests::chaos::main()
}
