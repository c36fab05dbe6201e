//! Text for people: tables, `Key  value` blocks, numbers, durations. Everything that came from outside passes
//! through [`clean`], so that no name can move a cursor.

mod block;
pub mod fleet;
mod human;
pub mod rollout;
mod run;
mod table;
mod text;
pub mod timeline;

pub use block::Block;
pub use human::{age, decimal, duration, number, parse_duration, percent, span, time};
pub use run::{
    RUN_COLUMNS, counts, gate, groups, item_tone, moving_line, next_of_plan, noun_of, runs_row, show,
};
pub use table::{Cell, Column, Table};
pub(crate) use text::cut;
pub use text::{clean, shell_argument, shell_option, shell_word, width, wrap};

/// How wide text is laid out when nobody knows the terminal.
pub const WIDTH: usize = 80;

/// How a stream looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Colours are wanted.
    pub colour: bool,
    /// Width of the terminal; none when it is not one, and then nothing is cut.
    pub columns: Option<usize>,
}

/// What a piece of text means, which decides its colour. The word itself always says it too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    #[default]
    Plain,
    Good,
    Warn,
    Bad,
    Dim,
    Strong,
}

impl Style {
    /// `text` in the colour of `tone`, where colours are wanted.
    pub fn paint(self, text: &str, tone: Tone) -> String {
        let code = match tone {
            Tone::Plain => return text.to_owned(),
            Tone::Good => "32",
            Tone::Warn => "33",
            Tone::Bad => "31;1",
            Tone::Dim => "2",
            Tone::Strong => "1",
        };
        if self.colour && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// The width that running text is wrapped at.
    pub fn measure(self) -> usize {
        self.columns.unwrap_or(WIDTH).clamp(40, 100)
    }
}

#[cfg(test)]
mod tests;
