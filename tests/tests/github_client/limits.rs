//! Limits, primary and secondary: nothing is sent before it may be, and live traffic keeps its share.

use std::time::Duration;

use cutover_daemon::github::{GitHubError, RepoProbe, Traffic};
use cutover_tests::github_sim::{
    Effect, Fault, PrimaryLimits, Principal, RouteKind, SecondaryLimits, SimSettings,
};
use futures::future::join_all;

use crate::stage::{START, Stage, patient, until};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn nothing_is_sent_before_retry_after_and_only_the_one_credential_waits() {
    for status in [403, 429] {
        let stage = Stage::new().await;
        let (github, calls) = (stage.client(), stage.sim.calls());
        for on in [stage.on_acme, stage.on_solo] {
            github.tokens().get(on).await.unwrap();
        }
        calls.reset();
        let limit = Effect::SecondaryLimit { status, retry_after: Some(90) };
        stage.sim.faults().add(Fault::on(RouteKind::GetRepo, limit));
        let reader = patient(&github, Traffic::Live);
        let first = reader.repository_as_installation(stage.on_acme, "acme/repo-0");
        let rest = async {
            until("the refusal", || calls.counts().by_status.contains_key(&status)).await;
            until("the penalty", || github.calls().rate_limited == 1).await;
            let solo = reader.repository_as_installation(stage.on_solo, "solo/a").await;
            assert!(matches!(solo, Ok(RepoProbe::Found { .. })), "another credential goes on");
            let reads =
                (1..20).map(|n| {
                    let reader = &reader;
                    async move {
                        reader.repository_as_installation(stage.on_acme, &format!("acme/repo-{n}")).await
                    }
                });
            stage.pump(SECOND, join_all(reads)).await
        };
        let (first, rest) = futures::join!(first, rest);
        assert!(rest.iter().chain([&first]).all(|read| matches!(read, Ok(RepoProbe::Found { .. }))));
        let seconds = stage.seconds();
        assert_eq!(seconds[..2], [0, 0], "the refused one and solo's");
        assert!(seconds[2..].iter().all(|at| *at >= 90), "{seconds:?}");
        assert_eq!(seconds.len(), 22);
    }
}

#[tokio::test]
async fn without_retry_after_a_penalty_is_a_minute_and_doubles() {
    let stage = Stage::new().await;
    let github = stage.client();
    let limit = Effect::SecondaryLimit { status: 403, retry_after: None };
    stage.sim.faults().add(Fault::on(RouteKind::GetRepo, limit).times(3));
    let reader = patient(&github, Traffic::Live);
    let read = reader.repository_as_user(&stage.user_token, "acme/repo-0");
    assert!(matches!(stage.pump(SECOND, read).await, Ok(RepoProbe::Found { .. })));
    let seconds = stage.seconds();
    let gaps: Vec<i64> = seconds.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (gap, least) in gaps.iter().zip([60, 120, 240]) {
        // The clock runs a few seconds on while an answer is read.
        assert!((least..least + 30).contains(gap), "{gaps:?}");
    }
    assert_eq!(gaps.len(), 3);
}

#[tokio::test]
async fn a_caller_without_that_patience_hears_until_when_and_nothing_is_sent() {
    let stage = Stage::new().await;
    let github = stage.client();
    let limit = Effect::SecondaryLimit { status: 403, retry_after: Some(600) };
    stage.sim.faults().add(Fault::on(RouteKind::GetRepo, limit));
    let reader = github.reader(Traffic::Live);
    for _ in 0..5 {
        let read = reader.repository_as_user(&stage.user_token, "acme/repo-0").await;
        assert_eq!(read, Err(GitHubError::RateLimited { until: START + 600_000 }));
    }
    assert_eq!(stage.sim.calls().total(), 1);
    stage.clock.advance(Duration::from_secs(600));
    assert!(reader.repository_as_user(&stage.user_token, "acme/repo-0").await.is_ok());
}

#[tokio::test]
async fn a_used_up_budget_is_not_touched_before_its_reset() {
    let stage = Stage::with(SimSettings {
        primary: PrimaryLimits { user: 3, ..PrimaryLimits::default() },
        ..SimSettings::default()
    })
    .await;
    let github = stage.client();
    let reader = github.reader(Traffic::Live);
    for n in 0..3 {
        reader.repository_as_user(&stage.user_token, &format!("acme/repo-{n}")).await.unwrap();
    }
    let fourth = reader.repository_as_user(&stage.user_token, "acme/repo-9").await;
    assert_eq!(fourth, Err(GitHubError::RateLimited { until: START + 3_600_000 }));
    assert_eq!(stage.sim.calls().total(), 3, "the headers of the third said enough");
    let patient = patient(&github, Traffic::Live);
    let waited = stage.pump(30 * SECOND, patient.repository_as_user(&stage.user_token, "acme/repo-9")).await;
    assert!(matches!(waited, Ok(RepoProbe::Found { .. })));
    assert!(stage.seconds()[3] >= 3_600);
    assert_eq!(stage.sim.calls().counts().by_status.get(&403), None);
}

