//! Lists that are filtered and sorted: what is asked for, how windows are put together, and what is refused.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panic")]

mod support;

use cutover_shared::audit::{AuditAnswer, AuditQuery};
use cutover_shared::catalog::CatalogQuery;
use cutover_shared::filter::{self, Fields};
use cutover_shared::rpc::{Answer, Query};
use cutover_shared::run::{RunAnswer, RunQuery};
use cutover_shared::token::TokenQuery;
use cutover_shared::webhook::WebhookQuery;
use cutover_shared::window::{Sort, Window, WindowAsk};
use cutover_shared::workflow::WorkflowQuery;
use support::{Daemon, Ran, Reply, sample};

/// The lists that can be filtered, with a term and a field that each has.
const LISTS: &[(&str, &Fields, &str, &str)] = &[
    ("catalog list", &filter::LINKS, "status:pending", "reason"),
    ("tenant list", &filter::TENANTS, "pending>0", "mapped"),
    ("run list", &filter::RUNS, "age<2h", "items"),
    ("run items 0198cbd0-6b28-7cc1-9d6e-2f1d8a5b7c3e", &filter::ITEMS, "state:failed", "tries"),
    ("token list", &filter::TOKENS, "state:failing", "left"),
    ("webhook list", &filter::DELIVERIES, "state:dead", "bytes"),
    ("workflow list", &filter::WORKFLOWS, "dead>0", "matches"),
    ("workflow dispatches", &filter::DISPATCHES, "state:dead", "tries"),
    ("audit list", &filter::AUDIT, "act:run", "age"),
];

fn asked(query: Query) -> Option<WindowAsk> {
    match query {
        Query::Catalog(CatalogQuery::LinkWindow { ask } | CatalogQuery::TenantWindow { ask })
        | Query::Run(RunQuery::Window { ask } | RunQuery::ItemWindow { ask, .. })
        | Query::Token(TokenQuery::Window { ask })
        | Query::Webhook(WebhookQuery::Window { ask })
        | Query::Workflow(WorkflowQuery::Window { ask } | WorkflowQuery::Dispatches { ask })
        | Query::Audit(AuditQuery::Window { ask }) => Some(ask),
        _ => None,
    }
}

/// A daemon with `total` records, which it answers in windows of at most 500.
fn records(total: u64) -> Daemon {
    Daemon::start().answers(move |query| {
        let ask = asked(query).unwrap();
        let offset = if ask.offset < total { ask.offset } else { total.saturating_sub(ask.limit.into()) };
        let end = total.min(offset + u64::from(ask.limit.min(500)));
        let rows = (offset..end).map(|n| sample::record(n.try_into().unwrap())).collect();
        Reply::Say(Answer::Audit(AuditAnswer::Window(Window { rows, offset, total })))
    })
}

#[tokio::test]
async fn what_is_typed_is_what_the_daemon_is_asked() {
    for (list, _, term, field) in LISTS {
        let daemon = Daemon::start().answers(|_| Reply::code(cutover_shared::error::ErrorCode::Store));
        let backwards = format!("-{field}");
        let args = [term, "--sort", &backwards, "--after", "40", "--limit", "7"];
        let args: Vec<&str> = list.split(' ').chain(["--filter"]).chain(args).collect();
        assert_eq!(daemon.run(&args).await.code, 6, "{args:?}");
        let query = daemon.state.lock().unwrap().queries.pop().unwrap();
        let sort = Some(Sort { field: (*field).to_owned(), descending: true });
        let expected = WindowAsk { filter: (*term).to_owned(), sort, offset: 40, limit: 7 };
        assert_eq!(asked(query), Some(expected), "{args:?}");
    }
}

#[tokio::test]
async fn a_state_is_one_more_term() {
    let daemon = Daemon::start().answers(|query| {
        assert_eq!(asked(query).unwrap().filter, "state:paused age<2h");
        Reply::Say(Answer::Run(RunAnswer::Window(Window { rows: vec![], offset: 0, total: 0 })))
    });
    let ran = daemon.run(&["run", "list", "--state", "paused", "--filter", "age<2h"]).await;
    assert_eq!((ran.code, ran.out.as_str()), (0, "no runs\n"));
    // What a filter would say otherwise is not mixed with it.
    for args in [
        ["run", "list", "--kind", "map", "--sort", "age"],
        ["catalog", "list", "--tenant", "acme", "--filter", "x"],
    ] {
        assert_eq!(daemon.run(&args).await.code, 2, "{args:?}");
    }
}

#[tokio::test]
async fn a_mistake_has_its_place_and_asks_nobody() {
    let daemon = Daemon::start();
    for (args, message, hint) in [
        (
            ["--filter", "widget state:x"],
            "--filter makes no sense at letter 8: records have no `state`",
            "subject",
        ),
        (["--filter", "age>2"], "--filter makes no sense at letter 1: `2` is no value of age", "age>2h"),
        (["--sort", "-what"], "records can't be sorted by `what`", "subject"),
        (["--sort", ""], "records can't be sorted by ``", "seq"),
    ] {
        let ran = daemon.run(&[&["audit", "list", "--json"][..], &args].concat()).await;
        assert_eq!(ran.code, 2, "{ran:?}");
        let error = ran.error();
        assert_eq!(error["message"], message);
        assert!(error["hint"].as_str().unwrap().contains(hint), "{error}");
    }
    let ran = daemon.run(&["audit", "list", "--sort", "age", "--after", "c/2"]).await;
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("number of rows"), "{ran:?}");
    assert!(daemon.state.lock().unwrap().queries.is_empty());
}

#[tokio::test]
async fn windows_fit_together() {
    let daemon = records(1203);
    let rows = |ran: &Ran| ran.out.lines().filter(|line| line.contains("alice")).count();
    let asks = |daemon: &Daemon| daemon.state.lock().unwrap().queries.drain(..).count();
    let list = ["audit", "list", "--sort", "seq"];
    let more = async |args: &[&str]| daemon.run(&[&list[..], args].concat()).await;

    let ran = more(&[]).await;
    assert_eq!((rows(&ran), asks(&daemon)), (100, 1));
    assert!(ran.out.ends_with("\nmore: --after 100  (1,203 in all)\n"), "{}", ran.out);
    let ran = more(&["--limit", "700", "--after", "100"]).await;
    assert_eq!((rows(&ran), asks(&daemon)), (700, 2));
    assert!(ran.out.contains("\nmore: --after 800 "), "{}", ran.out);
    let ran = more(&["--all-rows"]).await;
    assert_eq!((rows(&ran), asks(&daemon)), (1203, 3));
    assert!(!ran.out.contains("more:") && ran.out.matches("WHEN").count() == 1);
    let ran = more(&["--after", "1203"]).await;
    assert_eq!((ran.code, ran.out.as_str()), (0, "no records\n"), "rows before the place are no news");
    let json = more(&["--json", "--limit", "2"]).await.json();
    assert_eq!((&json["next"], &json["total"]), (&"2".into(), &1203.into()));
    let json = more(&["--json", "--all-rows"]).await.json();
    assert_eq!((json["rows"].as_array().unwrap().len(), &json["next"]), (1203, &serde_json::Value::Null));
}

#[tokio::test]
async fn help_names_every_field() {
    let daemon = Daemon::start();
    for (list, fields, ..) in LISTS {
        let args: Vec<&str> = list.split(' ').take(2).chain(["--help"]).collect();
        let help = daemon.run(&args).await.out;
        for field in fields.all {
            assert!(
                help.lines().any(|line| line.trim_start().starts_with(field.name)),
                "{}: {help}",
                field.name
            );
        }
    }
}
