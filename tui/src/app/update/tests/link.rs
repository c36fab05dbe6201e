//! The connection: lost, tried again, back.

use std::collections::BTreeSet;

use cutover_shared::audit::AuditQuery;
use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::rpc::{Act, Query, Role};
use cutover_shared::run::RunState;

use crate::app::effect::Effect;
use crate::app::event::Event;
use crate::bench::{Bench, World, not_reached, run};
use crate::keymap::{Action, TABLE};
use crate::state::layer::{ChainLayer, KillLayer};
use crate::state::{Layer, Link, Options, Screen, Stale};

fn connects(bench: &Bench) -> usize {
    bench.others.iter().filter(|effect| **effect == Effect::Connect).count()
}

#[test]
fn lost_it_counts_down_tries_again_and_never_gives_up() {
    let mut bench = Bench::ready(World::default());
    bench.wait(1_000);
    bench.changed(&[]);
    bench.cut();
    let since = bench.now;
    assert_eq!(bench.state.stale(), Some(Stale::Disconnected { since }));
    assert_eq!(bench.state.link.until(), Some(since + 125));
    for attempt in 1..40 {
        assert_eq!(bench.state.link.attempt(), attempt);
        let until = bench.state.link.until().unwrap();
        assert!(until - bench.now <= 10_000);
        assert_eq!(bench.state.next_wake(), until.min(bench.now + 1_000));
        let before = connects(&bench);
        bench.wait(until - bench.now - 1);
        assert_eq!(connects(&bench), before);
        bench.wait(1);
        assert_eq!(connects(&bench), before + 1);
        bench.wait(1_000);
        assert_eq!(connects(&bench), before + 1, "one try at a time");
        bench.event(Event::Opened { result: Err(not_reached()), luck: 1000 });
    }
    assert!(bench.state.link.is_outage() && !bench.state.ended);
    assert_eq!(bench.take_asks(), [], "nothing is asked of nobody");
    bench.connect();
    assert!(matches!(bench.state.link, Link::Connected { .. }));
    assert_eq!(bench.asks.len(), 3, "the overview's questions");
    bench.calm();
    assert_eq!(bench.state.stale(), None);
}

#[test]
fn the_key_for_now_tries_at_once_and_only_once() {
    let mut bench = Bench::ready(World::default());
    bench.cut();
    let before = connects(&bench);
    bench.keys(&["R", "R", "R"]);
    assert_eq!(connects(&bench), before + 1);
    bench.connect();
    bench.calm();
    bench.event(Event::Line("reconnect".to_owned()));
    assert_eq!(bench.asks.len(), 3, "connected, everything is asked for again");
}

/// Goes to a row of each screen, so that every verb has a place where its key means something.
fn on_each_screen(bench: &mut Bench, mut look: impl FnMut(&mut Bench)) {
    for screen in [
        Screen::Overview,
        Screen::Mapping,
        Screen::Tenants,
        Screen::Runs,
        Screen::Run,
        Screen::Tokens,
        Screen::Webhooks,
        Screen::Workflows,
        Screen::Rollouts,
        Screen::Fleet,
    ] {
        if screen == Screen::Run {
            bench.keys(&["enter"]);
        } else {
            bench.act(crate::keymap::Action::of_screen(screen));
        }
        look(bench);
    }
}

/// The verbs that have a meaning where the cursor is.
fn verbs(bench: &Bench) -> Vec<&'static crate::keymap::Binding> {
    let place = bench.state.place();
    TABLE.iter().filter(|row| row.role > Role::Viewer && place.has(row.when)).collect()
}

#[test]
fn without_a_connection_every_key_that_changes_something_is_disarmed_and_says_why() {
    let runs = vec![run("run-1", "all", RunState::Planned)];
    let mut bench = Bench::ready(World { runs, ..World::default() });
    let mut seen = BTreeSet::new();
    on_each_screen(&mut bench, |bench| {
        bench.cut();
        bench.wait(3_000);
        for row in verbs(bench).into_iter().filter(|row| row.action != Action::Kill) {
            seen.insert(row.name);
            bench.event(Event::Line(row.name.to_owned()));
            let note = bench.note();
            assert!(note.contains("there is no connection to the daemon"), "{}: {note}", row.name);
            assert!(note.contains("K kills also without it"));
            bench.event(Event::Key(crate::bench::press("esc")));
            assert!(bench.state.layers.is_empty(), "{}", row.name);
        }
        assert_eq!(bench.acts, []);
        bench.keys(&["j", "w"]);
        assert!(matches!(bench.state.layers.top(), Some(Layer::Why { .. })), "looking is never disarmed");
        bench.keys(&["esc"]);
        bench.connect();
        bench.calm();
    });
    let all = TABLE.iter().filter(|row| row.role > Role::Viewer).count();
    assert_eq!(seen.len(), all - 1, "every verb but the kill switch: {seen:?}");
}

#[test]
fn a_dialog_that_was_open_when_the_connection_broke_does_nothing() {
    let runs = vec![run("run-1", "all", RunState::Applying)];
    let mut bench = Bench::ready(World { runs, ..World::default() });
    bench.select(Screen::Runs, |row| row.key() == "run-1");
    bench.keys(&["h"]);
    bench.cut();
    bench.confirm();
    assert_eq!(bench.acts, []);
    assert!(bench.note().contains("no connection"), "{}", bench.note());
}

