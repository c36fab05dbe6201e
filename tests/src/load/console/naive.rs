//! The peer of our frames: ratatui's own table, which is given every row of the list for every frame.

use cutover_daemon::clock::Clock;
use cutover_shared::page::MAX_ROWS;
use cutover_shared::window::WindowAsk;
use cutover_tui::conn::Conn;
use cutover_tui::state::list::Moment;
use cutover_tui::state::{ListId, Subject};
use ratatui::layout::Constraint;
use ratatui::style::{Modifier, Style};
use ratatui::widgets::{Row, Table, TableState};

use super::{ConsoleLoad, player, windows};
use crate::load::mapping::LoadError;
use crate::load::meter::Times;

/// Frames with the cursor going down from the middle, of the same columns as ours.
pub(super) async fn measure(conn: &Conn, load: &ConsoleLoad, clock: &Clock) -> Result<Times, LoadError> {
    let rows = all(conn).await?;
    let columns = ListId::Links.spec().columns;
    let moment = Moment { now: clock.now() };
    let mut terminal = player::terminal();
    let mut place = TableState::default().with_selected(Some(rows.len() / 2));
    let mut times = Times::default();
    for _ in 0..load.times(30, 5) {
        let start = clock.monotonic();
        place.select_next();
        let cells = |row| columns.iter().map(move |column| (column.cell)(row, moment).text);
        let widths = columns.iter().map(|column| Constraint::Fill(column.weight.max(1)));
        let table = Table::new(rows.iter().map(|row| Row::new(cells(row))), widths)
            .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
        let Ok(_) = terminal.draw(|frame| frame.render_stateful_widget(table, frame.area(), &mut place));
        times.add(clock.monotonic() - start);
    }
    Ok(times)
}

/// Every repository, as a console would hold it that knows no windows.
async fn all(conn: &Conn) -> Result<Vec<Subject>, LoadError> {
    let mut rows: Vec<Subject> = Vec::new();
    loop {
        let offset = rows.len() as u64;
        let window =
            windows::ask(conn, WindowAsk { offset, limit: MAX_ROWS, ..WindowAsk::default() }).await?;
        let more = !window.rows.is_empty();
        rows.extend(window.rows.into_iter().map(|view| Subject::Link(Box::new(view))));
        if !more || rows.len() as u64 >= window.total {
            return Ok(rows);
        }
    }
}
