//! A `vmrun` whose machines are a model; see [`lab_tests::fake`].

use std::process::ExitCode;

fn main() -> ExitCode {
    lab_tests::fake::main()
}