#[test]
fn a_menu_that_was_open_when_the_connection_broke_does_nothing() {
    let mut bench = Bench::ready(World::default());
    bench.keys(&["D"]);
    assert!(matches!(bench.state.layers.top(), Some(Layer::Scope { .. })));
    bench.cut();
    bench.keys(&["enter"]);
    assert_eq!(bench.acts, []);
    assert!(bench.note().contains("no connection"), "{}", bench.note());
}

#[test]
fn who_is_no_operator_is_refused_with_the_role() {
    let runs = vec![run("run-1", "all", RunState::Planned)];
    for (world, options, words) in [
        (
            World { role: Role::Viewer, runs: runs.clone(), ..World::default() },
            Options::default(),
            "needs the role operator, and you are viewer",
        ),
        (
            World { runs: runs.clone(), ..World::default() },
            Options { read_only: true, ..Options::default() },
            "opened with --read-only",
        ),
    ] {
        let mut bench = Bench::with(world, options);
        bench.connect();
        bench.calm();
        on_each_screen(&mut bench, |bench| {
            for row in verbs(bench) {
                bench.event(Event::Line(row.name.to_owned()));
                if row.action == Action::Kill {
                    assert!(matches!(bench.state.layers.top(), Some(Layer::Kill(KillLayer::Failed { .. }))));
                    bench.event(Event::Line("kill".to_owned()));
                } else {
                    assert!(bench.note().contains(words), "{}: {}", row.name, bench.note());
                }
                bench.event(Event::Key(crate::bench::press("esc")));
            }
        });
        assert_eq!(bench.acts, []);
        assert!(!bench.others.iter().any(|effect| matches!(effect, Effect::Mark { .. })));
    }
}

#[test]
fn a_check_of_the_chain_ends_also_when_the_connection_or_another_layer_comes_between() {
    let verify = |bench: &mut Bench| {
        bench.act(Action::Audit);
        bench.event(Event::Line("audit-verify".to_owned()));
        let at = bench.asks.iter().position(|(_, query)| *query == Query::Audit(AuditQuery::Verify)).unwrap();
        bench.asks.remove(at)
    };
    let mut bench = Bench::ready(World::default());
    let (ask, query) = verify(&mut bench);
    bench.keys(&["K"]);
    let result = Box::new(bench.world.answer(&query));
    bench.event(Event::Answered { ask, result });
    bench.keys(&["esc"]);
    assert!(matches!(bench.state.layers.top(), Some(Layer::Chain(ChainLayer::Checked(_)))));

    let mut bench = Bench::ready(World::default());
    let (ask, _) = verify(&mut bench);
    bench.cut();
    bench.event(Event::Answered { ask, result: Box::new(Err(not_reached())) });
    assert!(matches!(bench.state.layers.top(), Some(Layer::Chain(ChainLayer::Failed(_)))));
}

#[test]
fn a_wrong_version_and_a_refusal_are_told_apart_and_tried_again() {
    for (code, version) in [(ErrorCode::Version, true), (ErrorCode::Role, false)] {
        let mut bench = Bench::new(World::default());
        bench.event(Event::Opened { result: Err(RpcError::new(code, "no", "ask")), luck: 1000 });
        assert_eq!(matches!(bench.state.link, Link::Incompatible { .. }), version);
        assert_eq!(matches!(bench.state.link, Link::Refused { .. }), !version);
        bench.wait(250);
        assert_eq!(connects(&bench), 1);
    }
}

#[test]
fn a_clock_that_is_set_back_brings_nothing_back() {
    let mut bench = Bench::ready(World::default());
    bench.wait(5_000);
    bench.cut();
    bench.now -= 3_600_000;
    bench.event(Event::Wake);
    assert!(bench.state.now > bench.now);
    let wake = bench.state.next_wake();
    assert!((bench.now..=bench.now + 10_000).contains(&wake), "it is woken by the clock that there is");
    // And what waits goes on.
    let (before, now) = (bench.state.now, bench.now);
    bench.wait(400);
    assert_eq!((bench.state.now, bench.now), (before + 400, now + 400));
}

#[test]
fn an_act_that_was_under_way_is_not_known_and_can_be_asked_again_with_its_number() {
    let runs = vec![run("run-1", "all", RunState::Applying)];
    let mut bench = Bench::ready(World { runs, ..World::default() });
    bench.select(Screen::Runs, |row| row.key() == "run-1");
    bench.keys(&["h"]);
    bench.confirm();
    let (act, what) = bench.acts[0].clone();
    assert!(matches!(what, Act::Run(_)));
    bench.refuse(not_reached());
    bench.cut();
    bench.keys(&["L", "enter"]);
    assert_eq!(bench.acts, [], "not while there is nobody");
    bench.connect();
    bench.calm();
    if !matches!(bench.state.layers.top(), Some(Layer::Receipts { .. })) {
        bench.keys(&["L"]);
    }
    bench.keys(&["enter"]);
    assert_eq!(bench.acts, [(act, what)], "the same number, so that nothing is done twice");
}
