use cutover_shared::filter::{INSTANCES, parse};
use cutover_shared::fleet::{Cell, FleetStatus, WaveView};
use cutover_shared::run::RunState;
use proptest::prelude::*;

use super::*;
use crate::fleet_sample::{self as sample, instance, run};
use crate::plain::Style;

const NOW: i64 = 1_787_320_985_000;

fn with(state: RunState) -> FleetStatus {
    FleetStatus { run: Some(Box::new(run(state))), ..sample::status() }
}

/// A plan that waits, beside no run.
fn waiting() -> FleetStatus {
    FleetStatus { run: None, plan: Some(Box::new(run(RunState::Planned))), ..sample::status() }
}

#[test]
fn the_headline_is_the_worst_that_is_so() {
    let word = |status: &FleetStatus| headline(status, NOW).word;
    let halted = sample::status();
    assert_eq!(headline(&halted, NOW).text, "wave 2: 7 of 98 failed, 7.1 % is more than 5 %");
    assert_eq!(word(&halted), "HALTED");
    assert_eq!(word(&with(RunState::Failed)), "FAILED");
    assert_eq!(word(&with(RunState::Applying)), "moves");
    // It is over, and what it left behind is told.
    assert_eq!(word(&with(RunState::Done)), "failing");
    let words =
        |status: &FleetStatus| -> Vec<&str> { headlines(status, NOW).iter().map(|line| line.word).collect() };
    // Neither a file that was edited after the halt nor a plan hides it.
    let broken =
        FleetStatus { registry_mistake: Some("0002_add_tags was edited".into()), ..with(RunState::Paused) };
    assert_eq!(words(&broken), ["HALTED", "REFUSED"]);
    let planned = FleetStatus { plan: waiting().plan, ..broken.clone() };
    assert_eq!(words(&planned), ["HALTED", "REFUSED", "planned"]);
    assert_eq!(words(&FleetStatus { run: None, ..broken.clone() }), ["REFUSED", "failing"]);
    assert_eq!(words(&waiting()), ["failing", "planned"]);
    let calm = FleetStatus { cells: Vec::new(), ..waiting() };
    assert_eq!(words(&calm), ["planned"]);
    let mut approved = calm.clone();
    approved.plan.as_mut().unwrap().state = RunState::Approved;
    assert_eq!(words(&approved), ["approved"]);
    approved.plan.as_mut().unwrap().state = RunState::Expired;
    assert_eq!(words(&approved), ["behind"]);
    assert_eq!(word(&FleetStatus { folder: None, ..broken }), "off");
    let well = FleetStatus {
        cells: vec![Cell { version: 4, status: StepStatus::Completed, tenants: 9 }],
        failures: Vec::new(),
        run: None,
        instances: 9,
        connected: 9,
        error: 0,
        outdated: 0,
        drifted: 0,
        ..halted
    };
    assert_eq!((word(&well), headline(&well, NOW).tone), ("well", Tone::Good));
    assert_eq!(word(&FleetStatus { outdated: 1, ..well.clone() }), "behind");
    assert_eq!(headline(&FleetStatus { error: 1, ..well.clone() }, NOW).tone, Tone::Warn);
    assert_eq!(word(&FleetStatus { instances: 0, ..well.clone() }), "empty");
    assert_eq!(word(&FleetStatus { target: None, ..well }), "new");
}

