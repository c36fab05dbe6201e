//! What people see: the main texts, as snapshots, none wider than a terminal of 80 columns.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panic")]

mod support;

use cutover_shared::audit::{AuditAnswer, AuditQuery};
use cutover_shared::catalog::{CatalogAnswer, CatalogQuery, Ddl};
use cutover_shared::installation::{InstallationAnswer, InstallationQuery};
use cutover_shared::mapping::{MapAct, MapAnswer, MapQuery, MapReceipt, MapScope};
use cutover_shared::page::{Page, PageAsk};
use cutover_shared::rpc::{Act, Answer, Query, Receipt};
use cutover_shared::run::{RunAnswer, RunQuery};
use cutover_shared::token::{TokenAnswer, TokenQuery};
use cutover_shared::webhook::{Recovery, WebhookAct, WebhookAnswer, WebhookQuery, WebhookReceipt};
use cutover_shared::window::Window;
use cutover_shared::workflow::{WorkflowAct, WorkflowAnswer, WorkflowQuery, WorkflowReceipt};
use serde_json::json;
use support::{Daemon, Ran, Reply, sample};

/// The run that waits for an approval.
const PLANNED: &str = "0198cbd0-6b28-7cc1-9d6e-aaaaaaaaaaaa";

fn page<T>(rows: Vec<T>) -> Page<T> {
    Page { next: (rows.len() == 3).then(|| "c/2".into()), rows }
}

/// A daemon that has one of everything.
fn daemon() -> Daemon {
    Daemon::start().answers(|query| Reply::Say(answer(query))).obeys(|act| {
        Reply::Say(match act {
            Act::Map(MapAct::Plan { .. }) => Receipt::Map(MapReceipt::Planned(Box::new(sample::planned()))),
            Act::Map(MapAct::SetMode { .. }) => Receipt::Map(MapReceipt::Mode(sample::mode())),
            Act::Map(MapAct::SpotCheck { .. }) => {
                Receipt::Map(MapReceipt::SpotCheck(Box::new(sample::spot_check(false))))
            }
            Act::Run(_) => Receipt::Run(Box::new(sample::applying(600))),
            Act::Webhook(WebhookAct::Recover { .. }) => {
                let statement = "1200 of 1203 deliveries since 2026-08-18T14:03:05Z are here; 1 asked for again: \
                                 72d3162e-cc78-11e3-81ab-4c9367dc0958; 2 lost: 7300c1b2, 7300c1b3";
                let recovery = Recovery {
                    at: 1_787_320_985_000,
                    since: 1_787_061_785_000,
                    horizon: 1_787_061_785_000,
                    logged: 1_203,
                    here: 1_200,
                    unwanted: 0,
                    pulled: 31,
                    redelivered: 1,
                    lost: 2,
                    gap: true,
                    statement: statement.into(),
                };
                Receipt::Webhook(WebhookReceipt { replayed: 0, recovery: Some(recovery) })
            }
            Act::Webhook(WebhookAct::ReplayOne { .. }) => {
                Receipt::Webhook(WebhookReceipt { replayed: 1, recovery: None })
            }
            Act::Workflow(WorkflowAct::Remove { id }) => Receipt::Workflow(WorkflowReceipt::Removed { id }),
            Act::Workflow(WorkflowAct::Replay { expected, .. }) => {
                Receipt::Workflow(WorkflowReceipt::Replayed(expected))
            }
            Act::Token(_) => Receipt::Token(sample::tokens().remove(0)),
            other => panic!("{other:?}"),
        })
    })
}

