//! What changes something: asked, confirmed, done, told.

use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::mapping::{MapAct, MapReceipt, MapScope, Mode};
use cutover_shared::rpc::{Act, Receipt, Topic};
use cutover_shared::run::{ItemState, RunAct, RunState};
use cutover_shared::token::TokenAct;

use crate::app::effect::Effect;
use crate::app::event::Event;
use crate::bench::{Bench, World, not_reached, press, run};
use crate::keymap::Action;
use crate::state::errand::Outcome;
use crate::state::{Layer, Screen, Subject};

fn with(scope: &str, state: RunState) -> Bench {
    let mut bench = Bench::ready(World { runs: vec![run("run-1", scope, state)], ..World::default() });
    bench.select(Screen::Runs, |row| row.key() == "run-1");
    bench
}

fn becomes(bench: &mut Bench, state: RunState) -> Receipt {
    bench.world.runs[0].state = state;
    Receipt::Run(Box::new(bench.world.runs[0].clone()))
}

fn run_acts(bench: &Bench) -> Vec<&RunAct> {
    let acts = bench.acts.iter().map(|(_, act)| match act {
        Act::Run(act) => act,
        other => panic!("{other:?}"),
    });
    acts.collect()
}

#[test]
fn approve_by_digest_then_apply() {
    let mut bench = with("tenant:acme", RunState::Planned);
    bench.keys(&["a"]);
    bench.confirm();
    assert!(
        matches!(run_acts(&bench)[..], [RunAct::Approve { digest, override_reason: None, .. }] if digest.as_str() == "3f79bb7b")
    );
    let receipt = becomes(&mut bench, RunState::Approved);
    bench.done(receipt);
    assert!(matches!(run_acts(&bench)[..], [RunAct::Apply { rate: None, .. }]));
    let receipt = becomes(&mut bench, RunState::Applying);
    bench.done(receipt);
    assert_eq!(bench.acts, []);
    let errand = bench.state.errands.get(0).unwrap();
    assert!(matches!(&errand.outcome, Outcome::Done(text) if text.contains("applying")), "{errand:?}");
    assert_eq!(errand.twin, "cutover map apply run-1 --approve 3f79bb7b");
}

#[test]
fn a_refused_approval_applies_nothing() {
    let mut bench = with("tenant:acme", RunState::Planned);
    bench.keys(&["a"]);
    bench.confirm();
    bench.refuse(
        RpcError::new(ErrorCode::StalePlan, "the plan is too old", "make another")
            .with_runbook("undo_mapping.md"),
    );
    assert_eq!(bench.acts, []);
    assert!(bench.note().contains("too old"));
    bench.keys(&["b"]);
    assert!(
        matches!(bench.state.layers.top(), Some(Layer::Runbook { file, .. }) if file == "undo_mapping.md")
    );
}

#[test]
fn enter_never_confirms_haste_never_confirms_and_what_is_pasted_is_no_key() {
    let mut bench = with("tenant:acme", RunState::Paused);
    bench.event(Event::Key(press("h")));
    bench.event(Event::Key(press("y")));
    assert_eq!(bench.acts, [], "too fast to be meant");
    bench.wait(400);
    bench.event(Event::Paste("y".into()));
    assert_eq!(bench.acts, []);
    bench.event(Event::Key(press("tab")));
    bench.event(Event::Key(press("enter")));
    assert_eq!(bench.acts, []);
    assert_eq!(bench.note(), "Enter never confirms");
    bench.event(Event::Key(press("y")));
    assert!(matches!(run_acts(&bench)[..], [RunAct::Resume { .. }]));

    let mut bench = with("tenant:acme", RunState::Done);
    bench.keys(&["u"]);
    bench.wait(400);
    bench.event(Event::Paste("acme".into()));
    bench.keys(&["tab", "tab", "y"]);
    assert_eq!(bench.acts, [], "the name has to be typed");
    bench.keys(&["esc"]);
    bench.keys(&["u"]);
    bench.wait(400);
    bench.keys(&["enter"]);
    assert!(bench.state.layers.is_empty(), "the focus is on Cancel");
}

#[test]
fn a_run_that_moved_on_while_the_question_stood_refuses() {
    let mut bench = with("tenant:acme", RunState::Applying);
    bench.changed(&[Topic::Runs]);
    bench.calm();
    bench.keys(&["h"]);
    bench.world.runs[0].state = RunState::Verifying;
    bench.changed(&[Topic::Runs]);
    bench.confirm();
    assert_eq!(bench.acts, []);
    assert!(bench.note().contains("the run is verifying by now"), "{}", bench.note());
}

#[test]
fn a_run_that_ended_while_the_question_stood_refuses() {
    let mut bench = with("tenant:acme", RunState::Done);
    bench.act(Action::Open);
    bench.event(Event::Line("undo".to_owned()));
    bench.world.runs[0].state = RunState::Undone;
    bench.wait(500);
    bench.changed(&[Topic::Runs]);
    bench.confirm();
    assert_eq!(bench.acts, []);
    assert!(bench.note().contains("the run is undone by now"), "{}", bench.note());
}

