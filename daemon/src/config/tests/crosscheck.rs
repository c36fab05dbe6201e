use super::*;

#[test]
fn the_store_is_never_the_applications_database() {
    let bench = Bench::new();
    let state = bench.path(".local/state/cutover");
    let own = format!("file:{}/cutover.db", state.display());
    for (store, theirs) in [
        ("postgres://a:b@DB.local/app", "postgresql://other:x@db.local:5432/app?sslmode=require"),
        ("postgres://localhost/app", "postgres://u@127.0.0.1/app"),
        ("postgres:///app?host=db", "postgres://db:5432/app"),
        ("sqlite:cutover.db", own.as_str()),
        ("sqlite:./cutover.db", own.as_str()),
    ] {
        fs::create_dir_all(&state).unwrap();
        fs::write(state.join("cutover.db"), "").unwrap();
        let errors =
            bench.errors(&bench.minimal(""), &[("CUTOVER_STORE_URL", store), ("DATABASE_URL", theirs)]);
        has(&errors, "error: store.url: the store and the application's database are the same");
        has(&errors, "(environment variable DATABASE_URL)");
        has(&errors, "1 mistake");
    }
    let apart = [("CUTOVER_STORE_URL", "sqlite:x.db"), ("DATABASE_URL", "postgres://db/app")];
    assert_eq!(bench.errors(&bench.minimal(""), &apart), "no mistakes");
}

#[test]
fn a_store_that_comes_later_is_said_so() {
    let bench = Bench::new();
    let errors = |url: &str| bench.errors(&bench.minimal(&format!("[store]\nurl = \"{url}\"\n")), &[]);
    has(
        &errors("postgres://db/own"),
        "PostgreSQL as the daemon's own store comes later\n  --> cutover.toml:6:7",
    );
    has(&errors("mysql://db/own"), "found mysql:");
    has(&errors("sqlite::memory:"), "names no file on disk");
    has(&errors("sqlite:x.db?mode=ro"), "names no file on disk");
    has(&errors("x.db"), "no scheme");
}

#[test]
fn a_postgres_catalog_needs_its_database() {
    let bench = Bench::new();
    let text = bench.minimal("[catalog]\nsource = \"postgres\"\n");
    has(
        &bench.errors(&text, &[]),
        "error: catalog.database_url: is required when catalog.source is \"postgres\"",
    );
    has(&bench.errors(&text, &[("DATABASE_URL", "mysql://x/y")]), "only be read from PostgreSQL");
    has(&bench.errors(&text, &[("DATABASE_URL", "postgres://x:y/z")]), "can't be taken apart");
    has(&bench.errors(&text, &[("DATABASE_URL", "postgres://x")]), "names no database");
    // Another application's variable harms nobody while the catalog is embedded.
    assert_eq!(bench.errors(&bench.minimal(""), &[("DATABASE_URL", "mysql://x/y")]), "no mistakes");
    // Said once, as unreadable, not again as missing.
    has(&bench.errors(&text, &[("DATABASE_URL_FILE", "/nowhere")]), "1 mistake in");
}

#[test]
fn workflows_are_read_where_the_catalog_is() {
    let bench = Bench::new();
    let text = bench.minimal("[workflows]\nsource = \"application\"\n");
    has(&bench.errors(&text, &[]), "error: workflows.source: is \"application\" while catalog.source is not");
    let text = bench.minimal("[catalog]\nsource = \"postgres\"\n[workflows]\nsource = \"application\"\n");
    assert_eq!(bench.errors(&text, &[("DATABASE_URL", "postgres://db/app")]), "no mistakes");
    let config = bench.load(&text, &[("DATABASE_URL", "postgres://db/app")]).unwrap().config;
    let usual = AppWorkflows { every: std::time::Duration::from_secs(60), channel: None };
    assert_eq!(config.workflows, Some(usual));
    assert_eq!(bench.load(&bench.minimal(""), &[]).unwrap().config.workflows, None);
}

