//! The world moves: between plan and apply an item is stale, between apply and undo it is superseded. Both are said,
//! and nothing of theirs is overwritten.

use cutover_shared::ids::TenantId;
use cutover_shared::mapping::MapScope;
use cutover_shared::run::RunState;

use super::stage::{REPOS, Stage, plan, plan_of, set_going, until_state};

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_changed_since_the_plan_is_stale_and_the_others_are_applied() {
    let stage = Stage::new().await;
    let _daemon = stage.daemon().await;
    stage.import().await;
    let conn = stage.connect().await;
    let run = plan(&conn).await;
    let mut catalog = (*stage.catalog).clone();
    catalog.rows[5].import_method = Some("by hand".to_owned());
    let file =
        stage.home.write("changed.csv", catalog.csv().unwrap().as_bytes()).unwrap().display().to_string();
    assert_eq!(stage.ask(&[0], &["catalog", "import", &file]).await["changed"], 1);

    let (id, digest) = (run.id.as_str(), run.digest.as_str());
    let done = stage.ask(&[1], &["map", "apply", id, "--approve", digest, "--override", "e2e"]).await;
    assert_eq!((&done["state"], &done["progress"]["counts"]["stale"]), (&"done".into(), &1.into()));
    assert_eq!(done["progress"]["counts"]["done"], REPOS - 1);
    let stale = stage.ask(&[0], &["run", "items", id, "--state", "stale"]).await;
    let row = &catalog.rows[5];
    let key = format!("{}:{}", row.project_id, row.repo_full_name.to_lowercase());
    assert_eq!(stale["rows"][0]["key"], key);
    assert!(stale["rows"][0]["reason"].as_str().unwrap().contains("since the plan"), "{stale}");
    let status = stage.ask(&[0], &["status"]).await;
    assert_eq!(status["counts"]["unplanned"], 1, "nothing was written for it");
    // A new plan takes it, and no more.
    let next = plan(&conn).await;
    assert_eq!(next.summary["changes"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_run_changed_since_is_superseded_and_stays() {
    let stage = Stage::new().await;
    let _daemon = stage.daemon().await;
    stage.import().await;
    let conn = stage.connect().await;
    let before = stage.world().await;
    let first = plan(&conn).await;
    set_going(&conn, &first, None).await;
    until_state(&conn, &first.id, RunState::Done).await;

    // An owner takes the App away; the tenant of one of its repositories is planned again.
    let truth = stage.catalog.truths.iter().position(|truth| truth.installation_id.is_some()).unwrap();
    let tenant = stage.catalog.rows[truth].tenant_id.clone();
    stage.sim.world().uninstall(stage.catalog.truths[truth].installation_id.unwrap()).unwrap();
    let second = plan_of(&conn, MapScope::Tenant(TenantId(tenant)), true).await;
    let changes = second.summary["changes"].as_u64().unwrap();
    assert!(changes > 0);
    set_going(&conn, &second, None).await;
    until_state(&conn, &second.id, RunState::Done).await;
    let changed = stage.world().await;

    let undone = stage.ask(&[1], &["run", "undo", first.id.as_str()]).await;
    let counts = &undone["progress"]["counts"];
    assert_eq!((&undone["state"], &counts["superseded"]), (&"undone".into(), &changes.into()));
    assert_eq!(counts["undone"].as_u64().unwrap() + changes, REPOS as u64);
    let rows = |text: &str| -> Vec<serde_json::Value> {
        serde_json::from_str::<serde_json::Value>(text).unwrap()["rows"].as_array().unwrap().clone()
    };
    let (now, held) = (rows(&stage.world().await), rows(&changed));
    let kept = now.iter().zip(&held).filter(|(now, _)| !now["mapping"].is_null());
    assert_eq!(kept.clone().count() as u64, changes);
    assert!(kept.clone().all(|(now, held)| now == held), "what the other run wrote stands");
    // Undoing the other run first is the way back; here it brings the first run's mappings.
    stage.say(&[0], &["run", "undo", second.id.as_str()]).await;
    assert_ne!(stage.world().await, before);
    stage.say(&[0], &["audit", "verify"]).await;
}
