//! Windows of tenants' databases.

use cutover_shared::fleet::{DriverKind, ErrorClass, InstanceState, StepStatus};

use super::world::Owned;
use super::*;
use crate::faults::Faults;
use crate::store::sample::{instance, step};
use crate::store::{
    Db, Expected, FleetOp, Holds, InstanceRow, InstanceStanding, Lane, Marks, MigrationRow, Observation,
    StepRow, Unit, open,
};

const TARGET: u32 = 3;
/// Places of the canary tenants, of a second wave, and of the rest.
const WAVES: [u32; 2] = [3, 1_000_001];

#[derive(Clone, Debug)]
struct One {
    row: InstanceRow,
    steps: Vec<StepRow>,
}

fn instances() -> impl Strategy<Value = Vec<One>> {
    let text = || "[abA%_é\\\\']{1,3}";
    let row = (
        text(),
        prop::sample::select(DriverKind::ALL),
        prop::sample::select(InstanceState::ALL),
        0..5_u32,
        0..6_u32,
        prop::option::of(text()),
        prop::option::of(text()),
        prop::option::of(4_000..NOW),
    );
    let row = row.prop_map(|(name, driver, state, version, place, reason, drift, checked_at)| InstanceRow {
        driver,
        state,
        reason: reason.filter(|_| state == InstanceState::Error),
        version,
        drift,
        server: format!("db{}:5432", place % 2),
        // One in error was asked.
        checked_at: checked_at.or((state == InstanceState::Error).then_some(4_000)),
        ..instance(&name, place)
    });
    let steps =
        prop::collection::vec((prop::sample::select(StepStatus::ALL), prop::option::of(text())), 0..5);
    let one = (row, steps).prop_map(|(row, steps)| {
        let step = |(version, (status, error)): (u32, (StepStatus, Option<String>))| {
            let is_failed = status == StepStatus::Failed;
            // Without a class it is one that another replaces.
            let is_left_out = status == StepStatus::Skipped && error.is_some();
            StepRow {
                class: (is_failed || is_left_out).then_some(ErrorClass::TimeOut),
                error: error.filter(|_| is_failed),
                ..step(row.tenant.as_str(), version, status)
            }
        };
        let steps = (1_u32..).zip(steps).map(step).collect();
        One { row, steps }
    });
    prop::collection::vec(one, 0..20).prop_map(|mut all| {
        all.sort_by(|a, b| a.row.tenant.cmp(&b.row.tenant));
        all.dedup_by(|a, b| a.row.tenant == b.row.tenant);
        all
    })
}

impl One {
    fn failed(&self) -> Option<&StepRow> {
        self.steps.iter().rfind(|step| step.status == StepStatus::Failed)
    }

    fn status(&self) -> StepStatus {
        let some = |status| self.steps.iter().any(|step| step.status == status);
        let is_left_out =
            self.steps.iter().any(|step| step.status == StepStatus::Skipped && step.class.is_some());
        [
            (some(StepStatus::Failed), StepStatus::Failed),
            (some(StepStatus::Running), StepStatus::Running),
            (is_left_out, StepStatus::Skipped),
            (self.row.version < TARGET, StepStatus::Pending),
        ]
        .into_iter()
        .find_map(|(is, status)| is.then_some(status))
        .unwrap_or(StepStatus::Completed)
    }

    fn listed(&self) -> Row {
        let word = |text: &str| Owned::Text(Some(text.to_owned()));
        let number = |n: u32| Owned::Number(Some(i64::from(n)));
        let row = &self.row;
        let wave = match row.place_in_waves {
            0 => 1,
            1 | 2 => 2,
            _ => 3,
        };
        let error = self.failed().and_then(|step| step.error.clone()).or(row.reason.clone());
        Row {
            key: row.tenant.0.clone(),
            values: vec![
                ("tenant", word(row.tenant.as_str())),
                ("server", word(&row.server)),
                ("driver", word(row.driver.word())),
                ("state", word(row.state.word())),
                ("version", number(row.version)),
                // Version 2 was never recorded.
                (
                    "pending",
                    number([1, 3].into_iter().filter(|v| *v > row.version).count().try_into().unwrap()),
                ),
                ("status", word(self.status().word())),
                ("failed", Owned::Text(self.failed().map(|step| step.migration.clone()))),
                ("error", Owned::Text(error)),
                ("drifted", Owned::Flag(row.drift.is_some())),
                ("wave", number(wave)),
                ("checked", Owned::Moment(row.checked_at.unwrap_or(NEVER))),
            ],
        }
    }
}