#[test]
fn pairs_that_contradict_each_other_are_said() {
    let bench = Bench::new();
    bench.secret("same.pem", &format!("\n{APP_KEY}\n"));
    for (more, key, what) in [
        ("oauth_client_id = \"x\"", "github.oauth_client_id", "without github.oauth_client_secret"),
        ("oauth_client_secret = \"x\"", "github.oauth_client_secret", "without github.oauth_client_id"),
        ("second_private_key_file = \"same.pem\"", "github.second_private_key", "the same key"),
        (
            "[catalog.postgres]\nrepo_name = \"n\"",
            "catalog.postgres.repo_name",
            "`repo_table`, which is not set",
        ),
        (
            "[catalog.postgres]\nstatus = \"githubInstallationId\"",
            "catalog.postgres.installation",
            "same column",
        ),
        (
            "[catalog.postgres]\nstatus = \"tenantId\"",
            "catalog.postgres.status",
            "same column as `project_tenant`",
        ),
        ("[sandbox]\nlease = \"2m\"", "sandbox.lease", "as long as a sandbox is kept"),
        (
            "[rollout]\nshadow_timeout = \"10m\"\n[sandbox]\nwall = \"10m\"\nlease = \"10m\"",
            "sandbox.wall",
            "as long as a sandbox is kept",
        ),
        ("[sandbox]\nwall = \"121s\"", "sandbox.wall", "longer than one that is compared"),
        (
            "[rollout]\nshadow_timeout = \"119s\"",
            "rollout.shadow_timeout",
            "longer than one that is compared",
        ),
    ] {
        let mistakes = bench.load(&bench.minimal(&format!("{more}\n")), &[]).unwrap_err();
        assert_eq!(mistakes.count(), 1, "{mistakes}");
        let mistake = &mistakes.list()[0];
        assert_eq!((mistake.kind, mistake.key.as_str()), (MistakeKind::Contradiction, key));
        has(&mistake.what, what);
        assert!(matches!(mistake.place, Place::At { .. }), "{mistakes}");
    }
}

#[test]
fn each_operator_has_a_uid_and_a_name_of_its_own() {
    let bench = Bench::new();
    let text = bench.minimal(
        "[[operators]]\nuid = 1\nname = \"ana\"\nrole = \"admin\"\n[[operators]]\nuid = 1\nname = \"ana\"\nrole = \"viewer\"\n",
    );
    let errors = bench.errors(&text, &[]);
    has(&errors, "error: operators.uid: uid 1 also stands at cutover.toml:5:1\n  --> cutover.toml:9:1");
    has(&errors, "error: operators.name: name ana also stands at cutover.toml:5:1");
}

#[test]
fn a_socket_path_must_fit_into_an_address() {
    let bench = Bench::new();
    let long = format!("/{}", "x".repeat(107));
    has(&bench.errors(&bench.minimal(""), &[("CUTOVER_RPC_SOCKET", &long)]), "108 bytes; Unix takes 107");
    assert_eq!(bench.errors(&bench.minimal(""), &[("CUTOVER_RPC_SOCKET", &long[..107])]), "no mistakes");
}

#[test]
fn a_door_for_webhooks_needs_their_secret() {
    let bench = Bench::new();
    let text = bench.minimal("[http]\nlisten = \"127.0.0.1:8080\"\n");
    let errors = bench.errors(&text, &[]);
    has(
        &errors,
        "error: github.webhook_secret: is required with http.listen, and not set: nobody could tell GitHub \
         from others\n  --> cutover.toml:6:10\n  = mend: write the App's webhook secret into a file of mode 0600",
    );
    has(&errors, "1 mistake in");
    let config = bench.load(&text, &[("GITHUB_WEBHOOK_SECRET", "hush")]).unwrap().config;
    assert_eq!(config.http.listen, Some("127.0.0.1:8080".parse().unwrap()));
    assert_eq!(config.github.webhook_secrets.len(), 1);
    // Said once, as unreadable, not again as missing.
    has(&bench.errors(&text, &[("GITHUB_WEBHOOK_SECRET_FILE", "/nowhere")]), "1 mistake in");
    let second = bench.minimal("second_webhook_secret = \"x\"\n");
    has(&bench.errors(&second, &[]), "is set without github.webhook_secret\n  --> cutover.toml:5:");
    has(&bench.errors(&second, &[("GITHUB_WEBHOOK_SECRET", "x")]), "is the same secret");
    let both = bench.load(&second, &[("GITHUB_WEBHOOK_SECRET", "y")]).unwrap().config;
    assert_eq!(both.github.webhook_secrets.len(), 2);
}

