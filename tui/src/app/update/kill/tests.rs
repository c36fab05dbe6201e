use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use cutover_shared::rpc::{KillReceipt, PROTOCOL, Welcome};

use super::super::{Event, Stamped, update};
use super::*;
use crate::keymap::{Keymap, Tier};
use crate::state::dialog::{Dialog, Field};
use crate::state::layer::{ChainLayer, FilterLine, Palette};
use crate::state::{ListId, Options, Screen};

const NOW: i64 = 1_000_000;

fn state(screen: Screen) -> State {
    State::new(NOW, (80, 24), Options::default(), Keymap::default(), screen)
}

fn welcome(role: Rank) -> Welcome {
    Welcome {
        protocol: PROTOCOL,
        version: "0.1.0".into(),
        environment: "demo".into(),
        operator: "alice".into(),
        role,
    }
}

fn connected(screen: Screen, role: Rank) -> State {
    let mut state = state(screen);
    update(&mut state, Stamped { at: NOW, event: Event::Opened { result: Ok(welcome(role)), luck: 0 } });
    state
}

fn event(state: &mut State, event: Event) -> Vec<Effect> {
    let at = state.now;
    update(state, Stamped { at, event })
}

fn key(state: &mut State, code: char, held: KeyModifiers) -> Vec<Effect> {
    event(state, Event::Key(KeyEvent::new(KeyCode::Char(code), held)))
}

fn big(state: &mut State) -> Vec<Effect> {
    key(state, 'K', KeyModifiers::SHIFT)
}

fn ctrl(state: &mut State) -> Vec<Effect> {
    key(state, 'k', KeyModifiers::CONTROL)
}

/// The act of a kill among effects.
fn killed(effects: &[Effect]) -> Option<u64> {
    effects.iter().find_map(|effect| match effect {
        Effect::Act { act, what: Act::Kill { .. } } => Some(*act),
        _ => None,
    })
}

fn marks(effects: &[Effect]) -> usize {
    effects.iter().filter(|effect| matches!(effect, Effect::Mark { .. })).count()
}

fn layer(state: &State) -> Option<&KillLayer> {
    state.layers.all().find_map(|layer| match layer {
        Layer::Kill(kill) => Some(kill),
        _ => None,
    })
}

fn gone() -> RpcError {
    RpcError::new(ErrorCode::NotReached, "gone", "wait")
}

fn asked(state: &mut State) -> u64 {
    big(state);
    let effects = big(state);
    killed(&effects).unwrap()
}

fn acted(state: &mut State, act: u64, result: Result<Receipt, RpcError>) -> Vec<Effect> {
    event(state, Event::Acted { act, result: Box::new(result) })
}

fn receipt() -> Receipt {
    Receipt::Kill(KillReceipt {
        at: NOW,
        marker: true,
        stored: true,
        paused: Vec::new(),
        owed: String::new(),
        replicas: Vec::new(),
    })
}

fn question(fields: Vec<Field>) -> Layer {
    let plan = Plan { title: String::new(), twin: String::new(), steps: Vec::new(), run: None };
    let mut dialog = Dialog::new("Apply", Tier::Live, "Apply", plan, NOW);
    dialog.fields = fields;
    Layer::Dialog(Box::new(dialog))
}

/// Every layer that can be on top; those that take text say so.
fn layers() -> Vec<(Layer, bool)> {
    let error = gone();
    vec![
        (question(vec![Field::exactly("type `acme`", "acme")]), true),
        (question(Vec::new()), false),
        (Layer::Palette(Palette::default()), true),
        (Layer::Filter(FilterLine { list: ListId::Runs, input: "a".into(), problem: None }), true),
        (Layer::Help { scroll: 0 }, false),
        (Layer::Why { subject: None, scroll: 0 }, false),
        (Layer::Runbook { file: "kill.md".into(), scroll: 3 }, false),
        (Layer::Receipts { cursor: 0 }, false),
        (Layer::Refusal { title: "apply".into(), error: error.clone() }, false),
        (Layer::Columns { list: ListId::Runs, cursor: 0 }, false),
        (Layer::Scope { choices: Vec::new(), cursor: 0, refresh: false }, false),
        (Layer::Mode { cursor: 0 }, false),
        (Layer::Export { list: ListId::Runs, cursor: 0 }, false),
        (Layer::Chain(ChainLayer::Failed(error)), false),
    ]
}

