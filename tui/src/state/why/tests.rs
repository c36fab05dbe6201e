use cutover_shared::ids::InstallationId;
use cutover_shared::installation::Health;
use cutover_shared::mapping::{Evidence, MappingStatus, Reason};
use cutover_shared::run::{ItemState, RunState};
use cutover_shared::token::TokenState;

use super::*;
use crate::bench::{self, Bench, World};
use crate::keymap::Action;

fn value<'a>(facts: &'a [Fact], key: &str) -> &'a str {
    let found = facts.iter().find(|fact| fact.key == key);
    &found.unwrap_or_else(|| panic!("no {key} in {facts:?}")).value
}

fn link(reason: Reason, status: MappingStatus, confidence: u8) -> Subject {
    let mut view = bench::link(1);
    view.mapping = Some(cutover_shared::mapping::Mapping {
        status,
        reason,
        installation: Some(InstallationId(7)),
        repo_id: None,
        confidence,
        evidence: Evidence { rung: 3, facts: vec!["one".into(), "two".into()], ..Evidence::default() },
        next_steps: "ask the owner".into(),
    });
    Subject::Link(Box::new(view))
}

#[test]
fn every_reason_has_its_own_sentence_with_threshold_and_distance() {
    let bench = Bench::ready(World::default());
    let mut seen = std::collections::BTreeSet::new();
    for reason in Reason::ALL {
        let facts = why(&bench.state, Some(&link(*reason, MappingStatus::Pending, 60)));
        assert!(seen.insert(value(&facts, "Rule").to_owned()), "{reason} has another's sentence");
        assert!(value(&facts, "Rule").starts_with("row 3 of the ladder: "));
        assert_eq!(value(&facts, "Threshold"), "60 % is 30 below the 90 % from which it is mapped");
        assert_eq!((value(&facts, "Evidence"), value(&facts, "Next")), ("one", "ask the owner"));
    }
    for confidence in [0, 90, 100, u8::MAX] {
        let facts = why(&bench.state, Some(&link(Reason::IdListed, MappingStatus::Mapped, confidence)));
        assert!(!value(&facts, "Threshold").is_empty());
    }
}

#[test]
fn every_state_of_a_run_an_item_and_a_token_has_its_own_rule() {
    let bench = Bench::ready(World::default());
    let mut subjects = Vec::new();
    for state in RunState::ALL {
        subjects.push(Subject::Run(Box::new(bench::run("run-1", "all", *state))));
    }
    for state in ItemState::ALL {
        subjects.push(Subject::Item { run: "run-1".into(), item: Box::new(bench::item(1, *state)) });
    }
    for state in TokenState::ALL {
        subjects.push(Subject::Token(bench::token(1, *state)));
    }
    for state in cutover_shared::webhook::DeliveryState::ALL {
        subjects.push(Subject::Delivery(Box::new(crate::gateway::delivery("out of sight", *state))));
    }
    let mut seen = std::collections::BTreeSet::new();
    for subject in &subjects {
        let facts = why(&bench.state, Some(subject));
        assert!(seen.insert(value(&facts, "Rule").to_owned()), "{subject:?} has another's rule");
        assert!(!value(&facts, "State").is_empty());
    }
}

#[test]
fn everything_else_is_told_too() {
    let mut world = World { killed: true, ..World::default() };
    world.runs = vec![bench::run("run-1", "all", RunState::Planned)];
    let bench = Bench::ready(world);
    let subjects = [
        Subject::Link(Box::new(bench::link(1))),
        Subject::Tenant(bench::tenant("acme")),
        Subject::Record(Box::new(bench::record(1))),
        Subject::Attention(bench::attention(None)),
        Subject::Delivery(Box::new(crate::gateway::deliveries()[0].clone())),
        Subject::Installation(Box::new(crate::gateway::installation(1, Health::Failing))),
        Subject::Workflow(Box::new(crate::gateway::workflow("deploy", 3))),
        Subject::Run(Box::new(
            bench.state.run(&"run-1".into()).unwrap_or_else(|| bench.world.runs[0].clone()),
        )),
    ];
    for subject in &subjects {
        let (facts, all) = (why(&bench.state, Some(subject)), detail(&bench.state, subject));
        assert!(facts.len() > 1 && all.len() > 1, "{subject:?}");
        assert!(facts.iter().chain(&all).all(|fact| !fact.value.is_empty()), "{facts:?} {all:?}");
    }
    let whole = why(&bench.state, None);
    assert!(value(&whole, "Killed").contains("every decision is legacy"));
    assert!(
        !why(&Bench::new(World::default()).state, None).is_empty(),
        "also before the daemon has said anything"
    );
}

#[test]
fn the_runbook_fits_and_is_carried() {
    let mut bench = Bench::ready(World {
        runs: vec![bench::run("run-1", "all", RunState::Failed)],
        attention: vec![bench::attention(None)],
        ..World::default()
    });
    assert_eq!(runbook(&bench.state), "kill.md", "the notice's own");
    for (screen, file) in [
        (Screen::Mapping, "README.md"),
        (Screen::Tenants, "README.md"),
        (Screen::Runs, "undo_mapping.md"),
        (Screen::Tokens, "github_rate_limit.md"),
        (Screen::Audit, "README.md"),
        (Screen::Webhooks, crate::runbook::find("missed_webhooks.md").map_or("README.md", |(name, _)| name)),
        (Screen::Installations, "README.md"),
        (Screen::Workflows, "README.md"),
    ] {
        bench.act(crate::keymap::Action::of_screen(screen));
        assert_eq!(runbook(&bench.state), file);
        assert!(crate::runbook::find(file).is_some());
    }
    bench.act(Action::Overview);
    bench.world.attention[0].runbook = Some("../../etc/passwd".into());
    bench.wait(1_000);
    bench.changed(&[cutover_shared::rpc::Topic::Runs]);
    bench.calm();
    assert_eq!(runbook(&bench.state), "README.md", "a file that is not carried is not opened");
    bench.world.killed = true;
    bench.act(Action::Reconnect);
    bench.act(Action::Tokens);
    assert_eq!(runbook(&bench.state), "kill.md", "what is most urgent");
}

#[test]
fn a_list_that_can_not_be_read_has_the_runbook_of_its_error() {
    use cutover_shared::error::{ErrorCode, RpcError};
    let mut bench = Bench::ready(World::default());
    bench.event(crate::app::event::Event::Line("tokens".to_owned()));
    for (ask, _) in std::mem::take(&mut bench.asks) {
        let error =
            RpcError::new(ErrorCode::Store, "disk full", "free some").with_runbook("store_disk_full.md");
        bench.event(crate::app::event::Event::Answered { ask, result: Box::new(Err(error)) });
    }
    assert_eq!(runbook(&bench.state), "store_disk_full.md");
}
