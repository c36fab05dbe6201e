//! Tenants' own databases through the two programs: an address goes in by standard input and never comes out; plan, apply, rollback,
//! keys that change, and what a tenant's user is told.

use std::path::PathBuf;
use std::time::Duration;

use cutover_daemon::client::Client;
use cutover_daemon::clock::Clock;
use cutover_tests::demo::secrets::search_for;
use cutover_tests::harness::{Ended, Said};
use cutover_tests::services::{Database, PASSWORD, Postgres};
use http::Method;
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _};
use tempfile::TempDir;

use super::api::{SECRET, parsed, send, token};
use super::stage::Stage;

const NOTES: &str =
    "-- Notes of a tenant.\nCREATE TABLE notes (id INTEGER PRIMARY KEY, title TEXT NOT NULL);\n";
const TAGS: &str = "-- Tags of notes.\nCREATE TABLE tags (id INTEGER PRIMARY KEY, name TEXT NOT NULL);\n";

/// No place where a secret was found.
const NOWHERE: [PathBuf; 0] = [];

/// A daemon with a fleet, and everything that was printed.
struct Fleet {
    stage: Stage,
    folder: TempDir,
    printed: String,
}

impl Fleet {
    async fn new() -> Self {
        let folder = TempDir::with_prefix("cutover-e2e-fleet-").unwrap();
        let more = format!(
            "[http]\nlisten = \"127.0.0.1:0\"\n[api]\njwt_secret = {SECRET:?}\n[fleet]\nfolder = {:?}\ncanary = [\"acme\"]\n",
            folder.path()
        );
        let stage = Stage::of(20, Some(4), &more).await;
        stage.reconfigure("app_id = ", "webhook_secret = \"planted-webhook-secret-of-the-fleet\"\napp_id = ");
        stage.reconfigure("[log]\n", "[log]\nlevel = \"trace\"\n");
        Self { stage, folder, printed: String::new() }
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn keep(&mut self, said: &Said) {
        self.printed += &said.stdout;
        self.printed += &said.stderr;
    }

    async fn say(&mut self, code: i32, args: &[&str]) -> Said {
        let said = self.stage.cli.call(args).await.unwrap();
        assert_eq!(said.code, code, "{args:?}: {}{}", said.stdout, said.stderr);
        self.keep(&said);
        said
    }

    async fn ask(&mut self, code: i32, args: &[&str]) -> Value {
        let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        serde_json::from_str(&self.say(code, &args).await.stdout).unwrap()
    }

    /// Hands an address in as people do.
    async fn add(&mut self, code: i32, tenant: &str, driver: &str, address: &str) -> Said {
        let args = ["fleet", "instance", "add", tenant, "--driver", driver, "--stdin"];
        let said = self.stage.cli.fed(&args, format!("{address}\n").as_bytes()).await.unwrap();
        assert_eq!(said.code, code, "{tenant}: {}{}", said.stdout, said.stderr);
        self.keep(&said);
        said
    }

    /// Plans, approves by the digest, applies.
    async fn go(&mut self, code: i32, plan: &[&str]) -> Value {
        let run = self.ask(0, plan).await;
        let (id, digest) = (run["id"].as_str().unwrap(), run["digest"].as_str().unwrap());
        self.ask(code, &["fleet", "apply", id, "--approve", digest]).await
    }

    async fn version(&mut self, tenant: &str) -> Value {
        self.ask(0, &["fleet", "instance", "show", tenant]).await["instance"]["version"].clone()
    }

    /// Where the address or its password stands: in what was printed, the store, the logs, the keys.
    fn found(&self, addresses: &[&str]) -> Vec<PathBuf> {
        let state = self.stage.home.state();
        let planted: Vec<&str> = addresses.iter().copied().chain([PASSWORD]).collect();
        let found = search_for(&planted, &self.printed, &[&state]).unwrap();
        found.into_iter().map(|found| PathBuf::from(found.place)).collect()
    }

    async fn migrations(&self, bearer: Option<&str>) -> (u16, Value) {
        self.migrations_page("", bearer).await
    }

    async fn migrations_page(&self, query: &str, bearer: Option<&str>) -> (u16, Value) {
        let address = std::fs::read_to_string(self.stage.home.state().join("http.addr")).unwrap();
        let url = format!("http://{}/api/v1/app/migrations{query}", address.trim());
        let bearer = bearer.map(|bearer| format!("Bearer {bearer}"));
        let headers: Vec<(&str, &str)> =
            bearer.iter().map(|value| ("authorization", value.as_str())).collect();
        parsed(&send(&Client::new().unwrap(), Method::GET, &url, &headers).await)
    }
}

async fn tables(database: &Database) -> Vec<String> {
    let mut server = database.connect().await.unwrap();
    let names =
        sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
            .fetch_all(&mut server)
            .await
            .unwrap();
    server.close().await.unwrap();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_goes_in_and_never_comes_out() {
    let database = Postgres::shared().await.unwrap().database().await.unwrap();
    let mut fleet = Fleet::new().await;
    fleet.write("0001_notes.up.sql", NOTES);
    fleet.write("0001_notes.down.sql", "DROP TABLE notes;\n");
    let daemon = fleet.stage.daemon().await;

    // Refused, and not repeated.
    let nowhere = format!("postgres://u:{PASSWORD}@127.0.0.1:1/nowhere");
    let said = fleet.add(2, "acme", "sqlite", &format!("\n{}\nand more\nand more", database.url)).await;
    assert!(said.stderr.contains("standard input: "), "{}", said.stderr);
    fleet.add(2, "acme", "http", &nowhere).await;
    fleet.add(2, "acme", "postgres", &format!("postgres://u:{PASSWORD}@127.0.0.1:no/nowhere")).await;
    fleet.add(0, "away", "postgres", &nowhere).await;
    fleet.add(0, "acme", "postgres", &database.url).await;
    let shown = fleet.ask(0, &["fleet", "instance", "show", "acme"]).await;
    assert_eq!((&shown["instance"]["state"], &shown["instance"]["version"]), (&json!("new"), &json!(0)));
    fleet.say(0, &["fleet", "instance", "test", "acme"]).await;
    let said = fleet.say(1, &["fleet", "instance", "test", "away"]).await;
    assert!(said.stdout.contains("127.0.0.1:1"), "{}", said.stdout);

    // All there is to see, with everything logged.
    let plan = fleet.say(0, &["fleet", "plan", "--to", "1", "--sql"]).await;
    assert!(
        plan.stdout.contains("CREATE TABLE notes") && plan.stdout.contains("can't be reached"),
        "{}",
        plan.stdout
    );
    // One who is away was left out: not all have it.
    let ended = fleet.go(1, &["fleet", "plan", "--to", "1"]).await;
    let result = &ended["result"];
    assert_eq!(
        [&result["total"], &result["succeeded"], &result["failed"], &result["skipped"]],
        [&json!(2), &json!(1), &json!(0), &json!(1)],
        "{result}"
    );
    assert_eq!(result["errors"][0]["userId"], "away");
    assert_eq!(tables(&database).await, ["cutover_migrations", "notes"]);
    let export = fleet.stage.home.state().join("audit.jsonl").display().to_string();
    for args in [
        &["status"][..],
        &["fleet", "status"],
        &["fleet", "status", "--instances"],
        &["fleet", "registry"],
        &["fleet", "history"],
        &["fleet", "instance", "list"],
        &["fleet", "instance", "show", "away"],
        &["run", "list"],
        &["run", "items", "latest", "--all-rows"],
        &["audit", "list", "--all-rows"],
        &["audit", "export", &export],
    ] {
        for json in [&[][..], &["--json"]] {
            let args: Vec<&str> = args.iter().chain(json).copied().collect();
            let said = fleet.stage.say(&[0, 1], &args).await;
            fleet.keep(&said);
        }
    }
    assert_eq!(fleet.found(&[&database.url, &nowhere]), NOWHERE, "while it runs, write-ahead log and all");
    assert_eq!(daemon.kill().await.unwrap(), Ended::Signal(9));
    assert_eq!(fleet.found(&[&database.url, &nowhere]), NOWHERE, "after a crash");
    assert!(fleet.stage.log().contains("\"TRACE\""), "the search saw a log of everything");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_goes_there_and_back_and_its_tenant_is_told() {
    let database = Postgres::shared().await.unwrap().database().await.unwrap();
    let mut fleet = Fleet::new().await;
    let file = fleet.folder.path().join("beta.db");
    sqlx::SqliteConnection::connect(&format!("sqlite://{}?mode=rwc", file.display())).await.unwrap();
    fleet.write("0001_notes.up.sql", NOTES);
    fleet.write("0001_notes.down.sql", "DROP TABLE notes;\n");
    let daemon = fleet.stage.daemon().await;
    fleet.add(0, "acme", "postgres", &database.url).await;
    fleet.add(0, "beta", "sqlite", &file.display().to_string()).await;

    // Nothing wrong, something to be said, a mistake.
    fleet.say(0, &["fleet", "lint"]).await;
    fleet.write("0002_tags.up.sql", TAGS);
    let said = fleet.say(1, &["fleet", "lint"]).await;
    assert!(said.stdout.contains("0002_tags.up.sql:1: no-down"), "{}", said.stdout);
    fleet.write("0002_other.up.sql", TAGS);
    let said = fleet.say(3, &["fleet", "lint"]).await;
    assert!(said.stdout.is_empty() && said.stderr.contains("mistake: "), "{}{}", said.stdout, said.stderr);
    fleet.say(3, &["fleet", "plan", "--to", "2"]).await;
    std::fs::remove_file(fleet.folder.path().join("0002_other.up.sql")).unwrap();

    let ended = fleet.go(0, &["fleet", "plan", "--to", "2"]).await;
    assert_eq!(ended["result"]["succeeded"], 2, "{ended}");
    assert_eq!(tables(&database).await, ["cutover_migrations", "notes", "tags"]);
    let status = fleet.ask(0, &["fleet", "status"]).await;
    assert_eq!((&status["target"], &status["outdated"]), (&json!(2), &json!(0)), "{status}");

    // A way back is refused as a whole where a `down` is missing, and names it.
    let said = fleet.say(3, &["fleet", "rollback", "--to", "0", "--all"]).await;
    assert!(said.stderr.contains("0002_tags has no way down"), "{}", said.stderr);
    assert_eq!((fleet.version("acme").await, fleet.version("beta").await), (json!(2), json!(2)));
    fleet.write("0002_tags.down.sql", "DROP TABLE tags;\n");
    let said = fleet.say(0, &["fleet", "rollback", "--to", "1", "--tenant", "acme"]).await;
    assert!(said.stdout.contains("DATA GONE") && said.stdout.contains("table tags"), "{}", said.stdout);
    let ended = fleet.go(0, &["fleet", "rollback", "--to", "1", "--tenant", "acme"]).await;
    assert_eq!(ended["result"]["succeeded"], 1, "{ended}");
    assert_eq!(tables(&database).await, ["cutover_migrations", "notes"]);
    assert_eq!((fleet.version("acme").await, fleet.version("beta").await), (json!(1), json!(2)));
    let history = fleet.ask(0, &["fleet", "history", "acme"]).await;
    let told: Vec<(i64, &str)> = history["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["version"].as_i64().unwrap(), row["way"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [(2, "down"), (2, "up"), (1, "up")], "newest first");

    // Its own, and nobody else's.
    let soon = Clock::system().now() / 1000 + 600;
    let (status, acme) = fleet.migrations(Some(&token("acme", soon))).await;
    assert_eq!((status, &acme["version"], &acme["pending_count"]), (200, &json!(1), &json!(1)), "{acme}");
    let told: Vec<(&str, &str)> = acme["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["migration_id"].as_str().unwrap(), row["direction"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [("0002_tags", "down"), ("0002_tags", "up"), ("0001_notes", "up")]);
    let (_, beta) = fleet.migrations(Some(&token("beta", soon))).await;
    assert_eq!(
        (&beta["tenant_id"], &beta["version"], &beta["pending_count"]),
        (&json!("beta"), &json!(2), &json!(0))
    );
    let (_, nobody) = fleet.migrations(Some(&token("nobody", soon))).await;
    assert_eq!((&nobody["version"], &nobody["history"]), (&Value::Null, &json!([])), "{nobody}");
    assert_eq!(fleet.migrations(None).await.0, 401);
    // Else a client that goes from page to page would begin again for ever.
    let (status, refused) = fleet.migrations_page("?before=abc", Some(&token("acme", soon))).await;
    assert_eq!(status, 400, "{refused}");
    assert_eq!(fleet.migrations(Some(&token("acme", soon - 1_200))).await.0, 401);

    // Changed by hand: left out, shown, taken.
    let mut theirs = database.connect().await.unwrap();
    theirs.execute("CREATE TABLE by_hand (id int)").await.unwrap();
    theirs.close().await.unwrap();
    let said = fleet.say(1, &["fleet", "instance", "test", "acme"]).await;
    assert!(said.stdout.contains("by_hand"), "{}", said.stdout);
    let ended = fleet.go(1, &["fleet", "plan", "--refresh"]).await;
    assert_eq!(ended["result"]["skipped"], 1, "{ended}");
    assert_eq!(fleet.version("acme").await, 1);
    fleet.say(0, &["fleet", "instance", "accept", "acme"]).await;
    fleet.go(0, &["fleet", "plan"]).await;
    assert_eq!(fleet.version("acme").await, 2);
    drop(daemon);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_credential_gets_the_new_key_and_still_opens() {
    let database = Postgres::shared().await.unwrap().database().await.unwrap();
    let mut fleet = Fleet::new().await;
    let daemon = fleet.stage.daemon().await;
    fleet.add(0, "acme", "postgres", &database.url).await;
    let key = async |fleet: &mut Fleet| {
        fleet.ask(0, &["fleet", "instance", "show", "acme"]).await["instance"]["key"].clone()
    };
    let was = key(&mut fleet).await;
    let rotated = fleet.ask(0, &["fleet", "instance", "rotate-key"]).await;
    let new = rotated["rotating"]["key"].clone();
    assert!(new.is_string() && new != was, "{rotated}");
    let left = async { while fleet.ask(0, &["fleet", "status"]).await["old_key"] != 0 {} };
    Clock::system()
        .timeout(Duration::from_secs(60), left)
        .await
        .expect("a credential has the old key for ever");
    assert_eq!(key(&mut fleet).await, new);
    fleet.say(0, &["fleet", "instance", "test", "acme"]).await;
    assert_eq!(daemon.kill().await.unwrap(), Ended::Signal(9));
    let daemon = fleet.stage.daemon().await;
    fleet.say(0, &["fleet", "instance", "test", "acme"]).await;
    assert_eq!(daemon.stop().await.unwrap(), Ended::Code(0));
    assert_eq!(fleet.found(&[&database.url]), NOWHERE);
}