#[tokio::test]
async fn a_budget_that_somebody_else_used_up_is_learned_from_the_refusal() {
    let stage = Stage::new().await;
    let github = stage.client();
    github.tokens().get(stage.on_acme).await.unwrap();
    stage.sim.set_remaining(Principal::Installation(stage.on_acme), 0);
    stage.sim.calls().reset();
    let reader = github.reader(Traffic::Background);
    for _ in 0..3 {
        let read = reader.repository_as_installation(stage.on_acme, "acme/repo-0").await;
        assert_eq!(read, Err(GitHubError::RateLimited { until: START + 3_600_000 }));
    }
    assert_eq!(stage.sim.calls().total(), 1);
}

#[tokio::test]
async fn background_work_leaves_live_traffic_its_share() {
    let stage = Stage::with(SimSettings {
        primary: PrimaryLimits { user: 50, ..PrimaryLimits::default() },
        ..SimSettings::default()
    })
    .await;
    let github = stage.client();
    let read = async |traffic, n: usize| {
        github.reader(traffic).repository_as_user(&stage.user_token, &format!("acme/repo-{n}")).await
    };
    let mut sent = 0;
    while read(Traffic::Background, sent).await.is_ok() {
        sent += 1;
        assert!(sent <= 50);
    }
    assert_eq!(sent, 40, "a fifth is kept");
    let mut live = 0;
    while read(Traffic::Live, 100 + live).await.is_ok() {
        live += 1;
    }
    assert_eq!((live, stage.sim.calls().total()), (10, 50));
    let budget = &github.budgets()[0];
    assert_eq!((budget.limit, budget.remaining, budget.waiting), (50, 0, 0));
}

#[tokio::test]
async fn background_work_leaves_live_traffic_places_in_flight() {
    let stage = Stage::new().await;
    let mut settings = stage.settings();
    settings.max_in_flight = 8;
    let github = stage.client_with(&settings);
    let calls = stage.sim.calls();
    stage.sim.faults().add(Fault::on(RouteKind::GetRepo, Effect::Latency(SECOND)).times(20));
    let names: Vec<String> = (0..20).map(|n| format!("acme/repo-{n}")).collect();
    let background = patient(&github, Traffic::Background);
    let all = join_all(names.iter().map(|name| background.repository_as_user(&stage.user_token, name)));
    let live = async {
        until("the background's share", || calls.in_flight() == 6).await;
        // App calls are not slowed down; they need a place, and there is one.
        github.reader(Traffic::Live).app().await.unwrap();
        assert_eq!(calls.counts().max_in_flight, 7);
        while calls.counts().by_status.get(&200).copied().unwrap_or(0) < 21 {
            until("a place", || calls.in_flight() > 0 || calls.total() == 21).await;
            stage.clock.advance(SECOND);
            tokio::task::yield_now().await;
        }
    };
    let (all, ()) = futures::join!(all, live);
    assert!(all.iter().all(Result::is_ok));
    assert!(calls.counts().max_in_flight <= 7);
}

#[tokio::test]
async fn the_own_pace_never_meets_the_secondary_limit() {
    let stage = Stage::new().await;
    stage.sim.set_secondary(Some(SecondaryLimits { points_a_minute: 60, ..SecondaryLimits::default() }));
    let mut settings = stage.settings();
    settings.points_per_minute = 60;
    let github = stage.client_with(&settings);
    let reader = patient(&github, Traffic::Background);
    let names: Vec<String> = (0..250).map(|n| format!("acme/repo-{n}")).collect();
    let reads = join_all(names.iter().map(|name| reader.repository_as_installation(stage.on_acme, name)));
    assert!(stage.pump(SECOND, reads).await.iter().all(Result::is_ok));
    let counts = stage.sim.calls().counts();
    assert_eq!(counts.by_status.keys().copied().collect::<Vec<_>>(), [200, 201]);
    // A fifth of the pace is kept for live traffic too: 48 a minute.
    assert!(*stage.seconds().last().unwrap() >= 300, "{:?}", stage.seconds().last());
}
