//! The demo with the console in front: the supervisor builds the stage, opens the console, and waits behind it with the
//! other end of the tour. As long as the console has the terminal, nothing else is printed.

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cutover_daemon::clock::Clock;
use nix::sys::signal::{Signal, raise};
use nix::unistd::Pid;
use tokio::signal::unix::{SignalKind, signal};

use super::keeper::Keeper;
use super::stage::Stage;
use super::tour::socket::{Asked, Socket};
use super::tour::{Answer, Word};
use super::{DemoError, Options, complain, say};
use crate::harness::role::ROLE;
use crate::harness::{Ended, Life, Watched};

/// A daemon that the tour has killed is away for so long: enough to see the console count down and try again.
const DARKNESS: Duration = Duration::from_secs(6);

/// Applying everything is stretched over so many seconds, so that there is time to watch, and to kill the daemon.
const SECONDS: usize = 30;

/// A console that is asked to end has so long to give the terminal back.
const LEAVING: Duration = Duration::from_secs(5);

/// A signal to a whole group has reached each process in it after so long.
const GROUP: Duration = Duration::from_millis(50);

/// Who plays what.
pub struct Front {
    /// Plays the roles of the daemon and the command line.
    pub exe: PathBuf,
    /// The console, with the streams that it is to have. `--tour SOCKET --rate N` and the environment of the demo's
    /// home are added to it.
    pub console: Command,
    /// How long a daemon that the tour has killed is away.
    pub darkness: Duration,
}

impl Front {
    /// This program plays every role, in this terminal.
    pub fn of_this_program() -> Result<Self, DemoError> {
        let exe = std::env::current_exe()?;
        let mut console = Command::new(&exe);
        console.args([ROLE, "console"]);
        Ok(Self { exe, console, darkness: DARKNESS })
    }
}

/// Plays until the console ends. Answers what is left to say and the console's exit code, once the daemon has stopped
/// and the folder is gone.
pub async fn play(options: &Options, front: Front) -> Result<(String, u8), DemoError> {
    let mut signals = Signals::listen()?;
    let prepared = tokio::select! {
        prepared = Box::pin(Prepared::make(options, front)) => prepared?,
        signal = signals.next() => return Ok((String::new(), code(Ended::Signal(signal as i32)))),
    };
    let Prepared { stage, mut keeper, mut socket, console, second } = prepared;
    let ended = wait(&console, &mut signals, &mut socket, &mut keeper, &second).await?;
    drop(socket);
    tokio::select! {
        stopped = keeper.stop() => match stopped {
            Ok(None | Some(Ended::Code(0))) => {}
            Ok(Some(other)) => complain(&format!("the daemon stopped with {other:?}")),
            Err(error) => complain(&error.to_string()),
        },
        // Whoever asks twice does not want to wait; the daemon is killed with its keeper.
        _ = signals.next() => {}
    }
    Ok((goodbye(options, stage.home.dir(), ended), code(ended)))
}

struct Prepared {
    stage: Stage,
    keeper: Keeper,
    socket: Socket,
    console: Watched,
    /// The command for a second terminal.
    second: String,
}

impl Prepared {
    async fn make(options: &Options, mut front: Front) -> Result<Self, DemoError> {
        let stage = Stage::build(options, front.exe.clone(), |_| super::mapping::SETTINGS.to_owned()).await?;
        say(&format!(
            "1. A made-up world: {} tenants, {} repositories (seed {}), with its own GitHub at {}",
            options.tenants,
            stage.catalog.rows.len(),
            options.seed,
            stage.sim.api_base(),
        ));
        let fleet = super::fleet::plant(&stage).await?;
        let dir = stage.home.dir();
        say(&format!("2. A home: configuration, seal key and state in {}", dir.display()));
        let daemon = stage.start_daemon().await?;
        say(&format!("3. A daemon, process {}, at {}", daemon.pid(), stage.home.socket().display()));
        let file = stage.catalog_file.display().to_string();
        let receipt = stage.cli.json(&[0], &["catalog", "import", &file]).await?;
        say(&format!(
            "4. The application's catalog: {} repositories of {} projects, imported; their tokens sealed on arrival",
            receipt["repositories"], receipt["projects"],
        ));
        fleet.add(&stage).await?;
        say(&format!("5. A small fleet: {} tenants with a database of their own", fleet.tenants));
        let second = second_terminal(&front.exe, &stage.home.socket(), "");
        stage.home.write("second-terminal.txt", format!("{second}\n").as_bytes())?;
        say(&format!(
            "\nA second console beside this one, as a viewer, in another terminal:\n\n  {second}\n"
        ));

        let keeper = Keeper::of(daemon, front.exe, stage.home.clone(), front.darkness);
        let tour = dir.join("tour.sock");
        let socket = Socket::open(&tour)?;
        let rate = (stage.catalog.rows.len() / SECONDS).max(1);
        front
            .console
            .env("CUTOVER_SOCKET", stage.home.socket())
            .env("CUTOVER_STATE_DIR", stage.home.state())
            .arg("--tour")
            .arg(&tour)
            .arg("--rate")
            .arg(rate.to_string());
        let console = Watched::over(front.console.spawn()?);
        Ok(Self { stage, keeper, socket, console, second })
    }
}

