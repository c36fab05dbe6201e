//! The screen of the fleet: what its keys ask, do and refuse.

use cutover_shared::fleet::{FleetAct, FleetAnswer, FleetQuery};
use cutover_shared::rpc::{Act, Answer, Query};
use cutover_shared::run::RunState;
use cutover_tui::app::effect::Effect;
use cutover_tui::app::event::Event;
use cutover_tui::keymap::Action;
use cutover_tui::state::{Layer, ListId, Screen};

use crate::daemon::{Console, Fake, SECOND};
use crate::paint::{frame, text};
use crate::world::world;

fn open(fake: Fake, size: (u16, u16)) -> Console {
    Console::open(fake, size, Screen::Fleet)
}

fn normal(size: (u16, u16)) -> Console {
    open(world(), size)
}

fn shown(console: &Console) -> String {
    text(&frame(&console.state))
}

fn acts(console: &Console) -> Vec<&Act> {
    console
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Act { what, .. } => Some(what),
            _ => None,
        })
        .collect()
}

fn copied(console: &Console) -> &str {
    match console.effects.last() {
        Some(Effect::Copy(text)) => text,
        other => panic!("nothing was copied: {other:?}"),
    }
}

fn status(query: &Query, change: impl FnOnce(&mut cutover_shared::fleet::FleetStatus)) -> Option<Answer> {
    let Query::Fleet(FleetQuery::Status) = query else { return None };
    let mut status = crate::fleet::status();
    change(&mut status);
    Some(Answer::Fleet(FleetAnswer::Status(Box::new(status))))
}

#[test]
fn what_is_halted_stands_first_in_every_size() {
    for size in [(40, 12), (60, 20), (80, 24), (120, 40), (200, 60)] {
        let console = normal(size);
        let all = shown(&console);
        let lines: Vec<&str> = all.lines().collect();
        let halted = lines.iter().position(|line| line.contains("HALTED: wave 2")).unwrap();
        assert!(halted <= 3, "{size:?}\n{all}");
        assert!(all.contains("1 %"), "the waves\n{all}");
    }
}

/// All tenants are in the rows that are shown: none is left out where versions are many.
#[test]
fn no_tenant_is_missing_in_a_low_terminal() {
    let all = shown(&normal((80, 24)));
    assert!(all.contains("8,678") && all.contains("<= 0002") && all.contains("1,210"), "{all}");
    assert!(all.contains("✗ 6 0003_add_slug") && all.contains("load 14 is more than 10"), "{all}");
}

#[test]
fn failures_lead_to_their_tenants_and_are_taken_once_more() {
    let mut console = normal((80, 24));
    console.press(&["E"]);
    insta::assert_snapshot!("failures", shown(&console));
    console.press(&["C"]);
    assert_eq!(copied(&console), "cutover fleet status");
    console.press(&["down", "t"]);
    console.wait(SECOND);
    insta::assert_snapshot!("retry", shown(&console));
    assert!(acts(&console).is_empty(), "it is asked first");
    console.press(&["y"]);
    let all = acts(&console);
    let [Act::Fleet(FleetAct::Retry { run, group })] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!((run.as_str(), group.as_str()), (crate::fleet::RUN, "591785b7"));
    console.press(&["up", "enter"]);
    assert!(console.state.layers.is_empty());
    let filter = &console.state.table().unwrap().filter;
    assert_eq!(filter, "status:failed failed:\"0003_add_slug\" error:\"contains null values\"");
    assert_eq!(console.state.window(ListId::Instances).unwrap().total, 2);
}

#[test]
fn enter_tells_all_that_is_known_of_an_instance() {
    let mut all = String::new();
    for row in ["6", "10", "12"] {
        let mut console = normal((80, 40));
        console.event(Event::Line(row.to_owned()));
        console.press(&["enter"]);
        console.wait(SECOND);
        all += &shown(&console);
        console.press(&["end"]);
        all += &shown(&console);
    }
    insta::assert_snapshot!("instance", all);
}

#[test]
fn the_history_is_turned_over_page_by_page() {
    let mut console = normal((80, 24));
    console.event(Event::Line("6".to_owned()));
    console.press(&["H"]);
    console.wait(SECOND);
    insta::assert_snapshot!("history", shown(&console));
    console.press(&["right"]);
    console.wait(SECOND);
    assert!(shown(&console).contains("page 2"), "{}", shown(&console));
    console.press(&["C"]);
    assert_eq!(copied(&console), "cutover fleet history --after 4 tenant-00005");
    // There is no third page.
    console.press(&["right"]);
    assert!(shown(&console).contains("page 2"));
    console.press(&["left"]);
    console.wait(SECOND);
    assert!(shown(&console).contains("page 1"));
    console.press(&["left", "esc"]);
    assert!(console.state.layers.is_empty());
}

