//! Both arms beside each other. Wide: a column each, with bars of the last windows. Narrow: a line each, so that the
//! figures stand below each other.

use cutover_shared::rollout::{ArmFigures, OperationFigures, RolloutView, SPARK_WINDOW_MS, Side};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::aged;
use crate::plain::number;
use crate::plain::rollout::{error_rate, latency};
use crate::screens::sign;
use crate::state::State;
use crate::theme::Role;
use crate::widgets::{Look, Piece, bar, spark};

/// From here on each arm has a column of its own.
const WIDE: u16 = 96;

/// Columns of a name and of a figure.
const NAME: u16 = 8;
const FIGURE: u16 = 10;

/// What the bars show.
const BARS: u64 = SPARK_WINDOW_MS / 1_000;

/// One line of it.
pub(super) enum Line {
    /// No call was counted yet.
    Nothing,
    Titles,
    Arm(Side, ArmFigures, i64),
    /// Titles of both columns.
    Heads(String),
    Calls(Box<OperationFigures>, i64),
    Errors(Box<OperationFigures>),
    Times(Box<OperationFigures>),
}

/// The figures of all operations together, where they are told; else of each.
pub(super) fn whole(view: &RolloutView) -> Vec<&OperationFigures> {
    match view.figures.iter().find(|one| one.operation.is_none()) {
        Some(all) => vec![all],
        None => view.figures.iter().collect(),
    }
}

/// Lines with their ranks.
pub(super) fn rows(state: &State, view: &RolloutView, width: u16) -> Vec<(u8, Line)> {
    let age = state.daemon_now().saturating_sub(view.line.since);
    let all = whole(view);
    let Some(first) = all.first() else { return vec![(4, Line::Nothing)] };
    if width < WIDE {
        let narrow = |one: &OperationFigures| {
            [
                (4, Line::Arm(Side::Legacy, one.legacy.clone(), age)),
                (4, Line::Arm(Side::Target, one.target.clone(), age)),
            ]
        };
        let mut rows = vec![(4, Line::Titles)];
        rows.extend(narrow(first));
        return rows;
    }
    let mut rows = Vec::new();
    for (at, one) in all.iter().enumerate() {
        let rank = if at == 0 { 4 } else { 10 };
        let word = one.operation.map_or("all operations", |operation| operation.word()).to_owned();
        let figures = || Box::new((*one).clone());
        rows.extend([
            (rank, Line::Heads(word)),
            (rank, Line::Calls(figures(), age)),
            (rank, Line::Errors(figures())),
            (rank, Line::Times(figures())),
        ]);
    }
    rows
}

pub(super) fn draw(state: &State, look: &Look, buffer: &mut Buffer, line: Rect, what: &Line) {
    match what {
        Line::Nothing => {
            let text = "no call was counted yet: figures come with the first";
            bar(buffer, line, look, &[super::key("arms"), aged(state, text, Role::Dim)], &[]);
        }
        Line::Titles => {
            let titles: String = columns(line.width).iter().map(|(title, _)| figure(title)).collect();
            bar(
                buffer,
                line,
                look,
                &[Piece::new(format!("{:<1$}{titles}", "", usize::from(NAME)), Role::Dim)],
                &[],
            );
        }
        Line::Arm(side, arm, age) => narrow(state, look, buffer, line, *side, (arm, *age)),
        Line::Heads(word) => {
            for (place, side) in halves(line).into_iter().zip(Side::ALL) {
                let word = format!("  {word}, in this stage; bars of {BARS} s");
                let head = [Piece::new(side.word(), Role::Title), Piece::new(word, Role::Dim)];
                bar(buffer, place, look, &head, &[]);
            }
        }
        Line::Calls(one, age) => both(state, look, buffer, line, one, |arm| {
            let text = format!("{}   {}/s", number(arm.calls), rate(arm, *age));
            ("calls", text, Role::Text, arm.spark_calls.clone())
        }),
        Line::Errors(one) => both(state, look, buffer, line, one, |arm| {
            let role = if arm.errors > 0 { Role::Warn } else { Role::Text };
            let rate = error_rate(arm).unwrap_or_else(|| "-".to_owned());
            ("errors", rate, role, arm.spark_errors.clone())
        }),
        Line::Times(one) => both(state, look, buffer, line, one, |arm| {
            let text =
                format!("P50 {}  P95 {}  P99 {}", time(arm.p50_us), time(arm.p95_us), time(arm.p99_us));
            ("time", text, Role::Text, arm.spark_p95_us.clone())
        }),
    }
}

