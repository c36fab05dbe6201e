//! Real SQLite files as tenants' databases, a real store, a clock that is moved by hand.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::time::Duration;

use cutover_shared::fleet::{DriverKind, Hidden, InstanceState, NewInstance, Way};
use cutover_shared::ids::{RunId, TenantId};
use secrecy::{ExposeSecret as _, SecretBox, SecretString};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Added, InstanceError, Instances, Ring, places};
use crate::audit::Who;
use crate::client::Client;
use crate::clock::Clock;
use crate::faults::Faults;
use crate::fleet::credential;
use crate::fleet::driver::{Purpose, StepAsk, StepEnd};
use crate::fleet::drivers::Drivers;
use crate::fleet::kind::Inner;
use crate::fleet::limit::Limits;
use crate::fleet::live::Live;
use crate::fleet::migration::Step;
use crate::fleet::registry::{read, row};
use crate::fleet::settings::{Notify, Settings, sample};
use crate::fleet::wave::Waves;
use crate::seal::Seal;
use crate::store::{Db, FleetOp, InstanceFilter, InstanceRow, Lane, Unit, open};

fn key(byte: u8) -> SecretBox<[u8; 32]> {
    SecretBox::new(Box::new([byte; 32]))
}

struct House {
    dir: tempfile::TempDir,
    db: Db,
    clock: Clock,
    inner: Arc<Inner>,
    instances: Instances,
}

async fn house(settings: Settings) -> House {
    house_with(settings, Faults::none()).await
}

/// `faults`: of the store.
async fn house_with(settings: Settings, faults: Faults) -> House {
    let dir = tempfile::tempdir().unwrap();
    let db = open(&format!("sqlite:{}/cutover.db", dir.path().display()), faults).await.unwrap();
    let clock = Clock::manual(1_000_000_000);
    let seal = Seal::new(vec![("k1".to_owned(), key(1))]).unwrap();
    let inner = inner(&db, &clock, seal, settings);
    let instances = Instances::new(inner.clone(), Client::new().unwrap(), ring());
    House { dir, db, clock, inner, instances }
}

fn inner(db: &Db, clock: &Clock, seal: Seal, settings: Settings) -> Arc<Inner> {
    Arc::new(Inner {
        application: None,
        db: db.clone(),
        seal: Arc::new(seal),
        clock: clock.clone(),
        faults: Faults::none(),
        drivers: Drivers::new(settings.http.clone(), Client::new().unwrap(), clock.clone()),
        live: Live::new(clock.clone(), 10.0, Duration::from_secs(5)),
        limits: Limits::of(&settings),
        looks: Limits::of(&settings),
        waves: Waves::new(&settings.waves),
        settings,
        tasks: TaskTracker::new(),
    })
}

/// Names its keys one after the other.
fn ring() -> Ring {
    let next = AtomicU64::new(2);
    Arc::new(move || {
        let number = next.fetch_add(1, Ordering::Relaxed);
        Ok((format!("k{number}"), key(u8::try_from(number).unwrap())))
    })
}

fn who() -> Who {
    Who { operator: "ada".into(), origin: "test".to_owned() }
}

fn new(tenant: &str, path: &Path) -> NewInstance {
    let url = Hidden(path.display().to_string());
    NewInstance { tenant: tenant.into(), external_user: None, driver: DriverKind::Sqlite, url, key: None }
}

fn postgres(tenant: &str, password: &str) -> NewInstance {
    let url = Hidden(format!("postgres://app:{password}@db1:5432/{tenant}"));
    NewInstance { tenant: tenant.into(), external_user: None, driver: DriverKind::Postgres, url, key: None }
}

impl House {
    /// An empty database, added.
    async fn tenant(&self, tenant: &str) {
        let path = self.dir.path().join(format!("{tenant}.db"));
        std::fs::File::create(&path).unwrap();
        self.instances.add(&[new(tenant, &path)], false, &who()).await.unwrap();
    }

    async fn row(&self, tenant: &str) -> InstanceRow {
        self.db.fleet_instances_of(&[tenant.into()]).await.unwrap().pop().unwrap()
    }

