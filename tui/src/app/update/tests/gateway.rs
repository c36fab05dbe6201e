//! Deliveries, installations and workflows: looked at, explained, replayed, recovered.

use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::rpc::{Act, Query, Receipt, Topic};
use cutover_shared::webhook::{WebhookAct, WebhookQuery, WebhookReceipt};
use cutover_shared::workflow::{WorkflowAct, WorkflowQuery, WorkflowReceipt};

use crate::app::event::Event;
use crate::bench::{Bench, World, attention};
use crate::gateway::{COUNT, recovery};
use crate::keymap::{Action, Tier};
use crate::state::{Layer, ListId, Screen, State, Subject};

fn at(screen: Screen) -> Bench {
    let mut bench = Bench::ready(World::default());
    bench.act(Action::of_screen(screen));
    bench
}

fn dialog(bench: &Bench) -> &crate::state::dialog::Dialog {
    match bench.state.layers.top() {
        Some(Layer::Dialog(dialog)) => dialog,
        other => panic!("no question: {other:?}"),
    }
}

fn key(subject: Option<&Subject>) -> String {
    subject.map(Subject::key).unwrap_or_default()
}

#[test]
fn a_delivery_is_opened_with_its_journey_and_kept_up_to_date() {
    let mut bench = at(Screen::Webhooks);
    bench.event(Event::Line("open".to_owned()));
    let show = WebhookQuery::Show { guid: "guid-0".into(), payload: false };
    assert_eq!(bench.take_asks(), [Query::Webhook(show.clone())], "and not what it says");
    bench.keys(&["esc", "enter"]);
    let view = match bench.state.selected() {
        Some(Subject::Delivery(view)) => view,
        other => panic!("{other:?}"),
    };
    let words: Vec<&str> =
        crate::state::why::journey(&bench.state, &view).iter().map(|stage| stage.word).collect();
    assert_eq!(words, ["received", "waiting", "dispatched"]);
    bench.wait(1_000);
    bench.changed(&[Topic::Outbox]);
    assert!(bench.take_asks().contains(&Query::Webhook(show)), "what was sent on has changed");
}

#[test]
fn the_payload_is_asked_for_only_by_its_key() {
    let mut bench = at(Screen::Webhooks);
    bench.keys(&["down", "enter"]);
    assert!(bench.state.delivery("guid-1", true).is_none());
    bench.keys(&["p"]);
    assert!(matches!(bench.state.layers.top(), Some(Layer::Payload { guid, .. }) if guid == "guid-1"));
    assert!(bench.state.delivery("guid-1", true).unwrap().payload.is_some());
    bench.keys(&["esc", "esc"]);
    assert!(bench.state.layers.is_empty());
    bench.keys(&["up"]);
    assert!(bench.state.delivery("guid-1", true).is_none(), "it is forgotten with its layer");
}

/// The row below may have become another while somebody reads.
#[test]
fn what_is_looked_at_further_is_what_the_layer_is_about() {
    let mut bench = at(Screen::Webhooks);
    bench.keys(&["enter"]);
    let (table, window) = (ListId::Deliveries, bench.state.window(ListId::Deliveries).cloned());
    bench.state.tables.get_mut(&table).unwrap().go(3, 6, window.as_ref());
    assert_eq!(key(bench.state.selected().as_ref()), "guid-3");
    bench.keys(&["E"]);
    assert!(matches!(bench.state.layers.top(), Some(Layer::Explain { guid, .. }) if guid == "guid-0"));
}

#[test]
fn one_delivery_or_the_marked_ones_are_replayed() {
    let mut bench = at(Screen::Webhooks);
    bench.keys(&["r"]);
    assert!(bench.note().contains("waits to be handled already"), "{}", bench.note());
    bench.keys(&["esc", "down", "r"]);
    assert_eq!(dialog(&bench).tier, Tier::Reversible);
    assert_eq!(dialog(&bench).plan.twin, "cutover webhook replay guid-1");
    bench.confirm();
    assert!(
        matches!(&bench.acts[..], [(_, Act::Webhook(WebhookAct::ReplayOne { guid }))] if guid == "guid-1")
    );
    bench.done(Receipt::Webhook(WebhookReceipt { replayed: 1, recovery: None }));
    bench.calm();
    bench.keys(&["space", "space", "r"]);
    assert_eq!(dialog(&bench).plan.twin, "cutover webhook replay guid-1 && cutover webhook replay guid-2");
    bench.confirm();
    bench.done(Receipt::Webhook(WebhookReceipt { replayed: 1, recovery: None }));
    assert!(
        matches!(&bench.acts[..], [(_, Act::Webhook(WebhookAct::ReplayOne { guid }))] if guid == "guid-2")
    );
}

