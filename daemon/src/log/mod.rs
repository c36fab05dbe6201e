//! Logs: JSON lines in one file a day, and text or JSON on standard error. Every line passes `redact` on its way,
//! and nothing here ever makes the daemon wait or stop: what can't be written is counted and said later.

mod redacting;

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::Subscriber;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

use crate::clock::Clock;
use crate::config::{Env, Log, StderrLog};
use crate::instance::private_dir;

pub use redacting::{Form, RedactingWriter};

/// Lines that may wait for a slow disk; more are dropped and counted.
const WAITING: usize = 16_384;

/// What standard error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stderr {
    pub is_terminal: bool,
    pub color: bool,
}

/// Keeps the writers alive: dropping it writes out what still waits. Also sets the level.
pub struct Logging {
    level: reload::Handle<EnvFilter, Registry>,
    lost: Arc<AtomicU64>,
    dropped: Vec<ErrorCounter>,
    _guards: Vec<WorkerGuard>,
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("can't write logs to {}: {source}; name another folder in log.dir, or let this user write there", dir.display())]
    Dir { dir: PathBuf, source: io::Error },
    #[error("log.level is not valid: {0}")]
    Level(String),
    #[error("logging was set up before")]
    Twice,
}

impl Stderr {
    /// What it is for this process; `NO_COLOR` is heeded.
    pub fn of_process(env: &Env) -> Self {
        let is_terminal = io::stderr().is_terminal();
        Self { is_terminal, color: is_terminal && env.get("NO_COLOR").is_none() }
    }
}

/// Sets up logging for the whole process, panics included. Keep what it returns until the end of `main`.
///
/// # Errors
/// When the folder can't be used, the level is no level, or it was called before. A full disk is no error: logs then
/// go to standard error.
pub fn install(config: &Log, stderr: Stderr, clock: &Clock) -> Result<Logging, LogError> {
    let (subscriber, logging) = build(config, stderr, clock)?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::Twice)?;
    // The default hook prints to standard error, past the redaction.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let what = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(place, "panic: {what}");
    }));
    Ok(logging)
}

/// The subscriber without making it the process's own.
///
/// # Errors
/// As [`install`].
pub fn build(
    config: &Log,
    stderr: Stderr,
    clock: &Clock,
) -> Result<(impl Subscriber + Send + Sync + use<>, Logging), LogError> {
    let filter = EnvFilter::try_new(&config.level).map_err(|error| LogError::Level(error.to_string()))?;
    let (filter, level) = reload::Layer::new(filter);
    let mut logging =
        Logging { level, lost: Arc::new(AtomicU64::new(0)), dropped: Vec::new(), _guards: Vec::new() };

    let mut layers: Vec<Box<dyn Layer<Filtered> + Send + Sync>> = Vec::new();
    let file = appender(config)?;
    let mut on_stderr = config.stderr;
    match file {
        Some(file) => {
            let writer = logging.writer(file, Form::Json, "log-file");
            layers.push(json(clock, writer));
        }
        // Somewhere the operator must be able to read why.
        None if on_stderr == StderrLog::Off => on_stderr = StderrLog::Text,
        None => {}
    }
    let text = on_stderr == StderrLog::Text || (on_stderr == StderrLog::Auto && stderr.is_terminal);
    if text {
        let writer = logging.writer(io::stderr(), Form::Text, "log-stderr");
        let layer = tracing_subscriber::fmt::layer()
            .with_timer(ClockTime(clock.clone()))
            .with_ansi(stderr.color)
            .with_writer(writer);
        layers.push(Box::new(layer));
    } else if on_stderr == StderrLog::Json {
        let writer = logging.writer(io::stderr(), Form::Json, "log-stderr");
        layers.push(json(clock, writer));
    }
    Ok((tracing_subscriber::registry().with(filter).with(layers), logging))
}

type Filtered = tracing_subscriber::layer::Layered<reload::Layer<EnvFilter, Registry>, Registry>;

fn json(clock: &Clock, writer: NonBlocking) -> Box<dyn Layer<Filtered> + Send + Sync> {
    let layer = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_timer(ClockTime(clock.clone()))
        .with_writer(writer);
    Box::new(layer)
}

/// The files, or none when the disk is full: that must not keep the daemon from starting.
fn appender(config: &Log) -> Result<Option<RollingFileAppender>, LogError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Ok(None),
        _ => Err(LogError::Dir { dir: config.dir.clone(), source }),
    };
    if let Err(error) = private_dir(&config.dir) {
        return failed(error);
    }
    let built = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("cutoverd")
        .filename_suffix("jsonl")
        .max_log_files(config.keep_days)
        .build(&config.dir);
    match built {
        Ok(appender) => Ok(Some(appender)),
        Err(error) => {
            let cause = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<io::Error>());
            failed(cause.map_or_else(|| io::Error::other(error.to_string()), |cause| cause.kind().into()))
        }
    }
}

impl Logging {
    /// Changes the level of everything that is logged from now on.
    ///
    /// # Errors
    /// When `directives` are not valid; the level stays as it is.
    pub fn set_level(&self, directives: &str) -> Result<(), LogError> {
        let filter = EnvFilter::try_new(directives).map_err(|error| LogError::Level(error.to_string()))?;
        self.level.reload(filter).map_err(|error| LogError::Level(error.to_string()))
    }

    /// Lines that could not be written, or had no room to wait in.
    pub fn lost(&self) -> u64 {
        let dropped: usize = self.dropped.iter().map(ErrorCounter::dropped_lines).sum();
        self.lost.load(Ordering::Relaxed).saturating_add(u64::try_from(dropped).unwrap_or(u64::MAX))
    }

    fn writer(&mut self, to: impl io::Write + Send + 'static, form: Form, name: &str) -> NonBlocking {
        let redacting = RedactingWriter::new(to, form, self.lost.clone());
        let (writer, guard) =
            NonBlockingBuilder::default().buffered_lines_limit(WAITING).thread_name(name).finish(redacting);
        self.dropped.push(writer.error_counter());
        self._guards.push(guard);
        writer
    }
}

impl std::fmt::Debug for Logging {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Logging").field("lost", &self.lost()).finish_non_exhaustive()
    }
}

/// Times of log lines, from the injected clock.
struct ClockTime(Clock);

impl FormatTime for ClockTime {
    fn format_time(&self, w: &mut Writer<'_>) -> std::fmt::Result {
        match chrono::DateTime::from_timestamp_millis(self.0.now()) {
            Some(at) => w.write_str(&at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)),
            None => w.write_str("-"),
        }
    }
}

#[cfg(test)]
mod tests;