    /// Runs a statement there as a migration.
    async fn migrate(&self, tenant: &str, version: u32, sql: &str) {
        let registry = read(&[(format!("{version:03}_m.up.sql"), sql.as_bytes().to_vec())]);
        let migration = &registry.migrations[0];
        let mut session = self.inner.open(&self.row(tenant).await, Purpose::Migrate).await.unwrap();
        let ask = StepAsk {
            tenant: &tenant.into(),
            external_user: None,
            run: &RunId::from("run-1"),
            migration,
            step: Step::Sql(migration.up.sql.as_ref().unwrap()),
            way: Way::Up,
            timeout: Duration::from_secs(60),
            lock_timeout: Duration::from_secs(60),
            stop: &CancellationToken::new(),
            faults: &Faults::none(),
        };
        assert_eq!(session.step(&ask).await.unwrap(), StepEnd::Done);
        session.close().await;
    }

    async fn audit(&self) -> String {
        let rows = self.db.audit_newest(None, 100).await.unwrap();
        rows.iter().map(|row| row.bytes.clone()).collect::<Vec<_>>().join("\n")
    }

    /// Its file is gone, or there again.
    fn hide(&self, tenant: &str, is_gone: bool) {
        let (there, away) =
            (self.dir.path().join(format!("{tenant}.db")), self.dir.path().join(format!("{tenant}.away")));
        let (from, to) = if is_gone { (&there, &away) } else { (&away, &there) };
        std::fs::rename(from, to).unwrap();
    }
}

#[tokio::test]
async fn added_instances_are_sealed_for_their_tenant_and_told_without_secrets() {
    let house = house(Settings { canary: vec!["b".into()], ..sample() }).await;
    let rows = [postgres("a", "hidden-1"), postgres("b", "hidden-2")];
    let added = house.instances.add(&rows, false, &who()).await.unwrap();
    assert_eq!(added, Added { added: 2, replaced: 0 });
    let row = house.row("a").await;
    assert_eq!(
        (row.place.as_str(), row.host.as_str(), row.server.as_str()),
        ("db1:5432/a", "db1", "db1:5432")
    );
    assert_eq!((row.key_id.as_str(), row.state), ("k1", InstanceState::New));
    assert_eq!(row.place_in_waves, places(&"a".into(), &[]));
    assert_eq!(house.row("b").await.place_in_waves, 0);
    let target = credential::open(&house.inner.seal, &row).unwrap();
    assert_eq!(target.url.expose_secret(), "postgres://app:hidden-1@db1:5432/a");
    // An envelope in another tenant's row does not open.
    assert!(credential::open(&house.inner.seal, &InstanceRow { tenant: "b".into(), ..row.clone() }).is_err());
    let audit = house.audit().await;
    assert!(audit.contains("fleet.instance.add") && audit.contains("db1:5432/b") && audit.contains("ada"));
    for text in [audit, format!("{row:?}"), format!("{rows:?}")] {
        assert!(!text.contains("hidden-"), "{text}");
    }
    let again = [postgres("b", "hidden-3"), postgres("c", "hidden-4")];
    assert_eq!(house.instances.add(&again, true, &who()).await.unwrap(), Added { added: 1, replaced: 1 });
    assert!(house.row("b").await.from_application);
}

#[tokio::test]
async fn nothing_is_added_where_one_row_is_wrong() {
    let house = house(sample()).await;
    let good = postgres("a", "hidden");
    let http = |key: Option<&str>| NewInstance {
        driver: DriverKind::Http,
        url: Hidden("https://a.convex.cloud".to_owned()),
        key: key.map(|key| Hidden(key.to_owned())),
        ..postgres("b", "hidden")
    };
    for (bad, what) in [
        (postgres("a", "hidden"), "it stands there twice"),
        (NewInstance { url: Hidden("mysql://hidden".to_owned()), ..postgres("b", "x") }, "postgres://"),
        (
            NewInstance { key: Some(Hidden("k".to_owned())), ..postgres("b", "x") },
            "only a deployment has a key",
        ),
        (http(None), "no deploy key"),
        (http(Some("hidden key\n")), "can't be one"),
        (postgres("", "hidden"), "no id of a tenant"),
        (postgres("a\tb", "hidden"), "no id of a tenant"),
        (NewInstance { external_user: Some(String::new()), ..postgres("b", "x") }, "external id"),
    ] {
        let error = house.instances.add(&[good.clone(), bad], false, &who()).await.unwrap_err();
        assert!(matches!(error, InstanceError::Refused { .. }), "{error:?}");
        assert!(error.to_string().contains(what), "{error}");
        assert!(!format!("{error} {error:?}").contains("hidden"), "{error:?}");
    }
    let many: Vec<NewInstance> = (0..257).map(|n| postgres(&format!("t{n}"), "x")).collect();
    let error = house.instances.add(&many, false, &who()).await.unwrap_err();
    assert!(matches!(error, InstanceError::TooMany { given: 257 }));
    assert_eq!(house.db.fleet_instances(&InstanceFilter::default(), None, 10).await.unwrap(), []);
    assert_eq!(house.audit().await, "");
    // A whole unit goes.
    assert_eq!(house.instances.add(&many[1..], false, &who()).await.unwrap().added, 256);
}

