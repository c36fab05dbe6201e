//! The drawer of every list.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::{notice, sign};
use crate::state::figures::short;
use crate::state::list::{Cell, Column as Field, Moment, row_of};
use crate::state::{ListId, Slot, State, Subject, Table};
use crate::theme::Role;
use crate::widgets::{Column, Grid, Look, Panel, Piece, Row, Sort};

/// Columns whose words are states, which have a sign before them.
const STATES: &[&str] = &["state", "status", "health"];

/// Columns that a sign takes with its blank.
const SIGN: u16 = 2;

pub(super) fn draw(state: &State, look: &Look, buffer: &mut Buffer, area: Rect) {
    let Some(table) = state.table() else { return };
    let feed = state.feeds.get(&Slot::List(table.id));
    let window = state.window(table.id);
    let age = notice::age(state, feed.filter(|_| window.is_some()), look);
    let title = title(table);
    let panel = Panel {
        title: &title,
        right: age.as_deref().unwrap_or_default(),
        focus: state.layers.is_empty(),
        stale: age.is_some(),
        danger: false,
    };
    let inside = panel.draw(buffer, area, look);
    let Some(window) = window else {
        let lines = notice::waiting(state, feed, table.spec().name, look);
        return notice::draw(buffer, inside, look, &lines);
    };
    if window.total == 0 {
        let lines = notice::nothing(state, &table.filter, table.spec().empty, look);
        return notice::draw(buffer, inside, look, &lines);
    }
    let fields: Vec<&Field> = table.columns().collect();
    let columns: Vec<Column<'_>> = fields.iter().map(|field| column(field)).collect();
    let moment = Moment { now: state.daemon_now() };
    let last = table.top.saturating_add(table.height).min(window.total);
    let rows: Vec<Row> = (table.top..last)
        .map(|at| match row_of(window, at) {
            Some(subject) => row(subject, &fields, table, look, moment),
            // In each column, because the first may have no room.
            None => Row {
                cells: fields.iter().map(|_| Piece::new(look.glyphs.ellipsis, Role::Dim)).collect(),
                marked: false,
            },
        })
        .collect();
    let sort = table.sort.as_ref().and_then(|sort| {
        let column = fields.iter().position(|field| field.name == sort.field)?;
        Some(Sort { column, descending: sort.descending })
    });
    let grid = Grid {
        columns: &columns,
        sort,
        rows: &rows,
        offset: table.top,
        total: Some(window.total),
        selected: usize::try_from(table.cursor.saturating_sub(table.top)).ok(),
        stale: age.is_some(),
    };
    body(&grid, look, buffer, inside, panel.focus);
}

/// Titles and rows. Where the grid has a line for its position, that line is the border below, which is then drawn
/// again: the status line says the position.
fn body(grid: &Grid<'_>, look: &Look, buffer: &mut Buffer, inside: Rect, focus: bool) {
    let rows = inside.height.saturating_sub(1);
    // Numbers at the right end do not touch the border.
    let mut area = Rect { width: inside.width.saturating_sub(1), ..inside };
    while Grid::lines(area.height) < rows {
        area.height = area.height.saturating_add(1);
    }
    grid.draw(buffer, area, look);
    // Nothing of the position's own style may stay below it.
    let style = Style::reset().patch(look.style(if focus { Role::BorderFocus } else { Role::Border }));
    for y in inside.bottom()..area.bottom() {
        let line = look.glyphs.border.horizontal_bottom.repeat(usize::from(inside.width));
        buffer.set_stringn(inside.x, y, line, usize::from(inside.width), style);
    }
    if grid.stale {
        for (y, row) in (inside.top().saturating_add(1)..inside.bottom()).zip(grid.rows) {
            let cell = buffer.cell_mut((inside.x.saturating_add(1), y));
            if let Some(cell) = cell.filter(|_| !row.marked && inside.width > 1) {
                cell.set_symbol("~");
            }
        }
    }
}

fn title(table: &Table) -> String {
    match (table.id, &table.of) {
        (ListId::Items, Some(run)) => format!("Items of {}", short(run)),
        (ListId::Links, _) => "Repositories".to_owned(),
        (ListId::Tenants, _) => "Tenants".to_owned(),
        (ListId::Runs, _) => "Runs, newest first".to_owned(),
        (ListId::Tokens, _) => "Installation tokens".to_owned(),
        (ListId::Audit, _) => "Audit, newest first".to_owned(),
        (ListId::Deliveries, _) => "Deliveries, newest first".to_owned(),
        (ListId::Installations, _) => "Installations, the worst first".to_owned(),
        (ListId::Workflows, _) => "Workflows".to_owned(),
        (ListId::Rollouts, _) => "Rollouts".to_owned(),
        (ListId::Instances, _) => "Instances".to_owned(),
        (ListId::Items, None) => "Items".to_owned(),
    }
}

fn column(field: &Field) -> Column<'static> {
    let min = if STATES.contains(&field.name) { field.min.saturating_add(SIGN) } else { field.min };
    Column {
        title: field.name,
        min,
        max: None,
        weight: field.weight,
        right: field.right,
        priority: field.priority,
    }
}

fn row(subject: &Subject, fields: &[&Field], table: &Table, look: &Look, moment: Moment) -> Row {
    let cells = fields.iter().map(|field| {
        let Cell { text, role } = (field.cell)(subject, moment);
        match role {
            Some(role) if STATES.contains(&field.name) && !text.is_empty() => sign::told(look, &text, role),
            role => Piece::new(text, role.unwrap_or_default()),
        }
    });
    Row { cells: cells.collect(), marked: table.marks.contains_key(&subject.key()) }
}
