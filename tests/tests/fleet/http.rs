//! Deployments, and steps that call services for tenants with an SQL database.

use cutover_daemon::fleet::driver::{Purpose, StepEnd};
use cutover_daemon::fleet::migration::{Call, CallTo, FunctionKind};
use cutover_daemon::fleet::settings::Deploy;
use cutover_shared::fleet::{DriverKind, ErrorClass, Way};
use cutover_tests::services::{DEPLOY_KEY, Deployment, Fault, World};
use serde_json::json;

use super::postgres::{ask, database};
use super::world::{Asks, drivers, function, http, open, target, verify, versions};

const KIND: DriverKind = DriverKind::Http;

async fn deployment(version: Option<u32>) -> Deployment {
    Deployment::start(World { version, untagged: 5, ..World::default() }).await.unwrap()
}

fn tags(version: u32) -> cutover_daemon::fleet::migration::Migration {
    http(version, |step| step.calls = vec![function(FunctionKind::Mutation, "notes:addTags", true)])
}

#[tokio::test]
async fn pages_are_called_to_their_end_with_a_key_for_each() {
    let there = deployment(Some(1)).await;
    let mut session = open(KIND, &there.url()).await;
    assert_eq!((session.ledger().version(), session.ledger().has(1)), (1, true));
    let migration = tags(2);
    assert_eq!(Asks::default().up(&mut session, KIND, &migration).await, Ok(StepEnd::Done));
    assert_eq!(versions(&*session), [1, 2]);
    there.world(|world| {
        assert_eq!((world.untagged, world.tagged), (0, 5));
        let args: Vec<_> = world.calls.iter().skip(1).map(|call| call["args"].clone()).collect();
        assert_eq!(args.len(), 3);
        for args in &args {
            assert_eq!((&args["tenantId"], &args["externalUserId"]), (&json!("acme"), &json!("user_1")));
            assert_eq!((&args["migrationId"], &args["size"]), (&json!("0002_m2"), &json!(2)));
        }
        assert_eq!((&args[0]["cursor"], &args[1]["cursor"]), (&json!(null), &json!("c2")));
        assert_eq!(world.keys.len(), 3, "each page has a key of its own");
        world.untagged = 5;
    });
    // The same again has the same keys.
    let mut session = open(KIND, &there.url()).await;
    there.world(|world| world.tagged = 0);
    Asks::default().up(&mut session, KIND, &migration).await.unwrap();
    there.world(|world| assert_eq!(world.keys.values().copied().collect::<Vec<_>>(), [2, 2, 2]));
}

#[tokio::test]
async fn failures_are_told_apart() {
    let there = deployment(Some(1)).await;
    let asks = Asks::default();
    let mut session = open(KIND, &there.url()).await;
    for (fault, class, unclear, text) in [
        (
            Fault::Function,
            ErrorClass::MigrationBug,
            false,
            "failed: Server Error Uncaught Error: no such note",
        ),
        (Fault::Status(500), ErrorClass::Connection, true, "out of order (HTTP 500)"),
        (Fault::Status(403), ErrorClass::Connection, false, "the key is not accepted (HTTP 403)"),
        (Fault::Status(504), ErrorClass::TimeOut, true, "gave up waiting"),
        (Fault::Status(404), ErrorClass::SchemaMismatch, false, "deploy again"),
        (Fault::Status(302), ErrorClass::Connection, false, "elsewhere"),
    ] {
        there.world(|world| world.fault = fault);
        let error = asks.up(&mut session, KIND, &tags(2)).await.unwrap_err();
        assert_eq!((error.class, error.is_unclear), (class, unclear), "{error}");
        assert!(error.text.starts_with("0002_m2.up.toml: ") && error.text.contains(text), "{error}");
        assert!(!error.text.contains("Request ID"), "{error}");
    }
    there.world(|world| world.fault = Fault::None);
    let missing = http(2, |step| step.calls = vec![function(FunctionKind::Mutation, "notes:nothing", false)]);
    let error = asks.up(&mut session, KIND, &missing).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::SchemaMismatch, "{error}");
    let mut wrong = target(&there.url());
    wrong.key = Some("planted".to_owned().into());
    let error = drivers(None).open(KIND, &wrong, Purpose::Look).await.err().unwrap();
    assert_eq!((error.class, error.code.as_deref()), (ErrorClass::Connection, Some("401")));
    let nobody = drivers(None).open(KIND, &target("http://127.0.0.1:1"), Purpose::Look).await.err().unwrap();
    assert_eq!(nobody.class, ErrorClass::Connection);
    assert!(!nobody.text.contains("127.0.0.1"));
}