#[test]
fn what_is_not_kept_can_not_be_replayed() {
    let mut bench = at(Screen::Webhooks);
    bench.select(Screen::Webhooks, |row| row.key() == "guid-gone");
    bench.keys(&["r"]);
    assert!(bench.note().contains("not kept any more"), "{}", bench.note());
}

#[test]
fn all_of_a_filter_are_counted_first_and_the_number_is_sent() {
    let mut bench = at(Screen::Webhooks);
    bench.event(Event::Line("filter state:dead".to_owned()));
    bench.calm();
    bench.event(Event::Line("replay-all".to_owned()));
    let count = Query::Webhook(WebhookQuery::Replayable { filter: "state:dead".into() });
    assert!(bench.asks.iter().any(|(_, query)| *query == count), "{:?}", bench.asks);
    assert!(bench.state.layers.is_empty() && bench.acts.is_empty(), "nothing is asked before it is counted");
    bench.calm();
    let twin = "cutover webhook replay --filter state:dead --yes 3";
    assert_eq!((dialog(&bench).tier, dialog(&bench).plan.twin.as_str()), (Tier::Live, twin));
    assert!(dialog(&bench).effect[0].contains("Exactly 3 deliveries"));
    bench.confirm();
    let wanted = WebhookAct::ReplayAll { filter: "state:dead".into(), expected: COUNT };
    assert!(matches!(&bench.acts[..], [(_, Act::Webhook(act))] if *act == wanted), "{:?}", bench.acts);
}

#[test]
fn the_whole_inbox_wants_a_phrase_of_its_own() {
    let mut bench = at(Screen::Webhooks);
    bench.keys(&["A"]);
    assert_eq!(dialog(&bench).tier, Tier::Fleet);
    assert!(dialog(&bench).fields[0].label.contains("replay all 3"));
}

#[test]
fn a_count_that_fails_is_a_refusal_and_asks_nothing() {
    let mut bench = at(Screen::Webhooks);
    bench.event(Event::Line("replay-all".to_owned()));
    for (ask, _) in std::mem::take(&mut bench.asks) {
        let error = RpcError::new(ErrorCode::Store, "disk full", "free some");
        bench.event(Event::Answered { ask, result: Box::new(Err(error)) });
    }
    assert!(bench.note().contains("disk full"));
    assert!(bench.state.counted.is_none());
}

fn looked(lacking: u64) -> Bench {
    let mut bench = at(Screen::Webhooks);
    bench.keys(&["M"]);
    let look = WebhookAct::Recover { since: None, events: Vec::new(), look: true };
    assert!(matches!(&bench.acts[..], [(_, Act::Webhook(act))] if *act == look), "{:?}", bench.acts);
    assert!(bench.state.layers.is_empty(), "a look asks nothing");
    let recovery = Some(recovery(20 + 1 + lacking, 20));
    bench.done(Receipt::Webhook(WebhookReceipt { replayed: 0, recovery }));
    bench
}

#[test]
fn recovery_looks_first_and_then_asks_with_what_it_found() {
    let mut bench = looked(4);
    assert_eq!(
        (dialog(&bench).tier, dialog(&bench).title.as_str()),
        (Tier::Reversible, "Recover 4 deliveries")
    );
    assert_eq!(dialog(&bench).effect[0], "20 of 25 deliveries are here");
    assert_eq!(dialog(&bench).plan.twin, "cutover webhook recover");
    bench.confirm();
    let taken = WebhookAct::Recover { since: None, events: Vec::new(), look: false };
    assert!(matches!(&bench.acts[..], [(_, Act::Webhook(act))] if *act == taken), "{:?}", bench.acts);
    // Some could not be had: that is told, and not asked about once more.
    let recovery = Some(recovery(25, 22));
    bench.done(Receipt::Webhook(WebhookReceipt { replayed: 0, recovery }));
    assert!(bench.state.layers.is_empty(), "what took in is no look");
    assert_eq!(bench.state.toasts.newest().unwrap().text, "22 of 25 deliveries are here");
}

#[test]
fn where_nothing_is_missing_recovery_asks_nothing_and_says_so() {
    let bench = looked(0);
    assert!(bench.state.layers.is_empty());
    assert_eq!(bench.state.toasts.newest().unwrap().text, "20 of 21 deliveries are here");
}

