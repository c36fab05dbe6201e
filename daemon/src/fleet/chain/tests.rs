use cutover_shared::ids::TenantId;
use proptest::prelude::*;

use super::super::driver::{LedgerRow, Part};
use super::super::migration::{Script, Ways};
use super::*;

fn script(file: &str) -> Script {
    Script {
        file: file.to_owned(),
        text: "SELECT 1".to_owned(),
        checksum: format!("sum of {file}"),
        statements: Vec::new(),
        transaction: true,
        timeout: None,
        lock_timeout: None,
        chunk: None,
        verify: None,
    }
}

fn migration(version: u32, has_down: bool, replaces: Option<u32>) -> Migration {
    let id = id(version);
    let ways = |way: &str| Ways { sql: Some(script(&format!("{id}.{way}.sql"))), http: None };
    Migration {
        version,
        name: format!("m {version}"),
        description: String::new(),
        up: ways("up"),
        down: if has_down { ways("down") } else { Ways::default() },
        replaces: replaces.map(self::id),
        checksum: format!("sum {version}"),
        id,
    }
}

fn id(version: u32) -> String {
    format!("{version:04}_m")
}

fn all(list: impl IntoIterator<Item = Migration>) -> BTreeMap<u32, Migration> {
    list.into_iter().map(|one| (one.version, one)).collect()
}

fn ledger(versions: &[u32]) -> Ledger {
    let row =
        |version: u32| LedgerRow { version, id: id(version), checksum: format!("sum {version}"), part: None };
    Ledger { rows: versions.iter().map(|version| (*version, row(*version))).collect() }
}

fn item(step: &Planned<'_>) -> FleetItem {
    FleetItem {
        tenant: TenantId("t".into()),
        driver: DriverKind::Postgres,
        host: String::new(),
        server: String::new(),
        wave: 1,
        migration: step.migration.id.clone(),
        version: step.migration.version,
        way: step.way,
        from: step.from,
        to: step.to,
        checksum: String::new(),
        drops: Vec::new(),
        left_out: step.left_out.clone(),
    }
}

#[test]
fn a_replaced_migration_is_left_out_where_it_was_not_run_and_stays_where_it_was() {
    let known = all([migration(1, true, None), migration(2, true, None), migration(3, true, Some(2))]);
    let fresh = up(&known, 0, 3, DriverKind::Postgres).unwrap();
    let told: Vec<_> =
        fresh.iter().map(|s| (s.migration.version, s.from, s.to, s.left_out.as_deref())).collect();
    assert_eq!(told, [(1, 0, 1, None), (2, 1, 1, Some("replaced by 0003_m")), (3, 1, 3, None)]);
    // Not before the one that replaces it comes.
    assert_eq!(up(&known, 0, 2, DriverKind::Postgres).unwrap()[1].left_out, None);
    // A tenant that has it gets only the new one.
    let later = up(&known, 2, 3, DriverKind::Postgres).unwrap();
    assert_eq!(later.iter().map(|s| s.migration.version).collect::<Vec<_>>(), [3]);
}

#[test]
fn a_way_that_is_missing_is_told_before_anything_is_done() {
    let known = all([migration(1, true, None), migration(2, false, None), migration(3, true, None)]);
    assert_eq!(
        down(&known, 3, 0, DriverKind::Postgres, &BTreeSet::new()).unwrap_err().to_string(),
        "0002_m has no way down for postgres databases: add 0002_m.down.sql, or go back no further than to 2"
    );
    assert_eq!(down(&known, 3, 2, DriverKind::Postgres, &BTreeSet::new()).unwrap().len(), 1);
    // What never came to a tenant needs no way back.
    let back = down(&known, 3, 0, DriverKind::Postgres, &BTreeSet::from([2])).unwrap();
    let told: Vec<_> = back.iter().map(|step| (step.from, step.to)).collect();
    assert_eq!(told, [(3, 1), (1, 0)]);
    assert_eq!(
        up(&known, 0, 3, DriverKind::Http).unwrap_err().to_string(),
        "0001_m has nothing for http databases: add 0001_m.up.toml"
    );
}

