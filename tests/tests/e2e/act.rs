//! Acts by key: the same key acts once, whoever leaves, and whatever starts again.

use std::time::Duration;

use cutover_shared::error::ErrorCode;
use cutover_shared::ids::ActKey;
use cutover_shared::mapping::{MapAct, MapScope, Mode};
use cutover_shared::page::PageAsk;
use cutover_shared::rpc::{Act, Answer, Query, Topic};
use cutover_shared::run::{RunAnswer, RunQuery, RunView};
use cutover_tests::github_sim::{Effect, Fault, RouteKind};
use cutover_tests::harness::Ended;
use cutover_tui::conn::Conn;

use super::stage::Stage;

fn plan_act() -> Act {
    Act::Map(MapAct::Plan { scope: MapScope::All, refresh: true })
}

async fn runs(conn: &Conn) -> Vec<RunView> {
    let query = RunQuery::List { state: None, kind: None, page: PageAsk::first(100) };
    match conn.query(Query::Run(query)).await.unwrap() {
        Answer::Run(RunAnswer::List(page)) => page.rows,
        other => panic!("another answer: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_answers_the_first_receipt_also_after_a_restart() {
    let stage = Stage::new().await;
    let daemon = stage.daemon().await;
    stage.import().await;
    let (conn, key) = (stage.connect().await, ActKey::fresh());
    let first = conn.act(key.clone(), plan_act()).await.unwrap();
    let calls = stage.sim.calls().total();
    assert_eq!(conn.act(key.clone(), plan_act()).await.unwrap(), first);
    assert_eq!(stage.connect().await.act(key.clone(), plan_act()).await.unwrap(), first);
    assert_eq!(daemon.kill().await.unwrap(), Ended::Signal(9));

    let _daemon = stage.daemon().await;
    let conn = stage.connect().await;
    assert_eq!(conn.act(key.clone(), plan_act()).await.unwrap(), first);
    assert_eq!(stage.sim.calls().total(), calls, "nothing was planned again");
    assert_eq!(runs(&conn).await.len(), 1);
    let other = Act::Map(MapAct::SetMode { mode: Some(Mode::On), canary: None });
    let error = conn.act(key.clone(), other).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Usage, "{error}");
    assert!(error.message.contains("another act"), "{error}");
    assert_eq!(super::stage::mode(&conn).await.mode, Mode::Off);
    for key in [ActKey(String::new()), ActKey("k".repeat(129))] {
        assert_eq!(conn.act(key, plan_act()).await.unwrap_err().code, ErrorCode::Usage);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_repeats_a_call_by_its_key() {
    let stage = Stage::new().await;
    let _daemon = stage.daemon().await;
    let file = stage.file.display().to_string();
    let first = stage.ask(&[0], &["catalog", "import", &file, "--key", "monday"]).await;
    assert_eq!(stage.ask(&[0], &["catalog", "import", &file, "--key", "monday"]).await, first);
    let plan = stage.ask(&[0], &["map", "plan", "--key", "tuesday"]).await;
    assert_eq!(stage.ask(&[0], &["map", "plan", "--key", "tuesday"]).await, plan);
    stage.say(&[2], &["map", "plan", "--refresh", "--key", "tuesday"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_leaves_cuts_nothing_off() {
    let stage = Stage::new().await;
    let _daemon = stage.daemon().await;
    stage.import().await;
    stage.sim.faults().add(Fault::on(RouteKind::ListInstallations, Effect::Latency(Duration::from_secs(2))));
    let (watcher, key) = (stage.connect().await, ActKey::fresh());
    let changes = watcher.changes(0, Vec::new()).await.unwrap();
    let index = changes.versions.iter().find(|(topic, _)| *topic == Topic::Index).map_or(0, |(_, n)| *n);
    let (conn, same) = (stage.connect().await, key.clone());
    let caller = tokio::spawn(async move { conn.act(same, plan_act()).await });
    // The sweep has begun, and GitHub keeps it waiting.
    watcher.changes(changes.epoch, vec![(Topic::Index, index)]).await.unwrap();
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled(), "it left before its answer");

    let receipt = stage.connect().await.act(key.clone(), plan_act()).await.unwrap();
    assert_eq!(stage.connect().await.act(key, plan_act()).await.unwrap(), receipt);
    assert_eq!(runs(&watcher).await.len(), 1, "one plan");
    assert_eq!(stage.sim.calls().count(RouteKind::ListInstallations), 1, "one sweep");
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_callers_with_one_key_act_once() {
    let stage = Stage::new().await;
    let _daemon = stage.daemon().await;
    stage.import().await;
    let conns = futures::future::join_all((0..20).map(|_| stage.connect())).await;
    let key = ActKey::fresh();
    let receipts =
        futures::future::join_all(conns.iter().map(|conn| conn.act(key.clone(), plan_act()))).await;
    let first = receipts[0].clone().unwrap();
    assert!(receipts.iter().all(|receipt| receipt.as_ref() == Ok(&first)));
    assert_eq!(runs(&conns[0]).await.len(), 1);
}
