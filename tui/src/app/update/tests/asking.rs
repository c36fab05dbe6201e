//! What is asked of the daemon, and when.

use cutover_shared::catalog::CatalogQuery;
use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::rpc::{Answer, Changes, Query, Topic};
use cutover_shared::run::{RunQuery, RunState};
use cutover_shared::token::{TokenAnswer, TokenQuery};

use crate::app::event::Event;
use crate::bench::{Bench, World, attention, run};
use crate::keymap::Action;
use crate::state::{Layer, ListId, Screen, Slot, Stale};

fn tenants(asks: &[Query]) -> usize {
    asks.iter().filter(|query| matches!(query, Query::Catalog(CatalogQuery::TenantWindow { .. }))).count()
}

fn statuses(asks: &[Query]) -> usize {
    asks.iter().filter(|query| **query == Query::Status).count()
}

#[test]
fn a_screen_asks_for_what_it_shows_once() {
    let mut bench = Bench::ready(World::default());
    bench.event(Event::Line("tenants".to_owned()));
    let asked = bench.take_asks();
    assert_eq!((tenants(&asked), asked.len()), (1, 1), "{asked:?}");
    for _ in 0..5 {
        bench.wait(1_000);
        assert_eq!(bench.take_asks(), [], "it is under way");
    }
}

#[test]
fn what_changed_is_asked_again_but_not_more_often_than_the_breath() {
    let mut bench = Bench::ready(World::default());
    bench.act(Action::Tenants);
    bench.wait(1_000);
    bench.changed(&[Topic::Mode]);
    let asked = bench.take_asks();
    assert_eq!((tenants(&asked), statuses(&asked)), (1, 1), "{asked:?}");
    bench.changed(&[Topic::Audit]);
    assert_eq!(bench.take_asks(), [], "nobody looks at the audit");

    let mut bench = Bench::ready(World::default());
    bench.act(Action::Tenants);
    let mut asked = 0;
    for _ in 0..100 {
        bench.changed(&[Topic::Mapping]);
        asked += bench.asks.len();
        bench.calm();
        bench.wait(10);
        asked += bench.asks.len();
        bench.calm();
    }
    assert!((6..=10).contains(&asked), "two questions in a second of changes: {asked}");
}

#[test]
fn a_change_while_it_is_under_way_is_asked_after_the_answer() {
    let mut bench = Bench::ready(World::default());
    bench.event(Event::Line("tenants".to_owned()));
    bench.changed(&[Topic::Catalog]);
    let (ask, query) = bench.asks.remove(0);
    let others = bench.take_asks();
    assert_eq!(tenants(&others), 0);
    let result = Box::new(bench.world.answer(&query));
    bench.event(Event::Answered { ask, result });
    bench.take_asks();
    assert_eq!(tenants(&bench.take_asks()), 0, "the breath");
    bench.wait(250);
    assert_eq!(tenants(&bench.take_asks()), 1);
}

#[test]
fn an_answer_to_an_old_question_is_dropped() {
    let mut bench = Bench::ready(World::default());
    bench.event(Event::Line("tenants".to_owned()));
    let (old, query) = bench.asks.remove(0);
    bench.state.table_mut().unwrap().set_filter("canary:yes").unwrap();
    bench.wait(0);
    assert_eq!(tenants(&bench.take_asks()), 1, "the new filter is asked for at once");
    let result = Box::new(bench.world.answer(&query));
    bench.event(Event::Answered { ask: old, result: result.clone() });
    assert!(bench.state.window(ListId::Tenants).is_none());
    bench.event(Event::Answered { ask: 9_999, result });
    assert!(bench.state.window(ListId::Tenants).is_none());
}

#[test]
fn an_error_is_kept_beside_the_old_rows_and_asked_again_later() {
    let mut bench = Bench::ready(World::default());
    bench.act(Action::Tenants);
    bench.wait(1_000);
    bench.changed(&[Topic::Catalog]);
    for (ask, query) in std::mem::take(&mut bench.asks) {
        let error = RpcError::new(ErrorCode::Store, "disk full", "free some");
        let result = if query == Query::Status { bench.world.answer(&query) } else { Err(error) };
        bench.event(Event::Answered { ask, result: Box::new(result) });
    }
    let feed = bench.state.feeds.get(&Slot::List(ListId::Tenants)).unwrap();
    assert_eq!(feed.error.as_ref().unwrap().message, "disk full");
    assert!(feed.value.is_some() && !feed.is_loading());
    bench.wait(4_000);
    assert_eq!(tenants(&bench.take_asks()), 0, "not hammered");
    bench.wait(1_000);
    bench.calm();
    assert!(bench.state.feeds.get(&Slot::List(ListId::Tenants)).unwrap().error.is_none());
}

