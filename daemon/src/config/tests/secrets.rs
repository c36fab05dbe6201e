use super::*;

const PLANTED: &str = "planted-0123456789abcdef";

#[test]
fn a_secret_that_others_can_read_is_refused() {
    let bench = Bench::new();
    for mode in [0o640, 0o604, 0o644, 0o620] {
        bench.file("app.pem", APP_KEY, mode);
        let path = bench.path("app.pem");
        let errors = bench.errors(&bench.minimal(""), &[]);
        assert_eq!(
            errors,
            format!(
                "error: github.private_key_file: the secret's file app.pem has mode {mode:04o}: others on this machine \
                 can read it\n  --> cutover.toml:4:20\n  = mend: chmod 600 app.pem\n\n1 mistake in the configuration"
            ),
            "{}",
            path.display()
        );
    }
    bench.file("app.pem", APP_KEY, 0o400);
    assert_eq!(bench.errors(&bench.minimal(""), &[]), "no mistakes");
}

#[test]
fn a_secret_in_an_open_configuration_is_refused() {
    let bench = Bench::new();
    let text = bench
        .minimal("oauth_client_id = \"x\"\noauth_client_secret = \"shhh\"\n[store]\nurl = \"sqlite:x.db\"\n");
    let path = bench.file("cutover.toml", &text, 0o644);
    let mistakes = Config::load(Some(&path), &bench.env(&[])).unwrap_err();
    assert_eq!(
        mistakes.list().iter().map(|m| (m.kind, m.key.as_str())).collect::<Vec<_>>(),
        vec![(MistakeKind::Exposed, "github.oauth_client_secret")]
    );
    has(&bench.plain(&mistakes), "chmod 600 cutover.toml");
}

#[test]
fn files_that_hold_no_secret_are_told_apart() {
    let bench = Bench::new();
    let errors = |name: &str| bench.errors(&bench.minimal("").replace("app.pem", name), &[]);
    has(&errors("absent"), "there is no such file");
    has(&errors("."), "is not a file");
    bench.secret("empty", "\n");
    has(&errors("empty"), "the secret is empty");
    bench.secret("large", &"x".repeat(70_000));
    has(&errors("large"), "too large");
    fs::write(bench.path("bytes"), [0xff, 0xfe]).unwrap();
    fs::set_permissions(bench.path("bytes"), fs::Permissions::from_mode(0o600)).unwrap();
    has(&errors("bytes"), "is not text");
    bench.secret("half", &APP_KEY[..400]);
    has(&errors("half"), "not an RSA private key in PEM");
    bench.secret("forged", "-----BEGIN RSA PRIVATE KEY-----\nMAMCAQA=\n-----END RSA PRIVATE KEY-----\n");
    has(&errors("forged"), "not an RSA private key in PEM");
    nix::unistd::mkfifo(&bench.path("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    has(&errors("pipe"), "is not a file");
}

#[test]
fn value_and_file_exclude_each_other() {
    let bench = Bench::new();
    let text = bench.minimal(
        "oauth_client_id = \"x\"\noauth_client_secret = \"a\"\noauth_client_secret_file = \"app.pem\"\n",
    );
    has(&bench.errors(&text, &[]), "`oauth_client_secret` and `oauth_client_secret_file` exclude each other");
    let path = bench.path("app.pem");
    let both = [("GITHUB_APP_PRIVATE_KEY", APP_KEY), ("GITHUB_APP_PRIVATE_KEY_FILE", path.to_str().unwrap())];
    has(
        &bench.errors(&bench.minimal(""), &both),
        "GITHUB_APP_PRIVATE_KEY and GITHUB_APP_PRIVATE_KEY_FILE say different things",
    );
    assert_eq!(bench.errors(&bench.minimal(""), &both[1..]), "no mistakes");
}

#[test]
fn credentials_of_systemd_stand_between_file_and_environment() {
    use secrecy::ExposeSecret;
    let bench = Bench::new();
    fs::create_dir(bench.path("creds")).unwrap();
    bench.file("creds/github.oauth_client_secret", "from-systemd\n", 0o440);
    let dir = bench.path("creds");
    let text = bench.minimal("oauth_client_id = \"x\"\noauth_client_secret = \"from-file\"\n");
    let secret = |variables: &[(&str, &str)]| {
        let config = bench.load(&text, variables).unwrap().config;
        config.github.oauth.unwrap().client_secret.expose_secret().to_owned()
    };
    let credentials = ("CREDENTIALS_DIRECTORY", dir.to_str().unwrap());
    assert_eq!(secret(&[]), "from-file");
    assert_eq!(secret(&[credentials]), "from-systemd");
    assert_eq!(secret(&[credentials, ("GITHUB_APP_CLIENT_SECRET", "from-env")]), "from-env");
}

#[test]
fn no_secret_shows_in_what_is_loaded() {
    let bench = Bench::new();
    bench.secret("db", &format!("postgres://app:{PLANTED}@db.local/app?password={PLANTED}"));
    let text = bench.minimal(&format!(
        "oauth_client_id = \"x\"\noauth_client_secret = \"{PLANTED}\"\n[catalog]\nsource = \"postgres\"\ndatabase_url_file = \"db\"\n"
    ));
    let path = bench.file("cutover.toml", &text, 0o600);
    let env = bench.env(&[("GITHUB_APP_CLIENT_SECRET", PLANTED)]);
    let loaded = Config::load(Some(&path), &env).unwrap();
    let shown = format!("{loaded:?} {loaded:#?} {env:?} {}", run_check(Some(&path), &env).text);
    assert!(!shown.contains(PLANTED) && !shown.contains("MII"), "{shown}");
}

#[test]
fn no_secret_shows_in_mistakes() {
    let bench = Bench::new();
    let half = format!("-----BEGIN RSA PRIVATE KEY-----\\n{PLANTED}");
    let token = "ghs_planted0123456789";
    let texts = [
        format!("second_private_key = \"{half}\"\n"),
        format!("oauth_client_secret = \"{PLANTED}\"\n"),
        format!("oauth_client_secret = \"{PLANTED}\\n\"\n"),
        format!("oauth_client_secret = [\"{PLANTED}\"]\n"),
        format!("oauth_client_sekret = \"{PLANTED}\"\n"),
        format!("oauth_client_secret = \"{PLANTED}\n"),
        format!("oauth_client_secret = {PLANTED}\n"),
        format!("app_slug = \"{token}\"\n"),
        format!("{token} = 1\n"),
        format!("[store]\nurl = \"postgres://u:{PLANTED}@h/d\"\n"),
        format!("[store]\nurl = \"{PLANTED}\"\n"),
        format!("[store]\nurl = \"postgres://u:1/{PLANTED}@h/d\"\n"),
        format!("[catalog]\nsource = \"postgres\"\ndatabase_url = \"mysql://u:{PLANTED}@h/d\"\n"),
        format!("[catalog]\nsource = \"postgres\"\ndatabase_url = \"postgres://u:1/{PLANTED}@h/d\"\n"),
    ];
    for text in texts {
        let mistakes = bench.load(&bench.minimal(&text), &[]).expect_err(&text);
        let shown = format!("{mistakes} {mistakes:?}");
        assert!(!shown.to_lowercase().contains("planted"), "{text}\n{shown}");
    }
}
