//! The composition root: the only place that names every part.

mod apis;
mod args;
mod arms;
mod credentials;
mod doors;
mod fleet;
mod gits;
mod imports;
mod kinds;
mod locks;
mod measured;
mod parts;
mod routed;
mod second;
mod set_up;
mod settings;
mod tasks;
mod watch;

use std::process::ExitCode;
use std::sync::Arc;

pub use args::grammar;
use args::{Command, Parsed};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::{Config, Env, Loaded, run_check};
use crate::faults::Faults;
use crate::init::run_init;
use crate::instance::{Instance, notify::Notifier};
use crate::log;
use crate::shutdown::{Drained, Shutdown};

/// What went wrong before the daemon served, in words for a person.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The program `cutoverd`. The test harness calls it, too, with faults of its own.
pub fn entry(args: impl IntoIterator<Item = std::ffi::OsString>, env: &Env, faults: Faults) -> ExitCode {
    let parsed = match args::parse(args) {
        Ok(parsed) => parsed,
        Err(error) => {
            // Help and version are errors to clap, and go to standard output.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match act(parsed, env, faults) {
        Ok(code) => code,
        Err(error) => {
            say_error(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn act(parsed: Parsed, env: &Env, faults: Faults) -> Result<ExitCode, Failure> {
    match parsed.command {
        Command::Check => {
            let report = run_check(parsed.config.as_deref(), env);
            if report.ok {
                say(&report.text);
                Ok(ExitCode::SUCCESS)
            } else {
                say_error(report.text.trim_end());
                Ok(ExitCode::from(2))
            }
        }
        Command::Init(mut options) => {
            options.config = parsed.config;
            say(&run_init(&options, env)?.to_string());
            Ok(ExitCode::SUCCESS)
        }
        Command::Run => {
            let loaded = match Config::load(parsed.config.as_deref(), env) {
                Ok(loaded) => loaded,
                Err(mistakes) => {
                    say_error(mistakes.to_string().trim_end());
                    return Ok(ExitCode::from(2));
                }
            };
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            let code = runtime.block_on(serve(loaded, env, faults));
            // What a forced stop left in a blocking call must not hold the process.
            runtime.shutdown_background();
            code
        }
    }
}

/// Runs until it is told to stop.
async fn serve(loaded: Loaded, env: &Env, faults: Faults) -> Result<ExitCode, Failure> {
    let config = &loaded.config;
    let clock = Clock::system();
    // Another part of the process may have installed it; there is only one provider in the tree.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    // Whatever is made from here on is for this user only; the socket's mode is set on its own.
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o077));
    let instance = Instance::take(&config.state_dir, &clock)?;
    let logging = Arc::new(log::install(&config.log, log::Stderr::of_process(env), &clock)?);
    tracing::info!(version = env!("CARGO_PKG_VERSION"), environment = config.environment, "cutoverd starts");
    let shutdown = Shutdown::new(clock.clone());
    let signals = shutdown.listen()?;
    let notifier = Arc::new(Notifier::from_env(env));

    let ground = parts::ground(config, &clock, faults).await?;
    let listener = doors::open(config)?;
    let Some(credentials) = set_up::credentials(&loaded, &ground, &listener, &shutdown, &notifier).await?
    else {
        // Told to stop before there was an App.
        listener.close();
        let _ = clock.timeout(config.stop_timeout, ground.db.close()).await;
        return Ok(ExitCode::SUCCESS);
    };
    let built = parts::build(&loaded, ground, &credentials).await?;
    let (door, stop_door) = (built.door.clone(), CancellationToken::new());
    let serving = tokio::spawn(listener.serve(door.clone(), stop_door.clone()));
    let mut http = doors::open_http(config, &credentials, &built, stop_door.clone()).await?;
    let level = tasks::Level { file: loaded.file.clone(), env: env.clone(), logging: logging.clone() };
    tasks::spawn(&shutdown, &built, config, level, notifier.clone());
    built.take_up().await?;
    tasks::spawn_late(&shutdown, &built, config);
    notifier.ready();
    tracing::info!(socket = %config.rpc.socket.display(), "cutoverd serves");

    shutdown.graceful().await;
    notifier.stopping();
    tracing::info!("cutoverd stops");
    stop_door.cancel();
    let winding_up = async {
        let _ = serving.await;
        if let Some(http) = &mut http {
            http.drained().await;
        }
        built.door.engine.stop().await;
    };
    tokio::select! {
        () = winding_up => {}
        () = shutdown.forced() => tracing::warn!("forced: runs and acts under way are cut; the next start takes them up"),
        () = clock.sleep(config.stop_timeout) => tracing::warn!("the time to stop is over: cutting what is under way"),
    }
    // Whatever is left of it is cut before the store closes.
    drop(http);
    if clock.timeout(config.stop_timeout, built.close_sandboxes()).await.is_err() {
        tracing::warn!("sandboxes could not be removed in time; the next start does it");
    }
    let drained = shutdown.drain(config.stop_timeout).await;
    if !matches!(drained, Drained::Clean) {
        tracing::warn!(?drained, "not everything ended by itself");
    }
    // Writes what was handed in; a forced stop does not wait for a disk that hangs.
    if clock.timeout(config.stop_timeout, built.door.db.close()).await.is_err() {
        tracing::error!("the store did not close in time");
    }
    signals.abort();
    tracing::info!("cutoverd has stopped");
    drop(instance);
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::print_stdout, reason = "what `check` and `init` answer")]
fn say(text: &str) {
    print!("{text}");
    if !text.ends_with('\n') {
        println!();
    }
}

#[expect(clippy::print_stderr, reason = "why the daemon does not start, before there is a log")]
fn say_error(text: &str) {
    eprintln!("{}", cutover_shared::redact::redact(text));
}
