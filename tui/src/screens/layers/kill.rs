//! The kill switch: nothing on the screen is bigger, and it fits into 20 columns and one row.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::keymap::Action;
use crate::plain::{number, width};
use crate::state::State;
use crate::state::layer::{KILL_PATIENCE_MS, KillLayer};
use crate::theme::Role;
use crate::widgets::{Look, Piece, center, text, wipe, wrap};

/// The widest that it gets.
const WIDEST: u16 = 76;

/// From this height on the word is drawn in large letters.
const LARGE: u16 = 18;

/// KILL, five rows high.
const WORD: [&str; 5] = [
    "#  #  #  #    #   ",
    "# #   #  #    #   ",
    "##    #  #    #   ",
    "# #   #  #    #   ",
    "#  #  #  #### ####",
];

/// In a terminal without room for anything else: it covers it.
pub(super) fn tiny(state: &State, look: &Look, buffer: &mut Buffer, area: Rect, kill: &KillLayer) {
    wipe(buffer, area);
    buffer.set_style(area, look.style(Role::Danger));
    let mut lines = vec![headline(state, kill, area.width)];
    lines.extend(match kill {
        KillLayer::Armed => briefly(state),
        _ => told(state, kill),
    });
    let lines: Vec<Piece> = lines.into_iter().map(|line| Piece::new(line, Role::Danger)).collect();
    text(buffer, area, look, &lines, 0);
}

pub(super) fn draw(state: &State, look: &Look, buffer: &mut Buffer, room: Rect, kill: &KillLayer) {
    let outer = room.width.min(WIDEST);
    let inside = outer.saturating_sub(4);
    let told = told(state, kill);
    let rows = told.iter().map(|line| wrap(line, usize::from(inside)).len()).sum::<usize>();
    let failed = matches!(kill, KillLayer::Failed { .. });
    let large = if room.height >= LARGE && !failed { WORD.len() + 1 } else { 0 };
    let rows = u16::try_from(rows + large).unwrap_or(u16::MAX).saturating_add(4);
    let area = center(room, outer, rows);
    wipe(buffer, area);
    buffer.set_style(area, look.style(Role::Danger));
    let mut rest = Rect {
        x: area.x.saturating_add(2).min(area.right()),
        y: area.y.saturating_add(u16::from(area.height > 8)),
        width: inside.min(area.width),
        height: area.height.saturating_sub(2 * u16::from(area.height > 8)),
    };
    if large > 0 {
        // Two cells are about a square.
        let by = if inside >= 40 { 2 } else { 1 };
        let dot = |c: char| if c == '#' { look.glyphs.gauge[0] } else { " " }.repeat(by);
        let word: Vec<Piece> = WORD
            .iter()
            .map(|line| Piece::new(line.chars().map(dot).collect::<String>(), Role::Danger))
            .collect();
        text(buffer, rest, look, &word, 0);
        rest = below(rest, large);
    }
    text(buffer, rest, look, &[Piece::new(headline(state, kill, inside), Role::Danger)], 0);
    // A blank line where there is room for one.
    let gap = 1 + usize::from(area.height >= rows);
    let lines: Vec<Piece> = told.into_iter().map(|line| Piece::new(line, Role::Danger)).collect();
    text(buffer, below(rest, gap), look, &lines, 0);
}

fn below(area: Rect, rows: usize) -> Rect {
    let rows = u16::try_from(rows).unwrap_or(u16::MAX).min(area.height);
    Rect { y: area.y.saturating_add(rows), height: area.height - rows, ..area }
}

