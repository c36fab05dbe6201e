//! What a proof finds is what it records.

use std::collections::BTreeMap;

use super::*;
use crate::faults::Faults;
use crate::rollout::book::RolloutSettings;
use crate::rollout::criteria::Rules;
use crate::rollout::evidence::Recorded;
use crate::rollout::router::Router;
use crate::rollout::stages::Track;
use crate::run::Brake;
use crate::store::{CatalogOp, open, sample};

const AUTH: RolloutName = RolloutName::GithubAuth;

/// Tenants that are in trouble, by side and name; a trouble of "hang" never answers.
#[derive(Default)]
pub(crate) struct Scripted(BTreeMap<(Side, String), String>);

impl Scripted {
    pub(crate) fn of<'a>(troubles: impl IntoIterator<Item = (Side, String, &'a str)>) -> Self {
        Self(troubles.into_iter().map(|(side, tenant, why)| ((side, tenant), why.to_owned())).collect())
    }
}

#[async_trait]
impl Prover for Scripted {
    async fn trouble(&self, side: Side, tenant: &TenantId) -> Option<String> {
        let trouble = self.0.get(&(side, tenant.0.clone())).cloned();
        if trouble.as_deref() == Some("hang") {
            std::future::pending::<()>().await;
        }
        trouble
    }
}

async fn proofs(
    dir: &tempfile::TempDir,
    clock: &Clock,
    tenants: usize,
    troubles: &[(Side, &str, &str)],
) -> Proofs {
    let scripted =
        Scripted::of(troubles.iter().map(|(side, tenant, why)| (*side, (*tenant).to_owned(), *why)));
    proofs_of(dir, clock, tenants, Stage::Live, scripted).await
}

/// On a store that may be there already; where it is not, both rollouts begin in `begin`.
pub(crate) async fn proofs_of(
    dir: &tempfile::TempDir,
    clock: &Clock,
    tenants: usize,
    begin: Stage,
    scripted: Scripted,
) -> Proofs {
    let db = open(&format!("sqlite:{}/cutover.db", dir.path().display()), Faults::none()).await.unwrap();
    let rows = sample::tenants(0..tenants, |n| format!("t-{n:03}"));
    for rows in rows.chunks(200) {
        let unit = Unit::new().with(CatalogOp::PutLinks { rows: rows.to_vec() });
        db.write(Lane::Handler, unit).await.unwrap();
    }
    let settings = RolloutSettings {
        track: Track::new(&[10, 50, 100]).unwrap(),
        rules: Rules::default(),
        shadow_buckets: 1_000,
        initial: [begin, begin],
    };
    let evidence = Arc::new(Recorded {
        db: db.clone(),
        clock: clock.clone(),
        limits: crate::rollout::second::RepairLimits {
            age: std::time::Duration::from_secs(3_600),
            most: 100,
        },
    });
    let router = Router::new(Brake::pulled());
    let rollouts = Rollouts::new(db.clone(), clock.clone(), router, settings, evidence, dir.path());
    rollouts.load(|_| begin).await.unwrap();
    let prover: Arc<dyn Prover> = Arc::new(scripted);
    Proofs { db, clock: clock.clone(), rollouts, provers: [prover.clone(), prover] }
}

async fn criteria(proofs: &Proofs) -> BTreeMap<String, String> {
    let standing = proofs.rollouts.standing(AUTH).await.unwrap();
    standing.criteria.into_iter().map(|one| (one.name, one.state.word().to_owned())).collect()
}

#[tokio::test]
async fn a_way_back_that_is_walkable_is_recorded_and_grows_old() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::manual(1_000));
    let proofs = proofs(&dir, &clock, 40, &[]).await;
    assert_eq!(criteria(&proofs).await["reverse"], "unknown");
    let view = proofs.drill(AUTH, &Who::daemon()).await.unwrap();
    assert!(view.ok && view.tenants == 20, "{view:?}");
    assert_eq!(criteria(&proofs).await["reverse"], "holds");
    clock.advance(Duration::from_secs(24 * 60 * 60 + 1));
    assert_eq!(criteria(&proofs).await["reverse"], "unknown");
}

#[tokio::test]
async fn a_credential_that_does_not_work_on_legacy_closes_the_way_forward() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::manual(1_000));
    let proofs = proofs(&dir, &clock, 3, &[(Side::Legacy, "t-001", "revoked")]).await;
    let view = proofs.drill(AUTH, &Who::daemon()).await.unwrap();
    assert!(!view.ok && view.text.contains("t-001: revoked"), "{view:?}");
    assert_eq!(criteria(&proofs).await["reverse"], "fails");
}

#[tokio::test]
async fn without_a_tenant_nothing_is_proven() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::manual(1_000));
    let proofs = proofs(&dir, &clock, 0, &[]).await;
    assert!(!proofs.drill(AUTH, &Who::daemon()).await.unwrap().ok);
    assert!(!proofs.preflight(AUTH, &Who::daemon()).await.unwrap().ok);
}

#[tokio::test]
async fn a_preflight_tries_every_tenant_and_names_those_that_fail() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::manual(1_000));
    let troubles = [(Side::Target, "t-007", "not mapped"), (Side::Target, "t-011", "hang")];
    let proofs = proofs(&dir, &clock, 30, &troubles).await;
    let moving = clock.clone();
    let moved = tokio::spawn(async move {
        loop {
            tokio::task::yield_now().await;
            moving.advance(Duration::from_secs(1));
        }
    });
    let view = proofs.preflight(AUTH, &Who::daemon()).await.unwrap();
    moved.abort();
    assert_eq!(view.tenants, 30);
    assert!(view.text.starts_with("2 of 30"), "{view:?}");
    assert!(
        view.text.contains("t-007: not mapped") && view.text.contains("t-011: no answer in time"),
        "{view:?}"
    );
}

#[tokio::test]
async fn a_preflight_of_a_large_fleet_leaves_out_nobody_and_is_recorded_as_it_was() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::manual(1_000));
    let proofs = proofs(&dir, &clock, 450, &[(Side::Target, "t-430", "not mapped")]).await;
    let view = proofs.preflight(AUTH, &Who::daemon()).await.unwrap();
    assert_eq!(
        (view.ok, view.tenants, view.text.as_str()),
        (false, 450, "1 of 450 tenants: t-430: not mapped")
    );
    let (at, body) = proofs.db.rollout_record(AUTH, RecordKind::Preflight).await.unwrap().unwrap();
    let kept: Proof = serde_json::from_str(&body).unwrap();
    assert_eq!((at, kept.at, kept.ok), (1_000, 1_000, false));
    // What fails on the other side is that side's matter.
    assert!(proofs.drill(AUTH, &Who::daemon()).await.unwrap().ok);
}

/// Whoever is on call renews no credential where none has failed.
#[test]
fn the_runbook_has_a_row_for_each_trouble_that_is_no_credentials() {
    let runbook = include_str!("../../../../runbooks/drill.md");
    let row = |text: &str| runbook.lines().find(|line| line.starts_with(&format!("| `TENANT: {text}")));
    for text in [NO_ANSWER, NO_REPOSITORY, "the store "] {
        let row = row(text).unwrap_or_else(|| panic!("no row for {text}"));
        assert!(!row.contains("renewed"), "{row}");
    }
    let doing = "reading the catalog";
    let unread = [
        ReadError::Unavailable { doing, cause: "busy".to_owned() },
        ReadError::Corrupt { what: "link", cause: "cut".to_owned() },
    ];
    assert!(unread.iter().all(|error| error.to_string().starts_with("the store ")), "{unread:?}");
}
