use std::collections::BTreeSet;

use super::document::{BEGIN, END, commented_file, markdown};
use super::key::{Kind, Need};
use super::table::{KEYS, SECTIONS};
use super::*;

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md")
}

#[test]
fn the_document_equals_the_table() {
    let text = fs::read_to_string(docs()).unwrap();
    let (_, rest) = text.split_once(BEGIN).expect("the begin mark");
    let (keys, _) = rest.split_once(END).expect("the end mark");
    assert!(
        keys.trim() == markdown().trim(),
        "docs/configuration.md is behind the table: cargo test -p cutover-daemon write_the_document -- --ignored"
    );
}

#[test]
#[ignore = "writes docs/configuration.md; run it after the table has changed"]
fn write_the_document() {
    let text = fs::read_to_string(docs()).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the begin mark");
    let (_, after) = rest.split_once(END).expect("the end mark");
    fs::write(docs(), format!("{before}{BEGIN}\n\n{}\n{END}{after}", markdown().trim())).unwrap();
}

#[test]
fn the_table_is_sound() {
    let mut names = BTreeSet::new();
    let mut variables = BTreeSet::new();
    for key in KEYS {
        assert!(names.insert(key.name.to_owned()), "{} twice", key.name);
        if key.is_secret() {
            assert!(names.insert(format!("{}_file", key.name)), "{}_file twice", key.name);
        }
        for name in key.variables_taken() {
            assert!(variables.insert(name.clone()), "{name} twice");
        }
        assert!(SECTIONS.iter().any(|section| section.name == key.section()), "{} has no section", key.name);
        assert!(key.doc.ends_with('.'), "{}: a sentence ends with a full stop", key.name);
        let literals = match key.need {
            Need::Default(default) => vec![default, key.example],
            Need::Required | Need::Optional | Need::Derived(_) => vec![key.example],
        };
        for literal in literals.iter().filter(|_| !matches!(key.kind, Kind::Secret(_))) {
            let parsed = toml::de::DeValue::parse(literal).expect(key.name);
            super::value::from_toml(&key.kind, &parsed).expect(key.name);
        }
    }
}

/// A server that a query is asked of.
const ASKED: &str =
    "url = \"http://127.0.0.1:1\"\ntarget_calls = \"$operation\"\ntarget_errors = \"$operation\"\n";

const PROMETHEUS: &str = "target_calls = \"$operation\"\ntarget_errors = \"$operation\"\n";