#[tokio::test]
async fn a_test_sees_version_and_schema_or_says_why_not() {
    let house = house(sample()).await;
    house.tenant("a").await;
    house.migrate("a", 1, "CREATE TABLE notes (id TEXT);").await;
    let views = house.instances.test(Some(&"a".into())).await.unwrap();
    assert_eq!((views.len(), views[0].state, views[0].version), (1, InstanceState::Connected, 1));
    assert_eq!((views[0].drift.as_deref(), views[0].checked_at), (None, Some(1_000_000_000)));
    let seen = house.row("a").await.seen_schema.unwrap();
    assert!(house.db.fleet_schema(&seen).await.unwrap().unwrap().contains("notes"));

    house.hide("a", true);
    let views = house.instances.test(Some(&"a".into())).await.unwrap();
    assert_eq!((views[0].state, views[0].version), (InstanceState::Error, 1));
    assert!(views[0].reason.is_some());
    // Back again, among all in error.
    house.hide("a", false);
    house.tenant("b").await;
    let views = house.instances.test(None).await.unwrap();
    assert_eq!((views.len(), views[0].state), (1, InstanceState::Connected));
    let unknown = house.instances.test(Some(&"z".into())).await.unwrap_err();
    assert!(matches!(unknown, InstanceError::Unknown(_)));
    assert!(matches!(house.instances.remove(&"z".into(), &who()).await, Err(InstanceError::Unknown(_))));
    house.instances.remove(&"a".into(), &who()).await.unwrap();
    assert!(matches!(house.instances.detail(&"a".into()).await, Err(InstanceError::Unknown(_))));
}

#[tokio::test]
async fn a_schema_that_changed_is_drift_until_it_is_accepted() {
    let house = house(sample()).await;
    house.tenant("a").await;
    house.migrate("a", 1, "CREATE TABLE notes (id TEXT);").await;
    let view = house.instances.accept(&"a".into(), &who()).await.unwrap();
    assert_eq!((view.drift, view.state), (None, InstanceState::Connected));
    house.migrate("a", 2, "CREATE TABLE by_hand (id TEXT);").await;
    let views = house.instances.test(Some(&"a".into())).await.unwrap();
    assert!(views[0].drift.as_deref().unwrap().contains("by_hand"), "{:?}", views[0].drift);
    let detail = house.instances.detail(&"a".into()).await.unwrap();
    assert!(detail.drift.iter().all(|line| line.starts_with("+ ") && line.contains("by_hand")));
    assert!(!detail.drift.is_empty());
    let view = house.instances.accept(&"a".into(), &who()).await.unwrap();
    assert_eq!(view.drift, None);
    assert!(house.audit().await.contains("fleet.instance.accept"));
    assert_eq!(house.instances.test(Some(&"a".into())).await.unwrap()[0].drift, None);
    house.hide("a", true);
    let away = house.instances.accept(&"a".into(), &who()).await.unwrap_err();
    assert!(matches!(away, InstanceError::Unreachable { .. }));
    assert_eq!(house.row("a").await.state, InstanceState::Error);
}

#[tokio::test]
async fn one_that_was_never_migrated_is_held_against_what_the_others_have() {
    let house = house(sample()).await;
    for tenant in ["a", "b", "c"] {
        house.tenant(tenant).await;
        let more = if tenant == "c" { "CREATE TABLE odd (id TEXT);" } else { "" };
        house.migrate(tenant, 1, &format!("CREATE TABLE notes (id TEXT);{more}")).await;
        if tenant != "c" {
            house.instances.accept(&tenant.into(), &who()).await.unwrap();
        }
    }
    let views = house.instances.test(Some(&"c".into())).await.unwrap();
    assert!(views[0].drift.as_deref().unwrap().contains("odd"), "{:?}", views[0].drift);
    assert!(house.instances.detail(&"c".into()).await.unwrap().drift[0].contains("odd"));
}

