use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;

mod crosscheck;
mod mistakes;
mod precedence;
mod random;
mod secrets;
mod written;

pub(super) const APP_KEY: &str = include_str!("testdata/app.pem");
pub(super) const SECOND_KEY: &str = include_str!("testdata/second.pem");

/// A folder with a private key, in which a configuration can be written.
pub(super) struct Bench {
    pub(super) dir: TempDir,
}

impl Bench {
    pub(super) fn new() -> Self {
        let bench = Self { dir: tempfile::tempdir().unwrap() };
        bench.secret("app.pem", APP_KEY);
        bench
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn secret(&self, name: &str, text: &str) -> PathBuf {
        self.file(name, text, 0o600)
    }

    pub(super) fn file(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    /// An environment in which every derived place is inside the folder.
    pub(super) fn env(&self, more: &[(&str, &str)]) -> Env {
        let home = self.dir.path().to_str().unwrap();
        [("HOME", home)].into_iter().chain(more.iter().copied()).collect()
    }

    /// What is required, then `more`.
    pub(super) fn minimal(&self, more: &str) -> String {
        format!("environment = \"staging\"\n[github]\napp_id = 7\nprivate_key_file = \"app.pem\"\n{more}")
    }

    pub(super) fn load(&self, text: &str, variables: &[(&str, &str)]) -> Result<Loaded, Mistakes> {
        let path = self.file("cutover.toml", text, 0o600);
        Config::load(Some(&path), &self.env(variables))
    }

    /// The mistakes as people read them, without the temporary folder.
    pub(super) fn errors(&self, text: &str, variables: &[(&str, &str)]) -> String {
        match self.load(text, variables) {
            Ok(_) => "no mistakes".to_owned(),
            Err(mistakes) => self.plain(&mistakes),
        }
    }

    pub(super) fn plain(&self, mistakes: &Mistakes) -> String {
        mistakes.to_string().replace(&format!("{}/", self.dir.path().display()), "")
    }
}

#[track_caller]
pub(super) fn has(text: &str, part: &str) {
    assert!(text.contains(part), "not found:\n{part}\n--- in ---\n{text}");
}

#[test]
fn what_is_required_is_enough() {
    let bench = Bench::new();
    let loaded = bench.load(&bench.minimal(""), &[]).unwrap();
    let config = loaded.config;
    assert_eq!(config.environment, "staging");
    assert_eq!(config.state_dir, bench.path(".local/state/cutover"));
    assert_eq!(config.store, Store::Sqlite { path: bench.path(".local/state/cutover/cutover.db") });
    assert_eq!(config.rpc.socket, bench.path(".local/state/cutover/run/cutoverd.sock"));
    assert_eq!(config.rpc.access, SocketAccess::Owner);
    assert_eq!(config.github.api_base, "https://api.github.com");
    assert_eq!(config.github.web_base, "https://github.com");
    assert_eq!(config.github.host().as_str(), "github.com");
    assert_eq!(config.github.keys.len(), 1);
    assert!(matches!(config.catalog, Catalog::Embedded));
    assert_eq!(config.run.chunk, 256);
    assert_eq!(config.log.dir, bench.path(".local/state/cutover/log"));
    assert!(config.operators.is_empty());
}

#[test]
fn without_a_file_the_environment_can_say_everything() {
    let bench = Bench::new();
    let env = bench.env(&[
        ("CUTOVER_ENVIRONMENT", "production"),
        ("GITHUB_APP_ID", "9"),
        ("GITHUB_APP_PRIVATE_KEY", &APP_KEY.replace('\n', "\\n")),
    ]);
    let loaded = Config::load(None, &env).unwrap();
    assert_eq!((loaded.file, loaded.config.github.app_id), (None, Some(9)));
}

#[test]
fn the_derived_places_are_those_that_the_clients_look_in() {
    let process = Env::of_process();
    let env: Env = process
        .names()
        .filter(|name| name.starts_with("XDG_") || *name == "HOME")
        .filter_map(|name| Some((name, process.get(name)?)))
        .chain([("GITHUB_APP_PRIVATE_KEY", APP_KEY)])
        .collect();
    let loaded =
        Config::of_bytes(Path::new("cutover.toml"), b"environment = 'demo'\ngithub.app_id = 1", &env)
            .unwrap();
    assert_eq!(loaded.config.state_dir, cutover_shared::paths::state_dir());
    assert_eq!(loaded.config.rpc.socket, cutover_shared::paths::socket());
}

#[test]
fn every_part_lands_in_its_type() {
    let bench = Bench::new();
    bench.secret("second.pem", SECOND_KEY);
    bench.secret("db", "postgres://app:pw@db.local/app\n");
    let text = bench.minimal(
        r#"second_private_key_file = "second.pem"
api_base_url = "https://ghe.example.com/api/v3/"
oauth_client_id = "Iv1.x"
oauth_client_secret = "shhh"
request_timeout = "1500ms"
[rpc]
socket = "run/x.sock"
group = "root"
[[operators]]
uid = 1000
name = "ana"
role = "approver"
[[operators]]
uid = 1001
name = "ben"
role = "viewer"
[migration]
mode = "canary"
canary_tenants = ["b", "a", "b"]
[catalog]
source = "postgres"
database_url_file = "db"
[catalog.postgres]
repo_table = "Repo"
user_token = ""
imported_at = "at"
[store]
url = "sqlite:own.db"
"#,
    );
    let config = bench.load(&text, &[]).unwrap().config;
    assert_eq!(config.github.web_base, "https://ghe.example.com");
    assert_eq!(config.github.host().as_str(), "ghe.example.com");
    assert_eq!(config.github.keys.len(), 2);
    assert_eq!(config.github.oauth.unwrap().client_id, "Iv1.x");
    assert_eq!(config.github.request_timeout.as_millis(), 1500);
    assert_eq!(config.rpc.socket, bench.path("run/x.sock"));
    assert_eq!(config.rpc.access, SocketAccess::Group { name: "root".into(), gid: 0 });
    assert_eq!(config.operators.len(), 2);
    assert_eq!(config.operators[1].role, cutover_shared::rpc::Role::Viewer);
    assert_eq!(config.migration.canary, vec!["a".into(), "b".into()]);
    assert_eq!(config.store, Store::Sqlite { path: bench.path(".local/state/cutover/own.db") });
    let Catalog::Postgres(catalog) = config.catalog else { panic!("not postgres") };
    assert_eq!(
        catalog.names.repo.place,
        RepoPlace::Table { table: "Repo".into(), project: "projectId".into(), name: "fullName".into() }
    );
    assert_eq!((catalog.names.user_tokens, catalog.names.repo.imported_at), (None, Some("at".into())));
}

#[test]
fn check_says_each_value_and_where_it_comes_from() {
    let bench = Bench::new();
    let path = bench.file("cutover.toml", &bench.minimal("max_in_flight = 4\n"), 0o600);
    let database = ("DATABASE_URL", "postgres://app:hunter2@db.local/app");
    let report = run_check(Some(&path), &bench.env(&[("GITHUB_APP_ID", "9"), database]));
    assert!(report.ok, "{}", report.text);
    let line = |key: &str| {
        let line = report.text.lines().find(|line| line.starts_with(key)).unwrap_or_default();
        line.replace(&format!("{}/", bench.dir.path().display()), "")
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(line("environment"), "environment \"staging\" cutover.toml:1:15");
    assert_eq!(line("github.app_id"), "github.app_id 9 GITHUB_APP_ID");
    assert_eq!(line("github.private_key"), "github.private_key [set] cutover.toml:4:20");
    assert_eq!(line("github.max_in_flight"), "github.max_in_flight 4 cutover.toml:5:17");
    assert_eq!(line("run.chunk"), "run.chunk 256 default");
    assert_eq!(
        line("catalog.database_url"),
        "catalog.database_url postgres://db.local:5432/app DATABASE_URL"
    );
    assert!(!report.text.contains("hunter2") && !report.text.contains("BEGIN"));

    let bad = run_check(Some(&bench.path("absent.toml")), &bench.env(&[]));
    assert!(!bad.ok);
    has(&bad.text, "there is no such configuration file");
}
