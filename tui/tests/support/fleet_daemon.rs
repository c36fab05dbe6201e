//! What a daemon with a fleet of 300 tenants answers.

use cutover_shared::fleet::{
    Cell, DriverKind, ErrorClass, FailureGroup, FleetAct, FleetAnswer, FleetFault, FleetQuery, FleetReceipt,
    FleetResult, FleetStatus, FleetSummary, HistoryEntry, InstanceDetail, InstanceState, InstanceView,
    LintFinding, LintReport, MigrationView, PlanGroup, PlanStep, StepStatus, Throttle, WaveView, Way,
};
use cutover_shared::ids::{RunId, TenantId};
use cutover_shared::page::Page;
use cutover_shared::run::{Counts, RunState, RunView};
use cutover_shared::window::Window;

use super::sample::{self, ID, NOW};

const MINUTE: i64 = 60_000;

pub fn summary(way: Way) -> FleetSummary {
    let down = way == Way::Down;
    FleetSummary {
        target: if down { 3 } else { 5 },
        way: Some(way),
        tenants: 300,
        changes: 290,
        steps: 578,
        at_target: 6,
        unreachable: 3,
        drifted: 1,
        asked: 12,
        waves: vec![2, 29, 259],
        drops: if down {
            vec![("table tags".into(), 290), ("column notes.slug".into(), 1)]
        } else {
            Vec::new()
        },
        no_down: if down { Vec::new() } else { vec!["0005_drop_slug".into()] },
        warnings: 1,
        ..FleetSummary::default()
    }
}

pub fn run(state: RunState, way: Way, counts: Counts) -> RunView {
    RunView {
        kind: "fleet".into(),
        summary: serde_json::to_value(summary(way)).unwrap(),
        ..sample::run(state, counts)
    }
}

/// The run in which the tenants failed that are told as failures.
pub const FAILED_IN: &str = "0198cbcf-11aa-7cc1-9d6e-2f1d8a5b7c3e";

/// The plan of the way back.
pub const BACK: &str = "0198cbd0-7c28-7cc1-9d6e-2f1d8a5b7c3e";

pub fn planned(way: Way) -> RunView {
    let id = RunId::from(if way == Way::Down { BACK } else { ID });
    RunView { id, ..run(RunState::Planned, way, Counts { pending: 578, ..Counts::default() }) }
}

fn step(migration: &str, way: Way, text: &str, left_out: Option<&str>) -> PlanStep {
    PlanStep { migration: migration.into(), way, text: text.into(), left_out: left_out.map(str::to_owned) }
}

pub fn groups(way: Way) -> Vec<PlanGroup> {
    let long: String =
        (0..20).map(|n| format!("UPDATE notes SET slug = NULL WHERE id % 20 = {n};\n")).collect();
    let up = vec![
        step(
            "0004_tags",
            Way::Up,
            "CREATE TABLE tags (id bigint PRIMARY KEY);\nCREATE INDEX ON tags (id);\n",
            None,
        ),
        step("0005_drop_slug", Way::Up, &long, None),
    ];
    let down = vec![step("0004_tags", Way::Down, "DROP TABLE tags;\n", None)];
    let group = |driver, from, tenants, names: &[&str], steps| PlanGroup {
        driver,
        from,
        to: summary(way).target,
        tenants,
        examples: names.iter().map(|name| TenantId::from(*name)).collect(),
        steps,
    };
    if way == Way::Down {
        return vec![group(DriverKind::Postgres, 4, 290, &["acme", "beta"], down)];
    }
    vec![
        group(DriverKind::Postgres, 3, 288, &["acme", "beta", "gamma"], up),
        group(
            DriverKind::Http,
            0,
            1,
            &["delta"],
            vec![step("0004_tags", Way::Up, "", Some("unreachable: no answer within 5 s"))],
        ),
    ]
}

pub fn instance(tenant: &str) -> InstanceView {
    InstanceView {
        tenant: tenant.into(),
        external_user: None,
        driver: DriverKind::Postgres,
        place: format!("db1.example.com:5432/{tenant}"),
        server: "db1.example.com:5432".into(),
        state: InstanceState::Connected,
        reason: None,
        version: 5,
        pending: 0,
        status: StepStatus::Completed,
        failed: None,
        class: None,
        error: None,
        drift: None,
        wave: 2,
        from_application: false,
        key: "k2".into(),
        checked_at: Some(NOW - 3 * MINUTE),
    }
}