#[test]
fn why_says_rule_inputs_and_distance() {
    let mut all = String::new();
    for row in ["6", "9", "200"] {
        let mut console = normal((100, 30));
        console.event(Event::Line(row.to_owned()));
        console.press(&["w"]);
        all += &shown(&console);
    }
    insta::assert_snapshot!("why", all);
}

#[test]
fn a_plan_of_a_wave_is_chosen_and_the_command_is_shown() {
    let mut console = normal((80, 24));
    console.press(&["D", "down", "down"]);
    insta::assert_snapshot!("scope", shown(&console));
    console.press(&["enter"]);
    let all = acts(&console);
    assert!(matches!(all[..], [Act::Fleet(FleetAct::Plan { to: None, refresh: false, .. })]), "{all:?}");
}

#[test]
fn a_registry_that_is_refused_and_a_run_that_moves_say_so() {
    let made: [fn(&Query) -> Option<Answer>; 5] = [
        |query| {
            status(query, |status| {
                let mistake =
                    "0002_add_tags.up.sql was edited: it was run on 9,822 tenants with checksum 9f86d081";
                status.registry_mistake = Some(mistake.into());
            })
        },
        |query| {
            status(query, |status| {
                status.run = Some(Box::new(crate::fleet::run(RunState::Applying)));
                status.waves[2].running = 8;
            })
        },
        |query| status(query, |status| status.plan = Some(Box::new(crate::fleet::run(RunState::Planned)))),
        |query| {
            status(query, |status| {
                (status.run, status.cells) = (None, Vec::new());
                status.plan = Some(Box::new(crate::fleet::run(RunState::Planned)));
                let nobody =
                    cutover_shared::fleet::WaveView { tenants: 0, at_target: 0, ..status.waves[0].clone() };
                status.waves[0] = nobody;
            })
        },
        |query| {
            status(query, |status| {
                let long = "wave 2 halted: 7 of 98 failed, 7.1 % is more than 5 %; and a reason that goes on and on, ";
                status.run.as_mut().unwrap().reason = Some(long.repeat(4));
                let wave = status.waves[3].clone();
                status
                    .waves
                    .extend((5..14).map(|n| cutover_shared::fleet::WaveView { wave: n, ..wave.clone() }));
            })
        },
    ];
    let mut all = String::new();
    for made in made {
        let mut fake = world();
        fake.made = made;
        all += &shown(&open(fake, (80, 24)));
    }
    insta::assert_snapshot!("states", all);
}

/// The keys that hold and let go of the fleet work also where the filter lets no instance pass.
#[test]
fn without_a_row_the_keys_of_the_fleet_still_work() {
    let mut console = normal((80, 24));
    console.event(Event::Line("filter nothing".to_owned()));
    assert_eq!(console.state.window(ListId::Instances).unwrap().total, 0);
    console.press(&["h"]);
    assert!(matches!(console.state.layers.top(), Some(Layer::Dialog(_))), "{:?}", console.state.layers.top());
    console.press(&["esc"]);
    console.wait(SECOND);
    console.press(&["esc", "E"]);
    assert!(matches!(console.state.layers.top(), Some(Layer::Failures { .. })));
}

/// Old figures are told as old, and nothing is done on them.
#[test]
fn on_old_figures_no_key_does_anything_but_the_kill_switch() {
    let mut console = crate::frame::stale((80, 24), Screen::Fleet);
    for key in ["d", "D", "a", "h", "x", "t", "r", "I"] {
        console.press(&[key]);
        assert!(matches!(console.state.layers.top(), Some(Layer::Refusal { .. })), "{key}");
        console.press(&["esc"]);
    }
    console.press(&["E", "t"]);
    assert!(matches!(console.state.layers.top(), Some(Layer::Refusal { .. })));
    console.press(&["esc", "esc"]);
    assert!(acts(&console).is_empty());
    console.press(&["K"]);
    assert!(matches!(console.state.layers.top(), Some(Layer::Kill(_))));
}

/// Milliseconds of a key and its frame, the median of many, over so many instances.
#[expect(clippy::disallowed_methods, reason = "it is the time that is measured")]
fn pace(instances: u64) -> u128 {
    let mut fake = world();
    fake.fleet = Some(instances);
    let mut console = open(fake, (200, 60));
    let mut all = Vec::new();
    for n in 0..100 {
        let begun = std::time::Instant::now();
        console.act(match n % 25 {
            24 => Action::Bottom,
            12 => Action::Top,
            _ => Action::PageDown,
        });
        frame(&console.state);
        all.push(begun.elapsed().as_micros());
        console.wait(300);
        assert!(console.state.window(ListId::Instances).unwrap().rows.len() <= 500);
        assert!(console.state.selected().is_some());
    }
    all.sort_unstable();
    all[50]
}

/// A key and its frame cost what one screen costs, wherever the cursor is and however many there are.
#[test]
fn ten_thousand_tenants_scroll_as_a_hundred_do() {
    let (few, many) = (pace(100), pace(10_000));
    assert!(many < few * 4, "{few} us of 100 tenants, {many} us of 10,000");
}
