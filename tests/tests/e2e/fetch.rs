//! `cutover import`: fetches with what mode and mapping give, says which and why, and shows no credential.

use std::collections::BTreeMap;

use cutover_shared::run::RunState;
use cutover_tests::world::CatalogRow;

use super::stage::{Stage, plan, set_going, until_state};

/// A project with one repository whose stored token reads it.
pub fn project(stage: &Stage) -> CatalogRow {
    let rows = &stage.catalog.rows;
    let mut count = BTreeMap::<&str, usize>::new();
    for row in rows {
        *count.entry(row.project_id.as_str()).or_default() += 1;
    }
    let readable = |row: &&CatalogRow| {
        let Some(token) = &row.github_access_token else { return false };
        stage.sim.world().read(|world| {
            let Some((owner, name)) = row.repo_full_name.split_once('/') else { return false };
            let Some(cutover_tests::world::Named::Here(repo)) = world.find(owner, name) else { return false };
            let installed = world
                .installation_on(repo.owner)
                .is_some_and(|on| on.suspended_at.is_none() && world.grants(on, repo));
            let sees = world.user_token(token).is_some_and(|token| world.user_sees(token.user, repo));
            installed && sees && row.repo_id == Some(repo.id) && !world.commits(repo).is_empty()
        })
    };
    rows.iter().filter(|row| count[row.project_id.as_str()] == 1).find(readable).unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_says_who_served_and_brings_the_same_before_and_after_the_move() {
    let stage = Stage::new().await;
    let _daemon = stage.daemon().await;
    stage.import().await;
    let row = project(&stage);
    let (project, token) = (row.project_id.as_str(), row.github_access_token.as_deref().unwrap());
    let before = stage.ask(&[0], &["import", project]).await;
    assert_eq!(before["method"], "oauth", "{before}");
    // Less than the mode allows may be asked for, more may not.
    let refused = stage.say(&[3], &["import", project, "--method", "installation"]).await;
    assert!(refused.stderr.contains("the mode is off"), "{}", refused.stderr);

    let conn = stage.connect().await;
    let planned = plan(&conn).await;
    set_going(&conn, &planned, None).await;
    until_state(&conn, &planned.id, RunState::Done).await;
    stage.ask(&[0], &["mode", "set", "on"]).await;
    let after = stage.ask(&[0], &["import", project]).await;
    assert_eq!(after["method"], "installation", "{after}");
    for same in ["repository_id", "commit_sha", "tree_sha", "bytes", "files", "digest"] {
        assert_eq!(before[same], after[same], "{same}");
    }
    let said = stage.say(&[0], &["import", project, "--method", "oauth", "--ref", "main"]).await;
    assert!(said.stdout.contains("oauth") && said.stdout.contains(before["digest"].as_str().unwrap()));
    stage.say(&[6], &["import", project, "--ref", "no-such-branch"]).await;
    stage.say(&[2], &["import", "no-such-project"]).await;
    stage.say(&[3], &["--role", "viewer", "import", project]).await;

    let log = stage.log();
    assert!(
        log.contains("\"method\":\"installation\"") || log.contains("installation"),
        "the method is logged"
    );
    assert!(!log.contains(token), "a token is in the log");
    assert!(!format!("{before}{after}").contains(token));
    assert_eq!(std::fs::read_dir(stage.home.state().join("git")).unwrap().count(), 0);
    let doctor = stage.say(&[0, 1], &["doctor"]).await;
    assert!(doctor.stdout.contains("git version"), "{}", doctor.stdout);
}
