use cutover_shared::audit::AuditView;
use proptest::prelude::*;

use super::*;
use crate::bench;

/// The list that the daemon has: numbers of records, in its order.
type All = Vec<i64>;

fn row(seq: i64) -> Subject {
    Subject::Record(Box::new(AuditView { seq, ..bench::record(seq) }))
}

/// What the daemon answers to the table's question.
fn answer(table: &Table, all: &All) -> Window<Subject> {
    let total = all.len();
    let from = usize::try_from(table.ask.offset).unwrap().min(total);
    let to = (from + table.ask.rows() as usize).min(total);
    Window {
        rows: all[from..to].iter().map(|seq| row(*seq)).collect(),
        offset: from as u64,
        total: total as u64,
    }
}

struct Shown {
    table: Table,
    all: All,
    window: Window<Subject>,
}

impl Shown {
    fn new(rows: i64, height: u16) -> Self {
        let all: All = (0..rows).collect();
        let mut table = Table::new(ListId::Audit);
        table.fit(height, None);
        let window = answer(&table, &all);
        let mut shown = Self { table, all, window };
        shown.arrives();
        shown
    }

    fn arrives(&mut self) {
        self.window = answer(&self.table, &self.all);
        self.table.arrived(&self.window);
        // What the new place needs is asked for at once.
        self.window = answer(&self.table, &self.all);
        self.table.arrived(&self.window);
    }

    fn step(&mut self, by: i64) {
        self.table.step(by, self.window.total, Some(&self.window));
        self.sound();
    }

    fn go(&mut self, to: u64) {
        self.table.go(to, self.window.total, Some(&self.window));
        self.sound();
    }

    fn selected(&self) -> Option<String> {
        self.table.selected(Some(&self.window)).map(Subject::key)
    }

    fn sound(&self) {
        let Table { cursor, top, height, ask, .. } = &self.table;
        let total = self.window.total;
        assert!(*cursor < total.max(1), "{cursor} of {total}");
        assert!(*top <= *cursor && *cursor < top + height, "{top} {cursor} {height}");
        assert!(
            *top == 0 || top + height <= total.max(*height),
            "no empty rows below: {top} {height} {total}"
        );
        let shown = (*top, (top + height).min(total));
        let asked = (ask.offset, ask.offset + u64::from(ask.rows()));
        assert!(asked.0 <= shown.0 && shown.1 <= asked.1, "{shown:?} is not in {asked:?}");
    }
}

#[test]
fn the_cursor_stays_with_its_row_when_rows_come_above() {
    let mut shown = Shown::new(100, 10);
    shown.step(5);
    assert_eq!(shown.selected(), Some("5".into()));
    shown.all.splice(0..0, [-3, -2, -1]);
    shown.arrives();
    assert_eq!((shown.selected(), shown.table.cursor), (Some("5".into()), 8));
    assert_eq!(shown.table.top, 3, "and it stays at its line of the screen");
    shown.sound();
}

#[test]
fn a_row_that_is_gone_leaves_the_cursor_at_its_place() {
    let mut shown = Shown::new(20, 10);
    shown.step(5);
    shown.all.remove(5);
    shown.arrives();
    assert_eq!((shown.selected(), shown.table.cursor), (Some("6".into()), 5));
    // From now on it is the other row that it stays with.
    shown.all.insert(0, -1);
    shown.arrives();
    assert_eq!(shown.selected(), Some("6".into()));
}

#[test]
fn a_list_that_shrinks_takes_the_cursor_along() {
    let mut shown = Shown::new(100, 10);
    shown.go(99);
    shown.arrives();
    shown.all.truncate(12);
    shown.arrives();
    shown.sound();
    assert_eq!((shown.table.cursor, shown.table.top), (11, 2));
    shown.all.clear();
    shown.arrives();
    shown.sound();
    assert_eq!((shown.table.cursor, shown.table.top, shown.selected()), (0, 0, None));
    shown.all.push(7);
    shown.arrives();
    assert_eq!(shown.selected(), Some("7".into()));
}

#[test]
fn home_end_and_pages_reach_both_ends_and_no_further() {
    let mut shown = Shown::new(100_000, 40);
    shown.go(u64::MAX);
    assert_eq!((shown.table.cursor, shown.table.top), (99_999, 99_960));
    assert_eq!(shown.selected(), None, "the row has not come yet");
    shown.arrives();
    assert_eq!(shown.selected(), Some("99999".into()));
    assert!(shown.window.rows.len() <= 120, "a window, not the list: {}", shown.window.rows.len());
    shown.step(40);
    assert_eq!(shown.table.cursor, 99_999);
    shown.step(-40);
    assert_eq!(shown.table.cursor, 99_959);
    shown.go(0);
    shown.arrives();
    shown.step(-1);
    assert_eq!((shown.table.cursor, shown.selected()), (0, Some("0".into())));
}

