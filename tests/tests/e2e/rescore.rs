//! Events and sweeps reach the mappings that hang on them (B5), whatever is killed in between.

use std::path::Path;
use std::time::Duration;

use cutover_daemon::clock::Clock;
use cutover_shared::ids::LinkKey;
use cutover_shared::run::RunState;
use cutover_tests::harness::{Daemon, Ended, Hook};
use cutover_tests::world::Selection;
use cutover_tui::conn::Conn;
use serde_json::{Value, json};
use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;

use super::stage::{EXE, Stage, audit, plan, set_going, until_state};

/// Everything is mapped that can be; one mapped repository with a stored id, in an installation on chosen repositories.
struct Scene {
    stage: Stage,
    hook: Hook,
    project: String,
    repo: String,
    id: i64,
    installation: i64,
    account: i64,
    login: String,
}

async fn scene(secret: &str, more: &str) -> (Scene, Daemon, Conn) {
    let settings = format!("{more}\n[http]\nlisten = \"127.0.0.1:0\"\n");
    let stage = Stage::of(120, None, &settings).await;
    stage.reconfigure("app_id = ", &format!("webhook_secret = {secret:?}\napp_id = "));
    let daemon = stage.daemon().await;
    stage.import().await;
    let conn = stage.connect().await;
    let run = plan(&conn).await;
    set_going(&conn, &run, None).await;
    until_state(&conn, &run.id, RunState::Done).await;
    let world = stage.sim.world();
    let rows = stage.catalog.rows.iter().zip(&stage.catalog.truths);
    let (row, id, installation) = rows
        .filter(|(row, truth)| row.repo_id.is_some() && row.repo_id == truth.repo_id)
        .find_map(|(row, truth)| {
            let id = truth.installation_id?;
            let chosen = world.read(|world| {
                matches!(world.installation(id)?.selection, Selection::Selected(_)).then_some(())
            });
            chosen.map(|()| (row, row.repo_id.unwrap(), id))
        })
        .expect("a world with chosen repositories");
    let account = world.read(|world| world.installation(installation).unwrap().account);
    let login = world.read(|world| world.account(account).unwrap().login.clone());
    let hook = Hook::new(&stage.home, secret, stage.sim.app_id());
    let (project, repo) = (row.project_id.clone(), row.repo_full_name.clone());
    (Scene { hook, project, repo, id, installation, account, login, stage }, daemon, conn)
}

impl Scene {
    async fn mapping(&self) -> Value {
        let view = self.stage.ask(&[0], &["project", "show", &self.project]).await;
        let links = view["links"].as_array().unwrap();
        let mine = links.iter().find(|link| link["link"]["repo_full_name"] == self.repo.as_str()).unwrap();
        mine["mapping"].clone()
    }

    /// Waits until the mapping has this reason.
    async fn until_reason(&self, reason: &str) -> Value {
        let waiting = async {
            loop {
                let mapping = self.mapping().await;
                if mapping["reason"] == reason {
                    return mapping;
                }
            }
        };
        let waited = Clock::system().timeout(Duration::from_secs(60), waiting).await;
        match waited {
            Ok(mapping) => mapping,
            Err(_) => panic!("waited in vain for {reason}: {}", self.mapping().await),
        }
    }

    /// Waits until nothing is owed: a stop in between would leave the next life to find it.
    async fn until_paid(&self) {
        let store = self.stage.home.state().join("cutover.db");
        let mut store = SqliteConnectOptions::new().filename(store).read_only(true).connect().await.unwrap();
        let waiting = async {
            while sqlx::query_scalar::<_, bool>("SELECT EXISTS (SELECT 1 FROM rescore)")
                .fetch_one(&mut store)
                .await
                .unwrap()
            {
                tokio::task::yield_now().await;
            }
        };
        Clock::system().timeout(Duration::from_secs(60), waiting).await.expect("the debt is never paid");
    }

    fn head(&self) -> Value {
        json!({
            "id": self.installation,
            "account": { "id": self.account, "login": self.login, "type": "Organization" },
            "repository_selection": "selected",
            "permissions": { "contents": "read", "metadata": "read" },
        })
    }

    async fn grant(&self, guid: &str, granted: bool) {
        let list = json!([{ "id": self.id, "full_name": self.repo, "private": true }]);
        let (added, removed) = if granted { (list, json!([])) } else { (json!([]), list) };
        let body = json!({
            "action": if granted { "added" } else { "removed" },
            "installation": self.head(),
            "repository_selection": "selected",
            "repositories_added": added,
            "repositories_removed": removed,
        });
        self.deliver(guid, "installation_repositories", &body).await;
    }

    async fn suspend(&self, guid: &str, suspended: bool) {
        let mut head = self.head();
        head["suspended_at"] = if suspended { json!("2026-11-21T10:00:00Z") } else { Value::Null };
        let action = if suspended { "suspend" } else { "unsuspend" };
        self.deliver(guid, "installation", &json!({ "action": action, "installation": head })).await;
    }

