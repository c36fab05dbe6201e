//! `cutover`: without a verb the operator's console, with one a scripted call to the daemon that prints text or `--json`.
//!
//! [`main`] is the whole program and [`run`] is the same with everything outside it handed in.

pub mod app;
#[cfg(test)]
#[path = "tests/bench.rs"]
mod bench;
mod cli;
pub mod clipboard;
pub mod clock;
pub mod conn;
pub mod env;
mod failure;
mod file;
#[cfg(test)]
#[allow(dead_code, reason = "shared with the tests outside, and each uses its own part")]
#[path = "../tests/support/fleet.rs"]
mod fleet_sample;
#[cfg(test)]
#[path = "tests/gateway.rs"]
mod gateway;
pub mod glyphs;
pub mod keymap;
mod marker;
mod options;
mod out;
pub mod place;
pub mod plain;
#[cfg(test)]
#[allow(dead_code, reason = "shared with the tests outside, and each uses its own part")]
#[path = "../tests/support/rollout.rs"]
mod rollout_sample;
pub mod runbook;
pub mod screens;
mod session;
pub mod settings;
pub mod state;
pub mod term;
pub mod theme;
pub mod widgets;
mod words;

use std::ffi::OsString;
use std::process::ExitCode;

use cli::Launch;
pub use cli::grammar;
pub use env::{Env, Io};
use failure::Failure;

/// The program: arguments (the first is the program's name), this process's environment and streams.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let env = Env::of_process();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return print(&cannot_start(&error)),
    };
    let code = match cli::launch(&args, &env) {
        Some(launch) => runtime.block_on(terminal(launch, &env)),
        None => ExitCode::from(runtime.block_on(async {
            let mut stdin = tokio::io::stdin();
            let (mut stdout, mut stderr) = (std::io::stdout().lock(), std::io::stderr().lock());
            run(args, &env, Io { stdin: &mut stdin, stdout: &mut stdout, stderr: &mut stderr }).await
        })),
    };
    // A read of a silent stdin can't be called back; waiting for it would outlast `--timeout`.
    runtime.shutdown_background();
    code
}

/// What takes the terminal: the console, its line mode, a recording.
async fn terminal(launch: Result<Launch, Failure>, env: &Env) -> ExitCode {
    let ended = match launch {
        Err(failure) => return print(&failure),
        Ok(Launch::Console(setup)) => Box::pin(app::run::run(setup)).await,
        Ok(Launch::Lines(setup)) => Box::pin(app::line::run(setup, env.console.terminal)).await,
        Ok(Launch::Replay(file, speed, look)) => Box::pin(app::replay::run(&file, speed, look)).await,
    };
    match ended {
        Ok(ended) => {
            term::print(&ended.summary);
            ExitCode::SUCCESS
        }
        Err(error) => print(&Failure::outside(
            format!("the console ended: {error}"),
            "the daemon goes on; `cutover status` asks it, `cutover --plain` needs no screen",
        )),
    }
}

fn cannot_start(error: &std::io::Error) -> Failure {
    Failure::outside(format!("can't start: {error}"), "the system is out of threads or file handles")
}

fn print(failure: &Failure) -> ExitCode {
    failure.print(&mut std::io::stderr(), false, plain::Style::default());
    ExitCode::from(failure.exit())
}

/// One call of the command line. Answers the exit code that `docs/operations.md` lists; never panics on what
/// the arguments, the streams or the daemon say.
pub async fn run<I>(args: I, env: &Env, io: Io<'_>) -> u8
where
    I: IntoIterator<Item = OsString>,
{
    cli::call(args.into_iter().collect(), env, io).await
}