#[test]
fn a_wave_is_halted_where_the_reason_says_so_and_those_before_it_are_over() {
    let states = |status: &FleetStatus| waves(status).into_iter().map(|(_, is)| is).collect::<Vec<_>>();
    use WaveState::{Ahead, Done, Findings, Halted, Held, Moves};
    assert_eq!(states(&sample::status()), [Done, Halted, Ahead, Ahead]);
    // Nothing is left to be tried in the second wave: the third is at work, or held.
    assert_eq!(states(&with(RunState::Applying)), [Done, Findings, Moves, Ahead]);
    let mut held = with(RunState::Paused);
    held.run.as_mut().unwrap().reason = None;
    assert_eq!(states(&held), [Done, Findings, Held, Ahead]);
    assert_eq!(moves_in(&held), Some(3));
    // No run: nobody's turn.
    assert_eq!(states(&with(RunState::Done)), [Done, Findings, Ahead, Ahead]);
    // Old failures of a later wave do not make it the one that is halted.
    let mut older = sample::status();
    older.waves[3].failed = 2;
    assert_eq!(moves_in(&older), Some(2));
    // A reason that names no wave leads to the last that failed.
    let mut other = sample::status();
    other.run.as_mut().unwrap().reason = Some("the store is full".into());
    assert_eq!(moves_in(&other), Some(2));
    // Tenants that are at work say which wave moves, whatever is left before it.
    let mut late = with(RunState::Applying);
    late.waves[3].running = 4;
    assert_eq!(moves_in(&late), Some(4));
    // A wave without tenants is nobody's turn, and does not wait.
    let mut nobody = with(RunState::Applying);
    nobody.waves[0] = WaveView { tenants: 0, at_target: 0, ..nobody.waves[0].clone() };
    assert_eq!(states(&nobody), [WaveState::Empty, Findings, Moves, Ahead]);
    // One that has the target's version and can't be reached now does not make up for one that is still to be tried.
    let mut early = with(RunState::Applying);
    early.waves[1] = WaveView {
        tenants: 100,
        at_target: 98,
        failed: 1,
        unreachable: 1,
        left: 1,
        ..early.waves[1].clone()
    };
    assert_eq!(moves_in(&early), Some(2));
}

#[test]
fn versions_stand_newest_first_and_none_is_lost_where_they_are_many() {
    let rows = heat(&sample::status(), 10);
    let labels: Vec<&str> = rows.iter().map(|row| row.label.as_str()).collect();
    assert_eq!(labels, ["0004", "0003", "0002", "0001", "none"]);
    assert!(rows[0].target && rows.iter().filter(|row| row.target).count() == 1);
    assert_eq!(rows[2].cells, [8_500, 4, 0, 6, 5]);
    let few = heat(&sample::status(), 3);
    assert_eq!(few[2].label, "<= 0002");
    assert_eq!(few[2].cells, [8_678, 4, 0, 6, 5]);
    // The target has a row also where nobody has it yet.
    let none = FleetStatus { target: Some(9), ..sample::status() };
    assert_eq!((heat(&none, 3)[0].label.as_str(), heat(&none, 3)[0].cells), ("0009", [0; 5]));
    assert!(heat(&FleetStatus::default(), 4).is_empty());
}

#[test]
fn one_of_ten_thousand_is_seen_and_darkness_grows() {
    assert_eq!(
        [0, 1, 999, 1_000, 3_300, 6_699, 6_700, 10_000].map(|n| shade(n, 10_000)),
        [0, 1, 1, 2, 3, 3, 4, 4]
    );
    assert_eq!(shade(0, 0), 0);
    assert_eq!(shade(1, 0), 4, "what is there is all of what is known");
}

#[test]
fn a_group_is_found_by_what_its_errors_share() {
    assert_eq!(
        told_by("column \"slug\" of relation \"notes\" contains null values").as_deref(),
        Some("contains null values")
    );
    assert_eq!(told_by("duplicate key (id)=(17) in acme").as_deref(), Some("duplicate key"));
    assert_eq!(told_by("\"x\" 42"), None);
    for one in &sample::status().failures {
        let parsed = parse(&INSTANCES, &filter(one)).unwrap();
        assert_eq!(parsed.terms.len(), 3, "{}", filter(one));
    }
}

#[test]
fn a_receipt_says_what_came_of_it() {
    use cutover_shared::fleet::FleetAct;
    let said = |act: FleetAct| receipt(&sample::receipt(&act));
    let test = |tenant: &str| FleetAct::Test { tenant: Some(tenant.into()) };
    assert_eq!(said(test("acme")), "acme: connected, version 0004");
    assert_eq!(said(test("tenant-00008")), "tenant-00008: error, connection refused by db-0.internal:5432");
    assert!(said(FleetAct::RotateKey).contains("10,000 credentials are still to be sealed again"));
    assert_eq!(tested(&[]), "there was no instance to ask");
    let both = [instance(0), instance(8)];
    assert_eq!(tested(&both), "2 were asked: 1 connected, 1 in error");
}