#[tokio::test]
async fn a_deploy_by_call_is_seen_in_the_version() {
    let there = deployment(None).await;
    let deploy = Deploy::Call { url: format!("{}/deploy", there.url()), token: Some("t".to_owned().into()) };
    let drivers = drivers(Some(deploy));
    let mut session = drivers.open(KIND, &target(&there.url()), Purpose::Migrate).await.unwrap();
    assert_eq!(session.ledger().version(), 0, "nothing was ever deployed");
    let first = http(1, |step| step.deploy = true);
    let asks = Asks::default();
    assert_eq!(asks.up(&mut session, KIND, &first).await, Ok(StepEnd::Done));
    assert_eq!(asks.up(&mut session, KIND, &first).await, Ok(StepEnd::Already));
    there.world(|world| {
        assert_eq!(world.posts.len(), 1);
        assert_eq!(world.posts[0].1["deployKey"], DEPLOY_KEY);
        world.deploys = Some(1);
    });
    let second = http(2, |step| step.deploy = true);
    let error = asks.up(&mut session, KIND, &second).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::SchemaMismatch);
    assert!(error.text.contains("its version is 1, not 2"), "{error}");
}

#[tokio::test]
async fn a_deploy_command_has_the_key_in_its_environment_only() {
    let there = deployment(Some(1)).await;
    let dir = tempfile::tempdir().unwrap();
    let seen = dir.path().join("seen");
    let asks = Asks::default();
    for (script, expected) in [
        (format!("env > {}; echo $0 $@ >> {0}", seen.display()), None),
        (
            "echo no such $CONVEX_DEPLOY_KEY at $CUTOVER_DEPLOYMENT_URL for acme >&2; exit 3".to_owned(),
            Some((ErrorClass::MigrationBug, "ended with 3: no such [redacted] at [redacted] for TENANT")),
        ),
        (
            "yes | head -c 3000000 >&2; echo; exit 1".to_owned(),
            Some((ErrorClass::MigrationBug, "ended with 1")),
        ),
        ("sleep 60 & sleep 60".to_owned(), Some((ErrorClass::TimeOut, "did not end within 1 s"))),
    ] {
        let argv = ["/bin/sh", "-c", &script, "deploy"].map(str::to_owned).to_vec();
        let drivers = drivers(Some(Deploy::Command { argv }));
        let mut session = drivers.open(KIND, &target(&there.url()), Purpose::Migrate).await.unwrap();
        let step = http(1, |step| {
            step.deploy = true;
            step.timeout =
                Some(std::time::Duration::from_secs(if script.starts_with("sleep") { 1 } else { 20 }));
            // Has a call, so it is not done by its version alone.
            step.calls = vec![function(FunctionKind::Query, "notes:untagged", false)];
        });
        let end = asks.up(&mut session, KIND, &step).await;
        match expected {
            None => assert_eq!(end, Ok(StepEnd::Done)),
            Some((class, text)) => {
                let error = end.unwrap_err();
                assert_eq!(error.class, class, "{error}");
                assert!(error.text.contains(text) && !error.text.contains(DEPLOY_KEY), "{error}");
            }
        }
    }
    let seen = std::fs::read_to_string(seen).unwrap();
    assert!(
        seen.contains(&format!("CONVEX_DEPLOY_KEY={DEPLOY_KEY}"))
            && seen.contains("CUTOVER_DEPLOYMENT_URL=http://")
    );
    assert!(!seen.contains("HOME=") && !seen.contains("CARGO"), "{seen}");
}

