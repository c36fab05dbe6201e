//! One program, several roles: it starts itself again as the daemon or the command line, which call the same entry
//! points as the two binaries. Only here can a crash point be armed.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cutover_daemon::config::Env;
use cutover_daemon::faults::Faults;
use nix::sys::signal::{SigSet, Signal};

/// First argument of a program that is to play a role; the second names it.
pub const ROLE: &str = "__role";

/// Plays the role that the arguments ask for, or answers none when they ask for nothing of the kind. The daemon's
/// role takes `--crash-at POINT:N` before its own arguments: SIGKILL at the Nth pass of the point.
pub fn play(args: &[OsString]) -> Option<ExitCode> {
    if args.get(1)? != ROLE {
        return None;
    }
    let rest = args.get(3..).unwrap_or_default();
    Some(match args.get(2).and_then(|role| role.to_str()) {
        Some("daemon") => daemon(rest),
        // The console is the command line without a verb.
        Some("cli" | "console") => {
            cutover_tui::main(std::iter::once(OsString::from("cutover")).chain(rest.iter().cloned()))
        }
        Some("console-panics") => console_panics(rest),
        _ => ExitCode::from(2),
    })
}

/// The console, with a second thread that panics when SIGUSR1 comes.
#[expect(clippy::panic, reason = "how the console takes a panic is what this role is for")]
fn console_panics(rest: &[OsString]) -> ExitCode {
    let signals = SigSet::from(Signal::SIGUSR1);
    // Blocked before any thread starts, so that only the one that waits gets it.
    if signals.thread_block().is_err() {
        return ExitCode::from(2);
    }
    std::thread::spawn(move || -> () {
        let _ = signals.wait();
        panic!("this role panics")
    });
    cutover_tui::main(std::iter::once(OsString::from("cutover")).chain(rest.iter().cloned()))
}

fn daemon(args: &[OsString]) -> ExitCode {
    let (faults, args) = match args {
        [flag, at, rest @ ..] if flag == "--crash-at" => match at.to_str().and_then(crash_at) {
            Some(faults) => (faults, rest),
            None => return ExitCode::from(2),
        },
        all => (Faults::none(), all),
    };
    let args = std::iter::once(OsString::from("cutoverd")).chain(args.iter().cloned());
    cutover_daemon::app::entry(args, &Env::of_process(), faults)
}

/// Faults that kill this process at `POINT:N`.
fn crash_at(text: &str) -> Option<Faults> {
    let (point, nth) = text.rsplit_once(':')?;
    let (point, nth) = (point.to_owned(), nth.parse::<usize>().ok()?);
    let passed = Arc::new(AtomicUsize::new(0));
    Some(Faults::with(Arc::new(move |name| {
        if name == point && passed.fetch_add(1, Ordering::SeqCst) + 1 == nth {
            // No destructor runs and nothing is flushed, as when the power goes.
            let _ = nix::sys::signal::kill(nix::unistd::Pid::this(), Signal::SIGKILL);
        }
        Box::pin(std::future::ready(()))
    })))
}
