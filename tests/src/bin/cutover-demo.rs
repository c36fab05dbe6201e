//! The demo: a simulated GitHub, a daemon and an operator, in one command.

use std::ffi::OsString;
use std::process::ExitCode;

use cutover_tests::{demo, harness::role};

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    role::play(&args).unwrap_or_else(|| demo::main(args))
}
