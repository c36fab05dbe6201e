//! `cutover`, the operator's command line: one scripted call to the daemon that prints text or `--json`.
//!
//! [`main`] is the whole program and [`run`] is the same with everything outside it handed in.

pub mod app;
mod cli;
pub mod clipboard;
pub mod clock;
pub mod conn;
pub mod env;
mod failure;
mod file;
pub mod glyphs;
pub mod keymap;
mod options;
mod out;
pub mod plain;
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

pub use cli::grammar;
pub use env::{Env, Io};

/// The program: arguments (the first is the program's name), this process's environment and streams.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let error = failure::Failure::outside(
                format!("can't start: {error}"),
                "the system is out of threads or file handles",
            );
            error.print(&mut std::io::stderr(), false, plain::Style::default());
            return ExitCode::from(error.exit());
        }
    };
    let env = Env::of_process();
    let code = runtime.block_on(async {
        let mut stdin = tokio::io::stdin();
        let (mut stdout, mut stderr) = (std::io::stdout().lock(), std::io::stderr().lock());
        run(args, &env, Io { stdin: &mut stdin, stdout: &mut stdout, stderr: &mut stderr }).await
    });
    // A read of a silent stdin can't be called back; waiting for it would outlast `--timeout`.
    runtime.shutdown_background();
    ExitCode::from(code)
}

/// One call of the command line. Answers the exit code that `docs/operations.md` lists; never panics on what
/// the arguments, the streams or the daemon say.
pub async fn run<I>(args: I, env: &Env, io: Io<'_>) -> u8
where
    I: IntoIterator<Item = OsString>,
{
    cli::call(args.into_iter().collect(), env, io).await
}
