use std::process::ExitCode;

fn main() -> ExitCode {
    cutover_tui::main(std::env::args_os())
}
