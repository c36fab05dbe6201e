//! `webhook replay`: a filter is counted before anything is done, and what was counted is what is agreed to.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panic")]

mod support;

use cutover_shared::error::ErrorCode;
use cutover_shared::rpc::{Act, Answer, Query, Receipt};
use cutover_shared::webhook::{Recovery, WebhookAct, WebhookAnswer, WebhookQuery, WebhookReceipt};
use support::{Daemon, Reply, sample};

/// A daemon where a filter takes `count` deliveries.
fn daemon(count: u64) -> Daemon {
    Daemon::start()
        .answers(move |query| match query {
            Query::Webhook(WebhookQuery::Replayable { .. }) => {
                Reply::Say(Answer::Webhook(WebhookAnswer::Replayable(count)))
            }
            other => panic!("{other:?}"),
        })
        .obeys(move |act| match act {
            Act::Webhook(WebhookAct::ReplayAll { expected, .. }) if expected != count => {
                Reply::code(ErrorCode::StalePlan)
            }
            Act::Webhook(WebhookAct::ReplayAll { expected, .. }) => {
                Reply::Say(Receipt::Webhook(WebhookReceipt { replayed: expected, recovery: None }))
            }
            other => panic!("{other:?}"),
        })
}

fn replay(filter: &str, expected: u64) -> Act {
    Act::Webhook(WebhookAct::ReplayAll { filter: filter.into(), expected })
}

#[tokio::test]
async fn without_a_number_nothing_is_replayed() {
    let daemon = daemon(12);
    let args = ["webhook", "replay", "--filter", "state:dead age<1d"];
    let ran = daemon.run(&args).await;
    assert_eq!((ran.code, ran.out.as_str()), (3, ""));
    assert!(ran.err.contains("12 deliveries would be replayed; none was"), "{ran:?}");
    assert!(ran.err.contains("`cutover webhook replay --filter 'state:dead age<1d' --yes 12`"), "{ran:?}");
    let ran = daemon.run(&[&args[..], &["--json"]].concat()).await;
    assert_eq!((ran.code, &ran.error()["code"]), (3, &"not_approved".into()));

    let dry = [&args[..], &["--dry-run"]].concat();
    let ran = daemon.run(&dry).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("--yes 12"), "{ran:?}");
    let ran = daemon.run(&[&dry[..], &["--json"]].concat()).await;
    assert_eq!(ran.json(), serde_json::json!({ "filter": "state:dead age<1d", "replayable": 12 }));
    assert!(daemon.acts().is_empty());
}

#[tokio::test]
async fn the_number_goes_to_the_daemon_which_has_the_last_word() {
    let daemon = daemon(12);
    let ran = daemon.run(&["webhook", "replay", "--filter", "state:dead", "--yes", "12"]).await;
    assert_eq!((ran.code, ran.out.as_str()), (0, "12 deliveries wait to be handled again\n"));
    let args = ["webhook", "replay", "--filter", "state:dead", "--yes", "11", "--json"];
    let ran = daemon.run(&args).await;
    assert_eq!((ran.code, &ran.error()["code"]), (3, &"stale_plan".into()));
    assert_eq!(daemon.acts(), [replay("state:dead", 12), replay("state:dead", 11)]);
    // Repeated with the same key it must answer its receipt, whatever a count would say by then.
    assert!(daemon.state.lock().unwrap().queries.is_empty());
}

#[tokio::test]
async fn a_filter_that_takes_none_is_done() {
    let daemon = daemon(0);
    for more in [&[][..], &["--dry-run"], &["--yes", "0"]] {
        let args = [&["webhook", "replay", "--filter", "state:dead"][..], more].concat();
        let ran = daemon.run(&args).await;
        assert_eq!((ran.code, ran.out.as_str()), (0, "no deliveries to replay\n"), "{more:?}");
    }
    let ran = daemon.run(&["webhook", "replay", "--filter", "", "--json"]).await;
    assert_eq!(ran.json()["replayable"], 0);
}

