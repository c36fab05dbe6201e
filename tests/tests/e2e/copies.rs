//! The real daemon keeps the application's table of installations true, and says why when it can't.

use std::time::Duration;

use cutover_daemon::clock::Clock;
use cutover_shared::mapping::MapScope;
use cutover_tests::harness::Hook;
use cutover_tests::services::Postgres;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use super::stage::{Stage, plan_of};

fn copies(checks: &Value) -> Value {
    let all = checks["rows"].as_array().unwrap();
    all.iter().find(|check| check["name"] == "copies").unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_applications_list_follows_a_sweep_and_a_webhook() {
    let secret = "planted-webhook-secret-of-the-copies";
    let database = Postgres::shared().await.unwrap().database().await.unwrap();
    let mut theirs = database.connect().await.unwrap();
    let more = format!(
        "[catalog]\nsource = \"postgres\"\ndatabase_url = {:?}\n[catalog.postgres]\nuser_token = \"\"\n\
         [catalog.postgres.mirror]\ninstallations = true\n[http]\nlisten = \"127.0.0.1:0\"\n",
        database.url
    );
    let stage = Stage::of(40, Some(4), &more).await;
    stage.reconfigure("app_id = ", &format!("webhook_secret = {secret:?}\napp_id = "));
    let project = r#"CREATE TABLE "Project" (id TEXT PRIMARY KEY, "tenantId" TEXT, "repoFullName" TEXT, "userId" TEXT,
                       "githubInstallationId" BIGINT, "migrationStatus" TEXT);
                     INSERT INTO "Project" VALUES ('p', 't', 'a/b', 'u')"#;
    sqlx::raw_sql(project).execute(&mut theirs).await.unwrap();
    let daemon = stage.daemon().await;
    let said = copies(&stage.ask(&[0, 1], &["doctor"]).await);
    assert_eq!(said["health"], "bad", "{said}");
    assert!(said["text"].as_str().unwrap().contains("there is no table GitHubAppInstallation"), "{said}");
    assert!(said["mend"].as_str().unwrap().contains("docs/application-database.md"), "{said}");
    let clock = Clock::system();
    let told = async {
        let words = "copies in the application's database are behind";
        while !stage.ask(&[0, 1], &["status"]).await["attention"].to_string().contains(words) {}
    };
    clock.timeout(Duration::from_secs(60), told).await.expect("status says nothing");

    let ids: Vec<i64> = stage.sim.world().read(|world| {
        world.installations().filter(|one| one.suspended_at.is_none()).map(|one| one.id).collect()
    });
    let table =
        r#"CREATE TABLE "GitHubAppInstallation" ("installationId" BIGINT PRIMARY KEY, repositories JSONB)"#;
    sqlx::raw_sql(table).execute(&mut theirs).await.unwrap();
    for id in &ids {
        let row = format!(r#"INSERT INTO "GitHubAppInstallation" VALUES ({id})"#);
        sqlx::raw_sql(AssertSqlSafe(row)).execute(&mut theirs).await.unwrap();
    }
    let conn = stage.connect().await;
    plan_of(&conn, MapScope::All, true).await;
    let expected: Vec<(i64, Vec<String>)> = stage.sim.world().read(|world| {
        let list = |id| {
            let one = world.installation(id).unwrap();
            let mut names: Vec<String> = world
                .granted(one)
                .into_iter()
                .map(|repo| format!("{}/{}", world.account(repo.owner).unwrap().login, repo.name))
                .collect();
            names.sort();
            names
        };
        let mut all: Vec<_> = ids.iter().map(|id| (*id, list(*id))).collect();
        all.sort();
        all
    });
    let mut wait_for = async |expected: Vec<(i64, Vec<String>)>| {
        let reached = async {
            loop {
                let read = r#"SELECT "installationId", coalesce(repositories::text, 'null') FROM "GitHubAppInstallation" ORDER BY 1"#;
                let rows: Vec<(i64, String)> = sqlx::query_as(read).fetch_all(&mut theirs).await.unwrap();
                let rows: Vec<(i64, Option<Vec<String>>)> =
                    rows.into_iter().map(|(id, list)| (id, serde_json::from_str(&list).unwrap())).collect();
                if rows
                    .iter()
                    .map(|(id, list)| (*id, list.clone()))
                    .eq(expected.iter().map(|(id, list)| (*id, Some(list.clone()))))
                {
                    return;
                }
            }
        };
        Clock::system()
            .timeout(Duration::from_secs(60), reached)
            .await
            .unwrap_or_else(|_| panic!("the copy never came: {expected:?}"));
    };
    wait_for(expected.clone()).await;
    assert_eq!(copies(&stage.ask(&[0, 1], &["doctor"]).await)["health"], "ok");

    let hook = Hook::new(&stage.home, secret, stage.sim.app_id());
    let gone = expected[0].0;
    let body = json!({
        "action": "deleted",
        "installation": {
            "id": gone, "account": { "id": 1, "login": "acme", "type": "Organization" },
            "repository_selection": "all", "permissions": {},
        },
        "sender": { "id": 1, "login": "ana" },
    });
    assert_eq!(hook.deliver("d1", "installation", body.to_string().as_bytes()).await.unwrap().status, 202);
    let mut after = expected;
    after[0].1.clear();
    wait_for(after).await;
    daemon.stop().await.unwrap();
}
