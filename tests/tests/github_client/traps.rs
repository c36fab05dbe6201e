//! One test for each thing that octocrab's own stack gets wrong.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cutover_daemon::github::{GitHubError, MintError, RepoProbe, Scope, Traffic, UserToken};
use cutover_tests::github_sim::{CredentialKind, Effect, EtagScope, Fault, RouteKind, SimSettings};
use cutover_tests::world::{AccountKind, Selection};
use futures::future::join_all;

use crate::stage::{Stage, patient, until};

const SECOND: Duration = Duration::from_secs(1);

/// Trap: no single flight.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_first_callers_make_one_mint() {
    let stage = Stage::new().await;
    let (github, calls) = (stage.client(), stage.sim.calls());
    stage.sim.faults().add(Fault::on(RouteKind::Mint, Effect::Latency(SECOND)));
    let asked = Arc::new(AtomicUsize::new(0));
    let callers: Vec<_> = (0..1_000)
        .map(|n| {
            let (github, asked, installation) = (github.clone(), Arc::clone(&asked), stage.on_acme);
            tokio::spawn(async move {
                asked.fetch_add(1, Ordering::SeqCst);
                if n % 2 == 0 {
                    return github.tokens().get(installation).await.is_ok();
                }
                let name = format!("acme/repo-{}", n % 250);
                let read =
                    patient(&github, Traffic::Live).repository_as_installation(installation, &name).await;
                matches!(read, Ok(RepoProbe::Found { .. }))
            })
        })
        .collect();
    until("the mint", || asked.load(Ordering::SeqCst) == 1_000 && calls.in_flight() == 1).await;
    stage.clock.advance(SECOND);
    assert!(join_all(callers).await.into_iter().all(|done| done.unwrap()));
    assert_eq!(calls.count(RouteKind::Mint), 1);
    assert_eq!(calls.count(RouteKind::GetRepo), 500);
    let most = stage.settings().max_in_flight;
    assert!(calls.counts().max_in_flight <= most, "{} at once", calls.counts().max_in_flight);
}

/// Trap: every handle and clone has a token cache of its own.
#[tokio::test]
async fn clones_and_readers_share_one_token() {
    let stage = Stage::new().await;
    let github = stage.client();
    for (n, traffic) in [Traffic::Live, Traffic::Background, Traffic::Live].into_iter().enumerate() {
        let reader = github.clone().reader(traffic).clone();
        let name = format!("acme/repo-{n}");
        assert!(matches!(
            reader.repository_as_installation(stage.on_acme, &name).await,
            Ok(RepoProbe::Found { .. })
        ));
        github.clone().tokens().clone().get(stage.on_acme).await.unwrap();
    }
    assert_eq!(stage.sim.calls().count(RouteKind::Mint), 1);
}

/// Trap: the authorization is dropped on page 2 of any host but api.github.com.
#[tokio::test]
async fn every_page_is_asked_for_with_the_credential_of_the_first() {
    for prefix in ["", "/api/v3"] {
        let stage = Stage::with(SimSettings { prefix: prefix.to_owned(), ..SimSettings::default() }).await;
        for n in 0..130 {
            let world = stage.sim.world();
            let id = world.add_account(&format!("org-{n}"), AccountKind::Organization).unwrap();
            world.install(id, Selection::All).unwrap();
        }
        let github = stage.client();
        let reader = github.reader(Traffic::Background);
        let all = reader.every_repository(stage.on_acme).await.unwrap();
        assert_eq!(all.iter().map(|repo| repo.id).collect::<Vec<_>>(), stage.repos);
        let first = reader.installations(None).await.unwrap();
        let second = reader.installations(first.next.as_deref()).await.unwrap();
        assert_eq!((first.rows.len(), second.rows.len(), second.next), (100, 32, None));
        for (kind, pages, credential) in [
            (RouteKind::InstallationRepositories, 3, CredentialKind::Installation),
            (RouteKind::ListInstallations, 2, CredentialKind::App),
        ] {
            let log = stage.sim.calls().log();
            let asked: Vec<_> = log.iter().filter(|call| call.kind == kind).collect();
            assert_eq!(asked.len(), pages, "`{prefix}`");
            assert!(asked.iter().all(|call| call.credential == credential && call.status == 200));
        }
        assert_eq!(github.calls().pages, 5);
    }
}