#[test]
fn small_steps_ask_for_nothing_new() {
    let mut shown = Shown::new(1_000, 10);
    let before = shown.table.query();
    for _ in 0..15 {
        shown.step(1);
    }
    assert_eq!(shown.table.query(), before);
    for _ in 0..60 {
        shown.step(1);
    }
    assert_ne!(shown.table.query(), before);
}

#[test]
fn another_filter_or_order_begins_at_the_top() {
    let mut shown = Shown::new(100, 10);
    shown.go(50);
    assert!(shown.table.set_filter("nofield:x").is_err());
    assert_eq!(shown.table.cursor, 50, "what can't be understood changes nothing");
    shown.table.set_filter("  who:alice ").unwrap();
    assert_eq!((shown.table.cursor, shown.table.top, shown.table.filter.as_str()), (0, 0, "who:alice"));
    assert_eq!((shown.table.ask.filter.as_str(), shown.table.ask.offset), ("who:alice", 0));
    assert_eq!(shown.table.twin(), "cutover audit list --filter who:alice");
    shown.go(50);
    shown.table.sort_next();
    assert_eq!((shown.table.cursor, shown.table.ask.sort.as_ref().unwrap().field.as_str()), (0, "seq"));
    shown.table.sort_reverse();
    assert_eq!(shown.table.twin(), "cutover audit list --filter who:alice --sort=-seq");
}

#[test]
fn every_list_sorts_by_its_columns_in_turn_and_then_by_its_own_order() {
    for id in ListId::ALL {
        let mut table = Table::new(*id);
        let mut seen = BTreeSet::new();
        loop {
            table.sort_next();
            let Some(sort) = table.sort.clone() else { break };
            assert!(table.spec().fields.find(&sort.field).is_some());
            assert!(seen.insert(sort.field), "{id:?} never comes back to its own order");
        }
        assert_eq!(seen.is_empty(), id.is_whole(), "{id:?} can't be sorted");
    }
}

#[test]
fn every_list_keeps_its_name_and_state_on_the_narrowest_screen() {
    for id in ListId::ALL {
        let spec = id.spec();
        assert_eq!(spec.id, *id);
        assert!(!spec.empty.is_empty() && !spec.verb.is_empty());
        let always: Vec<&Column> = spec.columns.iter().filter(|column| column.priority == 0).collect();
        assert!(!always.is_empty(), "{id:?}");
        let width: u16 = always.iter().map(|column| column.min + 1).sum();
        assert!(width <= 38, "{id:?}: {width}");
        let mut table = Table::new(*id);
        table.hidden = spec.columns.iter().map(|column| column.name.to_owned()).collect();
        assert_eq!(table.columns().count(), always.len());
    }
}

#[test]
fn every_cell_can_be_made_of_every_subject() {
    let moment = Moment { now: bench::NOW };
    for id in ListId::ALL {
        for subject in subjects() {
            let own = subject.noun() == noun_of(*id);
            for column in id.spec().columns {
                let cell = (column.cell)(&subject, moment);
                assert!(own || cell.text.is_empty(), "{id:?} {}: {cell:?}", column.name);
                assert!(!own || column.priority > 0 || !cell.text.is_empty(), "{id:?} {}", column.name);
            }
        }
    }
}

fn noun_of(id: ListId) -> crate::state::Noun {
    use crate::state::Noun;
    match id {
        ListId::Links => Noun::Repository,
        ListId::Tenants => Noun::Tenant,
        ListId::Runs => Noun::Run,
        ListId::Items => Noun::Item,
        ListId::Tokens => Noun::Token,
        ListId::Audit => Noun::Record,
        ListId::Deliveries => Noun::Delivery,
        ListId::Installations => Noun::Installation,
        ListId::Workflows => Noun::Workflow,
        ListId::Rollouts => Noun::Rollout,
        ListId::Instances => Noun::Instance,
    }
}

fn subjects() -> Vec<Subject> {
    use cutover_shared::run::{ItemState, RunState};
    let run = |state: &RunState| Subject::Run(Box::new(bench::run("run-1", "all", *state)));
    let item =
        |state: &ItemState| Subject::Item { run: "run-1".into(), item: Box::new(bench::item(1, *state)) };
    let mut all: Vec<Subject> = RunState::ALL.iter().map(run).collect();
    all.extend(ItemState::ALL.iter().map(item));
    all.push(Subject::Link(Box::new(bench::link(1))));
    all.push(Subject::Tenant(bench::tenant("acme")));
    all.push(Subject::Token(bench::token(1, cutover_shared::token::TokenState::Fresh)));
    all.push(row(1));
    let delivery = |one| Subject::Delivery(Box::new(one));
    all.extend(crate::gateway::deliveries().into_iter().map(delivery));
    for health in cutover_shared::installation::Health::ALL {
        all.push(Subject::Installation(Box::new(crate::gateway::installation(1, *health))));
    }
    all.extend(
        cutover_shared::rollout::RolloutName::ALL
            .iter()
            .map(|name| Subject::Rollout(Box::new(crate::rollout_sample::line(*name)))),
    );
    all.extend((0..12).map(|n| Subject::Instance(Box::new(crate::fleet_sample::instance(n)))));
    all.extend(crate::gateway::workflows().into_iter().map(|one| Subject::Workflow(Box::new(one))));
    all
}