/// Every key, set to its example, changes what is loaded; one that doesn't is read nowhere.
#[test]
fn every_key_has_an_effect() {
    let bench = Bench::new();
    bench.secret("second.pem", SECOND_KEY);
    bench.secret("opaque", "x");
    bench.secret("db", "postgres://app:x@db/app");
    bench.secret("store", "sqlite:other.db");
    bench.secret("redis", "redis://:x@localhost");
    // Values that differ from the defaults where the example doesn't, and what a key needs beside it.
    let special = |name: &str| match name {
        "github.private_key" => Some(("private_key_file = \"second.pem\"", "")),
        "github.second_private_key" => Some(("second_private_key_file = \"second.pem\"", "")),
        "github.oauth_client_secret" => {
            Some(("oauth_client_secret_file = \"opaque\"", "oauth_client_id = \"x\"\n"))
        }
        "github.oauth_client_id" => Some(("oauth_client_id = \"y\"", "oauth_client_secret = \"x\"\n")),
        "github.max_in_flight" => Some(("max_in_flight = 3", "")),
        "github.background_reserve_permille" => Some(("background_reserve_permille = 3", "")),
        "github.points_per_minute" => Some(("points_per_minute = 99", "")),
        "mapping.canary_observation" => Some(("canary_observation = \"3h\"", "")),
        "github.request_timeout" => Some(("request_timeout = \"3s\"", "")),
        "github.webhook_secret" => Some(("webhook_secret_file = \"opaque\"", "")),
        "github.second_webhook_secret" => Some(("second_webhook_secret = \"y\"", "webhook_secret = \"x\"\n")),
        "github.client_secret" => Some(("client_secret_file = \"opaque\"", "client_id = \"x\"\n")),
        "github.client_id" => Some(("client_id = \"y\"", "client_secret = \"x\"\n")),
        "api.jwks_url" => Some(("jwks_url = \"https://a.example/keys\"", "jwt_issuer = \"x\"\n")),
        "api.jwt_secret" => Some(("jwt_secret_file = \"opaque\"", "")),
        "api.jwt_leeway" => Some(("jwt_leeway = \"3s\"", "")),
        "api.service_token" => Some(("service_token_file = \"opaque\"", "")),
        "migration.old_hook_secret" => Some(("old_hook_secret_file = \"opaque\"", "")),
        "http.auth_per_minute" => Some(("auth_per_minute = 3", "")),
        "http.api_per_minute" => Some(("api_per_minute = 3", "")),
        "http.max_connections" => Some(("max_connections = 3", "")),
        "http.failed_signatures_per_minute" => Some(("failed_signatures_per_minute = 3", "")),
        "http.only_github_addresses" => Some(("only_github_addresses = true", "")),
        "http.allowed_networks" => {
            Some(("allowed_networks = [\"192.0.2.0/24\"]", "only_github_addresses = true\n"))
        }
        "http.tls_certificate" => Some(("tls_certificate = \"c.pem\"", "tls_key = \"k.pem\"\n")),
        "http.tls_key" => Some(("tls_key = \"k.pem\"", "tls_certificate = \"c.pem\"\n")),
        "rpc.group" => Some(("group = \"root\"", "")),
        "store.url" => Some(("url_file = \"store\"", "")),
        "catalog.source" => Some(("source = \"postgres\"", "database_url_file = \"db\"\n")),
        "catalog.database_url" => Some(("database_url_file = \"db\"", "source = \"postgres\"\n")),
        "stop_timeout" => Some(("stop_timeout = \"3s\"", "")),
        "mapping.probe_budget" => Some(("probe_budget = 3", "")),
        "mapping.sweep_parallel" => Some(("sweep_parallel = 3", "")),
        "mapping.index_max_age" => Some(("index_max_age = \"3h\"", "")),
        "mapping.auto_map_confidence" => Some(("auto_map_confidence = 95", "auto_map = \"on\"\n")),
        "inbox.parallel" => Some(("parallel = 3", "")),
        "inbox.tries" => Some(("tries = 3", "")),
        "inbox.recover_every" => Some(("recover_every = \"3h\"", "")),
        "inbox.keep_payloads" => Some(("keep_payloads = \"3h\"", "")),
        "engine.token" => Some(("token_file = \"opaque\"", "")),
        "engine.parallel" => Some(("parallel = 3", "")),
        "engine.tries" => Some(("tries = 3", "")),
        "engine.timeout" => Some(("timeout = \"3s\"", "")),
        "workflows.read_every" => Some(("read_every = \"5m\"", "source = \"application\"\n")),
        "workflows.notify_channel" => Some(("notify_channel = \"c\"", "source = \"application\"\n")),
        "import.parallel" => Some(("parallel = 3", "")),
        "import.timeout" => Some(("timeout = \"3s\"", "")),
        "import.max_bytes" => Some(("max_bytes = 3", "")),
        "import.max_files" => Some(("max_files = 3", "")),
        "import.keep_artifacts" => Some(("keep_artifacts = \"3h\"", "")),
        "rollout.prometheus.url" => Some(("url = \"http://127.0.0.1:1\"", PROMETHEUS)),
        "rollout.prometheus.token" => Some(("token_file = \"opaque\"", "")),
        "rollout.prometheus.legacy_p95" => Some((
            "legacy_p95 = \"$operation\"",
            "legacy_calls = \"$operation\"\nlegacy_errors = \"$operation\"\n",
        )),
        "rollout.prometheus.target_p95" => Some(("target_p95 = \"$operation\"", PROMETHEUS)),
        "rollout.prometheus.legacy_calls" => {
            Some(("legacy_calls = \"$operation\"\nlegacy_errors = \"$operation\"", ""))
        }
        "rollout.prometheus.legacy_errors" => {
            Some(("legacy_errors = \"$operation\"\nlegacy_calls = \"$operation\"", ""))
        }
        "rollout.prometheus.target_calls" => {
            Some(("target_calls = \"$operation\"\ntarget_errors = \"$operation\"", ""))
        }
        "rollout.prometheus.target_errors" => {
            Some(("target_errors = \"$operation\"\ntarget_calls = \"$operation\"", ""))
        }
        "fleet.load_query" => Some(("load_query = \"SELECT 1\"\nload_most = 1", "")),
        "fleet.load_most" => Some(("load_most = 1\nload_query = \"SELECT 1\"", "")),
        "fleet.load_every" => Some(("load_every = \"15s\"", "load_most = 1\nload_query = \"SELECT 1\"\n")),
        "fleet.deploy_token" => {
            Some(("deploy_token_file = \"opaque\"", "deploy_url = \"https://a.example\"\n"))
        }
        "fleet.notify_token" => {
            Some(("notify_token_file = \"opaque\"", "notify_url = \"https://a.example\"\n"))
        }
        "fleet.application.key" => Some(("key_file = \"opaque\"", "")),
        "alertmanager.token" => Some(("token_file = \"opaque\"", "")),
        "alertmanager.password" => Some(("password_file = \"opaque\"", "")),
        "worth.cost_query" => Some(("cost_query = \"x\"", "")),
        "run.plan_ttl" => Some(("plan_ttl = \"3h\"", "")),
        "run.chunk" => Some(("chunk = 3", "")),
        "run.lease" => Some(("lease = \"3s\"", "")),
        "locks.redis_url" => Some(("redis_url_file = \"redis\"", "backend = \"redis\"\n")),
        "locks.backend" => Some(("backend = \"database\"", "")),
        "log.keep_days" => Some(("keep_days = 3", "")),
        _ => None,
    };
    let build = |section: &str, lines: &str| {
        let base = [
            ("", "environment = \"demo\"\n"),
            ("http", ""),
            ("api", ""),
            ("github", "app_id = 7\nprivate_key_file = \"app.pem\"\n"),
            ("catalog", "source = \"postgres\"\ndatabase_url_file = \"db\"\n"),
            ("catalog.postgres", ""),
            ("catalog.postgres.mirror", ""),
            ("store", ""),
            ("rpc", ""),
            ("migration", ""),
            ("mapping", ""),
            ("inbox", ""),
            ("engine", ""),
            ("scheduler", ""),
            ("workflows", ""),
            ("import", ""),
            ("rollout", ""),
            ("rollout.prometheus", if lines.contains("cost_query") { ASKED } else { "" }),
            ("sandbox", ""),
            ("fleet", ""),
            ("fleet.application", ""),
            ("alertmanager", ""),
            ("rollout.roles", ""),
            ("worth", ""),
            ("run", ""),
            ("locks", ""),
            ("log", ""),
        ];
        let mut text = String::new();
        for (name, usual) in base {
            if !name.is_empty() {
                text.push_str(&format!("[{name}]\n"));
            }
            let set = |line: &str| {
                line.split(" = ").next().unwrap_or_default().trim_end_matches("_file").to_owned()
            };
            let mine: Vec<String> = lines.lines().map(set).collect();
            for line in usual.lines().filter(|line| name != section || !mine.contains(&set(line))) {
                text.push_str(&format!("{line}\n"));
            }
            if name == section {
                text.push_str(lines);
            }
        }
        text
    };
    for key in KEYS.iter().filter(|key| !key.is_repeated()) {
        let (line, beside) = special(key.name).map_or_else(
            || (format!("{} = {}", key.field(), key.example), String::new()),
            |(line, beside)| (line.to_owned(), beside.to_owned()),
        );
        let beside = match key.name {
            "catalog.postgres.repo_project" | "catalog.postgres.repo_name" => {
                "repo_table = \"R\"\n".to_owned()
            }
            // And a column of the fleet's table where the table can be opened.
            name if key.section() == "fleet.application" && name != "fleet.application.key" => {
                "key_file = \"opaque\"\n".to_owned()
            }
            // A name counts where its copy is made.
            name if key.section() == "catalog.postgres.mirror" => {
                let flag = if name.contains(".installation_") { "installations" } else { "integrations" };
                if name.ends_with(flag) { String::new() } else { format!("{flag} = true\n") }
            }
            _ => beside,
        };
        let (without, with) = match key.name {
            "catalog.source" => (
                build("catalog", "source = \"embedded\"\n"),
                build("catalog", "source = \"postgres\"\ndatabase_url_file = \"db\"\n"),
            ),
            _ => (build(key.section(), &beside), build(key.section(), &format!("{beside}{line}\n"))),
        };
        // Secrets don't show, so those are compared by what stands open.
        let shown = |text: &str| {
            use secrecy::ExposeSecret;
            let secret: &[_] =
                if key.name == "http.listen" { &[("GITHUB_WEBHOOK_SECRET", "x")] } else { &[] };
            let loaded = bench
                .load(text, secret)
                .unwrap_or_else(|mistakes| panic!("{}: {mistakes}\n{text}", key.name));
            let config = loaded.config;
            let keys: Vec<String> =
                config.github.keys.iter().map(|key| key.expose_secret().to_owned()).collect();
            format!("{config:?} {keys:?}")
        };
        if matches!(
            key.name,
            "catalog.database_url"
                | "github.oauth_client_id"
                | "github.oauth_client_secret"
                | "github.client_id"
                | "github.client_secret"
                | "http.tls_certificate"
                | "locks.redis_url"
                | "http.tls_key"
        ) {
            shown(&with);
            assert!(bench.load(&without, &[]).is_err() || key.name == "catalog.database_url", "{}", key.name);
            continue;
        }
        assert_ne!(shown(&without), shown(&with), "{} has no effect", key.name);
    }
}

