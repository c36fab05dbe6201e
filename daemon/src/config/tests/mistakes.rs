use super::*;

#[test]
fn three_mistakes_give_three_clear_errors() {
    let bench = Bench::new();
    let text = r#"environment = "staging"

[github]
app_id = "abc"
private_key_file = "app.pem"
max_in_flight = 500

[mapping]
probe_bugdet = 10
"#;
    assert_eq!(
        bench.errors(text, &[]),
        r#"error: github.app_id: expected a whole number, found "abc"
  --> cutover.toml:4:10
  = mend: write a whole number, without quotes

error: github.max_in_flight: 500 is out of range
  --> cutover.toml:6:17
  = mend: write a value from 1 to 100

error: mapping.probe_bugdet: there is no such key
  --> cutover.toml:9:1
  = mend: did you mean `mapping.probe_budget`?

3 mistakes in the configuration"#
    );
}

#[test]
fn an_empty_file_misses_exactly_what_is_required() {
    let bench = Bench::new();
    assert_eq!(
        bench.errors("", &[]),
        r#"error: environment: is required and not set
  --> cutover.toml
  = mend: write `environment = "staging"` at the top, or set CUTOVER_ENVIRONMENT

1 mistake in the configuration"#
    );
}

#[test]
fn what_is_missing_points_at_its_section() {
    let bench = Bench::new();
    let text = bench.minimal("[[operators]]\nuid = 5\nname = \"ana\"\n");
    assert_eq!(
        bench.errors(&text, &[]),
        r#"error: operators.role: is required and not set
  --> cutover.toml:5:1
  = mend: write `role = "operator"` under [[operators]]

1 mistake in the configuration"#
    );
}

#[test]
fn broken_syntax_is_one_of_the_mistakes_and_the_rest_is_still_checked() {
    let bench = Bench::new();
    let errors =
        bench.errors("environment = \"staging\"\n[github]\napp_id = = 4\n[run]\nchunk = 1000\n", &[]);
    has(&errors, "cutover.toml:3:10\n");
    has(&errors, "this is not TOML");
    has(&errors, "error: run.chunk: 1000 is out of range\n  --> cutover.toml:5:9");
    // The private key may be what could not be read.
    assert!(!errors.contains("required"), "{errors}");
}

#[test]
fn a_duplicate_key_is_said() {
    let bench = Bench::new();
    let errors = bench.errors(&bench.minimal("app_id = 8\n"), &[]);
    has(&errors, "cutover.toml:5:1");
    has(&errors, "duplicate");
}

#[test]
fn a_byte_that_is_not_text_has_a_place() {
    let bytes = b"environment = \"staging\"\nx = \"\xff\"";
    let mistakes = Config::of_bytes(Path::new("c.toml"), bytes, &Env::default()).unwrap_err();
    has(&mistakes.to_string(), "c.toml:2:6");
}

#[test]
fn columns_count_characters_not_bytes() {
    let bench = Bench::new();
    let errors = bench.errors(&bench.minimal("[migration]\ncanary_tenants = [\"zürich\", 5]\n"), &[]);
    has(&errors, "error: migration.canary_tenants: expected a text, found 5\n  --> cutover.toml:6:29");
}

