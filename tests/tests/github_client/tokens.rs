//! Why there is no token, told apart; two keys; a clock that is wrong; replicas that lag.

use std::time::Duration;

use cutover_daemon::clock::Clock;
use cutover_daemon::github::{GitHubError, MintError, RepoProbe, TokenState, Traffic};
use cutover_tests::github_sim::{Effect, Fault, RouteKind, TestKey};
use secrecy::SecretString;

use crate::hostile::Hostile;
use crate::stage::{START, Stage, patient};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn suspended_gone_and_a_rejected_key_are_told_apart() {
    let stage = Stage::new().await;
    let (github, world) = (stage.client(), stage.sim.world());
    let (tokens, on) = (github.tokens(), stage.on_acme);
    world.suspend(on).unwrap();
    assert_eq!(tokens.get(on).await.unwrap_err(), MintError::Suspended);
    assert_eq!(tokens.status()[0].state, TokenState::Suspended);
    world.unsuspend(on).unwrap();
    tokens.get(on).await.unwrap();
    assert_eq!(tokens.status()[0].state, TokenState::Fresh);

    world.uninstall(on).unwrap();
    tokens.invalidate_all(on);
    assert_eq!(tokens.get(on).await.unwrap_err(), MintError::Gone);
    assert_eq!(tokens.status()[0].state, TokenState::Gone);

    stage.sim.set_live_keys(&[TestKey::Second]).unwrap();
    assert_eq!(tokens.get(stage.on_solo).await.unwrap_err(), MintError::KeyRejected);
    let read = github.reader(Traffic::Live).installations(None).await;
    assert_eq!(read.unwrap_err(), GitHubError::Mint(MintError::KeyRejected));

    stage.sim.set_live_keys(&[TestKey::First]).unwrap();
    stage.sim.faults().add(Fault::status(RouteKind::Mint, 500).always());
    let down = stage.pump(SECOND, tokens.get(stage.on_solo)).await;
    assert!(matches!(down, Err(MintError::Unavailable { .. })), "{down:?}");
    stage.sim.faults().clear();
    stage.sim.faults().add(Fault::status(RouteKind::Mint, 403));
    let refused = tokens.get(stage.on_solo).await;
    assert!(matches!(refused, Err(MintError::Refused { status: 403, .. })), "{refused:?}");
}

#[tokio::test]
async fn a_token_that_dies_between_two_reads_shows_why() {
    let stage = Stage::new().await;
    let (github, world) = (stage.client(), stage.sim.world());
    let reader = patient(&github, Traffic::Live);
    for on in [stage.on_acme, stage.on_solo] {
        reader.installation_repositories(on, None).await.unwrap();
    }
    stage.clock.advance(Duration::from_secs(60));
    world.suspend(stage.on_acme).unwrap();
    world.uninstall(stage.on_solo).unwrap();
    for (on, why) in [(stage.on_acme, MintError::Suspended), (stage.on_solo, MintError::Gone)] {
        let read = reader.installation_repositories(on, None).await;
        assert_eq!(read.unwrap_err(), GitHubError::Mint(why));
    }
}

#[tokio::test]
async fn a_key_is_rotated_without_a_failed_mint() {
    let stage = Stage::new().await;
    let mut settings = stage.settings();
    settings.keys.push(SecretString::from(TestKey::Second.private_pem()));
    let github = stage.client_with(&settings);
    let (first, second) = (TestKey::First, TestKey::Second);
    for live in [&[first][..], &[first, second], &[second], &[first, second], &[first]] {
        stage.sim.set_live_keys(live).unwrap();
        for on in [stage.on_acme, stage.on_solo] {
            github.tokens().force_refresh(on).await.unwrap();
        }
        assert_eq!(github.reader(Traffic::Live).app().await.unwrap().id, stage.sim.app_id());
    }
    // One refusal each time that the key in use went away, and none after.
    assert_eq!(stage.sim.calls().counts().by_status.get(&401), Some(&2));
}

#[tokio::test]
async fn a_clock_that_is_off_is_corrected_and_shown() {
    for off in [-1_200_i64, 900] {
        let stage = Stage::new().await;
        let ours = Clock::manual(START + off * 1_000);
        let github = cutover_daemon::github::GitHub::new(&stage.settings(), ours).unwrap();
        let lease = github.tokens().get(stage.on_acme).await.unwrap();
        assert_eq!(github.clock_skew(), Some(-off * 1_000));
        assert_eq!(lease.expires_at, START + 3_600_000);
        let again = github.tokens().get(stage.on_acme).await.unwrap();
        assert_eq!(again.generation, lease.generation, "expiry is counted by GitHub's clock");
        github.tokens().get(stage.on_solo).await.unwrap();
        assert_eq!(stage.sim.calls().counts().by_status.get(&401), Some(&1));
    }
}

#[tokio::test]
async fn a_clock_that_cannot_be_followed_is_no_bad_key() {
    let hostile = Hostile::start().await;
    let github = hostile.client(&Clock::manual(START));
    let refused = github.tokens().get(Hostile::RUNAWAY_CLOCK).await;
    assert!(matches!(refused, Err(MintError::ClockSkew { .. })), "{refused:?}");
}

#[tokio::test]
async fn replicas_that_lag_behind_a_mint_are_waited_for_without_another_mint() {
    let stage = Stage::new().await;
    stage.sim.faults().set_replication_lag(Duration::from_secs(4));
    let github = stage.client();
    let reader = patient(&github, Traffic::Live);
    let read = reader.repository_as_installation(stage.on_acme, "acme/repo-7");
    assert!(matches!(stage.pump(SECOND, read).await, Ok(RepoProbe::Found { .. })));
    let calls = stage.sim.calls();
    assert_eq!(calls.count(RouteKind::Mint), 1);
    assert!(calls.count(RouteKind::GetRepo) <= 4, "{}", calls.count(RouteKind::GetRepo));
}

#[tokio::test]
async fn tokens_that_stay_refused_end_in_an_error_and_not_in_a_loop() {
    let stage = Stage::new().await;
    stage.sim.faults().add(Fault::status(RouteKind::InstallationRepositories, 401).always());
    let github = stage.client();
    let reader = patient(&github, Traffic::Live);
    let read = stage.pump(SECOND, reader.installation_repositories(stage.on_acme, None)).await;
    assert!(matches!(read, Err(GitHubError::Refused { status: 401, .. })), "{read:?}");
    assert_eq!(stage.sim.calls().count(RouteKind::Mint), 2);
}

#[tokio::test]
async fn no_token_is_shown_by_anything_that_can_be_printed() {
    let stage = Stage::new().await;
    let github = stage.client();
    let lease = github.tokens().get(stage.on_acme).await.unwrap();
    stage.sim.faults().add(Fault::on(RouteKind::GetRepo, Effect::PrimaryLimit));
    let reader = github.reader(Traffic::Live);
    let error = reader.repository_as_user(&stage.user_token, "acme/repo-1").await.unwrap_err();
    let shown = format!("{lease:?} {:?} {error} {:?} {github:?}", github.tokens().status(), github.budgets());
    assert!(!shown.contains("ghs_") && !shown.contains("gho_"), "{shown}");
}