    async fn deliver(&self, guid: &str, event: &str, body: &Value) {
        let answer = self.hook.deliver(guid, event, body.to_string().as_bytes()).await.unwrap();
        assert_eq!(answer.status, 202, "{}", answer.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_switch_a_grant_waits_for_a_plan() {
    let (scene, daemon, conn) = scene("planted-webhook-secret-of-the-grants", "").await;
    assert_eq!(scene.mapping().await["status"], "mapped");
    scene.grant("g1", false).await;
    let taken = scene.until_reason("not_granted").await;
    assert_eq!((&taken["status"], &taken["installation"]), (&json!("pending"), &Value::Null));
    assert!(taken["next_steps"].as_str().unwrap().contains("installations"), "{taken}");
    scene.grant("g2", true).await;
    let ready = scene.until_reason("ready_to_map").await;
    assert_eq!(ready["status"], "pending");
    // What came first does nothing when it comes once more.
    scene.stage.say(&[0], &["webhook", "replay", "g1"]).await;
    scene.suspend("g3", true).await;
    scene.until_reason("suspended").await;
    scene.suspend("g4", false).await;
    scene.until_reason("ready_to_map").await;
    let records: Vec<_> = audit(&conn).await.into_iter().filter(|r| r.act == "map.rescore").collect();
    assert!(records.iter().all(|r| (r.actor.as_str(), r.origin.as_str()) == ("system", "webhook")));
    let key = LinkKey::new(&scene.project.as_str().into(), &scene.repo);
    let mine: Vec<_> = records.iter().filter(|r| r.subject == key.as_str()).collect();
    assert_eq!(mine[0].detail["because"], json!(["delivery g1"]), "{mine:?}");
    let shown = scene.stage.ask(&[0], &["installation", "show", &scene.installation.to_string()]).await;
    assert_eq!(shown["state"], "active");
    assert_eq!(shown["health"], "attention", "{shown}");
    let listed = scene.stage.ask(&[0], &["installation", "list", "--filter", "reason:unmapped"]).await;
    assert!(listed["rows"].as_array().unwrap().iter().any(|row| row["id"] == scene.installation));
    assert_eq!(daemon.stop().await.unwrap(), Ended::Code(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_between_the_fact_and_the_mapping_loses_nothing() {
    let secret = "planted-webhook-secret-of-the-rescores";
    let (scene, daemon, conn) = scene(secret, "").await;
    drop(conn);
    scene.until_paid().await;
    assert_eq!(daemon.stop().await.unwrap(), Ended::Code(0));
    scene.stage.reconfigure("[mapping]\n", "[mapping]\nauto_map = \"on\"\n");
    for (guid, point, granted, reason) in [
        ("k1", "rescore.taken:1", false, "not_granted"),
        ("k2", "rescore.judged:1", true, "id_listed"),
        ("k3", "rescore.judged:1", false, "not_granted"),
    ] {
        let mut daemon = Daemon::start(Path::new(EXE), &scene.stage.home, Some(point)).await.unwrap();
        scene.grant(guid, granted).await;
        assert_eq!(daemon.end().await.unwrap(), Ended::Signal(9), "{point}");
        let daemon = scene.stage.daemon().await;
        let mapping = scene.until_reason(reason).await;
        assert_eq!(mapping["status"] == "mapped", granted, "{mapping}");
        scene.until_paid().await;
        let conn = scene.stage.connect().await;
        let records = audit(&conn).await;
        let because = json!([format!("delivery {guid}")]);
        let told = records.iter().filter(|r| r.act == "map.rescore" && r.detail["because"] == because);
        let mut subjects: Vec<_> = told.map(|r| r.subject.clone()).collect();
        let all = subjects.len();
        subjects.sort();
        subjects.dedup();
        assert_eq!((subjects.len(), all > 0), (all, true), "each change once: {records:#?}");
        assert_eq!(daemon.stop().await.unwrap(), Ended::Code(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_by_the_clock_finds_a_deletion_that_no_event_told() {
    let secret = "planted-webhook-secret-of-the-sweeps";
    let (scene, daemon, conn) = scene(secret, "").await;
    drop(conn);
    assert_eq!(daemon.stop().await.unwrap(), Ended::Code(0));
    scene.stage.sim.world().delete_repo(scene.id).unwrap();
    scene.stage.reconfigure("[mapping]\n", "[mapping]\nsweep_every = \"1s\"\n");
    let daemon = scene.stage.daemon().await;
    let mapping = scene.until_reason("not_granted").await;
    assert_eq!(mapping["status"], "pending");
    let conn = scene.stage.connect().await;
    let records = audit(&conn).await;
    let found = records.iter().find(|r| r.act == "map.rescore").unwrap();
    assert_eq!((found.actor.as_str(), found.origin.as_str()), ("system", "sweep"));
    let status = scene.stage.ask(&[0], &["status"]).await;
    assert_eq!(status["sweeps"]["trouble"], Value::Null);
    assert_eq!(daemon.stop().await.unwrap(), Ended::Code(0));
}