#[test]
fn every_wrong_form_says_what_would_be_right() {
    let bench = Bench::new();
    let cases = [
        ("[run]\nlease = 30", "30 without a unit", "\"30s\""),
        ("[run]\nlease = \"30 minutes\"", "found \"30 minutes\"", "\"90s\""),
        ("[run]\nlease = \"99999999999999999999h\"", "a length of time", "write a number and"),
        ("[run]\nlease = \"2h\"", "2h is out of range", "1s to 1h"),
        ("[run]\nchunk = \"256\"", "found \"256\"", "without quotes: 256"),
        ("[run]\nchunk = 2.5", "found a decimal number", "a whole number"),
        ("[run]\nchunk = 0xFFFFFFFFFFFFFFFFFFFF", "is out of range", "1 to 256"),
        ("[log]\nlevel = \"inof\"", "found \"inof\"", "did you mean \"info\"?"),
        ("[log]\nlevel = \"info,a=loud\"", "a log level", "directives"),
        ("[log]\nlevel = true", "found true", "in quotes"),
        ("[log]\ndir = \"~/log\"", "a path", "~ and $ are not replaced"),
        ("[migration]\nmode = \"canry\"", "one of \"off\", \"canary\", \"on\"", "did you mean \"canary\"?"),
        ("[migration]\ncanary_tenants = \"t1\"", "a list of texts", "[\"t1\"]"),
        ("[catalog.postgres]\nproject_table = \"\"", "a table or column name", "1 to 63"),
        ("[catalog]\npostgres = 5", "this is a section, not a key", "[catalog.postgres]"),
        ("[operators]\nuid = 5", "this is a section, not a key", "[[operators]]"),
        ("[rpc]\ngroup = \"no-such-group-here\"", "there is no group", "groupadd"),
        ("[githb]\napp_id = 4", "there is no such key", "did you mean `github`?"),
        ("[log]\nsocket = \"/x\"", "there is no such key", "did you mean `rpc.socket`?"),
        ("[log]\nzzzz = 1", "there is no such key", "remove it"),
        ("[log]\n\"a.b\" = 1", "log.a.b: there is no such key", "= mend: "),
    ];
    for (more, what, mend) in cases {
        let errors = bench.errors(&bench.minimal(&format!("{more}\n")), &[]);
        has(&errors, what);
        has(&errors, mend);
        has(&errors, "\n1 mistake in");
    }
}

#[test]
fn addresses_are_checked() {
    let bench = Bench::new();
    for (address, mend) in [
        ("ftp://x", "start it with https://"),
        ("api.github.com", "start it with https://"),
        ("https://user:pw@x", "no user or password"),
        ("https://x/?a=b", "leave out what follows"),
        ("", "such as"),
        ("http://ghe.example.com/api/v3", "write https://"),
    ] {
        let errors = bench.errors(&bench.minimal(&format!("api_base_url = \"{address}\"\n")), &[]);
        has(&errors, mend);
        has(&errors, "cutover.toml:5:16");
        assert!(!errors.contains("pw"), "{errors}");
    }
    for address in ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:1"] {
        assert_eq!(
            bench.errors(&bench.minimal(&format!("api_base_url = \"{address}\"\n")), &[]),
            "no mistakes"
        );
    }
    let elsewhere = bench.minimal("api_base_url = \"http://github-sim:9000\"\n").replace("staging", "demo");
    assert_eq!(bench.errors(&elsewhere, &[]), "no mistakes");
}

#[test]
fn unknown_variables_of_ours_are_mistakes() {
    let bench = Bench::new();
    let variables =
        [("CUTOVER_RUN_CHUNKS", "3"), ("CUTOVER_CONFIG", "x"), ("CUTOVER_ZZZZ", ""), ("OTHER", "1")];
    assert_eq!(
        bench.errors(&bench.minimal(""), &variables),
        "error: CUTOVER_RUN_CHUNKS: no key has this variable\n  --> environment variable CUTOVER_RUN_CHUNKS\n  \
         = mend: did you mean CUTOVER_RUN_CHUNK?\n\n1 mistake in the configuration"
    );
}

#[test]
fn a_flood_of_mistakes_is_listed_in_part_and_counted_in_full() {
    let bench = Bench::new();
    let flood: String = (0..5000).map(|n| format!("x{n} = 1\n")).collect();
    let mistakes = bench.load(&format!("{flood}{}", bench.minimal("")), &[]).unwrap_err();
    assert_eq!((mistakes.list().len(), mistakes.count()), (100, 5000));
    has(&mistakes.to_string(), "and 4900 more");
}
