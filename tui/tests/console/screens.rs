//! Pictures for `docs/screens`, drawn by the same code that draws the terminal.

use std::fmt::Write as _;
use std::path::PathBuf;

use cutover_tui::state::Screen;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

use crate::daemon::{Console, SECOND};
use crate::frame::{normal, stale};
use crate::paint::frame;

const WIDE: (u16, u16) = (120, 40);
const SMALL: (u16, u16) = (80, 24);

/// Width and height of a cell in the picture's units.
const CELL: (usize, usize) = (8, 18);

const BACK: &str = "#16181d";
const FRONT: &str = "#d7dae0";

fn at(size: (u16, u16), screen: Screen) -> Console {
    let mut console = normal(size, screen);
    console.wait(SECOND);
    console
}

/// Name, caption, and what to draw.
fn all() -> Vec<(&'static str, &'static str, Console)> {
    let mut all = vec![
        (
            "overview",
            "Overview: what is wrong, what moves, what comes next, the way back",
            at(WIDE, Screen::Overview),
        ),
        ("overview_80x24", "The same in 80x24", at(SMALL, Screen::Overview)),
        (
            "mapping",
            "Mapping: every repository with its status, and beside it the evidence",
            at(WIDE, Screen::Mapping),
        ),
        ("tenants", "Tenants: health, canary membership, progress", at(WIDE, Screen::Tenants)),
        ("runs", "Runs, newest first", at(WIDE, Screen::Runs)),
        ("run", "One run: progress, findings grouped by reason, items", at(WIDE, Screen::Run)),
        ("tokens", "Tokens: each installation's health", at(WIDE, Screen::Tokens)),
        ("audit", "Audit: who did what, from where", at(WIDE, Screen::Audit)),
        (
            "webhooks",
            "Webhooks: rate, lag, failures, what was given up, and every delivery",
            at(WIDE, Screen::Webhooks),
        ),
        ("webhooks_80x24", "The same in 80x24", at(SMALL, Screen::Webhooks)),
        (
            "installations",
            "Installations: the worst health first, with the reasons",
            at(WIDE, Screen::Installations),
        ),
        ("workflows", "Workflows: what they wait for, what was sent", at(WIDE, Screen::Workflows)),
        (
            "rollouts",
            "Rollouts: the track, both arms, how near each trigger is, what is owed",
            at(WIDE, Screen::Rollouts),
        ),
        ("rollouts_80x24", "The same in 80x24", at(SMALL, Screen::Rollouts)),
        (
            "fleet",
            "Fleet: what is halted and why, waves, tenants by version and status, failures by their error",
            at(WIDE, Screen::Fleet),
        ),
        ("fleet_80x24", "The same in 80x24", at(SMALL, Screen::Fleet)),
    ];
    let mut then = |name, caption, size, screen, keys: &[&str]| {
        let mut console = at(size, screen);
        console.press(keys);
        console.wait(SECOND);
        all.push((name, caption, console));
    };
    then("help", "? explains every key where it is pressed", SMALL, Screen::Tenants, &["?"]);
    then("why", "w says why: rule, threshold, distance, evidence", SMALL, Screen::Mapping, &["down", "w"]);
    then(
        "delivery",
        "Enter on a delivery: its journey from GitHub to the engine",
        SMALL,
        Screen::Webhooks,
        &["down", "enter"],
    );
    then(
        "explain",
        "E explains which workflows a delivery matched, and what the others missed",
        SMALL,
        Screen::Webhooks,
        &["down", "down", "E"],
    );
    then(
        "rollout_advance",
        "p on a rollout: who would move, what must hold, the digest, the command",
        WIDE,
        Screen::Rollouts,
        &["p"],
    );
    then(
        "fleet_failures",
        "E on the fleet: failures by their error, what to do, Enter for the tenants, t for once more",
        SMALL,
        Screen::Fleet,
        &["E"],
    );
    then("palette", ": finds any action", SMALL, Screen::Runs, &[":", "u", "n"]);
    then(
        "canary",
        "A question: what happens, how it is undone, the command; the focus is on Cancel",
        SMALL,
        Screen::Tenants,
        &["n"],
    );
    then("scope", "D chooses what a dry-run covers", SMALL, Screen::Tenants, &["D"]);
    then("kill", "K, and K once more: the kill switch", SMALL, Screen::Overview, &["K"]);
    then("kill_20x3", "The kill switch in 20x3", (20, 3), Screen::Overview, &["K"]);
    then("runbook", "b opens the runbook", SMALL, Screen::Runs, &["b"]);
    let mut lost = stale(WIDE, Screen::Runs);
    lost.press(&["a"]);
    all.push((
        "stale",
        "Without a connection: old figures look old, and a key says why it does nothing",
        lost,
    ));
    all
}