/// What was never asked was asked longest ago.
const NEVER: i64 = 0;

async fn store(all: &[One]) -> (tempfile::TempDir, Db) {
    let dir = tempfile::tempdir().unwrap();
    let db = open(&format!("sqlite:{}/cutover.db", dir.path().display()), Faults::none()).await.unwrap();
    let migration = |version| MigrationRow {
        version,
        id: format!("{version:04}_m"),
        checksum: "c".to_owned(),
        files: "[]".to_owned(),
        recorded_at: 1,
        pinned_at: None,
    };
    // What was seen before is there already; the place of each stays.
    let before = |one: &One| InstanceRow { server: "elsewhere".into(), ..one.row.clone() };
    let seen = |one: &One| Observation {
        tenant: one.row.tenant.clone(),
        state: one.row.state,
        reason: one.row.reason.clone(),
        version: Some(one.row.version),
        seen_schema: None,
        expected: Expected::AsBefore,
        drift: None,
        holds: Holds::Always,
        at: one.row.checked_at.unwrap_or(NEVER),
    };
    let observed = all.iter().filter(|one| one.row.checked_at.is_some()).map(seen).collect();
    let steps: Vec<StepRow> = all.iter().flat_map(|one| one.steps.clone()).collect();
    let running = |row: &StepRow| StepRow { status: StepStatus::Running, ..row.clone() };
    let unit = Unit::new()
        .with(FleetOp::Migrations {
            rows: vec![migration(1), migration(3), migration(4)],
            after: 0,
            until: 9,
        })
        .with(FleetOp::Instances { rows: all.iter().map(before).collect() })
        .with(FleetOp::Instances { rows: all.iter().map(|one| one.row.clone()).collect() })
        .with(FleetOp::Observe { rows: observed })
        .with(FleetOp::Steps { rows: steps.iter().map(running).collect() })
        .with(FleetOp::Steps { rows: steps });
    db.write(Lane::Handler, unit).await.unwrap();
    (dir, db)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn windows_of_instances_are_what_memory_says(
        all in instances(),
        asks in prop::collection::vec(ask(&filter::INSTANCES), 8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (_dir, db) = store(&all).await;
            let rows: Vec<Row> = all.iter().map(One::listed).collect();
            for ask in &asks {
                let select = select(&filter::INSTANCES, ask, &BTreeSet::new());
                let found = db.fleet_window(&select, TARGET, &WAVES, select.offset, select.limit).await.unwrap();
                for standing in &found.rows {
                    let one = all.iter().find(|one| one.row.tenant == standing.row.tenant).unwrap();
                    let InstanceStanding { status, failed, .. } = standing;
                    prop_assert_eq!((*status, failed.as_ref()), (one.status(), one.failed()));
                    // The one rule, over marks and over steps.
                    prop_assert_eq!(*status, Marks::of(&one.steps).status(one.row.version, TARGET));
                }
                same(&rows, &filter::INSTANCES, &select, &found.map(|standing| standing.row.tenant.0))?;
            }
            let cells = db.fleet_cells(TARGET).await.unwrap();
            for cell in &cells {
                let there = all.iter().filter(|one| (one.row.version, one.status()) == (cell.version, cell.status));
                prop_assert_eq!(u64::try_from(there.count()).unwrap(), cell.tenants);
            }
            let counted: u64 = cells.iter().map(|cell| cell.tenants).sum();
            prop_assert_eq!(counted, u64::try_from(all.len()).unwrap());
            db.close().await;
            Ok(())
        })?;
    }
}