#[test]
fn addresses_of_the_http_door_are_checked() {
    let bench = Bench::new();
    let secret = [("GITHUB_WEBHOOK_SECRET", "hush")];
    for bad in ["localhost:80", "8080", "127.0.0.1", "127.0.0.1:99999"] {
        let text = bench.minimal(&format!("[http]\nlisten = \"{bad}\"\n"));
        let errors = bench.errors(&text, &secret);
        has(&errors, "error: http.listen: expected an address and a port");
        has(&errors, "  --> cutover.toml:6:10");
    }
    let proxies =
        |list: &str| bench.load(&bench.minimal(&format!("[http]\ntrusted_proxies = {list}\n")), &secret);
    let bad = proxies("[\"10.0.0.0/8\", \"proxy.local\", \"10.0.0.0/33\"]").unwrap_err();
    assert_eq!(bad.count(), 2, "{bad}");
    has(&bad.to_string(), "http.trusted_proxies: expected addresses or networks, found \"proxy.local\"");
    let good = proxies("[\"10.0.0.0/8\", \"192.0.2.7\", \"::1\"]").unwrap().config.http;
    assert_eq!(
        good.trusted_proxies,
        ["10.0.0.0/8", "192.0.2.7/32", "::1/128"].map(|net| net.parse().unwrap())
    );
}

fn probe(more: &str) -> String {
    format!("[[probes]]\nname = \"docs\"\nkind = \"sse\"\n{more}\n")
}

#[test]
fn probes_have_their_defaults() {
    let bench = Bench::new();
    let text = bench.minimal(&format!(
        "{}{}",
        probe("url = \"https://app.example.com/p/{project}?t={tenant}&r={repository}\"\ntoken = \"hush\""),
        "[[probes]]\nname = \"page\"\nkind = \"http\"\nurl = \"https://app.example.com\"\ndigest = true\nlength_permille = 7\ntimeout = \"3s\"\n",
    ));
    let loaded = bench.load(&text, &[]).unwrap();
    let [docs, page] = &loaded.config.probes[..] else { panic!("{:?}", loaded.config.probes) };
    assert_eq!((docs.end_event.as_deref(), docs.digest, docs.length_permille), (Some("done"), false, 500));
    assert_eq!((docs.timeout.as_secs(), docs.contains.as_deref()), (60, None));
    assert_eq!((page.end_event.as_deref(), page.digest, page.length_permille), (None, true, 7));
    assert_eq!((&docs.post, &page.post), (&None, &None), "nothing is sent unless somebody asks for it");
    assert!(page.token.is_none() && page.timeout.as_secs() == 3);
    let shown: Vec<&str> =
        loaded.settings.iter().filter(|set| set.key == "probes").map(|set| set.shown.as_str()).collect();
    assert_eq!(shown, ["docs (sse)", "page (http)"]);
    assert!(!format!("{:?}", loaded.config).contains("hush"));
}

#[test]
fn a_probe_sends_json_by_post_and_nothing_by_get() {
    let bench = Bench::new();
    let with = |more: &str| bench.minimal(&probe(&format!("url = \"https://app.example.com/x\"\n{more}")));
    let body = r#"{"project": "{project}", "query": "{ files }"}"#;
    let loaded = bench.load(&with(&format!("method = \"POST\"\nbody = '{body}'")), &[]).unwrap();
    assert_eq!(loaded.config.probes[0].post, Some(Post { body: Some(body.to_owned()) }));
    assert!(loaded.settings.iter().any(|set| set.shown == "docs (sse, POST)"));
    let empty = bench.load(&with("method = \"POST\""), &[]).unwrap();
    assert_eq!(empty.config.probes[0].post, Some(Post { body: None }));
    for (more, what) in [
        ("body = '{}'", "a GET sends no body"),
        ("method = \"GET\"\nbody = '{}'", "a GET sends no body"),
        ("method = \"POST\"\nbody = '{\"project\": {project}}'", "this is no JSON"),
        ("method = \"POST\"\nbody = '{} {}'", "this is no JSON"),
        ("method = \"PUT\"", "probes.method"),
        (&format!("method = \"POST\"\nbody = '\"{}\"'", "x".repeat(4096)), "4098 bytes are too long"),
    ] {
        has(&bench.errors(&with(more), &[]), what);
    }
}