/// Trap: conditional answers are kept by address alone, so that one tenant may get another's.
#[tokio::test]
async fn an_answer_kept_for_one_installation_is_never_anothers() {
    let stage = Stage::with(SimSettings { etag_scope: EtagScope::Principal, ..SimSettings::default() }).await;
    let github = stage.client();
    let reader = github.reader(Traffic::Live);
    for round in 0..3 {
        let acme = reader.installation_repositories(stage.on_acme, None).await.unwrap();
        let solo = reader.installation_repositories(stage.on_solo, None).await.unwrap();
        assert_eq!(acme.rows.len(), 100);
        assert!(acme.next.is_some(), "the next page is part of a kept answer");
        assert_eq!(solo.rows.iter().map(|repo| repo.id).collect::<Vec<_>>(), [stage.solo_repos[0]]);
        // A new token of the same installation may use what is kept.
        if round == 1 {
            github.tokens().force_refresh(stage.on_acme).await.unwrap();
        }
    }
    let user = reader.repository_as_user(&stage.user_token, "acme/repo-1").await;
    let app = reader.repository_as_installation(stage.on_acme, "acme/repo-1").await;
    assert_eq!(user, app);
    let counts = stage.sim.calls().counts();
    assert_eq!((counts.foreign_etags, counts.not_modified), (0, 4));
    assert_eq!(github.calls().not_modified, 4);
    stage.sim.world().rename_repo(stage.repos[0], "renamed").unwrap();
    let acme = reader.installation_repositories(stage.on_acme, None).await.unwrap();
    assert_eq!(acme.rows[0].full_name, "Acme/renamed");
}

/// Trap: the margin is fixed, and a token can neither be dropped nor forced.
#[tokio::test]
async fn the_margin_is_ours_and_a_token_can_be_dropped_or_forced() {
    let stage = Stage::new().await;
    let mut settings = stage.settings();
    settings.token_margin = Duration::from_secs(10 * 60);
    let github = stage.client_with(&settings);
    let (tokens, on) = (github.tokens(), stage.on_acme);
    let mints = || stage.sim.calls().count(RouteKind::Mint);
    let first = tokens.get(on).await.unwrap();
    assert_eq!(first.expires_at - first.minted_at, 3_600_000);
    stage.clock.advance(Duration::from_secs(48 * 60));
    assert_eq!((tokens.get(on).await.unwrap().generation, mints()), (first.generation, 1));
    stage.clock.advance(Duration::from_secs(2 * 60));
    assert_eq!((tokens.get(on).await.unwrap().generation > first.generation, mints()), (true, 2));
    let forced = tokens.force_refresh(on).await.unwrap();
    assert_eq!((tokens.get(on).await.unwrap().generation, mints()), (forced.generation, 3));
    assert!(tokens.invalidate(on, forced.generation));
    tokens.get(on).await.unwrap();
    tokens.invalidate_all(on);
    tokens.get(on).await.unwrap();
    assert_eq!(mints(), 5);
}