/// Serves the tour until the console has ended.
async fn wait(
    console: &Watched,
    signals: &mut Signals,
    socket: &mut Socket,
    keeper: &mut Keeper,
    second: &str,
) -> Result<Ended, DemoError> {
    let mut life = console.changes();
    loop {
        tokio::select! {
            _ = life.changed() => {
                let now = *life.borrow_and_update();
                match now {
                    Life::Ended(ended) => return Ok(ended),
                    Life::Stopped(_) => stop_with(console).await?,
                    Life::Running => {}
                }
            }
            signal = signals.next() => match signal {
                // Meant for the console, which has the keys; it would end what is on its screen.
                Signal::SIGINT => {}
                _ => return end(console).await,
            },
            asked = socket.next() => answer(&asked, socket, keeper, second).await,
            news = keeper.news() => socket.tell(news),
        }
    }
}

async fn answer(asked: &Asked, socket: &Socket, keeper: &mut Keeper, second: &str) {
    match asked.word {
        Word::Hello => {
            asked.answer(Answer::Ready(second.to_owned()));
            if let Some(absence) = keeper.absence() {
                asked.answer(absence);
            }
        }
        Word::KillDaemon => match keeper.kill().await {
            Ok(()) => socket.tell(Answer::Killed),
            Err(error) => socket.tell(Answer::Failed(error.to_string())),
        },
        Word::RestartDaemon => {
            if !keeper.restart() {
                asked.answer(Answer::Running);
            }
        }
    }
}

/// Stops this process with its console, so that the shell gets the terminal; goes on with it.
async fn stop_with(console: &Watched) -> Result<(), DemoError> {
    // What stops the whole group is about to stop this process, too. Stopping itself once more after both were woken
    // up would take the terminal away again.
    Clock::system().sleep(GROUP).await;
    if still_stopped(console.pid()) {
        // To this thread, which then does not go on before the whole process does.
        raise(Signal::SIGSTOP).map_err(std::io::Error::from)?;
        console.signal(Signal::SIGCONT)?;
    }
    Ok(())
}

/// Where the system does not tell, what was heard last is true.
fn still_stopped(pid: Pid) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|stat| stat.rsplit_once(')').map(|(_, rest)| rest.trim_start().starts_with('T')))
        .unwrap_or(true)
}

/// Asks the console to end, so that it gives the terminal back itself.
async fn end(console: &Watched) -> Result<Ended, DemoError> {
    console.signal(Signal::SIGTERM)?;
    console.signal(Signal::SIGCONT)?;
    if let Ok(ended) = Clock::system().timeout(LEAVING, console.ended()).await {
        return Ok(ended);
    }
    console.signal(Signal::SIGKILL)?;
    Ok(console.ended().await)
}

/// As a shell counts it.
fn code(ended: Ended) -> u8 {
    let code = match ended {
        Ended::Code(code) => code,
        Ended::Signal(signal) => signal.saturating_add(128),
    };
    u8::try_from(code).unwrap_or(1)
}

/// `cutover` where it stands beside `exe` and is no older, else the role of `exe`: what an earlier build has left there
/// may speak to no daemon of this one. `more` goes to the console.
pub(super) fn second_terminal(exe: &Path, socket: &Path, more: &str) -> String {
    let beside = exe.with_file_name("cutover");
    let built = |path: &Path| std::fs::metadata(path).and_then(|file| file.modified()).ok();
    let program = match (built(&beside), built(exe)) {
        (Some(its), Some(own)) if its >= own => quoted(&beside),
        _ => format!("{} {ROLE} console", quoted(exe)),
    };
    let line = format!("CUTOVER_SOCKET={} {program} --role viewer {more}", quoted(socket));
    line.trim_end().to_owned()
}

/// As a shell reads it back.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    if text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+".contains(c)) {
        return text;
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn goodbye(options: &Options, dir: &Path, ended: Ended) -> String {
    let how = match ended {
        Ended::Code(code) => format!("with {code}"),
        Ended::Signal(signal) => format!("by signal {signal}"),
    };
    let place = match &options.keep {
        Some(_) => format!("Everything is still in {}.", dir.display()),
        None => format!("Everything was in {}, and is gone.", dir.display()),
    };
    format!(
        "The console ended {how}, and the daemon with it. {place}\n\n\
         The same migration goes by itself, each step printed and checked, with\n\
         `cutover-demo --headless --tenants {} --repos {} --seed {}`; `--keep DIR` leaves everything in DIR.\n\
         While a demo is open, a second console can look on as a viewer, who changes nothing:\n\
         the demo prints its command at the start, and keeps it in `second-terminal.txt` in its folder.",
        options.tenants, options.repos, options.seed,
    )
}

/// What asks the demo to end, heard from the start so that nothing is left behind.
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The next of them. Cancelling loses none.
    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::SIGINT,
            _ = self.terminate.recv() => Signal::SIGTERM,
            _ = self.hangup.recv() => Signal::SIGHUP,
        }
    }
}
