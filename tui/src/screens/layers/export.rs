//! How a view is written.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::choice;
use super::sheet::{Line, Sheet, facts, width};
use crate::plain::number;
use crate::state::layer::FORMATS;
use crate::state::{ExportFormat, ListId, State};
use crate::theme::Role;
use crate::widgets::{Choice, Look, Piece};

pub(super) fn draw(
    state: &State,
    look: &Look,
    buffer: &mut Buffer,
    room: Rect,
    (list, cursor): (ListId, usize),
) {
    let choices: Vec<Choice> = FORMATS
        .iter()
        .map(|(format, ending)| {
            let text = match format {
                ExportFormat::Csv => "CSV: for a spreadsheet",
                ExportFormat::JsonLines => "JSON Lines: an object a line, for scripts",
            };
            Choice { text: text.into(), right: Piece::new(format!(".{ending}"), Role::Dim) }
        })
        .collect();
    let spec = list.spec();
    let total = state.window(list).map_or("all".to_owned(), |window| number(window.total));
    let table = state.tables.get(&list);
    let filter = table.map_or("", |table| table.filter.as_str());
    let which = if filter.is_empty() { "no filter".to_owned() } else { format!("filter {filter}") };
    let columns = table.map_or(String::new(), |table| {
        table.columns().map(|column| column.name).collect::<Vec<_>>().join(", ")
    });
    let folder = state.options.folder.display().to_string();
    let rows = format!("{total} ({}, {which}), in the order of the screen", spec.fields.noun);
    let width = width(room);
    let mut below = vec![Line::blank()];
    below.extend(facts(
        &[
            ("Rows:", rows.as_str(), Role::Text),
            ("Columns:", columns.as_str(), Role::Text),
            ("Into:", folder.as_str(), Role::Text),
        ],
        width,
    ));
    let sheet = Sheet { title: "Write this view", foot: "Enter writes, Esc leaves it", ..Sheet::default() };
    choice::draw(buffer, room, look, &sheet, (&choices, cursor), &below);
}