#[test]
fn twice_the_key_fires_from_every_screen() {
    for screen in Screen::ALL {
        for pull in [big, ctrl] {
            let mut state = connected(*screen, Rank::Operator);
            assert_eq!(killed(&pull(&mut state)), None, "{screen:?}: once is not enough");
            assert_eq!(layer(&state), Some(&KillLayer::Armed));
            assert!(killed(&pull(&mut state)).is_some(), "{screen:?}");
            assert!(matches!(layer(&state), Some(KillLayer::Asked { .. })));
            assert_eq!(killed(&pull(&mut state)), None, "{screen:?}: it is under way");
        }
    }
}

#[test]
fn twice_the_key_fires_from_every_layer() {
    for (layer, typing) in layers() {
        let name = format!("{layer:?}");
        let mut state = connected(Screen::Runs, Rank::Operator);
        state.layers.push(layer.clone());
        ctrl(&mut state);
        assert!(killed(&ctrl(&mut state)).is_some(), "{name}");
        let mut state = connected(Screen::Runs, Rank::Operator);
        state.layers.push(layer);
        big(&mut state);
        assert_eq!(killed(&big(&mut state)).is_some(), !typing, "as text a letter is a letter: {name}");
    }
}

#[test]
fn twice_the_key_fires_in_any_terminal_and_on_stale_or_frozen_data() {
    let mut state = connected(Screen::Runs, Rank::Operator);
    event(&mut state, Event::Resize { columns: 20, rows: 3 });
    state.frozen = Some(NOW);
    big(&mut state);
    assert!(killed(&big(&mut state)).is_some());
}

#[test]
fn without_a_daemon_the_marker_is_written() {
    let mut never = state(Screen::Overview);
    big(&mut never);
    assert_eq!(marks(&big(&mut never)), 1);
    assert_eq!(marks(&big(&mut never)), 0, "it is being written");
    let mut lost = connected(Screen::Overview, Rank::Operator);
    event(&mut lost, Event::Changed { result: Err(gone()), luck: 1000 });
    big(&mut lost);
    assert_eq!(marks(&big(&mut lost)), 1);
    event(&mut lost, Event::Marked(Ok("/state/kill.marker".into())));
    assert!(matches!(layer(&lost), Some(KillLayer::Fired { text }) if text.contains("/state/kill.marker")));
}

#[test]
fn a_marker_that_was_not_written_is_said_and_tried_again() {
    let mut state = state(Screen::Overview);
    big(&mut state);
    big(&mut state);
    event(&mut state, Event::Marked(Err("no such folder".into())));
    assert!(matches!(layer(&state), Some(KillLayer::Failed { text }) if text.contains("NOTHING WAS KILLED")));
    assert_eq!(marks(&big(&mut state)), 1);
}

#[test]
fn a_silent_daemon_is_waited_for_two_seconds_only() {
    let mut state = connected(Screen::Overview, Rank::Operator);
    asked(&mut state);
    assert_eq!(state.kill_limit(), Some(NOW + KILL_PATIENCE_MS));
    assert!(state.next_wake() <= NOW + KILL_PATIENCE_MS, "somebody has to wake it");
    let mut wake = |at| marks(&update(&mut state, Stamped { at, event: Event::Wake }));
    assert_eq!(wake(NOW + KILL_PATIENCE_MS - 1), 0);
    assert_eq!(wake(NOW + KILL_PATIENCE_MS), 1);
    assert_eq!(wake(NOW + KILL_PATIENCE_MS + 1), 0, "once");
}