#[test]
fn a_plan_says_what_is_lost_and_what_has_no_way_back() {
    let summary = serde_json::from_value(run(RunState::Planned).summary).unwrap();
    let lines = plan(&summary).into_iter().map(|(key, text, _)| format!("{key}: {text}"));
    let lines = lines.collect::<Vec<_>>().join("\n");
    for wanted in [
        "Version: up to 0004",
        "Changes: 9,890 tenants would get 19,780 steps",
        "DATA GONE: column notes.slug, of 12 tenants",
        "NO WAY BACK: 0004_index_slug",
        "Left out: 100 tenants can't be reached",
        "Waves: 5, 98, 980, 8,807 tenants",
    ] {
        assert!(lines.contains(wanted), "{wanted}\n{lines}");
    }
}

#[test]
fn the_texts_of_the_command_line() {
    let style = Style { colour: false, columns: Some(100) };
    let mut all = status(&sample::status(), NOW, style);
    for n in [5, 8, 9] {
        all += &format!("\n--- {n}\n{}", show(&sample::detail(&instance(n)), NOW, style));
    }
    let page = sample::history(&"tenant-00005".into(), None);
    let rows: Vec<_> = page.rows.iter().map(|entry| history_row(entry, NOW)).collect();
    all += &format!("\n--- history\n{}", crate::plain::Table::whole(HISTORY_COLUMNS, &rows, style));
    let rows: Vec<_> = (0..12).map(|n| instance_row(&instance(n))).collect();
    all += &format!("\n--- instances\n{}", crate::plain::Table::whole(INSTANCE_COLUMNS, &rows, style));
    insta::assert_snapshot!("texts", all);
}

fn cells() -> impl Strategy<Value = Vec<Cell>> {
    let cell = (0_u32..40, 0_usize..5, 0_u64..10_000).prop_map(|(version, at, tenants)| Cell {
        version,
        status: StepStatus::ALL[at],
        tenants,
    });
    prop::collection::vec(cell, 0..60)
}

proptest! {
    /// However few rows there are, every tenant is in one of them.
    #[test]
    fn no_tenant_is_lost_between_the_rows(cells in cells(), target in prop::option::of(0_u32..40), most in 1_usize..8) {
        let status = FleetStatus { cells: cells.clone(), target, ..FleetStatus::default() };
        let rows = heat(&status, most);
        prop_assert!(rows.len() <= most);
        for (at, of) in StepStatus::ALL.iter().enumerate() {
            let all: u64 = cells.iter().filter(|cell| cell.status == *of).map(|cell| cell.tenants).sum();
            prop_assert_eq!(rows.iter().map(|row| row.cells[at]).sum::<u64>(), all);
        }
    }

    /// Whatever the daemon tells of waves, one at most has its turn, and telling it does not fail.
    #[test]
    fn at_most_one_wave_has_its_turn(
        counts in prop::collection::vec((0_u64..9, 0_u64..9, 0_u64..9, 0_u64..9, 0_u64..3), 0..6),
        state in prop::sample::select(RunState::ALL),
    ) {
        let mut status = with(state);
        status.waves = counts.iter().zip(1..).map(|((tenants, at_target, failed, unreachable, running), wave)| WaveView {
            wave, name: format!("{wave}"), tenants: *tenants, at_target: *at_target, failed: *failed,
            unreachable: *unreachable, running: *running, left: tenants.saturating_sub(*at_target),
        }).collect();
        let turns = waves(&status).iter().filter(|(_, is)| matches!(is, WaveState::Moves | WaveState::Held | WaveState::Halted)).count();
        prop_assert!(turns <= 1);
        super::status(&status, NOW, Style::default());
    }

    /// A filter that a group is found by is always understood, whatever its error says.
    #[test]
    fn every_error_makes_a_filter_that_is_understood(text in ".{0,80}", migration in "[0-9]{4}_[a-z\"]{0,8}") {
        let mut group = sample::status().failures.remove(0);
        (group.text, group.migration) = (text, migration);
        prop_assert!(parse(&INSTANCES, &filter(&group)).is_ok(), "{}", filter(&group));
    }
}