/// Trap: a 401 for an old token wipes a newer one.
#[tokio::test]
async fn a_late_401_leaves_a_newer_token_alone() {
    let stage = Stage::new().await;
    let github = stage.client();
    let (tokens, on) = (github.tokens(), stage.on_acme);
    let old = tokens.get(on).await.unwrap();
    let new = tokens.force_refresh(on).await.unwrap();
    assert!(!tokens.invalidate(on, old.generation));
    assert_eq!(tokens.get(on).await.unwrap().generation, new.generation);
    assert_eq!(stage.sim.calls().count(RouteKind::Mint), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_reads_with_a_token_that_died_make_one_new_mint() {
    let stage = Stage::new().await;
    let (github, world, calls) = (stage.client(), stage.sim.world(), stage.sim.calls());
    github.tokens().get(stage.on_acme).await.unwrap();
    world.suspend(stage.on_acme).unwrap();
    world.unsuspend(stage.on_acme).unwrap();
    // Older than the lag of GitHub's replicas: a 401 now means that the token is dead.
    stage.clock.advance(Duration::from_secs(60));
    calls.reset();
    let reads = (0..100).map(|n| {
        let (reader, on) = (patient(&github, Traffic::Live), stage.on_acme);
        tokio::spawn(async move { reader.repository_as_installation(on, &format!("acme/repo-{n}")).await })
    });
    // The new token is answered at once, so no read waits for replicas.
    for read in join_all(reads).await {
        assert!(matches!(read.unwrap(), Ok(RepoProbe::Found { .. })));
    }
    assert_eq!(calls.count(RouteKind::Mint), 1);
    let refused = calls.counts().by_status.get(&401).copied().unwrap_or(0);
    assert!((1..=100).contains(&refused), "{refused}");
}

/// Trap: retries repeat every POST.
#[tokio::test]
async fn a_lost_answer_is_asked_for_again_only_where_that_is_harmless() {
    let stage = Stage::new().await;
    let (github, calls, faults) = (stage.client(), stage.sim.calls(), stage.sim.faults());
    let reader = patient(&github, Traffic::Live);
    let effects = [
        Effect::Cut { after: 3 },
        Effect::Status { status: 502, retry_after: None },
        Effect::Cut { after: 0 },
    ];
    for (n, effect) in effects.into_iter().enumerate() {
        faults.add(Fault::on(RouteKind::TokenCheck, effect));
        let checked = stage.pump(SECOND, reader.check_user_token(&stage.user_token)).await;
        assert!(matches!(checked, Err(GitHubError::Unavailable { .. })), "{checked:?}");
        assert_eq!((calls.count(RouteKind::TokenCheck), faults.waiting()), (1, 0));
        calls.reset();

        faults.add(Fault::on(RouteKind::GetRepo, effect).times(3));
        let name = format!("acme/repo-{n}");
        let read = reader.repository_as_user(&stage.user_token, &name);
        assert!(matches!(stage.pump(SECOND, read).await, Ok(RepoProbe::Found { .. })));
        assert_eq!(calls.count(RouteKind::GetRepo), 4);
        calls.reset();

        // One token more changes nothing that anybody relies on.
        faults.add(Fault::on(RouteKind::Mint, effect).times(2));
        stage.pump(SECOND, github.tokens().force_refresh(stage.on_acme)).await.unwrap();
        assert_eq!(calls.count(RouteKind::Mint), 3);
        calls.reset();
    }
    let checked = reader.check_user_token(&stage.user_token).await.unwrap();
    assert!(matches!(checked, UserToken::Live { user: Some(user), .. } if user.login == "robin"));
    assert_eq!(reader.check_user_token(&"gho_unknown".into()).await, Ok(UserToken::Dead));
}

#[tokio::test]
async fn tries_have_an_end_and_grow_apart() {
    let stage = Stage::new().await;
    stage.sim.faults().add(Fault::status(RouteKind::GetRepo, 503).always());
    let github = stage.client();
    let reader = patient(&github, Traffic::Live);
    let read = stage.pump(SECOND / 10, reader.repository_as_user(&stage.user_token, "acme/repo-1")).await;
    assert!(matches!(read, Err(GitHubError::Unavailable { .. })));
    assert_eq!((stage.sim.calls().total(), github.calls().retries), (4, 3));
}

/// Trap: the cursor of a list is lost, or built instead of followed.
#[tokio::test]
async fn a_cursor_is_githubs_own_and_outlives_its_client() {
    let stage = Stage::new().await;
    let first = stage
        .client()
        .reader(Traffic::Background)
        .installation_repositories(stage.on_acme, None)
        .await
        .unwrap();
    let later = stage.client().reader(Traffic::Background);
    let second = later.installation_repositories(stage.on_acme, first.next.as_deref()).await.unwrap();
    assert_eq!(second.rows[0].id, stage.repos[100]);
    let third = later.installation_repositories(stage.on_acme, second.next.as_deref()).await.unwrap();
    assert_eq!((third.rows.len(), third.next), (50, None));
    // A cursor belongs to its installation: another one's token shows that one's own, never Acme's.
    let solo = later.installation_repositories(stage.on_solo, first.next.as_deref()).await.unwrap();
    assert!(solo.rows.is_empty());
}

/// Trap: a scoped token can't be narrowed in permissions.
#[tokio::test]
async fn a_scoped_token_is_one_of_its_own_and_a_scope_beyond_the_grant_is_told() {
    let stage = Stage::new().await;
    let github = stage.client();
    let patience = Duration::from_secs(30);
    let permissions = BTreeMap::from([("contents".to_owned(), "read".to_owned())]);
    let scope = Scope::of(vec![stage.solo_repos[0]], permissions).unwrap();
    let get =
        async |scope: &Scope| github.tokens().get_scoped(stage.on_solo, scope, Traffic::Live, patience).await;
    let narrow = get(&scope).await.unwrap();
    assert_eq!(get(&scope).await.unwrap().generation, narrow.generation);
    assert_ne!(get(&Scope::everything()).await.unwrap().generation, narrow.generation);
    let permissions = BTreeMap::from([("contents".to_owned(), "write".to_owned())]);
    for beyond in [
        Scope::of(vec![stage.solo_repos[1]], BTreeMap::new()).unwrap(),
        Scope::of(vec![], permissions).unwrap(),
    ] {
        assert!(matches!(get(&beyond).await, Err(MintError::Scope { .. })));
    }
    // A scope that is refused says nothing about the installation.
    assert_eq!(get(&scope).await.unwrap().generation, narrow.generation);
    assert_eq!(stage.sim.calls().count(RouteKind::Mint), 4);
}