fn ansi(color: Color, default: &'static str) -> String {
    match color {
        Color::Black => "#21252b".into(),
        Color::Red => "#e0484b".into(),
        Color::Green => "#7fb347".into(),
        Color::Yellow => "#d9a13a".into(),
        Color::Blue => "#4f8fd9".into(),
        Color::Magenta => "#b678d9".into(),
        Color::Cyan => "#4bb3c3".into(),
        Color::Gray | Color::White => "#d7dae0".into(),
        Color::DarkGray => "#868b94".into(),
        Color::LightRed => "#ff7478".into(),
        Color::LightGreen => "#9fd166".into(),
        Color::LightYellow => "#f2c35f".into(),
        Color::LightBlue => "#7db2f2".into(),
        Color::LightMagenta => "#d29cf2".into(),
        Color::LightCyan => "#73d3e2".into(),
        Color::Rgb(r, g, b) => format!("#{r:02x}{g:02x}{b:02x}"),
        _ => default.into(),
    }
}

fn colours(cell: &Cell) -> (String, String) {
    let (front, back) = (ansi(cell.fg, FRONT), ansi(cell.bg, BACK));
    if cell.modifier.contains(Modifier::REVERSED) { (back, front) } else { (front, back) }
}

/// The frame as a picture: a rectangle for each run of background, a text for each run of one style. Every sign has its own
/// place, because no font of a browser has just this width.
fn svg(buffer: &Buffer) -> String {
    let columns = usize::from(buffer.area.width.max(1));
    let (width, height) = (columns * CELL.0 + 16, usize::from(buffer.area.height) * CELL.1 + 16);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" font-size=\"13.3\" \
         font-family=\"DejaVu Sans Mono, Menlo, Consolas, monospace\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"{BACK}\"/>\n"
    );
    for (y, row) in buffer.content.chunks(columns).enumerate() {
        let (top, mut at) = (y * CELL.1 + 8, 0);
        for run in row.chunk_by(|a, b| colours(a) == colours(b) && a.modifier == b.modifier) {
            let (front, back) = colours(&run[0]);
            let (x, wide) = (at * CELL.0 + 8, run.len() * CELL.0);
            if back != BACK {
                let high = CELL.1;
                writeln!(
                    out,
                    "<rect x=\"{x}\" y=\"{top}\" width=\"{wide}\" height=\"{high}\" fill=\"{back}\"/>"
                )
                .unwrap();
            }
            let has = |modifier| run[0].modifier.contains(modifier);
            let signs = run.iter().enumerate().filter(|(_, cell)| !cell.symbol().trim().is_empty());
            let places: Vec<String> = signs.clone().map(|(i, _)| (x + i * CELL.0).to_string()).collect();
            let text: String = signs.map(|(_, cell)| cell.symbol()).collect();
            if !text.is_empty() {
                let bold = if has(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
                let dim = if has(Modifier::DIM) { " opacity=\".6\"" } else { "" };
                let line = if has(Modifier::UNDERLINED) { " text-decoration=\"underline\"" } else { "" };
                let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
                let (places, base) = (places.join(" "), top + 14);
                writeln!(
                    out,
                    "<text x=\"{places}\" y=\"{base}\" fill=\"{front}\"{bold}{dim}{line}>{text}</text>"
                )
                .unwrap();
            }
            at += run.len();
        }
    }
    out + "</svg>\n"
}

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/screens"))
}

fn index() -> String {
    let mut text = String::from(
        "# Screens\n\nDrawn by the code that draws the terminal, from a made-up installation, in the 16-colour theme. Made anew by\n\n\
         ```console\n$ cargo test -p cutover-tui --test console write_the_screens -- --ignored\n```\n\n\
         [console.md](../console.md) says what everything means.\n",
    );
    for (name, caption, _) in all() {
        write!(text, "\n## {caption}\n\n![{caption}]({name}.svg)\n").unwrap();
    }
    text
}

#[test]
#[ignore = "writes docs/screens"]
fn write_the_screens() {
    for (name, _, console) in all() {
        std::fs::write(folder().join(format!("{name}.svg")), svg(&frame(&console.state))).unwrap();
    }
    std::fs::write(folder().join("README.md"), index()).unwrap();
}

/// A picture that is older than the screen would mislead.
#[test]
fn the_screens_in_the_documents_are_those_of_the_code() {
    for (name, _, console) in all() {
        let file = folder().join(format!("{name}.svg"));
        let drawn = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            drawn == svg(&frame(&console.state)),
            "{} is old: docs/screens/README.md has the command",
            file.display()
        );
    }
    assert_eq!(std::fs::read_to_string(folder().join("README.md")).unwrap(), index());
}