#[test]
fn a_closed_gate_asks_for_a_reason_and_passes_it_on() {
    let mut bench = with("tenant:acme", RunState::Planned);
    bench.world.gate = Some("tenant acme is not on the canary list".into());
    bench.keys(&["a"]);
    bench.confirm();
    assert_eq!(bench.acts, []);
    assert!(bench.note().contains("give a reason"), "{}", bench.note());
    bench.confirm();
    assert!(
        matches!(run_acts(&bench)[..], [RunAct::Approve { override_reason: Some(reason), .. }] if reason == "it's known")
    );
    let twin = &bench.state.errands.get(0).unwrap().twin;
    assert_eq!(twin, r"cutover map apply run-1 --approve 3f79bb7b --override 'it'\''s known'");
}

#[test]
fn gates_that_have_not_answered_hold_the_approval_back() {
    let mut bench = with("tenant:acme", RunState::Planned);
    bench.event(Event::Key(press("a")));
    bench.asks.clear();
    bench.confirm();
    assert_eq!(bench.acts, []);
    assert!(bench.note().contains("gates have not answered"), "{}", bench.note());
}

#[test]
fn a_rollback_of_a_moving_run_stops_it_waits_and_takes_it_back() {
    for frozen in [false, true] {
        let mut bench = with("tenant:acme", RunState::Applying);
        bench.changed(&[Topic::Runs]);
        bench.calm();
        bench.keys(&["r"]);
        bench.confirm();
        assert!(matches!(run_acts(&bench)[..], [RunAct::Pause { .. }]));
        let receipt = becomes(&mut bench, RunState::Pausing);
        bench.done(receipt);
        assert_eq!(bench.acts, [], "it still moves");
        if frozen {
            bench.event(Event::Line("freeze".to_owned()));
        }
        bench.changed(&[Topic::Runs]);
        bench.calm();
        assert_eq!(bench.acts, []);
        assert!(bench.state.next_wake() <= bench.now + 1_000);
        bench.world.runs[0].state = RunState::Paused;
        bench.wait(500);
        bench.changed(&[Topic::Runs]);
        bench.calm();
        bench.wait(300);
        bench.calm();
        assert!(
            matches!(run_acts(&bench)[..], [RunAct::Undo { rate: None, .. }]),
            "frozen {frozen}: {:?}",
            bench.acts
        );
        let receipt = becomes(&mut bench, RunState::Undoing);
        bench.done(receipt);
        assert_eq!(bench.state.errands.going(), 0);
    }
}

#[test]
fn a_rollback_whose_run_somebody_else_takes_back_ends() {
    let mut bench = with("tenant:acme", RunState::Applying);
    bench.keys(&["r"]);
    bench.confirm();
    let receipt = becomes(&mut bench, RunState::Pausing);
    bench.done(receipt);
    bench.world.runs[0].state = RunState::Undone;
    bench.wait(500);
    bench.changed(&[Topic::Runs]);
    bench.calm();
    bench.wait(300);
    bench.calm();
    // The daemon refuses it, and the receipt says so; it does not wait for ever.
    assert!(matches!(run_acts(&bench)[..], [RunAct::Undo { .. }]));
}

#[test]
fn a_rollback_whose_pause_is_not_known_goes_on_to_its_end_when_asked_again() {
    let mut bench = with("tenant:acme", RunState::Applying);
    bench.keys(&["r"]);
    bench.confirm();
    bench.refuse(not_reached());
    assert!(matches!(bench.state.errands.get(0).unwrap().outcome, Outcome::NotKnown(_)));
    bench.keys(&["L", "enter"]);
    assert!(matches!(run_acts(&bench)[..], [RunAct::Pause { .. }]));
    let receipt = becomes(&mut bench, RunState::Paused);
    bench.done(receipt);
    bench.wait(500);
    bench.calm();
    assert!(matches!(run_acts(&bench)[..], [RunAct::Undo { .. }]), "{:?}", bench.state.errands.get(0));
}

#[test]
fn a_dry_run_is_done_at_once_and_opens_where_nobody_is_torn_away() {
    for busy in [false, true] {
        let mut bench = Bench::ready(World::default());
        bench.select(Screen::Tenants, |row| row.key() == "globex");
        bench.keys(&["d"]);
        assert!(
            matches!(&bench.acts[..], [(_, Act::Map(MapAct::Plan { scope: MapScope::Tenant(who), refresh: false }))] if who.as_str() == "globex")
        );
        if busy {
            bench.keys(&["?"]);
        }
        let planned = run("run-7", "tenant:globex", RunState::Planned);
        bench.world.runs = vec![planned.clone()];
        bench.done(Receipt::Map(MapReceipt::Planned(Box::new(planned))));
        assert_eq!(bench.state.open_run().is_some(), !busy);
    }
}