#[tokio::test]
async fn after_a_crash_it_is_found_out_whether_a_step_is_done() {
    let there = deployment(Some(2)).await;
    let asks = Asks::default();
    let mut session = open(KIND, &there.url()).await;
    let call = || vec![function(FunctionKind::Mutation, "notes:addTags", true)];
    let check = || verify("notes:untagged", json!({"left": 0}));
    for (left, migration, expected) in [
        (0, http(2, |step| (step.calls, step.verify) = (call(), check())), Some(true)),
        (5, http(2, |step| (step.calls, step.verify) = (call(), check())), None),
        (
            5,
            http(2, |step| (step.calls, step.verify, step.idempotent) = (call(), check(), true)),
            Some(false),
        ),
        (5, http(2, |step| (step.calls, step.idempotent) = (call(), true)), Some(false)),
        // The version tells of the deploy, not of the calls.
        (5, http(2, |step| (step.calls, step.deploy) = (call(), true)), None),
        (5, http(2, |step| step.deploy = true), Some(true)),
        (5, http(3, |step| step.deploy = true), Some(false)),
    ] {
        there.world(|world| world.untagged = left);
        let done = session.is_done(&asks.of(&migration, Way::Up, KIND)).await;
        assert_eq!(done, Ok(expected), "{migration:?}");
    }
    there.world(|world| (world.untagged, world.fault) = (2, Fault::DeafAfterwards));
    let error = asks.up(&mut session, KIND, &tags(3)).await.unwrap_err();
    assert!(error.is_unclear, "{error}");
    there.world(|world| assert_eq!(world.tagged, 2, "it was heard"));
}

#[tokio::test]
async fn a_check_at_the_end_must_hold() {
    let there = deployment(Some(1)).await;
    let mut session = open(KIND, &there.url()).await;
    let step = http(2, |step| step.verify = verify("notes:untagged", json!({"left": 0})));
    let error = Asks::default().up(&mut session, KIND, &step).await.unwrap_err();
    assert!(error.text.contains("does not hold"), "{error}");
    there.world(|world| world.untagged = 0);
    assert_eq!(Asks::default().up(&mut session, KIND, &step).await, Ok(StepEnd::Done));
}

#[tokio::test]
async fn a_tenant_with_a_database_calls_services_and_keeps_the_row() {
    let there = deployment(Some(1)).await;
    let database = database().await;
    let mut session = open(DriverKind::Postgres, &database.url).await;
    let hook =
        || Call { to: CallTo::Url(format!("{}/hook", there.url())), args: json!({"a": 1}), paged: false };
    let step = http(1, |step| step.calls = vec![hook()]);
    let asks = Asks::default();
    there.world(|world| world.fault = Fault::Status(500));
    let error = asks.up(&mut session, DriverKind::Postgres, &step).await.unwrap_err();
    assert!(error.is_unclear, "{error}");
    assert_eq!(session.is_done(&asks.of(&step, Way::Up, DriverKind::Postgres)).await, Ok(None));
    there.world(|world| world.fault = Fault::None);
    assert_eq!(asks.up(&mut session, DriverKind::Postgres, &step).await, Ok(StepEnd::Done));
    assert_eq!(asks.up(&mut session, DriverKind::Postgres, &step).await, Ok(StepEnd::Already));
    session.close().await;
    assert_eq!(ask(&database, "SELECT id FROM cutover_migrations").await, "0001_m1");
    there.world(|world| {
        assert_eq!(world.posts.len(), 2);
        assert_eq!((&world.posts[1].1["a"], &world.posts[1].1["tenantId"]), (&json!(1), &json!("acme")));
    });
    let mut session = open(DriverKind::Postgres, &database.url).await;
    let error = asks.up(&mut session, DriverKind::Postgres, &tags(2)).await.unwrap_err();
    assert!(error.text.contains("not a deployment"), "{error}");
    session.close().await;
}