pub fn instances() -> Vec<InstanceView> {
    vec![
        instance("acme"),
        InstanceView {
            version: 3,
            pending: 2,
            status: StepStatus::Failed,
            failed: Some("0004_tags".into()),
            class: Some(ErrorClass::MigrationBug),
            error: Some("0004_tags.up.sql:1: relation \"tags\" already exists (42P07)".into()),
            wave: 1,
            ..instance("beta")
        },
        InstanceView {
            version: 3,
            pending: 2,
            status: StepStatus::Pending,
            state: InstanceState::Error,
            reason: Some("connection refused".into()),
            checked_at: None,
            ..instance("gamma")
        },
        InstanceView { drift: Some("+ table sketches".into()), from_application: true, ..instance("delta") },
    ]
}

pub fn entry(seq: i64, version: u32, status: StepStatus) -> HistoryEntry {
    let failed = status == StepStatus::Failed;
    HistoryEntry {
        seq,
        tenant: "beta".into(),
        migration: format!("{version:04}_m"),
        version,
        way: if seq == 2 { Way::Down } else { Way::Up },
        status,
        class: failed.then_some(ErrorClass::TimeOut),
        error: failed.then(|| "canceling statement due to statement timeout (57014)".into()),
        attempt: 2,
        run: RunId::from(ID),
        started_at: Some(NOW - 5 * MINUTE),
        completed_at: (status != StepStatus::Pending).then_some(NOW - 4 * MINUTE),
    }
}

pub fn status() -> FleetStatus {
    let cell = |version, status, tenants| Cell { version, status, tenants };
    let wave = |wave, name: &str, tenants, at_target, failed, unreachable| WaveView {
        wave,
        name: name.into(),
        tenants,
        at_target,
        failed,
        unreachable,
        running: u64::from(wave == 2),
        left: u64::saturating_sub(tenants, at_target + failed + unreachable),
    };
    FleetStatus {
        folder: Some("/etc/cutover/migrations".into()),
        target: Some(5),
        head: Some(6),
        registry_mistake: Some("0004_tags.up.sql was edited after it was run".into()),
        instances: 300,
        connected: 297,
        error: 3,
        outdated: 263,
        drifted: 1,
        cells: vec![
            cell(3, StepStatus::Pending, 260),
            cell(3, StepStatus::Failed, 2),
            cell(4, StepStatus::Running, 1),
            cell(5, StepStatus::Completed, 36),
            cell(5, StepStatus::Skipped, 1),
        ],
        waves: vec![
            wave(1, "canary", 2, 2, 0, 0),
            wave(2, "10 %", 30, 27, 2, 0),
            wave(3, "all", 268, 8, 0, 3),
        ],
        failures: vec![FailureGroup {
            group: "9f3c".into(),
            migration: "0004_tags".into(),
            class: ErrorClass::MigrationBug,
            text: "0004_tags.up.sql:1: relation \"tags\" already exists (42P07)".into(),
            tenants: 2,
            example: "beta".into(),
            run: FAILED_IN.into(),
            next: ErrorClass::MigrationBug.next_step().into(),
        }],
        throttles: vec![Throttle {
            server: "db1.example.com:5432".into(),
            reason: "load 14 is more than 10".into(),
            since: NOW - MINUTE,
        }],
        run: Some(Box::new(RunView {
            reason: Some("wave 2 halted: 2 of 30 tenants failed".into()),
            ..run(
                RunState::Paused,
                Way::Up,
                Counts { pending: 520, done: 56, failed: 2, ..Counts::default() },
            )
        })),
        plan: Some(Box::new(planned(Way::Down))),
        old_key: 12,
    }
}

pub fn result(failed: bool) -> FleetResult {
    let fault = |tenant: &str, error: &str, at: Option<&str>| FleetFault {
        user_id: tenant.into(),
        error: error.into(),
        failed_at: at.map(str::to_owned),
    };
    let tags = "0004_tags.up.sql:1: relation \"tags\" already exists (42P07)";
    FleetResult {
        total: 300,
        succeeded: if failed { 295 } else { 300 },
        failed: if failed { 2 } else { 0 },
        skipped: if failed { 3 } else { 0 },
        errors: if failed {
            vec![
                fault("gamma", "unreachable: connection refused", None),
                fault("beta", tags, Some("0004_tags")),
                fault("zeta", tags, Some("0004_tags")),
            ]
        } else {
            Vec::new()
        },
        one: None,
    }
}

pub fn report(mistake: bool) -> LintReport {
    LintReport { findings: findings(mistake), left_out: None }
}

