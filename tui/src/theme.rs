//! What each role of text looks like. Pure: the program says which theme, this says which style.

use ratatui::style::{Color, Modifier, Style};

use crate::plain::Tone;

/// The themes there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ThemeName {
    /// Only the terminal's own 16 colours, on whatever background it has.
    #[default]
    Sixteen,
    /// 24-bit colours, each readable on black and on white.
    Truecolor,
    /// No colours: bold, dim, underlined, reversed.
    Mono,
}

impl ThemeName {
    /// Every theme.
    pub const ALL: &'static [Self] = &[Self::Sixteen, Self::Truecolor, Self::Mono];

    /// The word in the settings.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sixteen => "16",
            Self::Truecolor => "truecolor",
            Self::Mono => "mono",
        }
    }

    /// The theme of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|name| name.word() == word)
    }
}

/// What a piece of text is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Role {
    #[default]
    Text,
    Dim,
    Strong,
    Title,
    Border,
    BorderFocus,
    Selected,
    Marked,
    Good,
    Warn,
    Bad,
    Info,
    Key,
    Hint,
    Stale,
    Input,
    Button,
    ButtonFocus,
    Danger,
    Gauge,
    GaugeRest,
    TableHead,
    Tour,
}

impl Role {
    /// Every role.
    pub const ALL: &'static [Self] = &[
        Self::Text,
        Self::Dim,
        Self::Strong,
        Self::Title,
        Self::Border,
        Self::BorderFocus,
        Self::Selected,
        Self::Marked,
        Self::Good,
        Self::Warn,
        Self::Bad,
        Self::Info,
        Self::Key,
        Self::Hint,
        Self::Stale,
        Self::Input,
        Self::Button,
        Self::ButtonFocus,
        Self::Danger,
        Self::Gauge,
        Self::GaugeRest,
        Self::TableHead,
        Self::Tour,
    ];
}

/// The role of what the plain texts call a tone.
pub const fn tone(tone: Tone) -> Role {
    match tone {
        Tone::Plain => Role::Text,
        Tone::Good => Role::Good,
        Tone::Warn => Role::Warn,
        Tone::Bad => Role::Bad,
        Tone::Dim => Role::Dim,
        Tone::Strong => Role::Strong,
    }
}

/// Which theme is drawn: `NO_COLOR` (present and not empty) wins over every wish, and 24 bits need a terminal
/// whose `COLORTERM` says that it has them.
pub fn choose(wanted: Option<ThemeName>, no_color: bool, colorterm: Option<&str>) -> ThemeName {
    let deep = colorterm.is_some_and(|says| matches!(says.trim(), "truecolor" | "24bit"));
    match wanted.unwrap_or_default() {
        _ if no_color => ThemeName::Mono,
        ThemeName::Truecolor if !deep => ThemeName::Sixteen,
        name => name,
    }
}

/// A table of styles by role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Theme {
    name: ThemeName,
}

/// The colours that roles share; the rest is the terminal's own foreground.
struct Palette {
    good: Color,
    warn: Color,
    bad: Color,
    info: Color,
    mark: Color,
}

/// Neither `White` nor `Black` nor a bright variant: on some background each of them can't be seen.
const SIXTEEN: Palette = Palette {
    good: Color::Green,
    warn: Color::Yellow,
    bad: Color::Red,
    info: Color::Cyan,
    mark: Color::Magenta,
};

/// Luminances between 0.1 and 0.3, so that the contrast is 3:1 or more against black and against white.
const TRUECOLOR: Palette = Palette {
    good: Color::Rgb(0x2e, 0x9e, 0x4f),
    warn: Color::Rgb(0xb5, 0x89, 0x00),
    bad: Color::Rgb(0xdc, 0x4a, 0x42),
    info: Color::Rgb(0x1f, 0x93, 0xa0),
    mark: Color::Rgb(0xb2, 0x5f, 0xc4),
};

impl Theme {
    /// The theme of a name.
    pub const fn new(name: ThemeName) -> Self {
        Self { name }
    }

    /// Its name.
    pub const fn name(&self) -> ThemeName {
        self.name
    }

    /// The style of a role. `Selected` is meant to be laid over the style of what is selected.
    pub fn style(&self, role: Role) -> Style {
        match self.name {
            ThemeName::Sixteen => coloured(role, &SIXTEEN),
            ThemeName::Truecolor => coloured(role, &TRUECOLOR),
            ThemeName::Mono => mono(role),
        }
    }

    /// The stripe that says where the operator is. The name comes from the daemon and no setting reaches this, so
    /// that production can't be made to look like anything else; whatever begins with `prod` counts as it.
    pub fn environment(&self, name: &str) -> Style {
        if self.name == ThemeName::Mono {
            return Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD);
        }
        let begins =
            |word: &str| name.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
        if begins("prod") {
            Style::new().fg(Color::White).bg(Color::Red).add_modifier(Modifier::BOLD)
        } else if begins("staging") {
            Style::new().fg(Color::Black).bg(Color::Yellow)
        } else if begins("demo") {
            Style::new().fg(Color::Black).bg(Color::Cyan)
        } else {
            Style::new().fg(Color::White).bg(Color::Blue)
        }
    }
}

fn coloured(role: Role, palette: &Palette) -> Style {
    let plain = Style::new();
    match role {
        Role::Text | Role::Button => plain,
        // Not `DarkGray`: Solarized and others use it for the background itself.
        Role::Dim | Role::Border | Role::Hint | Role::Stale | Role::GaugeRest => {
            plain.add_modifier(Modifier::DIM)
        }
        Role::Strong | Role::Title => plain.add_modifier(Modifier::BOLD),
        Role::BorderFocus | Role::Key => plain.fg(palette.info).add_modifier(Modifier::BOLD),
        Role::Selected => plain.add_modifier(Modifier::REVERSED),
        Role::Marked | Role::Tour => plain.fg(palette.mark).add_modifier(Modifier::BOLD),
        Role::Good | Role::Gauge => plain.fg(palette.good),
        Role::Warn => plain.fg(palette.warn),
        Role::Bad => plain.fg(palette.bad).add_modifier(Modifier::BOLD),
        Role::Info => plain.fg(palette.info),
        Role::Input => plain.add_modifier(Modifier::UNDERLINED),
        Role::ButtonFocus => plain.add_modifier(Modifier::REVERSED | Modifier::BOLD),
        Role::Danger => plain.fg(Color::White).bg(Color::Red).add_modifier(Modifier::BOLD),
        Role::TableHead => plain.add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
    }
}

fn mono(role: Role) -> Style {
    let modifier = match role {
        Role::Text | Role::Button | Role::Info | Role::Gauge | Role::Good => Modifier::empty(),
        Role::Dim | Role::Border | Role::Hint | Role::Stale | Role::GaugeRest => Modifier::DIM,
        Role::Strong | Role::Title | Role::BorderFocus | Role::Key | Role::Marked | Role::Warn => {
            Modifier::BOLD
        }
        Role::Bad | Role::TableHead | Role::Tour => Modifier::BOLD.union(Modifier::UNDERLINED),
        Role::Selected => Modifier::REVERSED,
        Role::Input => Modifier::UNDERLINED,
        Role::ButtonFocus | Role::Danger => Modifier::REVERSED.union(Modifier::BOLD),
    };
    Style::new().add_modifier(modifier)
}

#[cfg(test)]
mod tests;