#[test]
fn the_commented_file_is_free_of_mistakes_once_it_is_filled_in() {
    let bench = Bench::new();
    let text = commented_file(&[]);
    let errors = bench.errors(&text, &[]);
    has(&errors, "1 mistake in");
    assert_eq!(errors.matches("is required and not set").count(), 1, "{errors}");
    let filled = text
        .replace("#environment = ", "environment = ")
        .replace("#app_id = ", "app_id = ")
        .replace("#private_key_file = \"/etc/cutover/private_key_file\"", "private_key_file = \"app.pem\"");
    assert_eq!(bench.errors(&filled, &[]), "no mistakes");
    assert!(text.lines().all(|line| line.chars().count() <= 140), "a line is too long");
}

/// Taking the # away everywhere leaves nothing unknown and nothing of the wrong form.
#[test]
fn every_comment_in_the_file_is_a_key_that_can_be_taken() {
    let bench = Bench::new();
    bench.secret("second.pem", SECOND_KEY);
    bench.secret("opaque", "x");
    bench.secret("other", "y");
    bench.secret("flag-key", "z");
    bench.secret("db", "postgres://app:x@db/app");
    bench.secret("store", "sqlite:other.db");
    bench.secret("redis", "redis://:x@localhost");
    let text: String = commented_file(&[])
        .lines()
        .map(|line| {
            line.strip_prefix('#').filter(|rest| !rest.starts_with(' ') && !rest.is_empty()).unwrap_or(line)
        })
        .map(|line| format!("{line}\n"))
        .collect::<String>()
        .replace("/etc/cutover/private_key_file", "app.pem")
        .replace("/etc/cutover/second_private_key_file", "second.pem")
        .replace("/etc/cutover/webhook_secret_file", "opaque")
        .replace("/etc/cutover/second_webhook_secret_file", "other")
        .replace("/etc/cutover/oauth_client_secret_file", "opaque")
        .replace("/etc/cutover/client_secret_file", "opaque")
        .replace("/etc/cutover/jwt_secret_file", "opaque")
        .replace("/etc/cutover/service_token_file", "opaque")
        .replace("/etc/cutover/token_file", "opaque")
        .replace("/etc/cutover/key_file", "flag-key")
        .replace("/etc/cutover/old_hook_secret_file", "opaque")
        .replace("/etc/cutover/database_url_file", "db")
        .replace("/etc/cutover/redis_url_file", "redis")
        .replace("/etc/cutover/url_file", "store")
        .replace("/etc/cutover/password_file", "opaque")
        .replace("/etc/cutover/deploy_token_file", "opaque")
        .replace("/etc/cutover/notify_token_file", "opaque")
        // The copies in the application's database come from there.
        .replace("source = \"embedded\"", "source = \"postgres\"")
        // A body needs the other method than the one that holds by itself.
        .replace("method = \"GET\"", "method = \"POST\"")
        .replace("\"cutover\"", "\"root\"");
    assert_eq!(bench.errors(&text, &[]), "no mistakes");
}