pub fn findings(mistake: bool) -> Vec<LintFinding> {
    let finding = |line, rule: &str, mistake, message: &str, help: &str| LintFinding {
        file: "0004_tags.up.sql".into(),
        line,
        rule: rule.into(),
        mistake,
        message: message.into(),
        help: help.into(),
    };
    let warning = finding(
        2,
        "require-concurrent-index-creation",
        false,
        "this index is built under a lock: nobody writes the table meanwhile",
        "CREATE INDEX CONCURRENTLY, in a migration of its own with `transaction: none`",
    );
    let edited = finding(
        1,
        "edited",
        true,
        "it was run and then edited:\n- a;\n+ b;",
        "put it back, and write a new migration",
    );
    if mistake { vec![warning, edited] } else { vec![warning] }
}

pub fn registry() -> Vec<MigrationView> {
    let one = |version: u32, name: &str, has_down, tenants, replaces: Option<&str>| MigrationView {
        id: format!("{version:04}_{name}"),
        version,
        name: name.replace('_', " "),
        description: format!("adds {name}"),
        checksum: "5f0c77aa12bb90d0e1".into(),
        has_down,
        drivers: vec![DriverKind::Postgres, DriverKind::Sqlite],
        tenants,
        pinned: tenants > 0,
        replaces: replaces.map(str::to_owned),
    };
    vec![one(4, "tags", true, 298, None), one(5, "drop_slug", false, 0, Some("0004_tags"))]
}

pub fn detail() -> InstanceDetail {
    let [_, beta, _, delta] = &instances()[..] else { panic!("four instances") };
    InstanceDetail {
        instance: InstanceView {
            drift: delta.drift.clone(),
            external_user: Some("user_2x".into()),
            ..beta.clone()
        },
        steps: vec![
            entry(1, 3, StepStatus::Completed),
            entry(3, 4, StepStatus::Failed),
            entry(4, 5, StepStatus::Pending),
        ],
        drift: vec![" table notes".into(), "-   slug text".into(), "+ table sketches".into()],
    }
}

pub fn answer(query: &FleetQuery) -> FleetAnswer {
    match query {
        FleetQuery::Status => FleetAnswer::Status(Box::new(status())),
        FleetQuery::Instances { .. } => {
            FleetAnswer::Instances(Window { rows: instances(), offset: 0, total: 4 })
        }
        FleetQuery::Instance { .. } => FleetAnswer::Instance(Box::new(detail())),
        FleetQuery::Registry => FleetAnswer::Registry(registry()),
        FleetQuery::History { .. } => FleetAnswer::History(Page {
            rows: vec![
                entry(3, 4, StepStatus::Failed),
                entry(2, 4, StepStatus::Completed),
                entry(1, 3, StepStatus::Skipped),
            ],
            next: None,
        }),
        FleetQuery::Groups { run } if run.as_str() == BACK => FleetAnswer::Groups(groups(Way::Down)),
        FleetQuery::Groups { .. } => FleetAnswer::Groups(groups(Way::Up)),
        FleetQuery::Result { .. } => FleetAnswer::Result(result(true)),
        FleetQuery::Lint { .. } => FleetAnswer::Lint(report(false)),
    }
}

pub fn receipt(act: &FleetAct) -> FleetReceipt {
    let one = || instances().remove(0);
    match act {
        FleetAct::Plan { .. } => FleetReceipt::Planned(Box::new(planned(Way::Up))),
        FleetAct::Rollback { .. } => FleetReceipt::Planned(Box::new(planned(Way::Down))),
        FleetAct::Add { rows } => {
            FleetReceipt::Added { added: u64::try_from(rows.len()).unwrap() - 1, replaced: 1 }
        }
        FleetAct::Remove { tenant } => FleetReceipt::Removed { tenant: tenant.clone() },
        FleetAct::Test { tenant: Some(_) } => FleetReceipt::Tested(vec![one()]),
        FleetAct::Test { tenant: None } => FleetReceipt::Tested(instances()),
        FleetAct::Accept { .. } => FleetReceipt::Accepted(Box::new(one())),
        FleetAct::RotateKey => FleetReceipt::Rotating { key: "k3".into(), left: 300 },
        FleetAct::FromApplication => FleetReceipt::FromApplication {
            added: 40,
            replaced: 2,
            left_out: vec!["epsilon: what is sealed there can't be opened".into()],
        },
        FleetAct::Retry { .. } => {
            FleetReceipt::Run(Box::new(run(RunState::Applying, Way::Up, Counts::default())))
        }
    }
}
