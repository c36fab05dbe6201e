//! A fleet as a daemon would tell it: ten thousand tenants, the second wave halted by one migration that fails.

use cutover_shared::fleet::{
    Cell, DriverKind, ErrorClass, FLEET, FailureGroup, FleetAct, FleetAnswer, FleetQuery, FleetReceipt,
    FleetResult, FleetStatus, FleetSummary, HistoryEntry, InstanceDetail, InstanceState, InstanceView,
    StepStatus, Throttle, WaveView, Way,
};
use cutover_shared::ids::{Digest, OperatorName, RunId, TenantId};
use cutover_shared::page::Page;
use cutover_shared::run::{Counts, EffectClass, Progress, Reversibility, RunState, RunView};
use cutover_shared::window::{Window, WindowAsk};

/// 2026-08-21 14:03:05Z.
const NOW: i64 = 1_787_320_985_000;
const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

pub const RUN: &str = "0198cbd0-6b40-7cc1-9d6e-2f1d8a5b7c3e";
pub const TENANTS: u64 = 10_000;

const NAMES: [&str; 4] = ["0001_init", "0002_add_tags", "0003_add_slug", "0004_index_slug"];
const SLUG: &str = "column \"slug\" of relation \"notes\" contains null values";
const LOCK: &str = "canceling statement due to lock timeout";