#[test]
fn the_last_match_is_explained_or_any_delivery_by_its_guid() {
    let mut bench = at(Screen::Workflows);
    bench.keys(&["E"]);
    let explained = |state: &State| match state.layers.top() {
        Some(Layer::Explain { guid, workflow, .. }) => (guid.clone(), workflow.clone().unwrap_or_default()),
        other => panic!("{other:?}"),
    };
    assert_eq!(explained(&bench.state), ("guid-1".into(), "deploy".into()));
    assert_eq!(bench.state.explanations("guid-1", Some("deploy")).unwrap().len(), 2);
    bench.keys(&["esc", "down", "E"]);
    assert!(bench.note().contains("has not matched any delivery yet"));
    bench.keys(&["esc", "T"]);
    bench.event(Event::Paste(" guid-2\n".into()));
    bench.event(Event::Key(crate::bench::press("enter")));
    let asked = WorkflowQuery::Test { guid: "guid-2".into(), workflow: Some("never".into()) };
    assert_eq!(bench.take_asks(), [Query::Workflow(asked)]);
    assert_eq!(explained(&bench.state), ("guid-2".into(), "never".into()));
    bench.keys(&["esc"]);
    bench.event(Event::Line("explain-delivery".to_owned()));
    bench.event(Event::Line("guid-3".to_owned()));
    assert_eq!(explained(&bench.state).0, "guid-3", "the same by lines");
}

#[test]
fn dead_dispatches_are_counted_and_sent_again() {
    let mut bench = at(Screen::Workflows);
    bench.keys(&["r"]);
    let question = dialog(&bench);
    assert_eq!(question.tier, Tier::Reversible);
    assert_eq!(
        question.plan.twin,
        "cutover workflow replay --filter 'workflow:\"deploy\" state:dead' --yes 3"
    );
    bench.confirm();
    let wanted = WorkflowAct::Replay { filter: "workflow:\"deploy\" state:dead".into(), expected: COUNT };
    assert!(matches!(&bench.acts[..], [(_, Act::Workflow(act))] if *act == wanted), "{:?}", bench.acts);
    bench.done(Receipt::Workflow(WorkflowReceipt::Replayed(COUNT)));
    bench.keys(&["down", "r"]);
    assert!(bench.note().contains("no dead dispatches"));
}

/// A filter takes every id that holds the one under the cursor.
#[test]
fn a_replay_that_reaches_other_workflows_says_so_and_wants_more_than_a_letter() {
    let mut bench = at(Screen::Workflows);
    bench.select(Screen::Workflows, |row| row.key() == "o'brien & sons");
    bench.keys(&["r"]);
    let question = dialog(&bench);
    assert_eq!(question.tier, Tier::Live);
    assert!(
        question.effect.iter().any(|line| line.starts_with("2 of them belong to workflows")),
        "{question:?}"
    );
    assert!(!question.fields.is_empty());
}

#[test]
fn a_workflow_is_removed_by_its_name() {
    let mut bench = at(Screen::Workflows);
    bench.keys(&["x"]);
    assert_eq!(
        (dialog(&bench).tier, dialog(&bench).plan.twin.as_str()),
        (Tier::Live, "cutover workflow remove deploy")
    );
    bench.confirm();
    assert!(matches!(&bench.acts[..], [(_, Act::Workflow(WorkflowAct::Remove { id }))] if id == "deploy"));
}

#[test]
fn an_installation_says_why_and_leads_to_its_deliveries_and_repositories() {
    let mut bench = at(Screen::Installations);
    bench.keys(&["enter"]);
    assert!(matches!(bench.state.layers.top(), Some(Layer::Why { .. })));
    bench.keys(&["esc", "W"]);
    let filter = |bench: &Bench| (bench.state.screen, bench.state.table().unwrap().filter.clone());
    assert_eq!(filter(&bench), (Screen::Webhooks, "installation:1".into()));
    bench.keys(&["8", "O"]);
    assert_eq!(filter(&bench), (Screen::Mapping, "repo:\"acme/\"".into()));
    bench.keys(&["8", "F"]);
    assert_eq!(dialog(&bench).plan.twin, "cutover token refresh 1");
}

#[test]
fn a_notice_leads_to_the_screen_of_its_command() {
    let mut notice = attention(None);
    notice.command = Some("cutover webhook list --filter state:dead".into());
    let mut bench = Bench::ready(World { attention: vec![notice], ..World::default() });
    bench.keys(&["enter"]);
    assert_eq!(bench.state.screen, Screen::Webhooks);
    assert_eq!(bench.state.table().unwrap().filter, "state:dead");
}
