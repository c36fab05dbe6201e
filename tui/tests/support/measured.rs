//! What a daemon found out about rollouts: mismatches, writes owed, comparisons, proofs, incidents.

use cutover_shared::ids::{Digest, OperatorName, RunId, TenantId};
use cutover_shared::rollout::{
    ArmFigures, Baseline, BaselineFigures, BaselineMeasure, ChangeView, Difference, IncidentEffect,
    IncidentOutcome, IncidentView, MeasureLine, Measured, MismatchView, Moved, Operation, ReconcileView,
    RepairLine, RepairState, ReverseView, RolloutAct, RolloutName, RolloutReceipt, Side, Stage,
};
use cutover_shared::run::{Counts, EffectClass, Progress, Reversibility, RunState, RunView};
use cutover_shared::sandbox_record::{
    RecordVerdict, RecordView, RecordsSummary, SANDBOX_RECORDS, SandboxRecord,
};
use cutover_shared::status::Health;

use super::{HOUR, MINUTE, NOW};

pub fn mismatches() -> Vec<MismatchView> {
    let one = |seq: i64, operation, fields: &[(&str, &str, &str)]| MismatchView {
        seq,
        rollout: RolloutName::GithubAuth,
        operation,
        tenant: TenantId::from("umbrella-holding"),
        at: NOW - (40 - seq) * MINUTE,
        version: 7,
        differences: fields
            .iter()
            .map(|(field, legacy, target)| Difference {
                field: (*field).into(),
                legacy: (*legacy).into(),
                target: (*target).into(),
            })
            .collect(),
    };
    vec![
        one(38, Operation::Import, &[("files", "120", "119"), ("tree", "4b825dc6", "9f86d081")]),
        one(12, Operation::List, &[("rows", "31", "30")]),
    ]
}

pub fn repairs() -> Vec<RepairLine> {
    let one = |seq: i64, state, attempts, note: Option<&str>| RepairLine {
        seq,
        operation: Operation::Import,
        tenant: TenantId::from("acme"),
        key: "p1 acme/web 1f0c2d".into(),
        side: Side::Target,
        state,
        created_at: NOW - (100 - seq) * MINUTE,
        attempts,
        due_at: if state == RepairState::Failed { 0 } else { NOW + 8_000 },
        note: note.map(str::to_owned),
    };
    vec![
        one(17, RepairState::Failed, 20, Some("no credential of the installation")),
        one(98, RepairState::Pending, 0, None),
    ]
}

/// The books of `github-auth` differ, those of `git-sandbox` agree.
pub fn reconciled(name: RolloutName) -> ReconcileView {
    let differs = name == RolloutName::GithubAuth;
    let count = |n: u64| if differs { n } else { 0 };
    ReconcileView {
        at: NOW - 3 * MINUTE,
        since: NOW - 26 * HOUR,
        compared: 2_000,
        missing: count(2),
        extra: 0,
        different: count(1),
        lagging: 4,
        later: Some(0),
        mismatch_ppm: count(1_500),
        repaired: count(3),
        unrecorded: count(1),
        health: if differs { Health::Bad } else { Health::Ok },
        examples: if differs {
            vec!["missing import p1 acme/web 1f0c2d".into(), "different list acme".into()]
        } else {
            Vec::new()
        },
    }
}

pub fn incident(rollout: Option<RolloutName>) -> IncidentView {
    IncidentView {
        id: "inc-7".into(),
        opened_at: NOW - 5 * MINUTE,
        opened_by: OperatorName::from("alice"),
        rollout,
        text: "wrong files in imports of acme".into(),
    }
}

fn went_back() -> ChangeView {
    ChangeView {
        rollout: RolloutName::GithubAuth,
        version: 8,
        at: NOW,
        by: OperatorName::from("alice"),
        act: "auto-rollback".into(),
        from: "canary-10".parse().unwrap(),
        to: Stage::Shadow,
        reason: "critical incident: wrong files in imports of acme".into(),
        detail: serde_json::Value::Null,
    }
}

/// One rollout goes back, the other has nobody on its target.
pub fn effects() -> Vec<IncidentEffect> {
    let back = IncidentOutcome::RolledBack {
        from: "canary-10".parse().unwrap(),
        to: Stage::Shadow,
        operations: vec![Operation::Import],
        off: vec![Operation::List],
        tenants: Some(Moved { moved: 12, all: 120 }),
        stored: true,
    };
    let left = IncidentOutcome::Left {
        stage: Stage::Shadow,
        why: "in this stage the target answers for nobody".into(),
    };
    vec![
        IncidentEffect { rollout: RolloutName::GithubAuth, outcome: back },
        IncidentEffect { rollout: RolloutName::GitSandbox, outcome: left },
    ]
}

