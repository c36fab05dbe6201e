//! B12: the old app's webhooks go, and nobody else's; a dry-run only reads; a kill anywhere does nothing twice; undo
//! brings back what it can and says what it can't.

use std::collections::{BTreeMap, BTreeSet};

use cutover_daemon::run::CRASH_POINTS;
use cutover_shared::ids::{ActKey, RunId};
use cutover_shared::rpc::Act;
use cutover_shared::run::{RunAct, RunState};
use cutover_tests::github_sim::{Effect, Fault, RepoHook, RouteKind};
use cutover_tests::harness::Daemon;
use cutover_tests::world::{Level, World};
use serde_json::Value;

use super::crash::Script;
use super::kill::pull;
use super::stage::{Stage, audit, mode, plan, set_going, until, until_state};

const OLD: &str = "https://old.example/hooks/github";
const SECRET: &str = "what the old app signed with";

fn settings(secret: &str) -> String {
    format!("\n[migration]\nold_hook_urls = [\"{OLD}\"]\n{secret}")
}

fn with_secret() -> String {
    settings(&format!("old_hook_secret = \"{SECRET}\"\n"))
}

/// A world that is mapped; the repositories that every project of theirs is mapped for.
async fn mapped(more: &str) -> (Stage, Daemon, Vec<i64>) {
    let stage = Stage::of(60, Some(12), more).await;
    let installations =
        stage.sim.world().read(|world| world.installations().map(|on| on.id).collect::<Vec<_>>());
    for id in installations {
        stage.sim.world().permit(id, "repository_hooks", Level::Write).unwrap();
    }
    let daemon = stage.daemon().await;
    stage.import().await;
    let conn = stage.connect().await;
    let run = plan(&conn).await;
    set_going(&conn, &run, None).await;
    until_state(&conn, &run.id, RunState::Done).await;
    let world: Value = serde_json::from_str(&stage.world().await).unwrap();
    let (mut ids, mut left_names, mut left_ids, mut names) =
        (BTreeSet::new(), BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
    for row in world["rows"].as_array().unwrap() {
        let name = row["link"]["repo_full_name"].as_str().unwrap().to_lowercase();
        if row["mapping"]["status"] == "mapped" {
            let id = row["mapping"]["repo_id"].as_i64().unwrap();
            ids.insert(id);
            names.entry(id).or_insert_with(BTreeSet::new).insert(name);
        } else {
            left_names.insert(name);
            left_ids.extend(row["link"]["repo_id"].as_i64());
        }
    }
    ids.retain(|id| !left_ids.contains(id) && names[id].is_disjoint(&left_names));
    assert!(ids.len() > 20, "{} mapped repositories", ids.len());
    (stage, daemon, ids.into_iter().collect())
}

/// What people see of a repository's webhooks; a webhook made anew has another id.
fn hooks(stage: &Stage, repos: &[i64]) -> BTreeMap<i64, Vec<RepoHook>> {
    let world = stage.sim.world();
    let of = |id: &i64| {
        let mut hooks: Vec<RepoHook> = world.hooks(*id).into_iter().map(|(_, hook)| hook).collect();
        hooks.sort_by(|a, b| a.url.cmp(&b.url));
        hooks.iter_mut().for_each(|hook| hook.events.sort());
        (*id, hooks)
    };
    repos.iter().map(of).collect()
}

fn count(stage: &Stage, kind: RouteKind, status: u16) -> usize {
    stage.sim.calls().log().iter().filter(|call| call.kind == kind && call.status == status).count()
}

/// An old webhook at each repository, and others' that look alike.
fn hang(stage: &Stage, repos: &[i64], secret: Option<&str>) {
    let world = stage.sim.world();
    for id in repos {
        world.add_hook(*id, RepoHook::to("https://ci.example/hooks/github", Some("theirs")));
        world.add_hook(*id, RepoHook::to(&format!("{OLD}s"), None));
        let mut old = RepoHook::to(&format!("{OLD}/{id}"), secret);
        old.active = id % 3 != 0;
        old.insecure_ssl = id % 2 == 0;
        world.add_hook(*id, old);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_only_reads_and_apply_removes_exactly_the_old_app_s_webhooks() {
    let (stage, _daemon, repos) = mapped(&settings("")).await;
    let (signed, plain) = repos.split_at(3);
    // A page of others' before the old one.
    for n in 0..105 {
        stage.sim.world().add_hook(plain[0], RepoHook::to(&format!("https://ci.example/{n}"), None));
    }
    hang(&stage, signed, Some(SECRET));
    hang(&stage, plain, None);
    let before = hooks(&stage, &repos);

    stage.sim.calls().reset();
    let planned = stage.ask(&[0], &["hooks", "plan", "--all"]).await;
    assert_eq!(stage.sim.calls().writes(), [], "a dry-run changes nothing");
    let summary = &planned["summary"];
    assert_eq!((&summary["hooks"], &summary["irreversible"]), (&repos.len().into(), &3.into()), "{summary}");
    assert_eq!(summary["undo"], "irreversible for 3 hooks: GitHub masks their secret");
    let id = planned["id"].as_str().unwrap();
    let shown = stage.say(&[0], &["run", "show", id]).await.stdout;
    let words = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("IRREVERSIBLE for 3 hooks: GitHub masks their secret"), "{shown}");
    let again = stage.ask(&[0], &["hooks", "plan", "--all"]).await;
    assert_eq!(again["digest"], planned["digest"], "the same world, the same plan");

    // Somebody changes one, somebody removes another.
    let (edited, removed) = (plain[1], plain[2]);
    let old = |repo: i64| {
        stage
            .sim
            .world()
            .hooks(repo)
            .iter()
            .find(|(_, hook)| hook.url.starts_with(&format!("{OLD}/")))
            .unwrap()
            .0
    };
    stage.sim.world().edit_hook(edited, old(edited), |hook| hook.events.push("issues".to_owned()));
    let gone = old(removed);
    assert!(stage.sim.world().remove_hook(removed, gone));
    let changed = hooks(&stage, &repos);

    let digest = planned["digest"].as_str().unwrap();
    let done = stage.ask(&[1], &["hooks", "apply", id, "--approve", digest]).await;
    let counts = &done["progress"]["counts"];
    assert_eq!((&counts["stale"], &counts["done"]), (&2.into(), &(repos.len() - 2).into()), "{done}");
    let now = hooks(&stage, &repos);
    for repo in &repos {
        let mut wanted = changed[repo].clone();
        wanted.retain(|hook| *repo == edited || !hook.url.starts_with(&format!("{OLD}/")));
        assert_eq!(now[repo], wanted, "repository {repo}");
    }
    let writes = stage.sim.calls().writes();
    assert!(writes.iter().all(|call| call.kind == RouteKind::DeleteRepoHook), "{writes:?}");

    // Undo brings back those that had no secret, and says of the others why not.
    let undone = stage.ask(&[1], &["run", "undo", id]).await;
    let counts = &undone["progress"]["counts"];
    assert_eq!(
        (&counts["superseded"], &counts["undone"]),
        (&3.into(), &(repos.len() - 5).into()),
        "{undone}"
    );
    let left = stage.ask(&[0], &["run", "items", id, "--state", "superseded"]).await;
    for row in left["rows"].as_array().unwrap() {
        assert!(row["reason"].as_str().unwrap().starts_with("secret_unknown"), "{row}");
    }
    let now = hooks(&stage, &repos);
    for repo in &repos {
        match (signed.contains(repo), *repo == edited, *repo == removed) {
            (true, ..) => assert_eq!(now[repo].len(), before[repo].len() - 1),
            (_, true, _) | (_, _, true) => assert_eq!(now[repo], changed[repo]),
            _ => assert_eq!(now[repo], before[repo], "repository {repo}"),
        }
    }
    stage.say(&[0], &["audit", "verify"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn undo_with_the_secret_restores_equal_webhooks_and_leaves_one_that_somebody_made() {
    let (stage, _daemon, repos) = mapped(&with_secret()).await;
    let repos = &repos[..6];
    hang(&stage, repos, Some(SECRET));
    let before = hooks(&stage, repos);
    let planned = stage.ask(&[0], &["hooks", "plan"]).await;
    assert_eq!(
        (&planned["summary"]["undo"], &planned["summary"]["hooks"]),
        (&"reversible".into(), &6.into())
    );
    let (id, digest) = (planned["id"].as_str().unwrap(), planned["digest"].as_str().unwrap());
    stage.ask(&[0], &["hooks", "apply", id, "--approve", digest]).await;
    let mine = RepoHook::to(&format!("{OLD}/{}", repos[0]), Some("mine"));
    stage.sim.world().add_hook(repos[0], mine.clone());

    let undone = stage.ask(&[1], &["run", "undo", id]).await;
    let counts = &undone["progress"]["counts"];
    assert_eq!((&counts["undone"], &counts["superseded"]), (&5.into(), &1.into()), "{undone}");
    let now = hooks(&stage, repos);
    assert!(repos[1..].iter().all(|repo| now[repo] == before[repo]), "{now:?}");
    assert!(now[&repos[0]].iter().any(|hook| hook.secret == mine.secret), "what somebody made stands");
    // The new ids are in the audit.
    let records = audit(&stage.connect().await).await;
    let restored: BTreeSet<i64> = records
        .iter()
        .filter(|record| record.act == "hook.restored")
        .map(|record| record.detail["hook"].as_i64().unwrap())
        .collect();
    let there = |repo: &i64| stage.sim.world().hooks(*repo).into_iter().map(|(id, _)| id).collect::<Vec<_>>();
    let there: BTreeSet<i64> = repos.iter().flat_map(there).collect();
    assert!(restored.len() == 5 && restored.is_subset(&there), "{restored:?} of {there:?}");
    assert!(!stage.log().contains(SECRET));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_app_may_not_see_is_left_out_and_said_and_no_plan_is_made_without_addresses() {
    let (stage, daemon, repos) = mapped("").await;
    let refused = stage.say(&[2], &["hooks", "plan", "--all"]).await;
    assert!(refused.stderr.contains("migration.old_hook_urls"), "{}", refused.stderr);
    daemon.stop().await.unwrap();
    stage.reconfigure("[run]\n", &format!("[migration]\nold_hook_urls = [\"{OLD}\"]\n\n[run]\n"));
    hang(&stage, &repos, None);
    let on = |world: &World| {
        let owner = world.repo(repos[0]).unwrap().owner;
        let on = world.installation_on(owner).unwrap();
        let mine = repos.iter().filter(|id| world.repo(**id).unwrap().owner == owner).count();
        let mut less = on.permissions.clone();
        less.remove("repository_hooks");
        (on.id, less, mine)
    };
    let (installation, less, mine) = stage.sim.world().read(on);
    stage.sim.world().change(|world| world.set_permissions(installation, less)).unwrap();
    let _daemon = stage.daemon().await;
    let planned = stage.ask(&[0], &["hooks", "plan", "--all"]).await;
    let summary = &planned["summary"];
    assert_eq!(summary["hooks"], repos.len() - mine, "{summary}");
    let left_out = summary["left_out"].as_array().unwrap();
    let missing = left_out.iter().find(|why| why[0] == "hook_permission_missing").unwrap();
    assert!(missing[1].as_u64().unwrap() >= mine as u64, "{summary}");
    assert!(summary["mend"].as_str().unwrap().contains("repository_hooks"), "{summary}");
    let (id, digest) = (planned["id"].as_str().unwrap(), planned["digest"].as_str().unwrap());
    let done = stage.ask(&[0], &["hooks", "apply", id, "--approve", digest]).await;
    assert_eq!(done["progress"]["counts"]["done"], repos.len() - mine, "{done}");
    let skipped = stage.ask(&[0], &["run", "items", id, "--state", "skipped"]).await;
    assert!(skipped["rows"].as_array().unwrap().iter().all(|row| row["body"]["hook"].is_null()));
    assert_eq!(count(&stage, RouteKind::DeleteRepoHook, 204), repos.len() - mine);
}

/// The kill switch: legacy needs the old webhooks, so none goes, and those that went may come back.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_refuses_and_stops_a_removal_and_lets_it_be_undone() {
    let (stage, daemon, repos) = mapped(&with_secret()).await;
    hang(&stage, &repos, Some(SECRET));
    let before = hooks(&stage, &repos);
    let planned = stage.ask(&[0], &["hooks", "plan", "--all"]).await;
    let (id, digest) = (planned["id"].as_str().unwrap(), planned["digest"].as_str().unwrap());
    stage.sim.calls().reset();

    let conn = stage.connect().await;
    pull(&conn, "wait with the webhooks").await;
    let refused = stage.say(&[3], &["hooks", "apply", id, "--approve", digest]).await;
    assert!(refused.stderr.contains("cutover mode set"), "{}", refused.stderr);
    assert_eq!(hooks(&stage, &repos), before);
    stage.say(&[0], &["mode", "set", "canary"]).await;

    // One that moves stands at once, and stays so.
    let run = RunId(id.to_owned());
    conn.act(ActKey::fresh(), Act::Run(RunAct::Apply { id: run.clone(), rate: Some(4) })).await.unwrap();
    until(&conn, &run, |view| view.progress.counts.done > 0).await;
    pull(&conn, "and now").await;
    let paused = until_state(&conn, &run, RunState::Paused).await;
    assert!(paused.progress.counts.pending > 0, "it stood before its end: {paused:?}");
    stage.say(&[3], &["run", "resume", id]).await;
    let gone = count(&stage, RouteKind::DeleteRepoHook, 204);
    assert!(gone > 0 && gone < repos.len());

    // Neither does a restart let it move; but a person may bring the webhooks back, and no run of another kind.
    daemon.stop().await.unwrap();
    let _daemon = stage.daemon().await;
    let conn = stage.connect().await;
    assert!(mode(&conn).await.killed);
    assert_eq!(until_state(&conn, &run, RunState::Paused).await.progress.counts.done, gone as u64);
    let map = stage.ask(&[0], &["run", "list", "--filter", "kind:map state:done"]).await;
    stage.say(&[3], &["run", "undo", map["rows"][0]["id"].as_str().unwrap()]).await;
    stage.ask(&[0], &["run", "undo", id]).await;
    assert_eq!(hooks(&stage, &repos), before);
    assert_eq!(count(&stage, RouteKind::DeleteRepoHook, 204), gone);
    assert!(mode(&conn).await.killed, "it is still pulled");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_lost_is_asked_for_and_nothing_is_done_twice() {
    let (stage, _daemon, repos) = mapped(&with_secret()).await;
    let repos = &repos[..8];
    hang(&stage, repos, Some(SECRET));
    let before = hooks(&stage, repos);
    let planned = stage.ask(&[0], &["hooks", "plan"]).await;
    let (id, digest) = (planned["id"].as_str().unwrap(), planned["digest"].as_str().unwrap());
    stage.sim.calls().reset();
    for kind in [RouteKind::DeleteRepoHook, RouteKind::CreateRepoHook] {
        stage.sim.faults().add(Fault::on(kind, Effect::Cut { after: 0 }).after(1).times(3));
        stage.sim.faults().add(Fault::status(kind, 403).after(6));
    }
    // One is refused, and taken again.
    let done = stage.say(&[0, 1], &["hooks", "apply", id, "--approve", digest, "--json"]).await.stdout;
    let done: Value = serde_json::from_str(&done).unwrap();
    assert_eq!(done["progress"]["counts"]["unknown"], 0, "{done}");
    if done["progress"]["counts"]["failed"] != 0 {
        stage.ask(&[0], &["run", "retry", id]).await;
    }
    assert_eq!(count(&stage, RouteKind::DeleteRepoHook, 204), 8);
    assert!(hooks(&stage, repos).values().all(|hooks| hooks.len() == 2));

    let undone = stage.say(&[0, 5], &["run", "undo", id]).await;
    if undone.code == 5 {
        stage.ask(&[0], &["run", "resume", id]).await;
    }
    assert_eq!(hooks(&stage, repos), before);
    assert_eq!(count(&stage, RouteKind::CreateRepoHook, 201), 8);
}

/// Kills once at each point of apply and verification, and once while what the first kill left is being found out; then
/// the same for undo.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_point_removes_and_restores_each_webhook_once() {
    let (stage, daemon, repos) = mapped(&with_secret()).await;
    // More than a chunk.
    let repos = repos[..18].to_vec();
    hang(&stage, &repos, Some(SECRET));
    daemon.stop().await.unwrap();
    let before = hooks(&stage, &repos);
    let mut scenarios: Vec<(String, Option<&str>)> = CRASH_POINTS
        .iter()
        .filter(|point| **point != "run.resolve.after")
        .map(|point| (format!("{point}:1"), None))
        .collect();
    for more in ["run.effect.after:7", "run.chunk.after:2", "store.commit.before:5", "store.commit.after:5"] {
        scenarios.push((more.to_owned(), None));
    }
    scenarios.push(("run.effect.after:2".to_owned(), Some("run.resolve.after:1")));
    scenarios.push(("run.intent.after:2".to_owned(), Some("store.commit.after:2")));
    for (at, then) in scenarios {
        let stage = stage.fork();
        stage.sim.calls().reset();
        let mut script = Script::begin(&stage, &at).await;
        script.crash_at = then.map(str::to_owned);
        let planned = script.json(&["hooks", "plan", "--all"]).await;
        let id = planned["id"].as_str().unwrap();
        let run = script.bring(id, RunState::Done).await;
        assert_eq!(run.progress.counts.done, repos.len() as u64, "{at}");
        assert_eq!(count(&stage, RouteKind::DeleteRepoHook, 204), repos.len(), "{at}");
        let now = hooks(&stage, &repos);
        let is_old = |hook: &RepoHook| hook.url.starts_with(&format!("{OLD}/"));
        assert!(now.values().all(|hooks| hooks.len() == 2 && !hooks.iter().any(is_old)), "{at}");
        assert_eq!(script.end().await, 1 + u32::from(then.is_some()), "{at}: crashes");

        // The way back, killed at the same points.
        let point = if at.starts_with("run.plan") { "run.effect.after:3" } else { at.as_str() };
        let mut script = Script::begin(&stage, point).await;
        script.crash_at = then.map(str::to_owned);
        let run = script.bring(id, RunState::Undone).await;
        assert_eq!(run.progress.counts.undone, repos.len() as u64, "{at}: undo");
        assert_eq!(count(&stage, RouteKind::CreateRepoHook, 201), repos.len(), "{at}: undo");
        assert_eq!(hooks(&stage, &repos), before, "{at}: undo");
        stage.say(&[0], &["audit", "verify"]).await;
        assert_eq!(script.end().await, 1 + u32::from(then.is_some()), "{at}: crashes of undo");
    }
}
