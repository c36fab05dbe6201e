use super::speak::Spoken;
use crate::app::event::Event;
use crate::bench::{Bench, World};

/// What is new after a line, with everything answered.
fn say(bench: &mut Bench, spoken: &mut Spoken, line: &str) -> String {
    bench.event(Event::Line(line.to_owned()));
    bench.calm();
    spoken.speak(&bench.state)
}

fn listening() -> (Bench, Spoken) {
    let (bench, mut spoken) = (Bench::ready(World::default()), Spoken::default());
    let begin = spoken.speak(&bench.state);
    assert!(begin.contains("* webhooks: lag 0 ms, 0 dead"), "{begin}");
    assert!(begin.contains("* installations: 3 need a look, the worst acme (failing)"), "{begin}");
    assert!(!spoken.speak(&bench.state).contains("webhooks"), "it is said once");
    (bench, spoken)
}

#[test]
fn the_inbox_a_journey_a_payload_and_an_explanation_are_said_in_lines() {
    let (mut bench, mut spoken) = listening();
    let said = say(&mut bench, &mut spoken, "webhooks");
    assert!(said.contains("180 deliveries in the last hour, 0 failed"), "{said}");
    assert!(said.contains("recovery just now: 11 of 12 deliveries are here"), "{said}");
    assert!(said.contains("1. age 1 min ago, state waiting, event push.created"), "{said}");
    // While it is asked for, that is all that is said; the whole comes once.
    bench.event(Event::Line("open".to_owned()));
    assert_eq!(spoken.speak(&bench.state).trim(), "asking ...");
    bench.calm();
    let said = spoken.speak(&bench.state);
    assert!(said.contains("Dispatched: 1 sent, 1 dead") && said.contains("execution exec-1"), "{said}");
    let said = say(&mut bench, &mut spoken, "payload");
    assert!(said.contains("  \"ref\": \"main\""), "{said}");
    let said = say(&mut bench, &mut spoken, "explain");
    assert!(said.contains("guid-0: 1 of 2 workflows match"), "{said}");
    assert!(said.contains("Misses: never"), "{said}");
    assert!(said.contains("branches: wanted the branches wanted; found the branches found"), "{said}");
}

#[test]
fn a_replay_is_asked_and_answered_in_lines() {
    let (mut bench, mut spoken) = listening();
    say(&mut bench, &mut spoken, "webhooks");
    say(&mut bench, &mut spoken, "filter state:dead");
    let said = say(&mut bench, &mut spoken, "replay-all");
    assert!(said.contains("Exactly 3 deliveries of the filter state:dead"), "{said}");
    assert!(said.contains("cutover webhook replay --filter state:dead --yes 3"), "{said}");
    bench.wait(400);
    say(&mut bench, &mut spoken, "replay 3");
    assert_eq!(bench.acts.len(), 1);
}

#[test]
fn a_guid_is_asked_for_in_lines_and_an_empty_line_leaves_it() {
    let (mut bench, mut spoken) = listening();
    say(&mut bench, &mut spoken, "workflows");
    let said = say(&mut bench, &mut spoken, "explain-delivery");
    assert!(said.contains("type the GUID of a delivery"), "{said}");
    say(&mut bench, &mut spoken, "");
    assert!(bench.state.layers.is_empty());
    say(&mut bench, &mut spoken, "explain-delivery");
    let said = say(&mut bench, &mut spoken, "guid-2");
    assert!(said.contains("guid-2: 1 of 2 workflows match"), "{said}");
    let said = say(&mut bench, &mut spoken, "installations");
    assert!(said.contains("account acme, health failing"), "{said}");
    let said = say(&mut bench, &mut spoken, "why");
    assert!(
        said.contains("Reason: token_failing") && said.contains("Mend: cutover token refresh 1"),
        "{said}"
    );
    assert!(said.contains("Not granted: checks: write"), "{said}");
}

#[test]
fn the_fleet_is_said_in_figures_and_done_in_lines() {
    let (mut bench, mut spoken) = listening();
    let said = say(&mut bench, &mut spoken, "fleet");
    for wanted in [
        "HALTED: wave 2: 7 of 98 failed",
        "Tenants by version and status",
        "591785b7",
        "load 14 is more than 10",
        "6. tenant tenant-00005, version 0002, pending 2, status failed, state connected, wave 2",
    ] {
        assert!(said.contains(wanted), "{wanted}\n{said}");
    }
    // Tenants that are done change nothing that is worth a voice.
    bench.wait(1_000);
    bench.changed(&[cutover_shared::rpc::Topic::Fleet]);
    bench.calm();
    assert_eq!(spoken.speak(&bench.state), "");
    say(&mut bench, &mut spoken, "10");
    let said = say(&mut bench, &mut spoken, "open");
    assert!(said.contains("Status    skipped"), "{said}");
    assert!(said.contains("- column notes.slug text"), "what differs\n{said}");
    say(&mut bench, &mut spoken, "");
    let said = say(&mut bench, &mut spoken, "history");
    assert!(said.contains("page 1") && said.contains("more: older attempts"), "{said}");
    let said = say(&mut bench, &mut spoken, "more");
    assert!(said.contains("page 2") && !said.contains("more: older"), "{said}");
    say(&mut bench, &mut spoken, "");
    let said = say(&mut bench, &mut spoken, "failures");
    assert!(said.contains("2. 1 tenant at 0004_index_slug, time-out"), "{said}");
    let said = say(&mut bench, &mut spoken, "retry 2");
    assert!(said.contains("cutover fleet retry") && said.contains("--group 591785b7"), "{said}");
    bench.wait(400);
    say(&mut bench, &mut spoken, "yes");
    assert_eq!(bench.acts.len(), 1);
    // A number shows the tenants of its group.
    say(&mut bench, &mut spoken, "1");
    assert_eq!(
        bench.state.table().map(|table| table.filter.as_str()),
        Some("status:failed failed:\"0003_add_slug\" error:\"contains null values\"")
    );
    say(&mut bench, &mut spoken, "filter");
    let said = say(&mut bench, &mut spoken, "dry-run-scope");
    assert!(said.contains("wave 2, 1 %: 100 tenants") && said.contains("every ledger"), "{said}");
}