#[test]
fn a_connection_that_breaks_meanwhile_leads_to_one_marker() {
    let mut state = connected(Screen::Overview, Rank::Operator);
    let act = asked(&mut state);
    let effects = event(&mut state, Event::Changed { result: Err(gone()), luck: 0 });
    assert_eq!(marks(&effects), 1);
    assert_eq!(marks(&acted(&mut state, act, Err(gone()))), 0, "the act's own end comes late");
}

#[test]
fn a_refusal_by_role_never_becomes_a_marker() {
    let mut state = connected(Screen::Overview, Rank::Operator);
    let act = asked(&mut state);
    let error = RpcError::new(ErrorCode::Role, "you may not", "ask");
    assert_eq!(marks(&acted(&mut state, act, Err(error))), 0);
    assert!(matches!(layer(&state), Some(KillLayer::Failed { text }) if text == "you may not"));
    let later = update(&mut state, Stamped { at: NOW + 60_000, event: Event::Wake });
    assert_eq!(marks(&later), 0);
}

#[test]
fn any_other_failure_becomes_a_marker() {
    let mut state = connected(Screen::Overview, Rank::Operator);
    let act = asked(&mut state);
    let error = RpcError::new(ErrorCode::Store, "the disk is full", "make room");
    assert_eq!(marks(&acted(&mut state, act, Err(error))), 1);
}

#[test]
fn who_may_only_look_can_not_kill() {
    let mut viewer = connected(Screen::Overview, Rank::Viewer);
    let mut reader = connected(Screen::Overview, Rank::Admin);
    reader.options.read_only = true;
    let mut alone = state(Screen::Overview);
    alone.options.read_only = true;
    for state in [&mut viewer, &mut reader, &mut alone] {
        for _ in 0..3 {
            let effects = big(state);
            assert!(killed(&effects).is_none() && marks(&effects) == 0);
            assert!(matches!(layer(state), Some(KillLayer::Failed { .. })));
        }
    }
}

#[test]
fn a_receipt_that_comes_late_is_news_all_the_same() {
    let mut state = connected(Screen::Overview, Rank::Operator);
    let act = asked(&mut state);
    update(&mut state, Stamped { at: NOW + KILL_PATIENCE_MS, event: Event::Wake });
    assert!(matches!(layer(&state), Some(KillLayer::Marking { .. })));
    acted(&mut state, act, Ok(receipt()));
    assert!(
        matches!(layer(&state), Some(KillLayer::Fired { text }) if text.contains("every decision is legacy"))
    );
    event(&mut state, Event::Marked(Err("disk full".into())));
    assert!(matches!(layer(&state), Some(KillLayer::Fired { .. })), "it fell, whatever the marker came to");
    assert!(state.toasts.newest().is_some_and(|toast| toast.text.starts_with("the kill holds")));
}

#[test]
fn escape_leaves_the_switch_alone() {
    let mut state = connected(Screen::Overview, Rank::Operator);
    big(&mut state);
    let effects = event(&mut state, Event::Key(KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE)));
    assert!(killed(&effects).is_none() && layer(&state).is_none());
    assert_eq!(killed(&big(&mut state)), None, "it has to be armed again");
}

#[test]
fn no_other_key_fires_what_is_armed() {
    let mut state = connected(Screen::Overview, Rank::Operator);
    big(&mut state);
    for code in [KeyCode::Enter, KeyCode::Char(' '), KeyCode::Char('y'), KeyCode::Char('k'), KeyCode::Tab] {
        let effects = event(&mut state, Event::Key(KeyEvent::new(code, KeyModifiers::NONE)));
        assert!(killed(&effects).is_none() && marks(&effects) == 0, "{code:?}");
    }
    event(&mut state, Event::Paste("KK".into()));
    assert_eq!(layer(&state), Some(&KillLayer::Armed));
}