#[test]
fn an_answer_of_another_kind_is_an_error_not_an_endless_wait() {
    let mut bench = Bench::new(World::default());
    bench.connect();
    let other = bench.world.answer(&Query::Token(TokenQuery::Window { ask: Default::default() })).unwrap();
    assert!(matches!(other, Answer::Token(TokenAnswer::Window(_))));
    bench.event(Event::Line("tenants".to_owned()));
    for (ask, _) in std::mem::take(&mut bench.asks) {
        bench.event(Event::Answered { ask, result: Box::new(Ok(other.clone())) });
    }
    for slot in [Slot::Status, Slot::List(ListId::Tenants)] {
        let feed = bench.state.feeds.get(&slot).unwrap();
        assert!(feed.error.is_some() && feed.value.is_none(), "{slot:?}");
    }
    bench.wait(5_000);
    assert_eq!(bench.asks.len(), 2);
}

#[test]
fn after_a_long_sleep_it_does_not_wait_for_hours() {
    let mut bench = Bench::ready(World::default());
    bench.wait(1_000);
    bench.changed(&[Topic::Mode]);
    // The laptop sleeps with a question under way.
    bench.wait(8 * 3_600_000);
    bench.calm();
    bench.changed(&[Topic::Runs]);
    bench.wait(10_000);
    assert_eq!(statuses(&bench.take_asks()), 1);
}

#[test]
fn another_run_shows_nothing_of_the_one_before() {
    let runs = vec![run("run-1", "all", RunState::Done), run("run-2", "canary", RunState::Done)];
    let mut bench = Bench::ready(World { runs, ..World::default() });
    bench.select(Screen::Runs, |row| row.key() == "run-1");
    bench.act(Action::Open);
    assert!(!bench.state.window(ListId::Items).unwrap().rows.is_empty());
    bench.act(Action::Back);
    bench.act(Action::Down);
    bench.event(Event::Line("open".to_owned()));
    assert_eq!(bench.state.open_run(), Some("run-2".into()));
    assert!(bench.state.window(ListId::Items).is_none(), "the items of another run must not be settled here");
    assert!(bench.state.selected().is_none());
    bench.calm();
    assert_eq!(bench.state.selected().unwrap().run(), Some("run-2".into()));
}

#[test]
fn an_action_looks_for_the_run_it_is_about() {
    let runs =
        vec![run("run-1", "tenant:acme", RunState::Done), run("run-2", "tenant:acme", RunState::Planned)];
    let mut bench = Bench::ready(World { runs, ..World::default() });
    bench.select(Screen::Tenants, |row| row.key() == "acme");
    bench.act(Action::Apply);
    let Some(Layer::Dialog(dialog)) = bench.state.layers.top() else { panic!("{:?}", bench.state.layers) };
    assert!(dialog.plan.twin.starts_with("cutover map apply run-2 "), "{}", dialog.plan.twin);
    bench.keys(&["esc"]);
    bench.wait(400);
    bench.keys(&["esc"]);
    bench.world.runs.clear();
    bench.act(Action::Undo);
    assert!(bench.note().contains("no run of this tenant alone was applied"), "{}", bench.note());
    assert_eq!(bench.state.search, None);
}

#[test]
fn the_overview_leads_to_a_run_that_was_never_listed() {
    let runs = vec![run("run-9", "all", RunState::Failed)];
    let mut bench =
        Bench::ready(World { runs, attention: vec![attention(Some("run-9"))], ..World::default() });
    bench.act(Action::Undo);
    let Some(Layer::Dialog(dialog)) = bench.state.layers.top() else { panic!("{:?}", bench.state.layers) };
    assert_eq!(dialog.plan.twin, "cutover run undo run-9");
    bench.wait(400);
    bench.keys(&["esc", "enter"]);
    assert_eq!(bench.state.open_run(), Some("run-9".into()));
}

