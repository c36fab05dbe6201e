//! What a reader may meet: other addresses, old names, hostile answers; and that it reads only.

use cutover_daemon::clock::Clock;
use cutover_daemon::github::{CommitProbe, Credential, GitHubError, RepoProbe, Traffic};
use cutover_tests::github_sim::{RouteKind, SimSettings};

use crate::hostile::Hostile;
use crate::stage::{START, Stage};

fn found(probe: Result<RepoProbe, GitHubError>) -> (i64, String, i64, bool) {
    match probe {
        Ok(RepoProbe::Found { repository, moved }) => {
            (repository.id, repository.full_name, repository.owner.id, moved)
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_enterprise_server_is_spoken_to_under_its_own_address() {
    let stage = Stage::with(SimSettings { prefix: "/api/v3".to_owned(), ..SimSettings::default() }).await;
    let mut settings = stage.settings();
    settings.api_base.push('/');
    let github = stage.client_with(&settings);
    let host = stage.sim.host();
    assert_eq!(github.api_base(), stage.sim.api_base());
    assert_eq!(github.web_base(), host);
    assert_eq!(github.host_id(), host.trim_start_matches("http://"));
    let reader = github.reader(Traffic::Live);
    assert_eq!(reader.app().await.unwrap().id, stage.sim.app_id());
    assert_eq!(reader.every_repository(stage.on_acme).await.unwrap().len(), 250);
    stage.sim.world().rename_repo(stage.repos[0], "new").unwrap();
    let probe = reader.repository_as_installation(stage.on_acme, "acme/repo-0").await;
    assert_eq!(found(probe), (stage.repos[0], "Acme/new".to_owned(), stage.acme, true));
    assert_eq!(stage.sim.calls().count(RouteKind::Unknown), 0);
}

#[tokio::test]
async fn an_old_name_leads_to_the_repository_until_somebody_claims_it() {
    let stage = Stage::new().await;
    let (github, world) = (stage.client(), stage.sim.world());
    let reader = github.reader(Traffic::Live);
    let (user, on, id) = (&stage.user_token, stage.on_acme, stage.repos[3]);
    world.rename_repo(id, "renamed").unwrap();
    let moved = (id, "Acme/renamed".to_owned(), stage.acme, true);
    assert_eq!(found(reader.repository_as_user(user, "ACME/Repo-3").await), moved);
    assert_eq!(found(reader.repository_as_installation(on, "acme/repo-3").await), moved);
    assert_eq!(found(reader.repository_by_id(on, id).await).0, id);
    assert!(!found(reader.repository_as_user(user, "acme/renamed").await).3);

    world.rename_account(stage.acme, "Apex").unwrap();
    assert_eq!(found(reader.repository_as_user(user, "acme/repo-3").await).1, "Apex/renamed");

    let other = world.add_repo(stage.acme, "repo-3").unwrap();
    assert_eq!(
        found(reader.repository_as_user(user, "apex/repo-3").await),
        (other, "Apex/repo-3".to_owned(), stage.acme, false)
    );
    assert_eq!(github.calls().redirects, 3);
}

#[tokio::test]
async fn a_transfer_is_followed_by_whoever_sees_the_new_owner() {
    let stage = Stage::new().await;
    let (github, world) = (stage.client(), stage.sim.world());
    let reader = github.reader(Traffic::Live);
    let id = stage.repos[5];
    world.transfer_repo(id, stage.solo).unwrap();
    let name = "acme/repo-5";
    assert_eq!(reader.repository_as_installation(stage.on_acme, name).await, Ok(RepoProbe::NotFound));
    assert_eq!(reader.repository_as_user(&stage.user_token, name).await, Ok(RepoProbe::NotFound));
    assert_eq!(reader.repository_as_installation(stage.on_solo, name).await, Ok(RepoProbe::NotFound));
    world.grant(stage.on_solo, id).unwrap();
    let probe = reader.repository_as_installation(stage.on_solo, name).await;
    assert_eq!(found(probe), (id, "solo/repo-5".to_owned(), stage.solo, true));
    let installation = reader.repo_installation(name).await.unwrap();
    assert_eq!(installation.map(|found| found.id), Some(stage.on_solo));
}

#[tokio::test]
async fn credentials_never_follow_a_link_or_a_redirect_to_another_host() {
    let stage = Stage::new().await;
    let hostile = Hostile::start().await;
    hostile.lead_to(stage.sim.host());
    let reader = hostile.client(&Clock::manual(START)).reader(Traffic::Live);
    assert_eq!(reader.installation_repositories(7, None).await, Err(GitHubError::ForeignHost));
    let redirected = reader.repository_as_installation(7, "acme/repo-1").await;
    assert_eq!(redirected, Err(GitHubError::ForeignHost));
    let cursor = format!("{}/installation/repositories?page=2", stage.sim.api_base());
    let stored = reader.installation_repositories(7, Some(&cursor)).await;
    assert_eq!(stored, Err(GitHubError::ForeignHost));
    assert_eq!((hostile.calls(), stage.sim.calls().total()), (2, 0));
}

#[tokio::test]
async fn a_body_is_read_up_to_its_cap_and_no_further() {
    let hostile = Hostile::start().await;
    let reader = hostile.client(&Clock::manual(START)).reader(Traffic::Live);
    let endless = reader.installation_repositories(7, None).await;
    assert_eq!(endless, Err(GitHubError::TooLarge { limit: 100_000 }));
    let announced = reader.repository_as_installation(7, "a/b").await;
    assert_eq!(announced, Err(GitHubError::TooLarge { limit: 100_000 }));
    assert_eq!(hostile.calls(), 2, "asking again would bring the same");
}

#[tokio::test]
async fn a_reader_makes_no_call_that_changes_anything() {
    let stage = Stage::new().await;
    let (github, calls) = (stage.client(), stage.sim.calls());
    let (on, name) = (stage.on_acme, "acme/repo-1");
    let as_app = Credential::Installation(on);
    for traffic in [Traffic::Live, Traffic::Background] {
        let reader = github.reader(traffic);
        reader.app().await.unwrap();
        reader.installation(on).await.unwrap().unwrap();
        reader.installations(None).await.unwrap();
        reader.installation_requests(None).await.unwrap();
        reader.every_repository(on).await.unwrap();
        reader.repository_as_user(&stage.user_token, name).await.unwrap();
        reader.repository_as_installation(on, name).await.unwrap();
        reader.repository_by_id(on, stage.repos[0]).await.unwrap();
        reader.repo_installation(name).await.unwrap().unwrap();
        let CommitProbe::Found(commit) = reader.commit(&as_app, name, "main").await.unwrap() else {
            panic!("the head is not there");
        };
        let tree = reader.tree(&as_app, name, &commit.tree_sha, true).await.unwrap().unwrap();
        let blob = tree.entries.iter().find(|entry| entry.kind == "blob").unwrap();
        let bytes = reader.blob(&as_app, name, &blob.sha).await.unwrap().unwrap();
        let same = reader.contents(&as_app, name, &blob.path, Some(&commit.sha)).await.unwrap();
        assert_eq!(same, Some(bytes));
        reader.check_user_token(&stage.user_token).await.unwrap();
    }
    let log = calls.log();
    assert!(calls.writes().is_empty(), "{:?}", calls.writes());
    let posts: Vec<_> = log.iter().filter(|call| call.method != "GET").map(|call| call.kind).collect();
    assert!(posts.iter().all(|kind| matches!(kind, RouteKind::Mint | RouteKind::TokenCheck)), "{posts:?}");
    assert_eq!(calls.count(RouteKind::Mint), 1);
    assert_eq!(
        u64::try_from(log.len()).unwrap(),
        github.calls().requests,
        "and each is counted by the client"
    );
}