#[test]
fn marks_are_bounded_and_follow_their_rows() {
    let mut table = Table::new(ListId::Audit);
    for seq in 0..1_000 {
        assert!(table.mark(&row(seq)));
    }
    assert!(!table.mark(&row(1_000)), "no room");
    assert!(table.mark(&row(7)), "a mark can always be taken away");
    assert_eq!(table.marks.len(), 999);
    let mut newer = bench::record(8);
    newer.act = "kill".into();
    let window = Window { rows: vec![Subject::Record(Box::new(newer))], offset: 0, total: 1 };
    table.arrived(&window);
    assert!(matches!(&table.marks["8"], Subject::Record(view) if view.act == "kill"));
}

#[test]
fn another_run_has_its_own_list() {
    let mut table = Table::new(ListId::Items);
    table.fit(10, None);
    table.show_of("run-1".into());
    table.set_filter("state:failed").unwrap();
    table.mark(&row(1));
    table.hidden.insert("tries".into());
    table.show_of("run-1".into());
    assert_eq!(table.filter, "state:failed", "the same run is not opened anew");
    table.show_of("run-2".into());
    assert_eq!((table.filter.as_str(), table.marks.len(), table.height), ("", 0, 10));
    assert!(table.hidden.contains("tries"), "columns are a matter of taste");
}

#[test]
fn a_daemon_that_counts_wildly_does_no_harm() {
    for (offset, total) in [(u64::MAX, u64::MAX), (0, u64::MAX), (u64::MAX, 0), (u64::MAX / 2, 3)] {
        let mut table = Table::new(ListId::Audit);
        let window = Window { rows: vec![row(1), row(2)], offset, total };
        table.arrived(&window);
        table.go(u64::MAX, total, Some(&window));
        table.arrived(&window);
        table.step(1, total, Some(&window));
        table.step(i64::MIN, total, Some(&window));
        table.fit(u16::MAX, Some(total));
        assert!(table.selected(Some(&window)).is_none() || total > 0);
    }
}

#[derive(Clone, Debug)]
enum Move {
    Step(i64),
    Go(u64),
    Fit(u16),
    Grow(usize, u8),
    Shrink(usize, u8),
    Arrive,
    /// An answer to an older question, for another place.
    Late(u64),
    Sort,
}

fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        (-200_i64..200).prop_map(Move::Step),
        (0_u64..400).prop_map(Move::Go),
        (0_u16..80).prop_map(Move::Fit),
        (0_usize..300, 1_u8..20).prop_map(|(at, rows)| Move::Grow(at, rows)),
        (0_usize..300, 1_u8..60).prop_map(|(at, rows)| Move::Shrink(at, rows)),
        Just(Move::Arrive),
        (0_u64..400).prop_map(Move::Late),
        Just(Move::Sort),
    ]
}

proptest! {
    #[test]
    fn no_move_and_no_window_brings_the_cursor_out_of_sight(
        rows in 0_i64..300, height in 1_u16..60, moves in prop::collection::vec(moves(), 1..60)
    ) {
        let mut shown = Shown::new(rows, height);
        let mut fresh = 1_000;
        for one in moves {
            match one {
                Move::Step(by) => shown.step(by),
                Move::Go(to) => shown.go(to),
                Move::Fit(height) => {
                    let total = shown.window.total;
                    shown.table.fit(height, Some(total));
                }
                Move::Grow(at, rows) => {
                    let at = at.min(shown.all.len());
                    shown.all.splice(at..at, fresh..fresh + i64::from(rows));
                    fresh += i64::from(rows);
                }
                Move::Shrink(at, rows) => {
                    let at = at.min(shown.all.len());
                    let to = (at + usize::from(rows)).min(shown.all.len());
                    shown.all.drain(at..to);
                }
                Move::Arrive => shown.arrives(),
                Move::Late(offset) => {
                    let mut other = shown.table.clone();
                    other.ask.offset = offset;
                    shown.window = answer(&other, &shown.all);
                    shown.table.arrived(&shown.window);
                }
                Move::Sort => shown.table.sort_next(),
            }
            shown.sound();
        }
        shown.arrives();
        prop_assert!(shown.selected().is_some() || shown.all.is_empty());
    }
}