/// A proof that holds for `github-auth`, and one that failed for `git-sandbox`.
fn proof(name: RolloutName, what: &str) -> ReverseView {
    let ok = name == RolloutName::GithubAuth;
    let text = if ok { format!("{what}: 3 credentials work") } else { format!("{what}: acme's is refused") };
    ReverseView { at: NOW, ok, text, tenants: 3 }
}

/// What the target is held against beside its calls; one has no data.
pub fn measures() -> Vec<MeasureLine> {
    let line = |measure, before: (Option<u64>, u64), now: (Option<u64>, u64)| {
        let of = |(value, sample)| Measured { measure, value, sample };
        MeasureLine { measure, before: of(before), now: of(now) }
    };
    vec![
        line(BaselineMeasure::TokenIssuance, (Some(212_000), 640), (Some(240_500), 311)),
        line(BaselineMeasure::WebhookFailure, (Some(1_250), 8_000), (None, 0)),
    ]
}

fn baseline(from: i64) -> Baseline {
    let figures = |operation: Option<Operation>, calls: u64| BaselineFigures {
        operation,
        figures: ArmFigures {
            calls,
            errors: calls / 100,
            p50_us: Some(11_250),
            p95_us: Some(45_000),
            p99_us: operation.is_none().then_some(90_000),
            ..ArmFigures::default()
        },
        timed: Some(calls),
    };
    let operations = vec![figures(None, 13_500), figures(Some(Operation::Import), 2_700)];
    let measures = measures().iter().map(|line| line.before).collect();
    Baseline { at: NOW, from, to: NOW, operations, measures }
}

/// What acts that make no change of a stage answer.
pub fn receipt(act: &RolloutAct) -> RolloutReceipt {
    let none = RolloutReceipt::default();
    match act {
        RolloutAct::Drill { name } => RolloutReceipt { proof: Some(proof(*name, "legacy")), ..none },
        RolloutAct::Preflight { name } => RolloutReceipt { proof: Some(proof(*name, "target")), ..none },
        RolloutAct::Declare { name, text } => RolloutReceipt {
            incident: Some(IncidentView { text: text.clone(), ..incident(*name) }),
            changes: vec![went_back()],
            effects: effects(),
            ..none
        },
        RolloutAct::Close { id } if id == "inc-6" => none,
        RolloutAct::Close { id } => {
            let incident = IncidentView { id: id.clone(), ..incident(Some(RolloutName::GithubAuth)) };
            RolloutReceipt { incident: Some(incident), ..none }
        }
        RolloutAct::Repair { name: RolloutName::GithubAuth, seq, .. } => {
            RolloutReceipt { repairs: if seq.is_some() { 1 } else { 3 }, ..none }
        }
        RolloutAct::Reconcile { name } => RolloutReceipt { reconciled: Some(reconciled(*name)), ..none },
        RolloutAct::Baseline { since_ms, .. } => {
            RolloutReceipt { baseline: Some(baseline(*since_ms)), ..none }
        }
        RolloutAct::PlanRecords { .. } => {
            RolloutReceipt { planned: Some(Box::new(records_planned())), ..none }
        }
        _ => none,
    }
}

/// Imported records of sandboxes: one that was moved, one that was not.
pub fn records() -> Vec<RecordView> {
    let record = |id: &str, tree: Option<&str>| SandboxRecord {
        tenant: TenantId::from("acme"),
        id: id.into(),
        project: "p1".into(),
        repo_full_name: "Acme/Site".into(),
        branch: Some("main".into()),
        commit_sha: "0123456789".repeat(4),
        tree_sha: tree.map(str::to_owned),
        state: Some("active".into()),
        created_at: None,
        updated_at: NOW - 7_200_000,
    };
    let moved = record("sb-1", Some("9876543210987654321098765432109876543210"));
    vec![
        RecordView { record: moved, legacy: true, target: true },
        RecordView { record: record("sb-2", None), legacy: false, target: false },
    ]
}

/// A plan that moves them.
pub fn records_planned() -> RunView {
    let summary = RecordsSummary {
        records: 412,
        changes: 400,
        left_out: vec![(RecordVerdict::SameCommit, 9), (RecordVerdict::UnknownProject, 3)],
    };
    let counts = Counts { pending: 412, ..Counts::default() };
    RunView {
        id: RunId::from("0198cd1f-1111-7222-8333-444455556666"),
        kind: SANDBOX_RECORDS.into(),
        scope: "all".into(),
        state: RunState::Planned,
        digest: Digest::from(super::DIGEST),
        effect: EffectClass::Local,
        reversibility: Reversibility::Reversible,
        author: OperatorName::from("alice"),
        planned_at: NOW - 20 * MINUTE,
        approved_by: None,
        approved_at: None,
        self_approved: false,
        expires_at: NOW + 24 * HOUR,
        started_at: None,
        ended_at: None,
        rate: None,
        progress: Progress { counts, per_second: 0.0, seconds_left: None },
        reason: None,
        summary: serde_json::to_value(&summary).unwrap(),
    }
}
