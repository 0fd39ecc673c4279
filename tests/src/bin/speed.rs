//! How fast `lab-cli` is, on a world that has the seed flow's own timings; see [`lab_tests::speed`].

use std::process::ExitCode;

fn main() -> ExitCode {
    lab_tests::speed::main()
}
