//! The console as a process in a real terminal: how soon it shows something, what it costs while nothing happens, how much
//! memory it holds.

use std::time::Duration;

use cutover_daemon::clock::Clock;
use cutover_shared::window::WindowAsk;
use cutover_tui::conn::{Conn, Introduction};
use cutover_tui::plain::number;

use super::stage::Stage;
use super::{ConsoleLoad, SIZE, windows};
use crate::harness::{Cli, Terminal};
use crate::load::mapping::LoadError;
use crate::load::meter::{Process, Times};
use crate::load::{Bar, Report};

/// What has just started or scrolled comes to rest in this time.
const REST: Duration = Duration::from_secs(3);

/// From the start of the process until the terminal shows the first figure, and the first row; beside it one call of the
/// command line, from its start to its end.
pub(super) async fn start(
    load: &ConsoleLoad,
    stage: &Stage,
    clock: &Clock,
    report: &mut Report,
) -> Result<(), LoadError> {
    let introduction = Introduction { purpose: "console", role: None };
    let conn = Conn::open(&stage.home.socket(), &introduction).await?;
    let first = windows::ask(&conn, WindowAsk { limit: 1, ..WindowAsk::default() }).await?;
    let first = first.rows.first().map(|row| row.link.repo_full_name.clone());
    let first = first.ok_or_else(|| LoadError::Wrong("there is no repository".to_owned()))?;
    drop(conn);
    let figure = number(stage.repositories);
    let (mut overview, mut mapping, mut call) = (Times::default(), Times::default(), Times::default());
    for _ in 0..load.times(20, 5) {
        overview.add(shown(stage, clock, &["--screen", "overview"], &figure).await?);
        mapping.add(shown(stage, clock, &["--screen", "mapping"], &first).await?);
        let start = clock.monotonic();
        let mut command = tokio::process::Command::from(stage.cutover(&["status"]));
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let said = Cli::heard(command, &[]).await?;
        call.add(clock.monotonic() - start);
        if said.code != 0 {
            return Err(LoadError::Wrong(format!("`cutover status` ended with {}", said.code)));
        }
    }
    for (what, times) in [("first figure on Overview", &overview), ("first row on Mapping", &mapping)] {
        report.add(format!("start to {what}, median"), times.median(), "ms", load.below(150.0));
        report.add(format!("start to {what}, slowest"), times.permille(1_000), "ms", Bar::None);
    }
    report.add("one call of `cutover status`, median", call.median(), "ms", Bar::None);
    report.add("start to first figure against that call", overview.median() / call.median(), "x", Bar::None);
    Ok(())
}

async fn shown(stage: &Stage, clock: &Clock, args: &[&str], text: &str) -> Result<Duration, LoadError> {
    let command = stage.cutover(args);
    let start = clock.monotonic();
    let terminal = Terminal::start(&command, SIZE.0, SIZE.1, &[])?;
    terminal.wait_text(text).await?;
    Ok(clock.monotonic() - start)
}

/// Scrolls through all repositories, and looks at what the process holds then, and held at most.
pub(super) async fn memory(
    load: &ConsoleLoad,
    stage: &Stage,
    clock: &Clock,
    report: &mut Report,
) -> Result<(), LoadError> {
    let terminal = Terminal::start(&stage.cutover(&["--screen", "mapping"]), SIZE.0, SIZE.1, &[])?;
    let of = format!(" of {}", number(stage.repositories));
    terminal.wait_text(&of).await?;
    let process = Process::of(terminal.pid());
    report.add("memory once Mapping is shown", known(process.memory_mib())?, "MiB", Bar::None);
    for _ in 0..load.times(100, 10) {
        scroll(&terminal, "PageDown", &of).await?;
    }
    scroll(&terminal, "End", &of).await?;
    scroll(&terminal, "Home", &of).await?;
    clock.sleep(REST).await;
    // 40 MB.
    let bar = Bar::Below(38.1);
    report.add("memory after scrolling", known(process.memory_mib())?, "MiB", bar);
    report.add("memory, at most", known(process.peak_mib())?, "MiB", bar);
    Ok(())
}

/// Presses a key that moves the rows in sight, and waits until others are there.
async fn scroll(terminal: &Terminal, key: &str, of: &str) -> Result<(), LoadError> {
    let place = |text: &str| text.lines().find(|line| line.contains(of)).map(str::to_owned);
    let before = place(&terminal.screen_text());
    terminal.key(key).await?;
    terminal
        .wait_for(|screen| {
            let text = screen.contents();
            let now = place(&text);
            // A row that has not come yet has an ellipsis in every column.
            now.is_some() && now != before && text.lines().all(|line| line.matches(" … ").count() < 2)
        })
        .await?;
    Ok(())
}

/// The processor's time of a console that is connected and left alone.
pub(super) async fn idle(
    load: &ConsoleLoad,
    stage: &Stage,
    clock: &Clock,
    report: &mut Report,
) -> Result<(), LoadError> {
    let terminal = Terminal::start(&stage.cutover(&[]), SIZE.0, SIZE.1, &[])?;
    terminal.wait_text(&number(stage.repositories)).await?;
    clock.sleep(REST).await;
    let process = Process::of(terminal.pid());
    let length = Duration::from_secs(if load.small { 10 } else { 60 });
    let (start, cpu, naps) = (clock.monotonic(), known(process.cpu_seconds())?, known(process.naps())?);
    clock.sleep(length).await;
    let took = (clock.monotonic() - start).as_secs_f64();
    let used = known(process.cpu_seconds())? - cpu;
    let woken = known(process.naps())? - naps;
    report.add("idle: length", took, "s", Bar::None);
    report.add("idle: share of one processor", used / took * 100.0, "%", load.below(0.5));
    report.add("idle: wake-ups", woken / took, "/s", Bar::None);
    Ok(())
}

fn known(figure: Option<f64>) -> Result<f64, LoadError> {
    figure.ok_or_else(|| LoadError::Wrong("/proc does not tell of the console".to_owned()))
}