#[test]
fn the_menu_of_scopes_reads_again_where_asked() {
    let mut bench = Bench::ready(World::default());
    bench.keys(&["D", "j", "space", "enter"]);
    assert!(matches!(&bench.acts[..], [(_, Act::Map(MapAct::Plan { scope: MapScope::All, refresh: true }))]));
    assert_eq!(bench.state.errands.get(0).unwrap().twin, "cutover map plan --all --refresh");
}

#[test]
fn the_mode_is_a_question_and_on_is_the_whole_fleets() {
    let mut bench = Bench::ready(World { killed: true, ..World::default() });
    bench.keys(&["m", "G", "enter"]);
    let Some(Layer::Dialog(dialog)) = bench.state.layers.top() else { panic!() };
    assert_eq!(dialog.tier, crate::keymap::Tier::Fleet);
    assert!(dialog.effect.iter().any(|line| line.contains("LETS GO OF THE KILL SWITCH")));
    bench.confirm();
    assert!(matches!(
        bench.acts[..],
        [(_, Act::Map(MapAct::SetMode { mode: Some(Mode::On), canary: None }))]
    ));
}

#[test]
fn the_canary_list_changes_by_marks_of_one_kind_only() {
    let mut bench = Bench::ready(World::default());
    bench.act(Action::Tenants);
    bench.keys(&["space", "space", "n"]);
    bench.confirm();
    let (_, act) = &bench.acts[0];
    assert!(
        matches!(act, Act::Map(MapAct::SetMode { mode: None, canary: Some(list) }) if list.len() == 2),
        "{act:?}"
    );
    let mut bench = Bench::ready(World::default());
    bench.world.tenants[1].canary = true;
    bench.act(Action::Tenants);
    bench.keys(&["space", "space", "n"]);
    assert!(bench.note().contains("some of the marked"), "{}", bench.note());
}

#[test]
fn marked_tokens_are_minted_one_after_the_other() {
    let mut bench = Bench::ready(World::default());
    bench.act(Action::Tokens);
    bench.keys(&["space", "space", "F"]);
    bench.confirm();
    assert_eq!(bench.acts.len(), 1);
    let view = bench.world.tokens[0].clone();
    bench.done(Receipt::Token(view));
    assert!(
        matches!(&bench.acts[..], [(_, Act::Token(TokenAct::Refresh { installation }))] if installation.0 == 2)
    );
    assert_eq!(
        bench.state.errands.get(0).unwrap().twin,
        "cutover token refresh 1 && cutover token refresh 2"
    );
}

#[test]
fn an_unknown_item_is_settled_by_a_person() {
    let mut bench = with("all", RunState::Done);
    bench.act(Action::Open);
    bench.act(Action::Top);
    bench.keys(&["Y"]);
    assert!(bench.note().contains("its outcome is known"));
    bench.keys(&["esc"]);
    while !matches!(bench.state.selected(), Some(Subject::Item { item, .. }) if item.state == ItemState::Unknown)
    {
        bench.act(Action::Down);
    }
    bench.keys(&["N"]);
    bench.confirm();
    assert!(matches!(run_acts(&bench)[..], [RunAct::Settle { happened: false, .. }]));
}

#[test]
fn receipts_and_acts_under_way_are_bounded() {
    let mut bench = Bench::ready(World::default());
    bench.act(Action::Tenants);
    for _ in 0..500 {
        bench.event(Event::Line("dry-run".to_owned()));
    }
    assert!(bench.acts.len() <= 50, "{}", bench.acts.len());
    assert!(bench.state.errands.all().len() <= 200);
    bench.keys(&["K", "K"]);
    assert!(matches!(bench.acts.last(), Some((_, Act::Kill { .. }))), "the kill switch has no queue");
    for _ in 0..600 {
        let Some((act, _)) = bench.acts.pop() else { break };
        bench.event(Event::Acted {
            act,
            result: Box::new(Err(RpcError::new(ErrorCode::Busy, "busy", "wait"))),
        });
        bench.event(Event::Line("dry-run".to_owned()));
        assert!(bench.state.errands.all().len() <= 200 && bench.state.layers.all().count() <= 8);
    }
}

#[test]
fn an_answer_that_nobody_waits_for_changes_nothing() {
    let mut bench = with("all", RunState::Done);
    let before = format!("{:?}", bench.state.errands);
    bench.event(Event::Acted { act: 4_711, result: Box::new(Err(not_reached())) });
    assert_eq!(format!("{:?}", bench.state.errands), before);
    assert!(bench.state.layers.is_empty());
}

#[test]
fn a_view_is_exported_as_it_is_shown() {
    let mut bench = Bench::ready(World::default());
    bench.act(Action::Mapping);
    bench.keys(&["/"]);
    bench.write("status:pending");
    bench.keys(&["enter", "s", "e", "j", "enter"]);
    let export = bench.others.iter().find_map(|effect| match effect {
        Effect::Export(export) => Some(export.clone()),
        _ => None,
    });
    let export = export.unwrap();
    assert_eq!(export.filter, "status:pending");
    assert!(export.sort.is_some());
    assert_eq!(export.path.to_str().unwrap(), "cutover-repositories-20260821T140305Z.jsonl");
}