fn answer(query: Query) -> Answer {
    match query {
        Query::Status => Answer::Status(Box::new(sample::status())),
        Query::Doctor => Answer::Doctor(sample::checks()),
        Query::Run(RunQuery::List { .. }) => Answer::Run(RunAnswer::List(page(vec![
            sample::applying(600),
            sample::done_with_findings(),
            sample::planned(),
        ]))),
        Query::Run(RunQuery::Show { id }) if id.0 == PLANNED => {
            Answer::Run(RunAnswer::Show(Box::new(sample::planned())))
        }
        Query::Run(RunQuery::Show { .. }) => {
            Answer::Run(RunAnswer::Show(Box::new(sample::done_with_findings())))
        }
        Query::Run(RunQuery::Groups { .. }) => Answer::Run(RunAnswer::Groups(sample::groups())),
        Query::Run(RunQuery::Gate { .. }) => Answer::Run(RunAnswer::Gate(sample::gate(Some(
            "the canary run is done, but its observation time has 23 minutes to go",
        )))),
        Query::Run(RunQuery::Items { .. }) => Answer::Run(RunAnswer::Items(page(sample::items()))),
        Query::Map(MapQuery::Mode) => Answer::Map(MapAnswer::Mode(sample::mode())),
        Query::Map(MapQuery::Csv { page, .. }) => Answer::Map(match page.after {
            None => {
                MapAnswer::Csv { text: "projectId,repoFullName\r\np,a/b\r\n".into(), next: Some("1".into()) }
            }
            Some(_) => MapAnswer::Csv { text: "q,c/d\r\n".into(), next: None },
        }),
        Query::Catalog(CatalogQuery::Links { .. }) => {
            Answer::Catalog(CatalogAnswer::Links(page(sample::links())))
        }
        Query::Catalog(CatalogQuery::Tenants { .. }) => {
            Answer::Catalog(CatalogAnswer::Tenants(page(vec![sample::tenant()])))
        }
        Query::Catalog(CatalogQuery::Tenant { .. }) => {
            Answer::Catalog(CatalogAnswer::Tenant(sample::tenant()))
        }
        Query::Catalog(CatalogQuery::Projects { .. }) => {
            Answer::Catalog(CatalogAnswer::Projects(page(vec![sample::project()])))
        }
        Query::Catalog(CatalogQuery::Project { .. }) => {
            Answer::Catalog(CatalogAnswer::Project(sample::project()))
        }
        Query::Catalog(CatalogQuery::Ddl { .. }) => Answer::Catalog(CatalogAnswer::Ddl(Ddl {
            name: "add_github_installation_refs".into(),
            up: "ALTER TABLE up;\n".into(),
            down: "ALTER TABLE down;\n".into(),
        })),
        Query::Token(TokenQuery::List { .. }) => Answer::Token(TokenAnswer::List(page(sample::tokens()))),
        Query::Installation(InstallationQuery::Window { .. }) => {
            let rows = sample::installations();
            Answer::Installation(InstallationAnswer::Window(Window { rows, offset: 0, total: 2 }))
        }
        Query::Installation(InstallationQuery::Show { .. }) => {
            let [worst, _] = sample::installations().try_into().unwrap();
            Answer::Installation(InstallationAnswer::Show(Box::new(worst)))
        }
        Query::Webhook(WebhookQuery::Window { .. }) => {
            let rows = sample::deliveries();
            Answer::Webhook(WebhookAnswer::Window(Window { rows, offset: 0, total: 3 }))
        }
        Query::Webhook(WebhookQuery::Show { payload, .. }) => {
            Answer::Webhook(WebhookAnswer::Show(Box::new(sample::delivery_detail(payload))))
        }
        Query::Webhook(WebhookQuery::Replayable { .. }) => Answer::Webhook(WebhookAnswer::Replayable(1_203)),
        Query::Workflow(query) => Answer::Workflow(match query {
            WorkflowQuery::Window { .. } => {
                let rows = vec![sample::workflow("wf-review"), sample::workflow("wf-deploy")];
                WorkflowAnswer::Window(Window { rows, offset: 0, total: 2 })
            }
            WorkflowQuery::Show { id } => WorkflowAnswer::Show(Box::new(sample::workflow(&id))),
            WorkflowQuery::Test { .. } => WorkflowAnswer::Test(sample::explanations()),
            WorkflowQuery::Dispatches { .. } => {
                let mut rows = sample::dispatches();
                rows.push(sample::connected());
                WorkflowAnswer::Dispatches(Window { rows, offset: 0, total: 4 })
            }
            WorkflowQuery::Replayable { .. } => WorkflowAnswer::Replayable(12),
        }),
        Query::Audit(AuditQuery::Verify) => Answer::Audit(AuditAnswer::Check(sample::audit_check(false))),
        Query::Audit(AuditQuery::List { .. }) => {
            Answer::Audit(AuditAnswer::List(page(vec![sample::record(2), sample::record(1)])))
        }
        Query::Audit(AuditQuery::Export { page }) => Answer::Audit(AuditAnswer::List(match page.after {
            None => Page { rows: vec![sample::record(1), sample::record(2)], next: Some("2".into()) },
            Some(_) => Page { rows: vec![sample::record(3)], next: None },
        })),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn texts_fit_a_terminal_of_80_columns() {
    let daemon = daemon();
    let mut env = daemon.env();
    env.columns = Some(80);
    for (name, code, args) in [
        ("status", 0, "status"),
        ("doctor", 1, "doctor"),
        ("mode_get", 0, "mode get"),
        ("run_list", 0, "run list --limit 3"),
        ("run_show", 0, "run show 0198cbd0-6b28-7cc1-9d6e-2f1d8a5b7c3e"),
        ("run_show_planned", 0, "run show 0198cbd0-6b28-7cc1-9d6e-aaaaaaaaaaaa"),
        ("run_items", 0, "run items 0198cbd0-6b28-7cc1-9d6e-2f1d8a5b7c3e"),
        ("run_pause", 0, "run pause 0198cbd0-6b28-7cc1-9d6e-2f1d8a5b7c3e"),
        ("map_plan", 0, "map plan"),
        ("map_spot_check", 1, "map spot-check --seed 7"),
        ("catalog_list", 0, "catalog list --limit 3"),
        ("tenant_list", 0, "tenant list"),
        ("tenant_show", 0, "tenant show acme"),
        ("project_list", 0, "project list"),
        ("project_show", 0, "project show proj-1"),
        ("token_list", 0, "token list"),
        ("token_refresh", 0, "token refresh 41000001"),
        ("installation_list", 0, "installation list"),
        ("installation_show", 0, "installation show 41000001"),
        ("webhook_list", 0, "webhook list"),
        ("webhook_show", 0, "webhook show 72d3162e"),
        ("webhook_show_payload", 0, "webhook show 72d3162e --payload"),
        ("webhook_replay", 0, "webhook replay 72d3162e"),
        ("webhook_recover", 1, "webhook recover"),
        ("webhook_replay_dry_run", 0, "webhook replay --filter state:dead --dry-run"),
        ("workflow_list", 0, "workflow list"),
        ("workflow_show", 0, "workflow show wf-review"),
        ("workflow_test", 0, "workflow test 72d3162e"),
        ("workflow_dispatches", 0, "workflow dispatches"),
        ("workflow_remove", 0, "workflow remove wf-review"),
        ("workflow_replay", 0, "workflow replay --filter state:dead --yes 12"),
        ("workflow_replay_dry_run", 0, "workflow replay --filter state:dead --dry-run"),
        ("audit_list", 0, "audit list"),
        ("audit_verify", 1, "audit verify"),
    ] {
        let args: Vec<&str> = args.split(' ').collect();
        let ran = daemon.run_in(&env, &args, b"").await;
        assert_eq!((ran.code, ran.err.as_str()), (code, ""), "{args:?}");
        for line in ran.out.lines() {
            let link = line.contains("https://");
            assert!(link || cutover_tui::plain::width(line) <= 80, "{line}");
        }
        insta::assert_snapshot!(name, ran.out);
        // What is no terminal gets the same words, none of them cut.
        let whole = daemon.run(&args).await;
        assert!(!whole.out.contains('…') && !whole.out.contains('\x1b'), "{whole:?}");
        // And a machine gets one document.
        daemon.run(&[&args[..], &["--json"]].concat()).await.json();
    }
}

#[tokio::test]
async fn colours_are_only_on_terminals() {
    let daemon = daemon();
    let mut env = daemon.env();
    env.colour = (true, true);
    let coloured = daemon.run_in(&env, &["audit", "verify"], b"").await.out;
    assert!(coloured.contains("\x1b[31;1mBROKEN\x1b[0m"), "{coloured:?}");
    let variables = |name: &str| (name == "NO_COLOR").then(|| "1".into());
    assert_eq!(cutover_tui::Env::from_variables(variables, (true, true)).colour, (false, false));
    assert_eq!(cutover_tui::Env::from_variables(|_| None, (true, false)).colour, (true, false));
    let empty = cutover_tui::Env::from_variables(|_| Some("".into()), (true, true));
    assert_eq!(empty.colour, (true, true), "an empty variable counts as absent");
    assert_eq!(empty.socket, cutover_shared::paths::socket());
}

#[tokio::test]
async fn lists_have_the_promised_json() {
    let ran = daemon().run(&["run", "list", "--json", "--limit", "3"]).await;
    let document = ran.json();
    assert_eq!((document["next"].as_str(), document["rows"].as_array().unwrap().len()), (Some("c/2"), 3));
    assert_eq!(document["rows"][0], serde_json::to_value(sample::applying(600)).unwrap());
    let empty = Daemon::start().answers(|_| Reply::Say(Answer::Run(RunAnswer::List(Page::default()))));
    assert_eq!(empty.run(&["run", "list", "--json"]).await.json(), json!({"rows": [], "next": null}));
    assert_eq!(empty.run(&["run", "list"]).await.out, "no runs\n");
    let doctor = daemon().run(&["doctor", "--json"]).await.json();
    assert_eq!(doctor["rows"][2]["health"], "bad");
}

/// A daemon with `total` audit records in pages of at most 500, as the real one caps them.
fn records(total: u32) -> Daemon {
    Daemon::start().answers(move |query| {
        let Query::Audit(AuditQuery::List { page: PageAsk { after, limit } }) = query else {
            panic!("{query:?}")
        };
        let start: u32 = after.map_or(0, |after| after.parse().unwrap());
        let end = total.min(start + limit.min(500));
        let rows = (start..end).map(|n| sample::record(n.into())).collect();
        Reply::Say(Answer::Audit(AuditAnswer::List(Page {
            rows,
            next: (end < total).then(|| end.to_string()),
        })))
    })
}

#[tokio::test]
async fn lists_are_read_in_pages() {
    let daemon = records(1203);
    let asked = |daemon: &Daemon| daemon.state.lock().unwrap().queries.drain(..).count();
    let rows = |ran: &Ran| ran.out.lines().filter(|line| line.contains("alice")).count();

    let ran = daemon.run(&["audit", "list"]).await;
    assert_eq!((rows(&ran), asked(&daemon)), (100, 1));
    assert!(ran.out.ends_with("\nmore: --after 100\n"), "{}", ran.out);
    let ran = daemon.run(&["audit", "list", "--limit", "700", "--after", "100"]).await;
    assert_eq!((rows(&ran), asked(&daemon)), (700, 2));
    assert!(ran.out.ends_with("\nmore: --after 800\n"), "{}", ran.out);
    let ran = daemon.run(&["audit", "list", "--all-rows"]).await;
    assert_eq!((rows(&ran), asked(&daemon)), (1203, 3));
    assert!(!ran.out.contains("more:") && ran.out.matches("WHEN").count() == 1);
    let all = daemon.run(&["audit", "list", "--all-rows", "--json"]).await.json();
    assert_eq!((all["rows"].as_array().unwrap().len(), &all["next"]), (1203, &serde_json::Value::Null));
}

#[tokio::test]
async fn a_plan_writes_its_csv_to_a_file_or_alone_to_stdout() {
    let daemon = daemon();
    let csv = "projectId,repoFullName\r\np,a/b\r\nq,c/d\r\n";
    let ran = daemon.run(&["map", "plan", "--csv", "-"]).await;
    assert_eq!((ran.code, ran.out.as_str()), (0, csv));
    assert!(ran.err.contains(sample::DIGEST) && ran.err.contains("map apply"), "{ran:?}");

    let file = daemon.folder.path().join("plan.csv");
    std::fs::write(&file, "old").unwrap();
    let ran = daemon.run(&["map", "plan", "--canary", "--csv", file.to_str().unwrap()]).await;
    assert_eq!((ran.code, std::fs::read_to_string(&file).unwrap().as_str()), (0, csv));
    let ran = daemon
        .run(&["map", "plan", "--tenant", "acme", "--refresh", "--json", "--csv", file.to_str().unwrap()])
        .await;
    assert_eq!(ran.json()["digest"], sample::DIGEST);
    let scopes = [(MapScope::All, false), (MapScope::Canary, false), (MapScope::Tenant("acme".into()), true)];
    let wanted = scopes.map(|(scope, refresh)| Act::Map(MapAct::Plan { scope, refresh }));
    assert_eq!(daemon.acts(), wanted);

    let ran = daemon.run(&["map", "plan", "--csv", "/nowhere/plan.csv"]).await;
    assert_eq!(
        (ran.code, daemon.acts().len()),
        (6, 3),
        "a wrong folder is told before the plan is made: {ran:?}"
    );
}

#[tokio::test]
async fn a_csv_that_breaks_off_leaves_the_file_as_it_was() {
    let daemon = Daemon::start()
        .answers(|query| match query {
            Query::Map(MapQuery::Csv { page: PageAsk { after: None, .. }, .. }) => {
                Reply::Say(Answer::Map(MapAnswer::Csv { text: "half".into(), next: Some("1".into()) }))
            }
            _ => Reply::HangUp,
        })
        .obeys(|_| Reply::Say(Receipt::Map(MapReceipt::Planned(Box::new(sample::planned())))));
    let file = daemon.folder.path().join("plan.csv");
    std::fs::write(&file, "old").unwrap();
    let ran = daemon.run(&["map", "plan", "--csv", file.to_str().unwrap()]).await;
    assert_eq!((ran.code, std::fs::read_to_string(&file).unwrap().as_str()), (4, "old"));
    let names: Vec<_> =
        std::fs::read_dir(daemon.folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "socket and old file only: {names:?}");
}

#[tokio::test]
async fn the_next_command_names_the_socket_that_was_named() {
    let daemon = daemon();
    let socket = daemon.socket();
    let ran = daemon.run(&["map", "plan", "--socket", socket.to_str().unwrap()]).await;
    assert!(ran.out.contains("\n  cutover --socket /F/d.sock map apply 0198"), "{}", ran.out);
}

#[tokio::test]
async fn the_audit_log_is_exported_as_json_lines() {
    let daemon = daemon();
    let lines = |text: &str| {
        text.lines().map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap()).collect::<Vec<_>>()
    };
    let wanted: Vec<_> = (1..=3).map(|n| serde_json::to_value(sample::record(n)).unwrap()).collect();
    assert_eq!(lines(&daemon.run(&["audit", "export"]).await.out), wanted);
    let file = daemon.folder.path().join("audit.jsonl");
    let ran = daemon.run(&["audit", "export", file.to_str().unwrap(), "--json"]).await;
    assert_eq!(ran.json()["records"], 3);
    assert_eq!(lines(&std::fs::read_to_string(&file).unwrap()), wanted);
}

#[tokio::test]
async fn ddl_is_printed_bare() {
    let daemon = daemon();
    assert_eq!(daemon.run(&["catalog", "ddl"]).await.out, "ALTER TABLE up;\n");
    assert_eq!(
        daemon.run(&["catalog", "ddl", "--format", "prisma", "--down"]).await.out,
        "ALTER TABLE down;\n"
    );
    assert_eq!(
        daemon.run(&["catalog", "ddl", "--json"]).await.json()["name"],
        "add_github_installation_refs"
    );
}

#[tokio::test]
async fn the_canary_list_is_changed_by_tenant_or_from_a_file() {
    let daemon = daemon();
    let file = daemon.folder.path().join("tenants");
    std::fs::write(&file, "# pilot\nzeta\n\n  acme # first\n").unwrap();
    let file = file.to_str().unwrap();
    for (args, wanted) in [
        (&["on"][..], None),
        (&["--add-canary", "initech", "--add-canary", "acme"], Some(vec!["acme", "globex", "initech"])),
        (&["canary", "--remove-canary", "acme"], Some(vec!["globex"])),
        (&["--canary-file", file, "--add-canary", "beta"], Some(vec!["acme", "beta", "zeta"])),
    ] {
        assert_eq!(daemon.run(&[&["mode", "set"], args].concat()).await.code, 0, "{args:?}");
        let Some(Act::Map(MapAct::SetMode { canary, .. })) = daemon.acts().pop() else { panic!("{args:?}") };
        assert_eq!(canary, wanted.map(|list| list.into_iter().map(Into::into).collect()));
    }
    let ran = daemon.run(&["mode", "set", "--remove-canary", "nobody"]).await;
    assert_eq!((ran.code, daemon.acts().len()), (2, 4), "{ran:?}");
}
