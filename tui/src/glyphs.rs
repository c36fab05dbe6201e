//! The signs that are drawn, each with a twin in ASCII. Pure.

use ratatui::symbols::border;

/// Which signs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum GlyphSet {
    #[default]
    Unicode,
    Ascii,
}

impl GlyphSet {
    /// Both.
    pub const ALL: &'static [Self] = &[Self::Unicode, Self::Ascii];

    /// The word in the settings.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unicode => "unicode",
            Self::Ascii => "ascii",
        }
    }

    /// The set of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|set| set.word() == word)
    }
}

/// A table of signs. Each takes one column, [`Glyphs::ellipsis`] excepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glyphs {
    pub set: GlyphSet,
    pub good: &'static str,
    pub warn: &'static str,
    pub bad: &'static str,
    pub pending: &'static str,
    pub moving: &'static str,
    pub paused: &'static str,
    pub unknown: &'static str,
    pub killed: &'static str,
    /// A row that was chosen for something.
    pub mark: &'static str,
    /// The row where the next key acts.
    pub cursor: &'static str,
    /// Cells of a gauge by segment, so that segments differ without colours; later segments share the last.
    pub gauge: [&'static str; 4],
    /// What no segment covers.
    pub gauge_rest: &'static str,
    /// A last cell that is filled by one to seven eighths; the same sign throughout where there are none.
    pub gauge_part: [&'static str; 7],
    /// One to eight eighths of a cell's height.
    pub spark: [&'static str; 8],
    pub up: &'static str,
    pub down: &'static str,
    pub right: &'static str,
    /// What stands for text that was cut: one column, or three in ASCII.
    pub ellipsis: &'static str,
    /// Between facts on one line.
    pub separator: &'static str,
    /// Between steps of a track.
    pub link: &'static str,
    pub border: border::Set<'static>,
}

const UNICODE: Glyphs = Glyphs {
    set: GlyphSet::Unicode,
    good: "✓",
    warn: "!",
    bad: "✗",
    pending: "○",
    moving: "▶",
    paused: "‖",
    unknown: "?",
    killed: "■",
    mark: "●",
    cursor: "▌",
    gauge: ["█", "▓", "▒", "░"],
    gauge_rest: "·",
    gauge_part: ["▏", "▎", "▍", "▌", "▋", "▊", "▉"],
    spark: ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
    up: "↑",
    down: "↓",
    right: "→",
    ellipsis: "…",
    separator: "│",
    link: "─",
    border: border::ROUNDED,
};

const ASCII: Glyphs = Glyphs {
    set: GlyphSet::Ascii,
    good: "+",
    warn: "!",
    bad: "x",
    pending: "o",
    moving: ">",
    paused: "=",
    unknown: "?",
    killed: "#",
    mark: "*",
    cursor: ">",
    gauge: ["#", "=", "-", ":"],
    gauge_rest: ".",
    gauge_part: ["."; 7],
    spark: [".", ":", "-", "=", "+", "*", "#", "%"],
    up: "^",
    down: "v",
    right: ">",
    ellipsis: "...",
    separator: "|",
    link: "-",
    border: border::Set {
        top_left: "+",
        top_right: "+",
        bottom_left: "+",
        bottom_right: "+",
        vertical_left: "|",
        vertical_right: "|",
        horizontal_top: "-",
        horizontal_bottom: "-",
    },
};

impl Glyphs {
    /// The table of a set.
    pub const fn new(set: GlyphSet) -> Self {
        match set {
            GlyphSet::Unicode => UNICODE,
            GlyphSet::Ascii => ASCII,
        }
    }
}

impl Default for Glyphs {
    fn default() -> Self {
        UNICODE
    }
}

/// The variable that decides about letters: `LC_ALL`, else `LC_CTYPE`, else `LANG`; an empty one counts as absent.
pub fn locale(variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| variable(name).filter(|value| !value.is_empty()))
}

/// The signs of a terminal: those that were asked for; else ASCII where the locale ([`locale`]) is not one of UTF-8
/// or `TERM` is one whose font lacks them, as on the Linux console.
pub fn choose(wanted: Option<GlyphSet>, lang: Option<&str>, term: Option<&str>) -> Glyphs {
    let set = wanted.unwrap_or_else(|| {
        let utf8 = lang.is_some_and(|lang| {
            let lang = lang.to_ascii_lowercase();
            lang.contains("utf-8") || lang.contains("utf8")
        });
        let poor = term.is_some_and(|term| {
            matches!(term, "linux" | "dumb" | "ansi") || term.starts_with("vt1") || term.starts_with("vt2")
        });
        if utf8 && !poor { GlyphSet::Unicode } else { GlyphSet::Ascii }
    });
    Glyphs::new(set)
}

#[cfg(test)]
mod tests;
