//! Two rollouts as a daemon would tell them: one half-way and watched by the judge, one that has only begun.

#[path = "measured.rs"]
pub mod measured;
#[path = "worth.rs"]
pub mod worth;

use cutover_shared::ids::{Digest, OperatorName, TenantId};
use cutover_shared::page::Page;
use cutover_shared::rollout::{
    ArmFigures, ChangeView, Criterion, CriterionState, DecisionView, DrillView, FlagView, FreezeView, InTime,
    LegacyGap, Member, NamedRoles, Operation, OperationFigures, OverrideView, Percent, Planned, RepairView,
    ReverseView, Ring, RingMember, RingReceipt, RolloutAct, RolloutAnswer, RolloutLine, RolloutName,
    RolloutQuery, RolloutReceipt, RolloutView, Side, Stage, Standby, StandbyState, Stay, StayEvent,
    StayEventKind, StepView, TimelineView, TrackStage, TrackState, Why,
};
use cutover_shared::status::RolloutBrief;
use cutover_shared::verdict::{
    Claim, Effect, Evidence, Judgement, Reading, ReadingState, Trigger, Unit, Verdict,
};

/// 2026-08-21 14:03:05Z.
const NOW: i64 = 1_787_320_985_000;
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

pub const DIGEST: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

fn canary(percent: u8) -> Stage {
    Stage::Canary(Percent::new(percent).unwrap())
}

pub fn line(name: RolloutName) -> RolloutLine {
    match name {
        RolloutName::GithubAuth => RolloutLine {
            name,
            version: 7,
            stage: canary(10),
            since: NOW - 2 * HOUR,
            killed: false,
            frozen: false,
            inside: 12,
            tenants: 120,
            verdict: "not enough data: error rate, 40 more".into(),
            attention: false,
        },
        RolloutName::GitSandbox => RolloutLine {
            name,
            version: 2,
            stage: Stage::Shadow,
            since: NOW - 26 * HOUR,
            killed: false,
            frozen: true,
            inside: 0,
            tenants: 120,
            verdict: "not judged".into(),
            attention: false,
        },
    }
}

pub fn briefs() -> Vec<RolloutBrief> {
    let brief = |name: &RolloutName| {
        let RolloutLine { name, stage, since, killed, frozen, .. } = line(*name);
        RolloutBrief { name, stage, since, killed, frozen, exact: None }
    };
    RolloutName::ALL.iter().map(brief).collect()
}

fn track(at: Stage) -> Vec<TrackStage> {
    let stages = [
        Stage::Off,
        Stage::DualWrite,
        Stage::Shadow,
        canary(10),
        canary(50),
        canary(100),
        Stage::Live,
        Stage::Complete,
    ];
    let now = stages.iter().position(|stage| *stage == at).unwrap();
    let one = |(n, stage): (usize, &Stage)| TrackStage {
        stage: *stage,
        state: match n {
            n if n < now => TrackState::Passed,
            n if n == now => TrackState::Now,
            n if n == now + 1 => TrackState::Next,
            _ => TrackState::Later,
        },
        since: (n <= now)
            .then_some(NOW - 2 * HOUR - i64::try_from(now.saturating_sub(n)).unwrap_or(0) * 24 * HOUR),
        soak_ms: match stage {
            Stage::Off | Stage::Complete => 0,
            Stage::DualWrite => HOUR,
            _ => 24 * HOUR,
        },
    };
    stages.iter().enumerate().map(one).collect()
}

pub fn criteria() -> Vec<Criterion> {
    let one = |name: &str, state, text: &str, may_override| Criterion {
        name: name.into(),
        state,
        text: text.into(),
        may_override,
    };
    vec![
        one("freeze", CriterionState::Holds, "nothing is frozen", false),
        one("window", CriterionState::Holds, "changes are welcome from Monday to Thursday", true),
        one("soak", CriterionState::Fails, "2 h of 24 h in canary-10", true),
        one("verdict", CriterionState::Unknown, "not enough data: error rate, 40 calls more", true),
        one("repair", CriterionState::Holds, "3 writes wait, 1,000 may", false),
        one("reverse", CriterionState::Holds, "walked 20 min ago with 3 tenants", false),
    ]
}

fn reading(
    trigger: Trigger,
    state: ReadingState,
    unit: Unit,
    [value, threshold, sample, floor]: [u64; 4],
) -> Reading {
    let distance = 1_000_u64.saturating_sub(value * 1_000 / threshold.max(1));
    Reading {
        trigger,
        name: None,
        effect: Effect::Rollback,
        state,
        unit,
        value,
        threshold,
        warning_at: threshold / 2,
        distance_permille: u16::try_from(distance).unwrap(),
        sample,
        floor,
        missing: floor.saturating_sub(sample),
        evidence: (trigger == Trigger::ErrorRate)
            .then_some(Evidence { log_e_millinats: 120, limit_millinats: 4_605 }),
    }
}