#[tokio::test]
async fn one_in_error_is_asked_again_at_a_growing_distance() {
    let house = house(sample()).await;
    for tenant in ["a", "b"] {
        house.tenant(tenant).await;
    }
    house.hide("a", true);
    for tenant in ["a", "b"] {
        house.instances.test(Some(&tenant.into())).await.unwrap();
    }
    let mut asked = Vec::new();
    // Every minute, for an hour and a half.
    for minute in 1..=90 {
        house.clock.advance(Duration::from_secs(60));
        let pass = house.instances.retest().await.unwrap();
        // The one that is connected is not asked.
        assert!(pass.asked <= 1 && pass.back == 0);
        if pass.asked == 1 {
            asked.push(minute);
        }
    }
    assert_eq!(asked, [1, 3, 7, 15, 31, 47, 63, 79]);
    house.hide("a", false);
    house.clock.advance(Duration::from_secs(16 * 60));
    assert_eq!(house.instances.retest().await.unwrap().back, 1);
    assert_eq!(house.row("a").await.state, InstanceState::Connected);
    // A new outage begins at the shortest distance.
    house.hide("a", true);
    house.instances.test(Some(&"a".into())).await.unwrap();
    house.clock.advance(Duration::from_secs(60));
    assert_eq!(house.instances.retest().await.unwrap().asked, 1);
}

/// Takes POSTs and answers with a status; what it took is kept whole.
async fn owner(status: &Arc<AtomicU16>) -> (String, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/outage", listener.local_addr().unwrap());
    let (tell, told) = tokio::sync::mpsc::unbounded_channel();
    let status = status.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut text = String::new();
            // The body is JSON, which ends with its brace.
            while !text.ends_with('}') {
                let mut bytes = [0; 4096];
                let count = stream.read(&mut bytes).await.unwrap();
                text.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
            }
            let code = status.load(Ordering::Relaxed);
            let answer = format!("HTTP/1.1 {code} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
            tell.send(text).unwrap();
        }
    });
    (url, told)
}

#[tokio::test]
async fn an_owner_is_told_once_for_each_outage() {
    let status = Arc::new(AtomicU16::new(500));
    let (url, mut told) = owner(&status).await;
    let notify = Notify { url, token: Some(SecretString::from("hidden-token")) };
    let house = house(Settings { notify: Some(notify), ..sample() }).await;
    house.tenant("a").await;
    let hour = Duration::from_secs(3_600);
    let outage = async |is_gone| {
        house.hide("a", is_gone);
        house.instances.test(Some(&"a".into())).await.unwrap();
        house.clock.advance(hour);
    };
    outage(true).await;
    // Refused, so it is tried again.
    assert_eq!(house.instances.retest().await.unwrap().told, 0);
    let first = told.recv().await.unwrap();
    status.store(204, Ordering::Relaxed);
    house.clock.advance(hour);
    assert_eq!(house.instances.retest().await.unwrap().told, 1);
    let second = told.recv().await.unwrap();
    for text in [&first, &second] {
        assert!(text.starts_with("POST /outage") && text.contains("authorization: Bearer hidden-token"));
        assert!(text.contains("\"tenantId\":\"a\"") && text.contains("instance.unreachable"), "{text}");
    }
    // Not once more while it lasts.
    house.clock.advance(hour);
    assert_eq!(house.instances.retest().await.unwrap().told, 0);
    outage(false).await;
    outage(true).await;
    assert_eq!(house.instances.retest().await.unwrap().told, 1);
    let third = told.recv().await.unwrap();
    let key = |text: &str| text.lines().find(|line| line.starts_with("idempotency-key")).unwrap().to_owned();
    assert_ne!(key(&second), key(&third));
    assert!(told.try_recv().is_err());
}