#[test]
fn a_step_is_taken_only_where_the_plan_saw_the_tenant() {
    let known = all((1..=4).map(|version| migration(version, true, None)));
    let steps = up(&known, 1, 4, DriverKind::Postgres).unwrap();
    let third = item(&steps[1]);
    assert_eq!(now(&third, Way::Up, &ledger(&[1, 2])), Now::Run);
    assert_eq!(now(&third, Way::Up, &ledger(&[1])), Now::Blocked);
    assert_eq!(now(&third, Way::Up, &ledger(&[1, 2, 3])), Now::Already);
    assert_eq!(now(&third, Way::Up, &ledger(&[1, 2, 4])), Now::Moved("it is at version 4 already".into()));
    // Taking the run back.
    assert_eq!(now(&third, Way::Down, &ledger(&[1, 2, 3])), Now::Run);
    assert_eq!(now(&third, Way::Down, &ledger(&[1, 2])), Now::Already);
    let newer = Now::Moved("it is at version 4, which goes first".into());
    assert_eq!(now(&third, Way::Down, &ledger(&[1, 2, 3, 4])), newer);
}

#[test]
fn a_step_that_was_begun_goes_on_and_stands_in_the_way_of_others() {
    let known = all((1..=3).map(|version| migration(version, true, None)));
    let steps = up(&known, 1, 3, DriverKind::Postgres).unwrap();
    let mut half = ledger(&[1, 2]);
    half.rows.get_mut(&2).unwrap().part = Some(Part { way: Way::Up, statements: 1, cursor: None });
    assert_eq!(now(&item(&steps[0]), Way::Up, &half), Now::Run);
    assert_eq!(
        now(&item(&steps[1]), Way::Up, &half),
        Now::Moved("0002_m was begun there and has not ended".into())
    );
    assert_eq!(
        now(&item(&steps[0]), Way::Down, &half),
        Now::Moved("0002_m was begun the other way and has not ended".into())
    );
}

#[test]
fn a_ledger_with_other_migrations_is_told() {
    let known = all([migration(1, true, None)]);
    assert_eq!(foreign(&known, &ledger(&[1])), None);
    assert_eq!(foreign(&known, &Ledger::of_version(7)), None);
    assert!(foreign(&known, &ledger(&[1, 2])).unwrap().contains("which the registry does not have"));
    let mut other = ledger(&[1]);
    other.rows.get_mut(&1).unwrap().checksum = "else".into();
    assert!(foreign(&known, &other).unwrap().contains("another 0001_m was run"));
}

proptest! {
    /// Walking a plan step by step ends at the target, each step allowed by what the steps before left; and walking back by the
    /// same items ends where it began.
    #[test]
    fn a_plan_can_be_walked_up_and_back(
        numbers in prop::collection::btree_set(1_u32..40, 1..12), start in 0_usize..12, replaced in any::<prop::sample::Index>(),
    ) {
        let numbers: Vec<u32> = numbers.into_iter().collect();
        let last = numbers.len() - 1;
        let old = replaced.index(numbers.len());
        let known = all(numbers.iter().enumerate().map(|(at, version)| {
            migration(*version, true, (at == last && old < last).then(|| numbers[old]))
        }));
        let had: Vec<u32> = numbers.iter().copied().take(start).collect();
        let version = had.last().copied().unwrap_or(0);
        let target = numbers[last];
        let mut at = ledger(&had);
        let steps = up(&known, version, target, DriverKind::Postgres).unwrap();
        let items: Vec<FleetItem> = steps.iter().map(item).collect();
        for one in items.iter().filter(|one| one.left_out.is_none()) {
            prop_assert_eq!(now(one, Way::Up, &at), Now::Run);
            prop_assert_eq!(at.version(), one.from);
            at.rows.extend(ledger(&[one.version]).rows);
            prop_assert_eq!(now(one, Way::Up, &at), Now::Already);
        }
        prop_assert_eq!(at.version(), target.max(version));
        for one in items.iter().rev().filter(|one| one.left_out.is_none()) {
            prop_assert_eq!(now(one, Way::Down, &at), Now::Run);
            at.rows.remove(&one.version);
        }
        prop_assert_eq!(at, ledger(&had));
    }
}
