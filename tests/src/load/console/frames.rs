//! Frames: what a key costs until its picture is there, on screens in front of the whole catalog.

use crossterm::event::KeyCode;
use cutover_daemon::clock::Clock;
use cutover_tui::conn::Conn;
use cutover_tui::plain::number;
use cutover_tui::state::Screen;

use super::player::{Frames, Player};
use super::stage::Stage;
use super::{ConsoleLoad, naive};
use crate::load::mapping::LoadError;
use crate::load::{Bar, Report};

/// A frame's bar, in milliseconds.
const MOST: f64 = 5.0;

pub(super) async fn measure(
    conn: &Conn,
    load: &ConsoleLoad,
    stage: &Stage,
    clock: &Clock,
    report: &mut Report,
) -> Result<(), LoadError> {
    let mapping = screen(conn, load, clock, Screen::Mapping, report).await?;
    must_show(&mapping, &format!(" of {}", number(stage.repositories)))?;
    let overview = screen(conn, load, clock, Screen::Overview, report).await?;
    must_show(&overview, &number(stage.repositories))?;
    let run = screen(conn, load, clock, Screen::Run, report).await?;
    must_show(&run, stage.run.as_str())?;
    must_show(&run, &format!(" of {}", number(stage.repositories)))?;
    let ours = mapping.frames.all.median();
    let theirs = naive::measure(conn, load, clock).await?;
    report.add("the naive way: a frame of a table of all rows", theirs.median(), "ms", Bar::None);
    report.add("a frame of Mapping against the naive way", theirs.median() / ours, "x", Bar::None);
    Ok(())
}

fn must_show(player: &Player<'_>, text: &str) -> Result<(), LoadError> {
    let shown = player.shown();
    if shown.contains(text) {
        return Ok(());
    }
    Err(LoadError::Wrong(format!("{text:?} is not on the screen:\n{shown}")))
}

/// Walks through a screen, down and by pages, and to its end and back.
async fn screen<'a>(
    conn: &'a Conn,
    load: &ConsoleLoad,
    clock: &'a Clock,
    screen: Screen,
    report: &mut Report,
) -> Result<Player<'a>, LoadError> {
    let from = if screen == Screen::Run { Screen::Runs } else { screen };
    let mut player = Player::open(conn, clock, from).await?;
    if screen == Screen::Run {
        player.press(KeyCode::Enter).await?;
    }
    player.frames = Frames::default();
    for n in 0..load.times(600, 100) {
        let key = match n % 100 {
            49 => KeyCode::End,
            99 => KeyCode::Home,
            n if n % 10 == 9 => KeyCode::PageDown,
            _ => KeyCode::Down,
        };
        player.press(key).await?;
    }
    let (name, Frames { all, own, answers }) = (screen.title(), &player.frames);
    #[expect(clippy::cast_precision_loss, reason = "a count far below 2^52")]
    report.add(format!("{name}: frames with their events"), all.count() as f64, "", Bar::None);
    report.add(format!("{name}: a frame, median"), all.median(), "ms", load.below(MOST));
    report.add(format!("{name}: a frame, 99 of 100"), all.permille(990), "ms", Bar::None);
    let name_own = format!("{name}: a frame, 99 of 100, without waiting for a processor");
    report.add(name_own, own.permille(990), "ms", load.below(MOST));
    if answers.count() > 0 {
        report.add(format!("{name}: a frame with new rows, so, median"), answers.median(), "ms", Bar::None);
        report.add(
            format!("{name}: a frame with new rows, so, slowest"),
            answers.permille(1_000),
            "ms",
            Bar::None,
        );
    }
    Ok(player)
}
