//! `cutoverd`. No fault is ever switched on here.

use std::process::ExitCode;

use cutover_daemon::app;
use cutover_daemon::config::Env;
use cutover_daemon::faults::Faults;

fn main() -> ExitCode {
    app::entry(std::env::args_os(), &Env::of_process(), Faults::none())
}
