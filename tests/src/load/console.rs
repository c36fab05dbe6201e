//! The console in front of a real daemon that holds a whole catalog, mapped: frames, start, idleness, memory, windows.

mod frames;
mod naive;
mod player;
mod process;
mod stage;
mod windows;

use std::path::PathBuf;

use cutover_daemon::clock::Clock;
use cutover_tui::conn::{Conn, Introduction};

use self::stage::Stage;
use super::mapping::LoadError;
use super::{Bar, Report};

/// Columns and rows of every terminal here.
const SIZE: (u16, u16) = (200, 60);

/// How big the load is.
#[derive(Debug, Clone)]
pub struct ConsoleLoad {
    /// Rows of the catalog.
    pub projects: usize,
    /// Installations of the App, and tenants of the application.
    pub installations: usize,
    /// Decides the world.
    pub seed: u64,
    /// Fewer repetitions, and bars that only a gross failure misses: for machines that do other things meanwhile.
    pub small: bool,
    /// A short path: a socket is made in it. Everything is written to a folder in it that is removed afterwards.
    pub folder: PathBuf,
    /// The program `github-sim`.
    pub stand_in: PathBuf,
    /// A program that plays the roles of daemon and command line.
    pub roles: PathBuf,
    /// The program `cutover`; without it `roles` plays that too.
    pub cutover: Option<PathBuf>,
}

impl ConsoleLoad {
    /// A bar of time: the small form allows four times as much.
    fn below(&self, most: f64) -> Bar {
        Bar::Below(if self.small { most * 4.0 } else { most })
    }

    fn times(&self, full: usize, small: usize) -> usize {
        if self.small { small } else { full }
    }
}

/// Takes all figures.
///
/// # Errors
/// [`LoadError`] when something fails; a figure that misses its bar is no error.
pub async fn run(load: &ConsoleLoad) -> Result<Report, LoadError> {
    let clock = Clock::system();
    let mut report = Report::default();
    let stage = Box::pin(Stage::build(load, &clock, &mut report)).await?;
    let introduction = Introduction { purpose: "console", role: None };
    let conn = Conn::open(&stage.home.socket(), &introduction).await?;
    windows::measure(&conn, load, &clock, &mut report).await?;
    frames::measure(&conn, load, &stage, &clock, &mut report).await?;
    drop(conn);
    process::start(load, &stage, &clock, &mut report).await?;
    process::memory(load, &stage, &clock, &mut report).await?;
    process::idle(load, &stage, &clock, &mut report).await?;
    Ok(report)
}
