//! Lists that are filtered and sorted, and what status says of the way: against a real daemon and its store.

use cutover_shared::audit::{AuditAnswer, AuditQuery};
use cutover_shared::catalog::{CatalogAnswer, CatalogQuery};
use cutover_shared::rpc::{Answer, Query};
use cutover_shared::run::{RunAnswer, RunQuery, RunState};
use cutover_shared::token::{TokenAnswer, TokenQuery};
use cutover_shared::window::{Sort, WindowAsk};
use serde_json::Value;

use super::stage::{REPOS, Stage, act, plan, set_going, until_state};

fn rows(answer: &Value) -> &Vec<Value> {
    answer["rows"].as_array().unwrap()
}

fn status_of(row: &Value) -> &str {
    row["mapping"]["status"].as_str().unwrap_or("unplanned")
}

/// Every command that status tells can be typed.
fn demand_commands(status: &Value) {
    let told = status["attention"].as_array().unwrap().iter().chain(status["next"].as_array().unwrap());
    for command in told.filter_map(|one| one["command"].as_str()) {
        if let Err(error) = cutover_tui::grammar().try_get_matches_from(command.split(' ')) {
            panic!("{command}: {error}");
        }
    }
}

fn first_step(status: &Value) -> &str {
    demand_commands(status);
    status["next"][0]["command"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_filtered_and_sorted_as_the_whole_list_says() {
    let stage = Stage::new().await;
    let _daemon = stage.daemon().await;
    stage.import().await;
    let conn = stage.connect().await;
    let run = plan(&conn).await;
    set_going(&conn, &run, None).await;
    until_state(&conn, &run.id, RunState::Done).await;

    let all = stage.ask(&[0], &["catalog", "list", "--all-rows"]).await;
    assert_eq!(rows(&all).len(), REPOS);
    for status in ["mapped", "pending", "unmappable", "unplanned"] {
        let expected: Vec<&Value> = rows(&all).iter().filter(|row| status_of(row) == status).collect();
        let term = format!("status:{status}");
        let found = stage.ask(&[0], &["catalog", "list", "--filter", &term, "--all-rows"]).await;
        assert_eq!(rows(&found).iter().collect::<Vec<_>>(), expected, "{status}");
        assert_eq!(found["total"], expected.len(), "{status}");
    }
    let tenant = rows(&all)[0]["link"]["tenant"].as_str().unwrap();
    stage.say(&[0], &["mode", "set", "--add-canary", tenant]).await;
    let canary = stage.ask(&[0], &["catalog", "list", "--filter", "canary:yes", "--all-rows"]).await;
    let expected = rows(&all).iter().filter(|row| row["link"]["tenant"] == tenant).count();
    assert_eq!(rows(&canary).len(), expected);
    let tenants = stage.ask(&[0], &["tenant", "list", "--filter", "canary:yes"]).await;
    assert_eq!((rows(&tenants).len(), &rows(&tenants)[0]["id"]), (1, &tenant.into()));

    let up = stage.ask(&[0], &["catalog", "list", "--sort", "confidence", "--all-rows"]).await;
    let down = stage.ask(&[0], &["catalog", "list", "--sort", "-confidence", "--all-rows"]).await;
    assert_eq!(rows(&up).iter().rev().collect::<Vec<_>>(), rows(&down).iter().collect::<Vec<_>>());
    let confidence: Vec<_> =
        rows(&up).iter().map(|row| row["mapping"]["confidence"].as_i64().unwrap_or(-1)).collect();
    assert!(confidence.is_sorted() && confidence.first() < confidence.last(), "{confidence:?}");

    let id = run.id.as_str();
    let items =
        stage.ask(&[0], &["run", "items", id, "--sort", "-key", "--limit", "7", "--after", "3"]).await;
    assert_eq!((rows(&items).len(), &items["next"], &items["total"]), (7, &"10".into(), &REPOS.into()));
    assert!(rows(&items).is_sorted_by_key(|row| std::cmp::Reverse(row["key"].as_str().unwrap().to_owned())));
    let runs = stage.ask(&[0], &["run", "list", "--filter", "state:done scope:all age<1h items>0"]).await;
    assert_eq!(rows(&runs)[0]["id"], id);
    let tokens = stage.ask(&[0], &["token", "list", "--filter", "state:fresh", "--sort", "-mints"]).await;
    assert!(rows(&tokens).iter().all(|row| row["state"] == "fresh") && !rows(&tokens).is_empty());
    let audit = stage.ask(&[0], &["audit", "list", "--filter", "act:run.approve", "--sort", "seq"]).await;
    assert!(rows(&audit).iter().any(|row| row["subject"] == id), "{audit}");

    let told = stage.say(&[2], &["catalog", "list", "--filter", "x state:mapped"]).await;
    assert!(told.stderr.contains("letter 3"), "{}", told.stderr);
    stage.say(&[0], &["catalog", "list", "--filter", "canary:no", "--sort", "status"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn status_leads_there_and_says_the_way_back() {
    let stage = Stage::new().await;
    let _daemon = stage.daemon().await;
    let conn = stage.connect().await;
    let status = stage.ask(&[0], &["status"]).await;
    assert_eq!(first_step(&status), "cutover catalog import FILE");
    stage.import().await;
    let status = stage.ask(&[0], &["status"]).await;
    assert_eq!(first_step(&status), "cutover mode set canary --add-canary TENANT");
    let tenants = stage.ask(&[0], &["tenant", "list", "--sort", "-repos", "--limit", "1"]).await;
    let tenant = rows(&tenants)[0]["id"].as_str().unwrap();
    stage.say(&[0], &["mode", "set", "canary", "--add-canary", tenant]).await;
    assert_eq!(first_step(&stage.ask(&[0], &["status"]).await), "cutover map plan --canary");
    let canary = stage.ask(&[0], &["map", "plan", "--canary"]).await;
    let status = stage.ask(&[0], &["status"]).await;
    let step = first_step(&status).to_owned();
    assert!(step.starts_with(&format!("cutover map apply {}", canary["id"].as_str().unwrap())), "{step}");
    let waits = status["attention"].as_array().unwrap().last().unwrap();
    assert_eq!((&waits["health"], &waits["run"]), (&"ok".into(), &canary["id"]), "{status}");
    assert_eq!((&status["back"]["items"], &status["back"]["seconds"]), (&0.into(), &0.into()));

    // The gate of a plan for everybody is closed until the canary is done, and open then.
    let all = plan(&conn).await;
    let gate = stage.ask(&[0], &["run", "show", all.id.as_str()]).await;
    assert!(gate["gate"]["closed"].as_str().unwrap().contains("canary run"), "{gate}");
    let step: Vec<&str> = step.split(' ').skip(1).collect();
    stage.say(&[0], &step).await;
    let gate = stage.ask(&[0], &["run", "show", all.id.as_str()]).await;
    assert_eq!(gate["gate"]["closed"], Value::Null, "{gate}");
    assert!(gate["gate"]["facts"][0].as_str().unwrap().contains("canary run"), "{gate}");

    let status = stage.ask(&[0], &["status"]).await;
    let step = first_step(&status).to_owned();
    assert!(step.starts_with(&format!("cutover map apply {}", all.id)), "{status}");
    let stand = status["back"]["items"].as_u64().unwrap();
    assert!(stand > 0 && status["back"]["seconds"].is_u64(), "{status}");
    assert_eq!(status["back"]["runs"][0], canary["id"]);
    // Items that the canary run moved since are stale: exit 1 says so, and the findings say how many.
    let step: Vec<&str> = step.split(' ').skip(1).collect();
    stage.say(&[0, 1], &step).await;
    let shown = stage.ask(&[0], &["run", "show", all.id.as_str()]).await;
    let findings: u64 =
        shown["groups"].as_array().unwrap().iter().map(|g| g["count"].as_u64().unwrap()).sum();
    assert_eq!(findings, stand, "{shown}");
    assert_eq!(first_step(&stage.ask(&[0], &["status"]).await), "cutover map spot-check");

    for run in [all.id.as_str(), canary["id"].as_str().unwrap()] {
        stage.say(&[0, 1], &["run", "undo", run]).await;
    }
    let back = stage.ask(&[0], &["status"]).await["back"].clone();
    assert_eq!((&back["items"], &back["runs"]), (&0.into(), &Value::Array(Vec::new())), "{back}");
    stage.say(&[0], &["kill", "--reason", "e2e"]).await;
    let status = stage.ask(&[0], &["status"]).await;
    assert_eq!(status["attention"][0]["runbook"], "kill.md");
    assert_eq!(first_step(&status), "cutover unkill --all --reason TEXT");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_of_nonsense_gets_an_answer() {
    let stage = Stage::of(20, None, "").await;
    let daemon = stage.daemon().await;
    stage.import().await;
    let conn = stage.connect().await;
    let run = plan(&conn).await;
    let long = "a ".repeat(600);
    let filters = [
        "",
        " ",
        "\"",
        "\0",
        "a\0b",
        "%",
        "_",
        "\\",
        "' OR 1=1 --",
        "!",
        "!!x",
        "age<9999999999999d",
        "seq:",
        &long,
    ];
    let sorts = [None, Some("age"), Some("status"), Some("1; DROP TABLE links"), Some("")];
    for filter in filters {
        for sort in sorts {
            for (offset, limit) in [(0, 0), (u64::MAX, u32::MAX), (1, 1)] {
                let sort = sort.map(|field| Sort { field: field.to_owned(), descending: true });
                let ask = || WindowAsk { filter: filter.to_owned(), sort: sort.clone(), offset, limit };
                for query in [
                    Query::Catalog(CatalogQuery::LinkWindow { ask: ask() }),
                    Query::Catalog(CatalogQuery::TenantWindow { ask: ask() }),
                    Query::Run(RunQuery::Window { ask: ask() }),
                    Query::Run(RunQuery::ItemWindow { id: run.id.clone(), ask: ask() }),
                    Query::Token(TokenQuery::Window { ask: ask() }),
                    Query::Audit(AuditQuery::Window { ask: ask() }),
                ] {
                    let told = format!("{query:.200?}");
                    let (count, offset, total) = match conn.query(query).await {
                        Ok(Answer::Catalog(CatalogAnswer::LinkWindow(w))) => {
                            (w.rows.len(), w.offset, w.total)
                        }
                        Ok(Answer::Catalog(CatalogAnswer::TenantWindow(w))) => {
                            (w.rows.len(), w.offset, w.total)
                        }
                        Ok(Answer::Run(RunAnswer::Window(w))) => (w.rows.len(), w.offset, w.total),
                        Ok(Answer::Run(RunAnswer::ItemWindow(w))) => (w.rows.len(), w.offset, w.total),
                        Ok(Answer::Token(TokenAnswer::Window(w))) => (w.rows.len(), w.offset, w.total),
                        Ok(Answer::Audit(AuditAnswer::Window(w))) => (w.rows.len(), w.offset, w.total),
                        Ok(other) => panic!("{told}: {other:?}"),
                        Err(error) => {
                            assert_eq!(error.code.exit(), 2, "{told}: {error}");
                            continue;
                        }
                    };
                    assert!(count <= 500 && offset + count as u64 <= total, "{told}");
                    assert!(count > 0 || total == 0, "{told}");
                }
            }
        }
    }
    for query in [RunQuery::Groups { id: "none".into() }, RunQuery::Gate { id: "none".into() }] {
        assert_eq!(conn.query(Query::Run(query)).await.unwrap_err().code.exit(), 2);
    }
    act(&conn, cutover_shared::run::RunAct::Cancel { id: run.id.clone() }).await;
    daemon.stop().await.unwrap();
    assert!(!stage.log().contains("panic"));
}
