//! `Key  value` lines, the values aligned and wrapped.

use super::{Style, Tone, clean, width, wrap};

/// Facts about one thing, one a line.
#[derive(Clone, Debug, Default)]
pub struct Block {
    lines: Vec<(String, String, Tone)>,
}

impl Block {
    /// No facts yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a fact.
    pub fn line(&mut self, key: &str, value: impl AsRef<str>) -> &mut Self {
        self.toned(key, value, Tone::Plain)
    }

    /// Adds a fact that deserves a colour.
    pub fn toned(&mut self, key: &str, value: impl AsRef<str>, tone: Tone) -> &mut Self {
        self.lines.push((key.to_owned(), clean(value.as_ref()).into_owned(), tone));
        self
    }

    /// Adds a fact where there is one.
    pub fn maybe(&mut self, key: &str, value: Option<impl AsRef<str>>) -> &mut Self {
        if let Some(value) = value {
            self.line(key, value);
        }
        self
    }

    /// The text, each line ended.
    pub fn render(&self, style: Style) -> String {
        let indent = self.lines.iter().map(|(key, ..)| width(key)).max().unwrap_or(0) + 2;
        let room = style.measure().saturating_sub(indent).max(20);
        let mut out = String::new();
        for (key, value, tone) in &self.lines {
            let gap = " ".repeat(indent.saturating_sub(width(key)));
            for (i, line) in wrap(value, room).iter().enumerate() {
                if i == 0 {
                    out += &style.paint(key, Tone::Strong);
                    out += &gap;
                } else {
                    out += &" ".repeat(indent);
                }
                out += &style.paint(line, *tone);
                out.truncate(out.trim_end_matches(' ').len());
                out.push('\n');
            }
        }
        out
    }
}