pub fn judgement() -> Judgement {
    Judgement {
        verdict: Verdict::NotEnoughData,
        at_ms: NOW - 20_000,
        armed_ms: NOW - 2 * HOUR,
        stage_ms: NOW - 2 * HOUR,
        readings: vec![
            reading(Trigger::ErrorRate, ReadingState::NotEnoughData, Unit::Ppm, [16_600, 50_000, 60, 100]),
            reading(Trigger::LatencyP95, ReadingState::Warning, Unit::Ppm, [31_000, 50_000, 1_204, 200]),
            reading(Trigger::LatencyP99, ReadingState::Clear, Unit::Ppm, [1_000, 10_000, 1_204, 1_000]),
            reading(Trigger::Consistency, ReadingState::Clear, Unit::Ppm, [0, 1_000, 3_000, 2_995]),
            reading(Trigger::GrossFailures, ReadingState::Clear, Unit::Count, [1, 10, 3, 1]),
            Reading {
                name: Some("checkout".into()),
                ..reading(Trigger::Performance, ReadingState::Clear, Unit::Permille, [80, 500, 1_204, 200])
            },
        ],
        claim: Some(Claim {
            compared: 3_000,
            mismatches: 0,
            proven_ppm: 999_001,
            wanted_ppm: 999_000,
            confidence_permille: 950,
            missing: 0,
        }),
        fired: None,
        false_alarm_ppm: 10_000,
    }
}

fn arm(calls: u64, errors: u64, p95_us: u64) -> ArmFigures {
    let values = |scale: u64| (0..30_u64).map(|n| scale * (40 + n * 17 % 23) / 60).collect::<Vec<_>>();
    ArmFigures {
        calls,
        errors,
        p50_us: Some(p95_us / 4),
        p95_us: Some(p95_us),
        p99_us: Some(p95_us * 2),
        spark_calls: values(calls / 30 + 1),
        spark_errors: (0..30_u64).map(|n| if n % 11 == 7 { errors } else { 0 }).collect(),
        spark_p95_us: values(p95_us),
    }
}

fn figures() -> Vec<OperationFigures> {
    let one = |operation, calls: u64| OperationFigures {
        operation,
        legacy: arm(calls * 9, calls / 50, 45_000),
        target: arm(calls, calls / 60, 38_400),
        compared: calls * 2,
        mismatched: 0,
        shed: calls / 100,
        over_budget: calls / 2,
    };
    vec![one(None, 1_500), one(Some(Operation::Import), 300), one(Some(Operation::List), 1_200)]
}

fn change(version: u64, act: &str, (from, to): (Stage, Stage), hours: i64, reason: &str) -> ChangeView {
    ChangeView {
        rollout: RolloutName::GithubAuth,
        version,
        at: NOW - hours * HOUR,
        by: OperatorName::from(if act == "auto-rollback" { "daemon" } else { "alice" }),
        act: act.into(),
        from,
        to,
        reason: reason.into(),
        detail: serde_json::Value::Null,
    }
}

pub fn changes() -> Vec<ChangeView> {
    vec![
        change(7, "stage", (Stage::Shadow, canary(10)), 2, ""),
        change(6, "auto-rollback", (canary(10), Stage::Shadow), 20, "error rate 30.00 % over 5.00 %"),
        change(5, "stage", (Stage::Shadow, canary(10)), 21, ""),
        change(4, "flag", (Stage::Shadow, Stage::Shadow), 30, "imports are proven"),
    ]
}

pub fn flags() -> Vec<FlagView> {
    let flag = |operation: &Operation| {
        let line = line(operation.rollout());
        FlagView {
            key: operation.flag().into(),
            operation: *operation,
            rollout: line.name,
            on: *operation != Operation::Push,
            stage: line.stage,
            killed: line.killed,
            version: line.version,
        }
    };
    Operation::ALL.iter().map(flag).collect()
}

pub fn view(name: RolloutName) -> RolloutView {
    let half_way = name == RolloutName::GithubAuth;
    let line = line(name);
    let freeze =
        FreezeView { reason: "the quarter closes".into(), by: OperatorName::from("bob"), at: NOW - 3 * HOUR };
    RolloutView {
        algorithm: 1,
        salt: format!("{name}-2026"),
        exact: None,
        track: track(line.stage),
        flags: flags().into_iter().filter(|flag| flag.rollout == name).collect(),
        overrides: u64::from(half_way) * 2,
        freeze: line.frozen.then_some(freeze),
        killed: None,
        moved: if half_way { changes().into_iter().next().map(Box::new) } else { None },
        figures: if half_way { figures() } else { Vec::new() },
        judgement: half_way.then(judgement),
        criteria: criteria(),
        repair: RepairView { waiting: 3, failed: 0, oldest_ms: 42_000, blocks: false },
        reverse: half_way.then(|| ReverseView {
            at: NOW - 20 * MINUTE,
            ok: true,
            text: "3 legacy credentials work".into(),
            tenants: 3,
        }),
        drill: half_way.then_some(DrillView { due_at: NOW + 6 * 24 * HOUR + 3 * HOUR, overdue: false }),
        baseline_at: half_way.then_some(NOW - 48 * HOUR),
        measures: if half_way { measured::measures() } else { Vec::new() },
        changes: if half_way { changes() } else { Vec::new() },
        incident: None,
        in_time: in_time(half_way),
        line,
    }
}