pub fn run(state: RunState) -> RunView {
    let halted = matches!(state, RunState::Paused | RunState::Failed);
    let summary = FleetSummary {
        target: 4,
        way: Some(Way::Up),
        tenants: TENANTS,
        changes: 9_890,
        steps: 19_780,
        at_target: 5,
        unreachable: 100,
        drifted: 5,
        asked: 9_900,
        waves: vec![5, 98, 980, 8_807],
        drops: vec![("column notes.slug".into(), 12)],
        no_down: vec!["0004_index_slug".into()],
        warnings: 1,
        ..FleetSummary::default()
    };
    let planned = matches!(state, RunState::Planned);
    RunView {
        id: RunId(RUN.into()),
        kind: FLEET.into(),
        scope: "all".into(),
        state,
        digest: Digest::from("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
        effect: EffectClass::Marked,
        reversibility: Reversibility::Reversible,
        author: OperatorName::from("bob"),
        planned_at: NOW - 20 * MINUTE,
        approved_by: (!planned).then(|| OperatorName::from("alice")),
        approved_at: (!planned).then_some(NOW - 15 * MINUTE),
        self_approved: false,
        expires_at: NOW + 24 * HOUR,
        started_at: (!planned).then_some(NOW - 14 * MINUTE),
        ended_at: (!state.is_live() && !planned).then_some(NOW - 2 * MINUTE),
        rate: None,
        progress: Progress {
            counts: if planned {
                Counts { pending: 19_780, ..Counts::default() }
            } else {
                Counts { pending: 19_575, done: 198, failed: 7, ..Counts::default() }
            },
            per_second: if state.is_moving() { 61.3 } else { 0.0 },
            seconds_left: state.is_moving().then_some(319),
        },
        reason: halted.then(|| "wave 2 halted: 7 of 98 failed, 7.1 % is more than 5 %".into()),
        summary: serde_json::to_value(summary).unwrap(),
    }
}

fn group(group: &str, class: ErrorClass, text: &str, tenants: u64, migration: usize) -> FailureGroup {
    FailureGroup {
        group: group.into(),
        migration: NAMES[migration].into(),
        class,
        text: text.into(),
        tenants,
        example: TenantId(format!("tenant-{migration:05}")),
        run: RunId(RUN.into()),
        next: class.next_step().into(),
    }
}

pub fn status() -> FleetStatus {
    let cell = |version, status, tenants| Cell { version, status, tenants };
    let wave = |wave, name: &str, tenants, at_target, failed, unreachable, running| WaveView {
        wave,
        name: name.into(),
        tenants,
        at_target,
        failed,
        unreachable,
        running,
        left: u64::saturating_sub(tenants, at_target + failed + unreachable),
    };
    FleetStatus {
        folder: Some("/srv/app/migrations".into()),
        target: Some(4),
        head: Some(5),
        registry_mistake: None,
        instances: TENANTS,
        connected: 9_900,
        error: 100,
        outdated: 9_904,
        drifted: 5,
        cells: vec![
            cell(4, StepStatus::Completed, 96),
            cell(3, StepStatus::Pending, 1_210),
            cell(3, StepStatus::Failed, 1),
            cell(2, StepStatus::Pending, 8_500),
            cell(2, StepStatus::Running, 4),
            cell(2, StepStatus::Failed, 6),
            cell(2, StepStatus::Skipped, 5),
            cell(1, StepStatus::Pending, 177),
            cell(0, StepStatus::Pending, 1),
        ],
        waves: vec![
            wave(1, "canary", 5, 5, 0, 0, 0),
            wave(2, "1 %", 100, 91, 7, 2, 0),
            wave(3, "10 %", 1_000, 0, 0, 11, 0),
            wave(4, "all", 8_895, 0, 0, 87, 0),
        ],
        failures: vec![
            group("b1946ac9", ErrorClass::MigrationBug, SLUG, 6, 2),
            group("591785b7", ErrorClass::TimeOut, LOCK, 1, 3),
        ],
        throttles: vec![Throttle {
            server: "db-7.internal:5432".into(),
            reason: "load 14 is more than 10".into(),
            since: NOW - 3 * MINUTE,
        }],
        run: Some(Box::new(run(RunState::Paused))),
        plan: None,
        old_key: 12,
    }
}

/// One of ten thousand.
pub fn instance(n: u64) -> InstanceView {
    let tenant = if n == 0 { "acme".to_owned() } else { format!("tenant-{n:05}") };
    let base = InstanceView {
        tenant: TenantId(tenant.clone()),
        external_user: n.is_multiple_of(3).then(|| format!("user_{n}")),
        driver: DriverKind::Postgres,
        place: format!("db-{}.internal:5432/{tenant}", n % 8),
        server: format!("db-{}.internal:5432", n % 8),
        state: InstanceState::Connected,
        reason: None,
        version: 2,
        pending: 2,
        status: StepStatus::Pending,
        failed: None,
        class: None,
        error: None,
        drift: None,
        wave: match n {
            ..5 => 1,
            5..105 => 2,
            105..1_105 => 3,
            _ => 4,
        },
        from_application: n.is_multiple_of(2),
        key: "k2".into(),
        checked_at: Some(NOW - 4 * MINUTE),
    };
    let failed = |migration: usize, class, error: &str, version| InstanceView {
        version,
        pending: 4 - version,
        status: StepStatus::Failed,
        failed: Some(NAMES[migration].into()),
        class: Some(class),
        error: Some(error.into()),
        ..base.clone()
    };
    match n {
        ..5 => InstanceView { version: 4, pending: 0, status: StepStatus::Completed, ..base },
        5 | 6 => failed(2, ErrorClass::MigrationBug, SLUG, 2),
        7 => failed(3, ErrorClass::TimeOut, LOCK, 3),
        8 => InstanceView {
            state: InstanceState::Error,
            reason: Some("connection refused by db-0.internal:5432".into()),
            status: StepStatus::Skipped,
            ..base
        },
        9 => InstanceView {
            drift: Some("+ index notes_extra on notes".into()),
            status: StepStatus::Skipped,
            ..base
        },
        10 => InstanceView { status: StepStatus::Running, ..base },
        11 => InstanceView { version: 0, pending: 4, state: InstanceState::New, checked_at: None, ..base },
        _ if n < 105 => InstanceView { version: 4, pending: 0, status: StepStatus::Completed, ..base },
        _ => base,
    }
}

fn entry(view: &InstanceView, at: usize, seq: i64, status: StepStatus) -> HistoryEntry {
    let failed = status == StepStatus::Failed;
    HistoryEntry {
        seq,
        tenant: view.tenant.clone(),
        migration: NAMES[at].into(),
        version: u32::try_from(at).unwrap() + 1,
        way: Way::Up,
        status,
        class: view.class.filter(|_| failed),
        error: view.error.clone().filter(|_| failed),
        attempt: if failed { 3 } else { u32::from(status != StepStatus::Pending) },
        run: RunId(RUN.into()),
        started_at: (status != StepStatus::Pending).then_some(NOW - (20 - seq) * MINUTE),
        completed_at: matches!(status, StepStatus::Completed | StepStatus::Failed)
            .then_some(NOW - (20 - seq) * MINUTE + 340),
    }
}

pub fn detail(view: &InstanceView) -> InstanceDetail {
    let steps = (0..4_usize).map(|at| {
        let version = u32::try_from(at).unwrap() + 1;
        let status = if version <= view.version {
            StepStatus::Completed
        } else if version == view.version + 1 {
            view.status
        } else {
            StepStatus::Pending
        };
        entry(view, at, i64::try_from(at).unwrap(), status)
    });
    let drift = match &view.drift {
        Some(_) => ["  table notes", "+ index notes_extra on notes (owner_id)", "- column notes.slug text"]
            .map(str::to_owned)
            .into(),
        None => Vec::new(),
    };
    InstanceDetail { instance: view.clone(), steps: steps.collect(), drift }
}

fn of(tenant: &TenantId) -> InstanceView {
    let n = tenant.as_str().strip_prefix("tenant-").and_then(|n| n.parse().ok()).unwrap_or(0);
    InstanceView { tenant: tenant.clone(), ..instance(n) }
}

/// Two pages.
pub fn history(tenant: &TenantId, after: Option<&str>) -> Page<HistoryEntry> {
    let view = of(tenant);
    let status = if view.status == StepStatus::Failed { StepStatus::Failed } else { StepStatus::Completed };
    match after {
        None => {
            let rows = (4..12).rev().map(|seq| entry(&view, 2, seq, status)).collect();
            Page { rows, next: Some("4".into()) }
        }
        Some(_) => {
            let rows = (0..4)
                .rev()
                .map(|seq| entry(&view, usize::try_from(seq % 2).unwrap(), seq, StepStatus::Completed));
            Page { rows: rows.collect(), next: None }
        }
    }
}

/// The rows of a window, made when they are asked for; of a filter for failures only those that failed.
pub fn window(ask: &WindowAsk, total: u64) -> Window<InstanceView> {
    if ask.filter.contains("nothing") {
        return Window { rows: Vec::new(), offset: 0, total: 0 };
    }
    if ask.filter.contains("status:failed") {
        let rows: Vec<InstanceView> = (5..7).map(instance).collect();
        return Window { rows, offset: 0, total: 2 };
    }
    let from = ask.offset.min(total);
    let to = (from + u64::from(ask.rows())).min(total);
    Window { rows: (from..to).map(instance).collect(), offset: from, total }
}

pub fn answer(query: &FleetQuery) -> FleetAnswer {
    match query {
        FleetQuery::Status => FleetAnswer::Status(Box::new(status())),
        FleetQuery::Instances { ask } => FleetAnswer::Instances(window(ask, TENANTS)),
        FleetQuery::Instance { tenant } => FleetAnswer::Instance(Box::new(detail(&of(tenant)))),
        FleetQuery::History { tenant, page } => {
            let tenant = tenant.clone().unwrap_or_else(|| TenantId::from("acme"));
            FleetAnswer::History(history(&tenant, page.after.as_deref()))
        }
        FleetQuery::Registry => FleetAnswer::Registry(Vec::new()),
        FleetQuery::Groups { .. } => FleetAnswer::Groups(Vec::new()),
        FleetQuery::Result { .. } => FleetAnswer::Result(FleetResult::default()),
        FleetQuery::Lint { .. } => FleetAnswer::Lint(cutover_shared::fleet::LintReport::default()),
    }
}

/// A daemon that has no fleet.
pub fn none(query: &FleetQuery) -> FleetAnswer {
    match query {
        FleetQuery::Status => FleetAnswer::Status(Box::default()),
        FleetQuery::Instances { .. } => {
            FleetAnswer::Instances(Window { rows: Vec::new(), offset: 0, total: 0 })
        }
        other => answer(other),
    }
}

pub fn receipt(act: &FleetAct) -> FleetReceipt {
    match act {
        FleetAct::Plan { .. } | FleetAct::Rollback { .. } => {
            FleetReceipt::Planned(Box::new(run(RunState::Planned)))
        }
        FleetAct::Retry { .. } => FleetReceipt::Run(Box::new(run(RunState::Applying))),
        FleetAct::Test { tenant } => FleetReceipt::Tested(tenant.iter().map(of).collect()),
        FleetAct::Accept { tenant } => FleetReceipt::Accepted(Box::new(of(tenant))),
        FleetAct::Add { rows } => FleetReceipt::Added { added: rows.len() as u64, replaced: 0 },
        FleetAct::Remove { tenant } => FleetReceipt::Removed { tenant: tenant.clone() },
        FleetAct::RotateKey => FleetReceipt::Rotating { key: "k3".into(), left: TENANTS },
        FleetAct::FromApplication => FleetReceipt::FromApplication {
            added: 3,
            replaced: 1,
            left_out: vec!["row 9: no address".into()],
        },
    }
}