#[tokio::test]
async fn a_new_key_seals_at_once_and_the_rest_is_sealed_again() {
    let house = house(sample()).await;
    let rows: Vec<NewInstance> =
        (0..256).map(|n| postgres(&format!("t{n}"), &format!("hidden-{n}"))).collect();
    house.instances.add(&rows, false, &who()).await.unwrap();
    house.instances.add(&[postgres("z", "hidden-z")], false, &who()).await.unwrap();
    // One that nobody can open stops no other.
    let broken =
        InstanceRow { sealed: "s1.k0.AAAA".to_owned(), key_id: "k0".to_owned(), ..house.row("z").await };
    house.db.write(Lane::Handler, Unit::new().with(FleetOp::Instances { rows: vec![broken] })).await.unwrap();
    let rotated = house.instances.rotate_key(&who()).await.unwrap();
    assert_eq!((rotated.key.as_str(), rotated.left), ("k2", 257));
    assert!(house.audit().await.contains("fleet.key.rotate"));
    house.instances.add(&[postgres("new", "hidden-new")], false, &who()).await.unwrap();
    assert_eq!(house.row("new").await.key_id, "k2");
    // The daemon dies here. The next one has both keys, and finds what is left.
    let seal = Seal::new(vec![("k1".to_owned(), key(1)), ("k2".to_owned(), key(2))]).unwrap();
    let next = inner(&house.db, &house.clock, seal, sample());
    let instances = Instances::new(next, Client::new().unwrap(), ring());
    assert_eq!(instances.reseal().await.unwrap(), (256, 1));
    assert_eq!(instances.reseal().await.unwrap(), (0, 1));
    // The new key alone opens them.
    let only = Seal::new(vec![("k2".to_owned(), key(2))]).unwrap();
    for n in [0, 128, 255] {
        let row = house.row(&format!("t{n}")).await;
        assert_eq!(row.key_id, "k2");
        let url = credential::open(&only, &row).unwrap().url;
        assert_eq!(url.expose_secret(), format!("postgres://app:hidden-{n}@db1:5432/t{n}"));
    }
    assert_eq!(house.row("z").await.key_id, "k0");
}

#[tokio::test]
async fn a_credential_that_is_replaced_in_an_outage_is_asked_anew() {
    let house = house(sample()).await;
    house.tenant("a").await;
    house.migrate("a", 1, "CREATE TABLE notes (id TEXT);").await;
    house.instances.test(Some(&"a".into())).await.unwrap();
    house.hide("a", true);
    house.instances.test(Some(&"a".into())).await.unwrap();
    let away = house.row("a").await;
    assert_eq!((away.state, away.reason.is_some()), (InstanceState::Error, true));
    let path = house.dir.path().join("a.db");
    house.instances.add(&[new("a", &path)], false, &who()).await.unwrap();
    let row = house.row("a").await;
    // What is never asked is asked by each plan; what is known of the same place stays.
    assert_eq!((row.state, row.reason, row.version), (InstanceState::New, None, 1));
    assert_eq!(row.checked_at, away.checked_at);
    // One that answers is left as it is.
    house.hide("a", false);
    house.instances.test(Some(&"a".into())).await.unwrap();
    house.instances.add(&[new("a", &path)], false, &who()).await.unwrap();
    assert_eq!(house.row("a").await.state, InstanceState::Connected);
}

#[tokio::test]
async fn what_was_sealed_before_a_rotation_and_stored_after_it_is_sealed_again() {
    let gate = Arc::new(tokio::sync::Mutex::new(()));
    let door = gate.clone();
    let faults = Faults::with(Arc::new(move |point| {
        let door = door.clone();
        Box::pin(async move {
            if point == "store.commit.before" {
                drop(door.lock().await);
            }
        })
    }));
    let house = house_with(sample(), faults).await;
    let instances = &house.instances;
    let rows = [postgres("late", "x")];
    let ada = who();
    let shut = gate.lock().await;
    let mut adding = Box::pin(instances.add(&rows, false, &ada));
    assert!(futures::poll!(&mut adding).is_pending(), "it is sealed, and the store is asked");
    house.inner.seal.add("k2".to_owned(), key(2)).unwrap();
    assert_eq!(instances.reseal().await.unwrap(), (0, 0));
    drop(shut);
    adding.await.unwrap();
    assert_eq!(house.row("late").await.key_id, "k1");
    // Nobody rotates again: it is this that begins another pass.
    assert!(futures::poll!(std::pin::pin!(instances.state.rotated.notified())).is_ready());
    assert_eq!(instances.reseal().await.unwrap(), (1, 0));
    assert_eq!(house.row("late").await.key_id, "k2");
}

