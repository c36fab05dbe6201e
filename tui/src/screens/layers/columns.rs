//! Which columns a list shows.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::choice;
use super::sheet::Sheet;
use crate::keymap::Action;
use crate::state::{ListId, State};
use crate::theme::Role;
use crate::widgets::{Choice, Look, Piece};

pub(super) fn draw(
    state: &State,
    look: &Look,
    buffer: &mut Buffer,
    room: Rect,
    (list, cursor): (ListId, usize),
) {
    let spec = list.spec();
    let hidden = |name: &str| state.tables.get(&list).is_some_and(|table| table.hidden.contains(name));
    let choices: Vec<Choice> = spec
        .columns
        .iter()
        .map(|column| {
            let always = column.priority == 0;
            let check = if always || !hidden(column.name) { "[x]" } else { "[ ]" };
            let about = if always {
                "always".to_owned()
            } else {
                spec.fields.find(column.name).map_or(String::new(), |field| field.about.to_owned())
            };
            Choice { text: format!("{check} {}", column.name).into(), right: Piece::new(about, Role::Dim) }
        })
        .collect();
    let title = format!("Columns of {}", spec.fields.noun);
    let foot = format!("{} shows or hides, Esc closes", state.keymap.key(Action::Mark));
    let sheet = Sheet { title: &title, foot: &foot, ..Sheet::default() };
    choice::draw(buffer, room, look, &sheet, (&choices, cursor), &[]);
}