/// What it is about, and the next key.
fn headline(state: &State, kill: &KillLayer, room: u16) -> String {
    let (kills, leaves) = (key(state), state.keymap.key(Action::Back));
    // Esc closes a layer whatever else does.
    let leaves = if leaves.eq_ignore_ascii_case("esc") || leaves.is_empty() { "Esc" } else { &leaves };
    let forms = match kill {
        KillLayer::Armed => [
            format!("KILL?   {kills} again kills   {leaves} leaves it"),
            format!("KILL? {kills} again  {leaves} no"),
            format!("KILL? {kills} again {leaves} no"),
        ],
        KillLayer::Asked { .. } => [
            "KILLING: the daemon is asked".to_owned(),
            "KILLING: asked ...".to_owned(),
            "KILLING ...".to_owned(),
        ],
        KillLayer::Marking { .. } => [
            "KILLING: the marker is written".to_owned(),
            "KILLING: marker ...".to_owned(),
            "KILLING ...".to_owned(),
        ],
        KillLayer::Fired { .. } => [
            format!("KILLED   {leaves} closes this"),
            format!("KILLED  {leaves} closes"),
            format!("KILLED {leaves}"),
        ],
        KillLayer::Failed { .. } => [
            format!("NOT KILLED   {}{leaves} closes this", again(state)),
            "NOT KILLED".to_owned(),
            "NOT KILLED".to_owned(),
        ],
    };
    let [_, _, shortest] = &forms;
    let fits = forms.iter().find(|form| width(form) <= usize::from(room)).unwrap_or(shortest);
    fits.clone()
}

fn key(state: &State) -> String {
    state.keymap.key(Action::Kill)
}

/// A second try, where one is allowed.
fn again(state: &State) -> String {
    if state.options.read_only || state.role().is_some_and(|role| role < Action::Kill.binding().role) {
        String::new()
    } else {
        format!("{} tries again   ", key(state))
    }
}

/// What it does, or how it stands.
fn told(state: &State, kill: &KillLayer) -> Vec<String> {
    match kill {
        KillLayer::Armed => armed(state),
        KillLayer::Asked { at, .. } => {
            let left = at.saturating_add(KILL_PATIENCE_MS).saturating_sub(state.now).max(0);
            let left = left.saturating_add(999) / 1000;
            vec![format!("If it does not answer within {left} s, the marker is written instead.")]
        }
        KillLayer::Marking { why } => vec![format!("{why}: the marker in {} does it.", folder(state))],
        KillLayer::Fired { text } => vec![
            text.clone(),
            format!(
                "Nothing is lost. When the cause is known: `cutover unkill --all`, or {} sets a mode; then h lets each run go on.",
                state.keymap.key(Action::Mode)
            ),
        ],
        KillLayer::Failed { text } => {
            let mut lines = vec![text.clone()];
            if !text.contains("cutover kill --local") {
                lines.push("On the daemon's machine: cutover kill --local".to_owned());
            }
            lines
        }
    }
}

fn armed(state: &State) -> Vec<String> {
    let through = match state.welcome() {
        Some(welcome) => format!("Through the daemon of {}, as {}.", welcome.environment, welcome.operator),
        None => format!("no daemon: the marker in {} will be written", folder(state)),
    };
    let stale = if state.stale().is_some() { "~" } else { "" };
    let who = state
        .status()
        .map_or("every tenant".to_owned(), |status| format!("all {stale}{} tenants", number(status.tenants)));
    let runs = match (state.moving.len(), stale) {
        (0, "") => "No run moves.".to_owned(),
        (0, _) => "Any run that moves is paused.".to_owned(),
        (1, _) => format!("{stale}1 moving run is paused."),
        (many, _) => format!("{stale}{many} moving runs are paused."),
    };
    let mut lines = vec![
        format!("Every decision for {who} is legacy at once. {runs} Nothing is undone."),
        through,
        format!(
            "Let go: `cutover unkill --all`, or {} sets a mode; then {} lets each run go on.",
            state.keymap.key(Action::Mode),
            state.keymap.key(Action::Hold)
        ),
    ];
    if state.is_killed() {
        lines.insert(0, "It is killed already; once more does no harm.".to_owned());
    }
    lines
}

/// The same for 20 columns.
fn briefly(state: &State) -> Vec<String> {
    let how = if state.welcome().is_some() { "All legacy at once." } else { "All legacy by marker" };
    let runs = match state.moving.len() {
        0 => "Any run is paused.".to_owned(),
        1 => "1 run is paused.".to_owned(),
        many => format!("{many} runs are paused."),
    };
    vec![how.to_owned(), runs]
}

fn folder(state: &State) -> String {
    state.options.state_dir.display().to_string()
}