fn time(us: Option<u64>) -> String {
    us.map_or("-".to_owned(), latency)
}

fn figure(text: &str) -> String {
    format!("{text:>0$}", usize::from(FIGURE))
}

/// A figure of an arm that is counted for so many milliseconds.
type Figure = fn(&ArmFigures, i64) -> String;

/// `91.4`: calls a second, lately.
fn rate(arm: &ArmFigures, age_ms: i64) -> String {
    arm.rate_tenths(age_ms)
        .map_or("-".to_owned(), |tenths| format!("{}.{}", number(tenths / 10), tenths % 10))
}

/// The figures that have room, the most important first; in the order in which they are read.
fn columns(width: u16) -> Vec<(&'static str, Figure)> {
    let all: [(u8, &'static str, Figure); 6] = [
        (3, "calls", |arm, _| number(arm.calls)),
        (2, "calls/s", |arm, age| rate(arm, age)),
        (0, "errors", |arm, _| error_rate(arm).unwrap_or_else(|| "-".to_owned())),
        (4, "P50", |arm, _| time(arm.p50_us)),
        (1, "P95", |arm, _| time(arm.p95_us)),
        (5, "P99", |arm, _| time(arm.p99_us)),
    ];
    let most = width.saturating_sub(NAME) / FIGURE;
    all.into_iter()
        .filter(|(rank, ..)| u16::from(*rank) < most)
        .map(|(_, title, figure)| (title, figure))
        .collect()
}

fn narrow(
    state: &State,
    look: &Look,
    buffer: &mut Buffer,
    line: Rect,
    side: Side,
    (arm, age): (&ArmFigures, i64),
) {
    let columns = columns(line.width);
    let name = Piece::new(format!("{:<1$}", side.word(), usize::from(NAME)), Role::Dim);
    let mut pieces = vec![name];
    pieces.extend(columns.iter().map(|(title, text)| {
        let role = if *title == "errors" && arm.errors > 0 { Role::Warn } else { Role::Text };
        aged(state, figure(&text(arm, age)), role)
    }));
    bar(buffer, line, look, &pieces, &[]);
    let used = sign::columns(&pieces).saturating_add(2);
    let place = Rect { x: line.x.saturating_add(used), width: line.width.saturating_sub(used), ..line };
    spark(buffer, place, look, &arm.spark_calls, sign::aged(state, Role::Info));
}

fn halves(line: Rect) -> [Rect; 2] {
    let half = line.width.saturating_sub(2) / 2;
    let x = line.x.saturating_add(half + 2);
    [Rect { width: half, ..line }, Rect { x, width: line.right().saturating_sub(x), ..line }]
}

/// What a row tells of an arm: unit or word, figure, how it looks, the windows.
type Told = (&'static str, String, Role, Vec<u64>);

fn both(
    state: &State,
    look: &Look,
    buffer: &mut Buffer,
    line: Rect,
    figures: &OperationFigures,
    told: impl Fn(&ArmFigures) -> Told,
) {
    for (place, arm) in halves(line).into_iter().zip([&figures.legacy, &figures.target]) {
        let (name, text, role, values) = told(arm);
        let text = format!("{}{text}", sign::about(state));
        let pieces =
            [Piece::new(format!("{name:<0$}", usize::from(NAME)), Role::Dim), aged(state, text, role)];
        bar(buffer, place, look, &pieces, &[]);
        // All bars begin in one column, as far as the figures leave it.
        let used = sign::columns(&pieces).saturating_add(2).max(28);
        let place = Rect {
            x: place.x.saturating_add(used),
            width: place.width.saturating_sub(used).min(30),
            ..place
        };
        let bars = if name == "errors" { role } else { Role::Info };
        spark(buffer, place, look, &values, sign::aged(state, bars));
    }
}