#[tokio::test]
async fn one_is_named_or_a_filter_never_both() {
    let daemon = Daemon::start();
    for args in [
        &[][..],
        &["g", "--filter", "state:dead"],
        &["g", "--yes", "1"],
        &["g", "--dry-run"],
        &["--yes", "1"],
        &["--filter", "state:dead", "--yes", "1", "--dry-run"],
        &["--filter", "state:dead", "--yes", "-1"],
        &["--filter", "state:gone"],
    ] {
        let ran = daemon.run(&[&["webhook", "replay"][..], args].concat()).await;
        assert_eq!(ran.code, 2, "{args:?}: {ran:?}");
    }
    let state = daemon.state.lock().unwrap();
    assert!(state.queries.is_empty() && state.acts.is_empty());
}

#[tokio::test]
async fn a_payload_that_is_gone_is_said_and_one_that_was_not_asked_for_is_not() {
    let daemon = Daemon::start().answers(|query| match query {
        Query::Webhook(WebhookQuery::Show { .. }) => {
            Reply::Say(Answer::Webhook(WebhookAnswer::Show(Box::new(sample::delivery_detail(false)))))
        }
        other => panic!("{other:?}"),
    });
    let gone = "not kept any more";
    assert!(!daemon.run(&["webhook", "show", "g"]).await.out.contains(gone));
    assert!(daemon.run(&["webhook", "show", "g", "--payload"]).await.out.contains(gone));
    let asked = daemon.state.lock().unwrap().queries.pop();
    assert_eq!(asked, Some(Query::Webhook(WebhookQuery::Show { guid: "g".into(), payload: true })));
}

/// What a comparison of ten deliveries found.
fn recovery(here: u64, lost: u64, gap: bool) -> Recovery {
    Recovery {
        at: 1_795_255_200_000,
        since: 1_794_996_000_000,
        horizon: 1_794_996_000_000,
        logged: 12,
        here,
        unwanted: 2,
        pulled: 1,
        redelivered: 0,
        lost,
        gap,
        statement: format!("{here} of 10 deliveries since 2026-11-18T10:00:00Z are here"),
    }
}

fn recovering(recovery: &Recovery) -> Daemon {
    let recovery = recovery.clone();
    Daemon::start().obeys(move |act| match act {
        Act::Webhook(WebhookAct::Recover { .. }) => {
            Reply::Say(Receipt::Webhook(WebhookReceipt { replayed: 0, recovery: Some(recovery.clone()) }))
        }
        other => panic!("{other:?}"),
    })
}

#[tokio::test]
async fn a_recovery_ends_with_0_only_when_all_is_here_and_nothing_unproven() {
    for (found, code, told) in [
        (recovery(10, 0, false), 0, "10 of 10 deliveries"),
        (recovery(8, 2, false), 1, "GitHub can't give them any more"),
        (recovery(9, 0, false), 1, "9 of 10"),
        (recovery(10, 0, true), 1, "can't be proven"),
    ] {
        let daemon = recovering(&found);
        let ran = daemon.run(&["webhook", "recover"]).await;
        assert_eq!(ran.code, code, "{ran:?}");
        assert!(ran.out.contains(told), "{ran:?}");
        let ran = daemon.run(&["webhook", "recover", "--json"]).await;
        assert_eq!((ran.code, ran.json()), (code, serde_json::to_value(&found).unwrap()));
    }
}

#[tokio::test]
async fn a_recovery_is_asked_as_it_was_written() {
    let daemon = recovering(&recovery(10, 0, false));
    let args = ["--since", "2026-11-20T12:00:00+02:00", "--event", "push,installation", "--look"];
    assert_eq!(daemon.run(&[&["webhook", "recover"][..], &args].concat()).await.code, 0);
    daemon.run(&["webhook", "recover", "--since", "2h"]).await;
    let acts = daemon.acts();
    let events = vec!["push".to_owned(), "installation".to_owned()];
    let since = Some(1_795_168_800_000);
    assert_eq!(acts[0], Act::Webhook(WebhookAct::Recover { since, events, look: true }));
    let Act::Webhook(WebhookAct::Recover { since: Some(since), look: false, .. }) = &acts[1] else {
        panic!("{:?}", acts[1])
    };
    assert_eq!((daemon.env().now)() - since, 7_200_000);
    for odd in ["yesterday", "", "-1h", "2026-11-20"] {
        let ran = daemon.run(&["webhook", "recover", "--since", odd]).await;
        assert_eq!(ran.code, 2, "{odd}: {ran:?}");
    }
}