fn in_time(half_way: bool) -> InTime {
    let roles = NamedRoles {
        lead: vec!["alice".into()],
        on_call: vec!["bob".into(), "carol".into()],
        rollback_authority: vec!["carol".into()],
    };
    if half_way { InTime { roles, ..InTime::default() } } else { InTime::default() }
}

/// A rollout in `live`, whose legacy arm stands by.
pub fn live() -> RolloutView {
    let mut view = view(RolloutName::GithubAuth);
    view.line.stage = Stage::Live;
    view.in_time.standby = Some(Standby {
        state: StandbyState::Hot,
        since: NOW - 26 * HOUR,
        waiting: 3,
        failed: 0,
        lag_ms: 4_000,
        text: "3 writes are on their way to legacy: going back loses nothing".into(),
    });
    view.in_time.gap = Some(LegacyGap { since: NOW - 60 * HOUR, until: NOW - 26 * HOUR });
    view
}

pub fn timeline() -> TimelineView {
    let stay = |version: u64, stage: Stage, hours: i64, act: &str, by: &str| Stay {
        stage,
        ring: Ring::All,
        entered_at: NOW - hours * HOUR,
        left_at: None,
        version,
        act: act.into(),
        by: by.into(),
        named: Vec::new(),
        reason: String::new(),
        digest: None,
        passed: Vec::new(),
        inside: None,
        tenants: None,
        events: Vec::new(),
        more: false,
    };
    let event = |hours: i64, kind, by: &str, text: &str| StayEvent {
        at: NOW - hours * HOUR,
        kind,
        by: by.into(),
        text: text.into(),
    };
    let rows = vec![
        Stay {
            ring: Ring::Internal,
            named: vec!["migration lead".into()],
            digest: Some(DIGEST.into()),
            passed: vec!["verdict".into()],
            reason: "three tenants are too few for the judge".into(),
            inside: Some(3),
            tenants: Some(120),
            ..stay(7, canary(10), 2, "stage", "alice")
        },
        Stay {
            left_at: Some(NOW - 2 * HOUR),
            reason: "error rate 30.00 % over 5.00 %".into(),
            events: vec![
                event(12, StayEventKind::Freeze, "bob", "the quarter closes"),
                event(10, StayEventKind::Incident, "carol", "inc-7: imports are slow"),
            ],
            ..stay(6, Stage::Shadow, 20, "auto-rollback", "daemon")
        },
    ];
    TimelineView {
        rollout: RolloutName::GithubAuth,
        planned: Some(Planned {
            stage: canary(10),
            ring: Ring::Beta,
            soaked_at: NOW + 22 * HOUR,
            earliest_at: NOW + 36 * HOUR,
            waits: vec!["verdict".into(), "freeze".into()],
        }),
        stays: Page { rows, next: Some("6:1787248985000".into()) },
    }
}

pub fn ring() -> Page<RingMember> {
    let one = |tenant: &str| RingMember {
        tenant: tenant.into(),
        ring: Ring::Internal,
        since: NOW - 50 * HOUR,
        by: "alice".into(),
    };
    Page { rows: vec![one("acme"), one("globex")], next: None }
}

pub fn tenants() -> Vec<TenantId> {
    ["acme", "globex", "hooli", "initech", "soylent", "stark", "umbrella-holding", "vandelay", "wayne"]
        .map(TenantId::from)
        .into()
}

/// A step that may be taken, or one whose criteria do not all hold.
pub fn step(name: RolloutName, open: bool) -> StepView {
    let line = line(name);
    let mut criteria = criteria();
    if open {
        for one in &mut criteria {
            one.state = CriterionState::Holds;
        }
    }
    StepView {
        rollout: name,
        version: line.version,
        from: line.stage,
        to: canary(50),
        digest: Digest::from(DIGEST),
        moving: tenants(),
        moving_count: 48,
        returning_count: 0,
        inside: 60,
        tenants: 120,
        exact: false,
        ring: Ring::All,
        roles: in_time(name == RolloutName::GithubAuth).roles,
        criteria,
        open,
    }
}

