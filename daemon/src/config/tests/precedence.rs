use super::*;

#[test]
fn the_environment_beats_the_file_and_the_file_the_default() {
    let bench = Bench::new();
    let chunk = |more: &str, variables: &[(&str, &str)]| {
        let loaded = bench.load(&bench.minimal(more), variables).unwrap();
        let origin = loaded.settings.into_iter().find(|setting| setting.key == "run.chunk").unwrap().origin;
        (loaded.config.run.chunk, origin.to_string().rsplit('/').next().unwrap().to_owned())
    };
    assert_eq!(chunk("", &[]), (256, "default".into()));
    assert_eq!(chunk("[run]\nchunk = 5\n", &[]), (5, "cutover.toml:6:9".into()));
    assert_eq!(chunk("[run]\nchunk = 5\n", &[("CUTOVER_RUN_CHUNK", "6")]), (6, "CUTOVER_RUN_CHUNK".into()));
    assert_eq!(chunk("[run]\nchunk = 5\n", &[("CUTOVER_RUN_CHUNK", "")]), (5, "cutover.toml:6:9".into()));
}

#[test]
fn the_names_of_the_references_are_understood() {
    let bench = Bench::new();
    let pem = APP_KEY.replace('\n', "\\n");
    let variables = [
        ("CUTOVER_ENVIRONMENT", "demo"),
        ("GITHUB_API_BASE_URL", "http://127.0.0.1:9"),
        ("GITHUB_APP_ID", "11"),
        ("GITHUB_APP_NAME", "my-app"),
        ("GITHUB_APP_PRIVATE_KEY", pem.as_str()),
        ("GITHUB_APP_CLIENT_ID", "Iv1.a"),
        ("GITHUB_APP_CLIENT_SECRET", "s"),
        ("GITHUB_APP_MIGRATION_MODE", "on"),
        ("CUTOVER_MIGRATION_CANARY_TENANTS", "b, a,,"),
        ("CUTOVER_CATALOG_SOURCE", "postgres"),
        ("DATABASE_URL", "postgresql://u:p@db/app"),
        ("CUTOVER_SOCKET", "/tmp/x.sock"),
    ];
    let config = Config::load(None, &bench.env(&variables)).unwrap().config;
    assert_eq!((config.github.app_id, config.github.app_slug.as_deref()), (Some(11), Some("my-app")));
    assert_eq!(config.github.host().as_str(), "127.0.0.1:9");
    assert!(config.github.oauth.is_some() && matches!(config.catalog, Catalog::Postgres(_)));
    assert_eq!(config.migration.mode.word(), "on");
    assert_eq!(config.migration.canary, vec!["a".into(), "b".into()]);
    assert_eq!(config.rpc.socket, Path::new("/tmp/x.sock"));
}

#[test]
fn a_wrong_value_is_said_also_where_another_overrides_it() {
    let bench = Bench::new();
    let errors = bench.errors(&bench.minimal("[run]\nchunk = 1000\n"), &[("CUTOVER_RUN_CHUNK", "7")]);
    has(&errors, "run.chunk: 1000 is out of range");
}

#[test]
fn two_names_of_one_key_must_agree() {
    let bench = Bench::new();
    let agree = [("CUTOVER_GITHUB_APP_ID", "3"), ("GITHUB_APP_ID", "3")];
    assert_eq!(bench.load(&bench.minimal(""), &agree).unwrap().config.github.app_id, Some(3));
    let differ = [("CUTOVER_GITHUB_APP_ID", "3"), ("GITHUB_APP_ID", "4")];
    has(
        &bench.errors(&bench.minimal(""), &differ),
        "error: github.app_id: CUTOVER_GITHUB_APP_ID and GITHUB_APP_ID say different things about the same key\n  \
         --> environment variable GITHUB_APP_ID\n  = mend: unset one of them",
    );
}

#[test]
fn folders_of_systemd_and_xdg_are_used() {
    let bench = Bench::new();
    let at = |variables: &[(&str, &str)]| bench.load(&bench.minimal(""), variables).unwrap().config;
    let systemd = at(&[
        ("STATE_DIRECTORY", "/var/lib/cutover:/var/lib/other"),
        ("RUNTIME_DIRECTORY", "/run/cutover"),
        ("LOGS_DIRECTORY", "/var/log/cutover"),
        ("XDG_RUNTIME_DIR", "/run/user/1"),
    ]);
    assert_eq!(systemd.state_dir, Path::new("/var/lib/cutover"));
    assert_eq!(systemd.rpc.socket, Path::new("/run/cutover/cutoverd.sock"));
    assert_eq!(systemd.log.dir, Path::new("/var/log/cutover"));
    let xdg = at(&[("XDG_STATE_HOME", "/s"), ("XDG_RUNTIME_DIR", "/run/user/1")]);
    assert_eq!(xdg.state_dir, Path::new("/s/cutover"));
    assert_eq!(xdg.rpc.socket, Path::new("/run/user/1/cutover/cutoverd.sock"));
    let relative = at(&[("XDG_STATE_HOME", "s")]);
    assert_eq!(relative.state_dir, bench.path(".local/state/cutover"));
}

#[test]
fn a_file_is_found_by_the_environment_or_in_its_usual_place() {
    let bench = Bench::new();
    bench.file("named.toml", &bench.minimal(""), 0o600);
    let named = bench.path("named.toml");
    let env = bench.env(&[("CUTOVER_CONFIG", named.to_str().unwrap())]);
    assert_eq!(Config::load(None, &env).unwrap().file, Some(named));
    fs::create_dir_all(bench.path(".config/cutover")).unwrap();
    let usual = bench.file(
        ".config/cutover/cutover.toml",
        &bench.minimal("").replace("app.pem", "../../app.pem"),
        0o600,
    );
    assert_eq!(Config::load(None, &bench.env(&[])).unwrap().file, Some(usual));
    let absent = bench.env(&[("CUTOVER_CONFIG", "/nowhere/c.toml")]);
    has(
        &Config::load(None, &absent).unwrap_err().to_string(),
        "no such configuration file\n  --> /nowhere/c.toml",
    );
}
