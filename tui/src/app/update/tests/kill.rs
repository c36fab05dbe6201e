//! The kill switch: from anywhere, whatever else is going on.

use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::rpc::{Act, KillReceipt, Receipt};
use cutover_shared::run::RunState;

use crate::app::effect::Effect;
use crate::app::event::Event;
use crate::bench::{Bench, NOW, World, not_reached, press, run};
use crate::keymap::TABLE;
use crate::state::layer::KillLayer;
use crate::state::{Layer, Screen};

fn world() -> World {
    World { runs: vec![run("run-1", "all", RunState::Planned)], ..World::default() }
}

fn layer(bench: &Bench) -> &KillLayer {
    let found = bench.state.layers.all().find_map(|layer| match layer {
        Layer::Kill(kill) => Some(kill),
        _ => None,
    });
    found.expect("the kill layer")
}

fn marks(bench: &Bench) -> usize {
    bench.others.iter().filter(|effect| matches!(effect, Effect::Mark { .. })).count()
}

fn receipt() -> Receipt {
    Receipt::Kill(KillReceipt {
        at: NOW,
        marker: true,
        stored: true,
        paused: vec![],
        owed: String::new(),
        replicas: vec![],
    })
}

#[test]
fn twice_the_key_kills_from_every_screen_and_every_layer() {
    for screen in Screen::ALL {
        for row in TABLE {
            let mut bench = Bench::ready(world());
            bench.select(Screen::Runs, |_| true);
            bench.state.screen = *screen;
            bench.act(row.action);
            if bench.state.ended || bench.state.layers.kill_mut().is_some() {
                continue;
            }
            let before = bench.acts.len();
            bench.keys(&["ctrl-k"]);
            assert_eq!(bench.acts.len(), before, "the first key only opens");
            assert_eq!(*layer(&bench), KillLayer::Armed, "{screen:?} {}", row.name);
            bench.keys(&["K"]);
            assert!(matches!(bench.acts.last(), Some((_, Act::Kill { .. }))), "{screen:?} {}", row.name);
        }
    }
}

#[test]
fn where_letters_are_text_the_letter_is_text_and_control_kills() {
    let mut bench = Bench::ready(world());
    bench.keys(&[":", "K"]);
    assert!(
        matches!(bench.state.layers.top(), Some(Layer::Palette(palette)) if palette.input.value() == "K")
    );
    bench.keys(&["ctrl-k", "ctrl-k"]);
    assert!(matches!(bench.acts[..], [(_, Act::Kill { .. })]));
}

#[test]
fn one_key_and_escape_kills_nothing() {
    let mut bench = Bench::ready(world());
    bench.keys(&["K", "y", "enter", "j", "esc"]);
    assert!(bench.state.layers.is_empty());
    assert_eq!((bench.acts.len(), marks(&bench)), (0, 0));
}

#[test]
fn the_daemon_says_what_it_did() {
    let mut bench = Bench::ready(world());
    bench.keys(&["K", "K"]);
    bench.done(receipt());
    assert!(matches!(layer(&bench), KillLayer::Fired { text } if text.contains("every decision is legacy")));
    bench.keys(&["K", "K"]);
    assert_eq!(bench.acts, [], "it fell already");
}

#[test]
fn a_silent_daemon_is_not_waited_for() {
    let mut bench = Bench::ready(world());
    bench.keys(&["K", "K"]);
    assert!(bench.state.next_wake() <= bench.now + 2_000);
    bench.wait(1_999);
    assert_eq!(marks(&bench), 0);
    bench.wait(1);
    assert_eq!(marks(&bench), 1);
    bench.wait(5_000);
    assert_eq!(marks(&bench), 1, "once");
    bench.event(Event::Marked(Ok("/var/lib/cutover/KILL".into())));
    assert!(matches!(layer(&bench), KillLayer::Fired { text } if text.contains("/var/lib/cutover/KILL")));
    // The daemon's own word is better news.
    bench.done(receipt());
    assert!(matches!(layer(&bench), KillLayer::Fired { text } if text.contains("legacy since")));
}

#[test]
fn without_a_daemon_the_marker_is_written_at_once() {
    let mut bench = Bench::new(world());
    bench.event(Event::Opened { result: Err(not_reached()), luck: 500 });
    bench.keys(&["K", "K"]);
    assert_eq!((bench.acts.len(), marks(&bench)), (0, 1));
    bench.event(Event::Marked(Err("no such folder".into())));
    assert!(matches!(layer(&bench), KillLayer::Failed { text } if text.contains("NOTHING WAS KILLED")));
    bench.keys(&["K"]);
    assert_eq!(marks(&bench), 2, "after a failure the key tries again");
}

#[test]
fn a_connection_that_breaks_meanwhile_leads_to_the_marker() {
    for refused_first in [true, false] {
        let mut bench = Bench::ready(world());
        bench.keys(&["K", "K"]);
        if refused_first {
            bench.refuse(not_reached());
            bench.cut();
        } else {
            bench.cut();
            bench.refuse(not_reached());
        }
        assert_eq!(marks(&bench), 1);
        assert!(matches!(layer(&bench), KillLayer::Marking { .. }));
    }
}

#[test]
fn a_role_that_was_taken_away_meanwhile_is_told_and_nothing_is_marked() {
    let mut bench = Bench::ready(world());
    bench.keys(&["K", "K"]);
    bench.refuse(RpcError::new(ErrorCode::Role, "you are a viewer", "ask"));
    bench.state.layers.pop();
    assert_eq!(marks(&bench), 0);
    assert!(matches!(layer(&bench), KillLayer::Failed { text } if text == "you are a viewer"));
}

#[test]
fn it_works_frozen_stale_and_in_a_dialog_that_is_deaf() {
    let mut bench = Bench::ready(world());
    bench.select(Screen::Runs, |_| true);
    bench.keys(&["a"]);
    assert!(matches!(bench.state.layers.top(), Some(Layer::Dialog(_))));
    bench.event(Event::Key(press("ctrl-k")));
    bench.event(Event::Key(press("ctrl-k")));
    assert!(
        matches!(bench.acts[..], [(_, Act::Kill { .. })]),
        "a dialog takes no key for 300 ms, but this one"
    );
    let mut bench = Bench::ready(world());
    bench.keys(&["f", "K", "K"]);
    assert_eq!(bench.acts.len(), 1);
}