pub fn members() -> Vec<Member> {
    let one = |(n, tenant): (usize, TenantId)| Member {
        tenant,
        side: Side::Target,
        why: if n == 1 { Why::Override } else { Why::Bucket },
        bucket: u16::try_from(n).unwrap() * 97,
    };
    tenants().into_iter().enumerate().map(one).collect()
}

/// What the daemon says, whatever the window.
pub fn answer(query: &RolloutQuery) -> RolloutAnswer {
    match query {
        RolloutQuery::List => RolloutAnswer::List(RolloutName::ALL.iter().map(|name| line(*name)).collect()),
        RolloutQuery::Show { name } => RolloutAnswer::Show(Box::new(view(*name))),
        RolloutQuery::Step { name, .. } => RolloutAnswer::Step(Box::new(step(*name, true))),
        RolloutQuery::Members { page, .. } => RolloutAnswer::Members(match page.after {
            None => Page { rows: members(), next: Some("wayne".into()) },
            Some(_) => Page::default(),
        }),
        RolloutQuery::Explain { tenant, operation, at } => RolloutAnswer::Explain(Box::new(DecisionView {
            rollout: operation.rollout(),
            operation: *operation,
            tenant: tenant.clone(),
            side: Side::Target,
            why: Why::Bucket,
            text: "bucket 412 is below 1000, which 10 % of 10,000 buckets are".into(),
            stage: canary(10),
            version: 7,
            bucket: 412,
            algorithm: 1,
            salt: "github-auth-2026".into(),
            at: at.unwrap_or(NOW),
            shadow: true,
            second_write: true,
            note: None,
        })),
        RolloutQuery::Changes { .. } => RolloutAnswer::Changes(Page { rows: changes(), next: None }),
        RolloutQuery::Overrides { .. } => RolloutAnswer::Overrides(Page {
            rows: vec![OverrideView {
                tenant: TenantId::from("acme"),
                side: Side::Legacy,
                reason: "a trial of theirs".into(),
                by: OperatorName::from("alice"),
                at: NOW - 50 * HOUR,
            }],
            next: None,
        }),
        RolloutQuery::Worth { name } => RolloutAnswer::Worth(worth::views(*name)),
        RolloutQuery::Flags => RolloutAnswer::Flags(flags()),
        RolloutQuery::Mismatches { .. } => {
            RolloutAnswer::Mismatches(Page { rows: measured::mismatches(), next: None })
        }
        RolloutQuery::Incidents => RolloutAnswer::Incidents(vec![measured::incident(None)]),
        RolloutQuery::Repairs { .. } => {
            RolloutAnswer::Repairs(Page { rows: measured::repairs(), next: None })
        }
        RolloutQuery::Reconciliation { name: RolloutName::GithubAuth } => {
            RolloutAnswer::Reconciliation(Some(Box::new(measured::reconciled(RolloutName::GithubAuth))))
        }
        RolloutQuery::Reconciliation { .. } => RolloutAnswer::Reconciliation(None),
        RolloutQuery::Records { .. } => {
            RolloutAnswer::Records(Page { rows: measured::records(), next: None })
        }
        RolloutQuery::Timeline { .. } => RolloutAnswer::Timeline(Box::new(timeline())),
        RolloutQuery::Ring { .. } => RolloutAnswer::Ring(ring()),
    }
}

/// The change that an act makes; none where it is `quiet`.
pub fn receipt(act: &RolloutAct) -> RolloutReceipt {
    let (name, word, to, reason) = match act {
        RolloutAct::Stage { name, to, .. } => (*name, "stage", *to, ""),
        RolloutAct::Rollback { name, to, reason } => {
            (*name, "rollback", to.unwrap_or(Stage::Shadow), reason.as_str())
        }
        RolloutAct::Flag { operation, reason, .. } => {
            (operation.rollout(), "flag", canary(10), reason.as_str())
        }
        RolloutAct::Override { name, reason, .. } => (*name, "override", canary(10), reason.as_str()),
        RolloutAct::Freeze { name, reason } => (*name, "freeze", canary(10), reason.as_str()),
        RolloutAct::Ring { ring, tenants, .. } => {
            let changed = u64::try_from(tenants.len()).unwrap();
            let ring = Some(RingReceipt { ring: *ring, changed, members: changed + 2 });
            return RolloutReceipt { ring, ..RolloutReceipt::default() };
        }
        RolloutAct::Decide { name, reason, .. } => (*name, "decide", canary(10), reason.as_str()),
        // What is found besides a change; where there is neither, it is not frozen, and nothing was killed.
        other => return measured::receipt(other),
    };
    let changed = change(8, word, (canary(10), to), 0, reason);
    RolloutReceipt { changes: vec![ChangeView { rollout: name, ..changed }], ..RolloutReceipt::default() }
}