#[test]
fn a_probe_that_could_call_elsewhere_is_refused() {
    let bench = Bench::new();
    for (url, what) in [
        ("https://{tenant}.example.com/x", "a placeholder stands in the host"),
        ("https://app.example.com:{project}/x", "a placeholder stands in the host"),
        ("https://app.example.com{project}", "a placeholder stands in the host"),
        ("{project}://app.example.com", "this is no http or https address"),
        ("ftp://app.example.com", "this is no http or https address"),
        ("https://ana:pw@app.example.com/", "it holds a user or password"),
        ("https://app.example.com/{branch}", "there is no such placeholder"),
        ("https://app.example.com/{project", "there is no such placeholder"),
        ("https://app.example.com/#{project}", "it has a fragment"),
        ("https:///x", "this is no address"),
        ("https://a b/x", "this is no address"),
    ] {
        has(&bench.errors(&bench.minimal(&probe(&format!("url = \"{url}\""))), &[]), what);
    }
    let plain = bench.minimal(&probe("url = \"http://app.example.com/x\"\ntoken = \"x\""));
    has(&bench.errors(&plain, &[]), "the token would cross the network in clear");
    let lax = plain.replace("environment = \"staging\"", "environment = \"demo\"");
    assert_eq!(bench.errors(&lax, &[]), "no mistakes");
    let twice = bench.minimal(&probe("url = \"https://a.example\"").repeat(2));
    has(&bench.errors(&twice, &[]), "name docs also stands at");
    has(&bench.errors(&bench.minimal(&probe("")), &[]), "probes.url: is required and not set");
}

#[test]
fn copies_need_the_applications_database_and_a_column_each() {
    let bench = Bench::new();
    let text = |more: &str| {
        bench.minimal(&format!("[catalog]\nsource = \"postgres\"\n[catalog.postgres.mirror]\n{more}"))
    };
    let env = [("DATABASE_URL", "postgres://db/app")];
    assert_eq!(bench.errors(&text("installations = true\nintegrations = true\n"), &env), "no mistakes");
    let errors = bench.errors(&text("installations = true\ninstallation_id = \"repositories\"\n"), &env);
    has(&errors, "error: catalog.postgres.mirror.installation_");
    has(&errors, "is the same column as `installation_");
    has(&errors, "1 mistake in");
    let errors = bench.errors(&text("integrations = true\ntoken_user = \"access_token\"\n"), &env);
    has(&errors, "error: catalog.postgres.mirror.token_user: is the same column as `token_access`");
    // What is switched off can't harm.
    assert_eq!(bench.errors(&text("token_user = \"access_token\"\n"), &env), "no mistakes");
    let errors = bench.errors(&bench.minimal("[catalog.postgres.mirror]\nintegrations = true\n"), &[]);
    has(&errors, "mirror.integrations: is set, and the catalog is not the application's database");
}

#[test]
fn flag_keys_have_a_name_and_a_secret_of_their_own() {
    let bench = Bench::new();
    let text =
        |more: &str| bench.minimal(&format!("[[ofrep_keys]]\nname = \"billing\"\nkey = \"hush\"\n{more}"));
    let loaded = bench
        .load(&text("[[ofrep_keys]]\nname = \"bot\"\nkey = \"hush2\"\nscope = \"flags:write\"\ntenants = [\"t\"]\n"), &[])
        .unwrap();
    let [billing, bot] = &loaded.config.ofrep_keys[..] else { panic!("{:?}", loaded.config.ofrep_keys) };
    assert_eq!(
        (billing.scope, bot.scope),
        (KeyScope::Evaluate, KeyScope::FlagsWrite),
        "the least without a word"
    );
    assert_eq!((&billing.tenants, &bot.tenants), (&vec![], &vec!["t".to_owned()]));
    let shown: Vec<&str> =
        loaded.settings.iter().filter(|set| set.key == "ofrep_keys").map(|set| set.shown.as_str()).collect();
    assert_eq!(shown, ["billing (evaluate)", "bot (flags:write, tenants: 1)"]);
    assert!(!format!("{:?}", loaded.config).contains("hush"));
    for (more, what) in [
        ("[[ofrep_keys]]\nname = \"billing\"\nkey = \"x\"\n", "name billing also stands at"),
        ("[[ofrep_keys]]\nname = \"bot\"\nkey = \"hush\"\n", "key bot is the same as another one"),
        ("[[ofrep_keys]]\nname = \"bot\"\n", "ofrep_keys.key: is required and not set"),
        ("scope = \"admin\"\n", "ofrep_keys.scope"),
    ] {
        has(&bench.errors(&text(more), &[]), what);
    }
    has(&bench.errors(&text(""), &[("INTERNAL_SERVICE_TOKEN", "hush")]), "is the same as another one");
}