#[test]
fn idle_it_wakes_every_ten_seconds_and_no_more_often() {
    let mut bench = Bench::ready(World::default());
    for screen in Screen::ALL {
        bench.act(crate::keymap::Action::of_screen(*screen));
    }
    bench.act(Action::Overview);
    bench.wait(20_000);
    bench.calm();
    bench.wait(1_000);
    assert_eq!(bench.state.next_wake(), bench.now + 10_000);
    // Lists that are not on the screen may be out of date: nobody is woken for them.
    bench.changed(&[Topic::Catalog, Topic::Runs, Topic::Tokens, Topic::Audit]);
    bench.calm();
    bench.wait(300);
    bench.calm();
    assert_eq!(bench.asks, []);
    bench.wait(1_000);
    assert_eq!(bench.state.next_wake(), bench.now + 10_000, "a loop without a pause");
    // What moves ticks.
    bench.world.runs = vec![run("run-1", "all", RunState::Applying)];
    bench.changed(&[Topic::Runs]);
    bench.calm();
    bench.wait(300);
    bench.calm();
    assert_eq!(bench.state.next_wake(), bench.now + 1_000);
}

#[test]
fn held_still_nothing_is_asked_nothing_moves_and_nobody_is_woken() {
    let mut bench =
        Bench::ready(World { runs: vec![run("run-1", "all", RunState::Applying)], ..World::default() });
    bench.changed(&[Topic::Runs]);
    bench.calm();
    bench.keys(&["f"]);
    assert!(matches!(bench.state.stale(), Some(Stale::Frozen { .. })));
    bench.world.runs[0].state = RunState::Done;
    bench.changed(&[Topic::Runs, Topic::Mode]);
    bench.wait(1_000);
    assert_eq!(bench.take_asks(), []);
    assert_eq!(bench.state.moving.len(), 1, "held still");
    assert!(bench.state.next_wake() > bench.now, "a loop without a pause");
    bench.keys(&["m"]);
    assert!(bench.note().contains("held still; f lets it go"), "{}", bench.note());
    bench.keys(&["esc"]);
    bench.event(Event::Line("freeze".to_owned()));
    assert_eq!(statuses(&bench.take_asks()), 1, "everything is asked for again");
    assert_eq!(bench.state.moving.len(), 0, "and what was told meanwhile holds");
}

#[test]
fn a_daemon_that_was_restarted_is_asked_for_everything() {
    let mut bench = Bench::ready(World::default());
    bench.act(Action::Tokens);
    bench.wait(1_000);
    let changes = Changes { epoch: 77, versions: vec![], moving: vec![] };
    bench.event(Event::Changed { result: Ok(changes), luck: 0 });
    assert_eq!(bench.asks.len(), 2, "{:?}", bench.asks);
    assert_eq!(bench.state.epoch, 77);
}

#[test]
fn a_silent_daemon_is_noticed_and_disarms() {
    let mut bench = Bench::ready(World::default());
    bench.wait(1_000);
    bench.changed(&[Topic::Mode]);
    let asked = bench.now;
    assert!(bench.state.next_wake() <= asked + 5_001, "the moment it becomes slow is shown at once");
    bench.wait(5_001);
    assert_eq!(bench.state.stale(), Some(Stale::Slow { since: asked }));
    bench.event(Event::Line("mode".to_owned()));
    assert!(bench.note().contains("has not answered for 5 s"), "{}", bench.note());
    bench.calm();
    assert_eq!(bench.state.stale(), None);
}

#[test]
fn a_spot_of_everything_that_is_asked_is_bounded_by_what_is_shown() {
    let runs = (0..300).map(|n| run(&format!("run-{n}"), "all", RunState::Done)).collect();
    let mut bench = Bench::ready(World { runs, ..World::default() });
    bench.act(Action::Runs);
    for _ in 0..250 {
        bench.event(Event::Line("down".to_owned()));
        bench.calm();
    }
    let groups = |slot: &Slot| matches!(slot, Slot::Groups(_));
    let needed = bench.state.needs();
    assert_eq!(needed.iter().filter(|(slot, _)| groups(slot)).count(), 1);
    assert!(
        needed.iter().any(
            |(_, query)| matches!(query, Query::Run(RunQuery::Groups { id }) if id.as_str() == "run-250")
        )
    );
    assert!(bench.state.groups(&"run-3".into()).is_none(), "what nobody looks at is forgotten");
}