#[tokio::test]
async fn a_rotation_that_can_not_be_recorded_says_that_the_key_is_there() {
    let house = house(sample()).await;
    let (db, runtime) = (house.db.clone(), tokio::runtime::Handle::current());
    // The store goes away after the key is durable.
    let ring: Ring = Arc::new(move || {
        runtime.block_on(db.close());
        Ok(("k2".to_owned(), key(2)))
    });
    let instances = Instances::new(house.inner.clone(), Client::new().unwrap(), ring);
    let error = instances.rotate_key(&who()).await.unwrap_err();
    assert!(error.to_string().starts_with("key k2 was added and seals from now on"), "{error}");
    assert_eq!(house.inner.seal.current_key(), "k2");
    let told = cutover_shared::error::RpcError::from(error);
    assert!(!told.hint.contains("nothing was half done") && told.hint.contains("don't rotate again"));
}

#[tokio::test]
async fn without_a_durable_key_nothing_is_sealed_with_it() {
    let house = house(sample()).await;
    let instances = Instances::new(
        house.inner.clone(),
        Client::new().unwrap(),
        Arc::new(|| Err("the disk is full".to_owned())),
    );
    let error = instances.rotate_key(&who()).await.unwrap_err();
    assert_eq!(error.to_string(), "no key was added: the disk is full");
    assert_eq!(house.inner.seal.current_key(), "k1");
}

#[tokio::test]
async fn another_canary_list_moves_who_is_in_it_and_who_was() {
    let house = house(Settings { canary: vec!["t1".into()], ..sample() }).await;
    for part in 0..2 {
        let rows: Vec<NewInstance> =
            (0..200).map(|n| postgres(&format!("t{}", part * 200 + n), "x")).collect();
        house.instances.add(&rows, false, &who()).await.unwrap();
    }
    let seal = Seal::new(vec![("k1".to_owned(), key(1))]).unwrap();
    let canary: Vec<TenantId> = vec!["t2".into(), "t399".into()];
    let next = inner(&house.db, &house.clock, seal, Settings { canary: canary.clone(), ..sample() });
    let instances = Instances::new(next, Client::new().unwrap(), ring());
    assert_eq!(instances.follow_canary().await.unwrap(), 3);
    assert_eq!(instances.follow_canary().await.unwrap(), 0);
    for n in 0..400 {
        let tenant = format!("t{n}");
        let place = house.row(&tenant).await.place_in_waves;
        assert_eq!(place, places(&tenant.as_str().into(), &canary), "{tenant}");
        assert_eq!(place == 0, canary.contains(&tenant.as_str().into()), "{tenant}");
    }
}

/// Written once: a change of them moves tenants between waves.
#[test]
fn places_stay_as_they_are_and_are_spread() {
    let of = |tenant: &str| places(&tenant.into(), &["canary".into()]);
    assert_eq!(of("canary"), 0);
    // Of the published hash: "abc" is 0xb3dd93fa, "" is 0.
    assert_eq!(of("abc"), 1 + 0xb3dd_93fa % 1_000_000);
    assert_eq!(of(""), 1);
    let first = (0..10_000).filter(|n| of(&format!("tenant-{n}")) <= 100_000).count();
    assert!((900..1_100).contains(&first), "{first}");
}

#[tokio::test]
async fn a_recorded_migration_is_pending_until_it_is_there() {
    let house = house(sample()).await;
    house.tenant("a").await;
    let registry = read(&[("001_m.up.sql".to_owned(), b"CREATE TABLE notes (id TEXT);".to_vec())]);
    let rows = vec![row(&registry.migrations[0], 1)];
    house
        .db
        .write(Lane::Handler, Unit::new().with(FleetOp::Migrations { rows, after: 0, until: 9 }))
        .await
        .unwrap();
    let target = crate::store::SettingOp::Set {
        name: crate::fleet::runner::TARGET.to_owned(),
        value: "1".to_owned(),
        at: 1,
        by: "ada".into(),
    };
    house.db.write(Lane::Handler, Unit::new().with(target)).await.unwrap();
    assert_eq!(house.instances.test(Some(&"a".into())).await.unwrap()[0].pending, 1);
    house.migrate("a", 1, "CREATE TABLE notes (id TEXT);").await;
    assert_eq!(house.instances.test(Some(&"a".into())).await.unwrap()[0].pending, 0);
}
