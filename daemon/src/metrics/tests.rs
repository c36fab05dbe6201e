use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use cutover_shared::rollout::{Operation, RolloutName, Side};

use super::rollout::{OPERATIONS, ROLLOUTS, SIDES};
use super::table::{Form, Values, all};
use super::*;

/// Each series of a scrape: its name and labels without the value.
fn series(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.filter_map(|line| line.rsplit_once(' ')).map(|(series, _)| series.to_owned()).collect()
}

fn value(text: &str, series: &str) -> Option<String> {
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ').map(str::to_owned))
}

/// As `# TYPE` says it.
fn word(form: Form) -> &'static str {
    match form {
        Form::Counter => "counter",
        Form::Gauge => "gauge",
        Form::Histogram(_) => "histogram",
    }
}

fn table() -> String {
    let mut text = String::from("| metric | type | unit | labels | what it says |\n|---|---|---|---|---|\n");
    for of in all() {
        let labels: Vec<String> = of
            .labels
            .iter()
            .map(|(name, values)| match values {
                Values::Words(words) => format!("`{name}`: {}", words.join(", ")),
                Values::Routes => format!("`{name}`: the path as `openapi.json` writes it, or none"),
            })
            .collect();
        let (name, form, unit, help) = (of.name, word(of.form), of.unit, of.help);
        text.push_str(&format!("| `{name}` | {form} | {unit} | {} | {help} |\n", labels.join("; ")));
    }
    text
}

const BEGIN: &str = "<!-- made from daemon/src/metrics -->";
const END: &str = "<!-- end -->";

fn document() -> (std::path::PathBuf, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
    let text = std::fs::read_to_string(&path).unwrap();
    (path, text)
}

#[test]
fn the_document_equals_the_table() {
    let (_, text) = document();
    let (_, rest) = text.split_once(BEGIN).expect("the begin mark");
    let (written, _) = rest.split_once(END).expect("the end mark");
    assert!(
        written.trim() == table().trim(),
        "docs/metrics.md is behind: cargo test -p cutover-daemon write_the_metrics_document -- --ignored"
    );
}

#[test]
#[ignore = "writes docs/metrics.md; run it after the table has changed"]
fn write_the_metrics_document() {
    let (path, text) = document();
    let (before, rest) = text.split_once(BEGIN).expect("the begin mark");
    let (_, after) = rest.split_once(END).expect("the end mark");
    std::fs::write(path, format!("{before}{BEGIN}\n\n{}\n{END}{after}", table())).unwrap();
}

#[test]
fn a_scrape_has_what_is_described_and_nothing_else() {
    let metrics = Metrics::new();
    let _routes = metrics.routes(["/health"]);
    let text = metrics.render();
    let mut types = BTreeMap::new();
    let mut helps = BTreeMap::new();
    for line in text.lines() {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some("TYPE"), Some(name), Some(form)) => drop(types.insert(name, form)),
            (Some("#"), Some("HELP"), Some(name), Some(help)) => drop(helps.insert(name, help)),
            _ => {}
        }
    }
    let expected: BTreeMap<&str, &str> = all().map(|of| (of.name, word(of.form))).collect();
    assert_eq!(types, expected);
    for of in all() {
        assert_eq!(helps.get(of.name), Some(&of.help), "{}", of.name);
        let bounds = text.matches(&format!("{}_bucket{{", of.name)).count();
        let sets: usize = of
            .labels
            .iter()
            .map(|(_, values)| match values {
                Values::Words(words) => words.len(),
                Values::Routes => 2,
            })
            .product();
        match of.form {
            Form::Histogram(wanted) => assert_eq!(bounds, (wanted.len() + 1) * sets, "{}", of.name),
            Form::Counter | Form::Gauge => {
                let own = |series: &String| series.split('{').next() == Some(of.name);
                assert_eq!(self::series(&text).iter().filter(|series| own(series)).count(), sets);
            }
        }
    }
}

/// The names of the contract, letter by letter.
#[test]
fn the_contracts_names_are_there() {
    let metrics = Metrics::new();
    metrics.mapping(3, 4);
    metrics.imported(ImportMethod::Oauth);
    metrics.imported(ImportMethod::Installation);
    metrics.imported(ImportMethod::Installation);
    metrics.token_requested(true);
    metrics.token_requested(false);
    metrics.webhook_received(10);
    metrics.webhook_processed(Duration::from_secs(1));
    metrics.webhook_dead(Duration::from_secs(1));
    metrics.webhook_not_durable();
    metrics.rate_limit_remaining(Some(17), None);
    metrics.installations_active(5);
    metrics.token_refresh_rate(2.5);
    metrics.workflow_triggered();
    let text = metrics.render();
    for (series, expected) in [
        ("migration_mapped_count", "3"),
        ("migration_pending_count", "4"),
        ("import_method_count{method=\"installation\"}", "2"),
        ("import_method_count{method=\"oauth\"}", "1"),
        ("token_request_success", "1"),
        ("token_request_failure", "1"),
        ("github_webhook_received", "1"),
        ("github_webhook_processed", "1"),
        ("github_webhook_failed", "2"),
        ("github_api_rate_limit_remaining", "17"),
        ("github_installations_active", "5"),
        ("github_token_refresh_rate", "2.5"),
        ("workflow_triggers_executed", "1"),
        ("cutover_github_app_rate_limit_remaining", "NaN"),
    ] {
        assert_eq!(value(&text, series).as_deref(), Some(expected), "{series}\n{text}");
    }
}

#[test]
fn each_word_of_a_label_is_that_of_its_value() {
    let metrics = Metrics::new();
    let words = |all: &[&str], own: Vec<&str>| assert_eq!(all, own);
    words(OPERATIONS, Operation::ALL.iter().map(|of| of.word()).collect());
    words(SIDES, Side::ALL.iter().map(|of| of.word()).collect());
    words(ROLLOUTS, RolloutName::ALL.iter().map(|of| of.word()).collect());
    metrics.rollout_calls(Operation::Pull, Side::Target, [0, 0, 1]);
    metrics.github_call(CallKind::Object, Some(404), Duration::from_secs(1));
    metrics.github_call(CallKind::Mint, None, Duration::from_secs(1));
    metrics.dispatched(Dispatch::Refused, Duration::from_secs(1));
    let text = metrics.render();
    for series in [
        "cutover_github_call_seconds_count{kind=\"object\",status=\"4xx\"}",
        "cutover_github_call_seconds_count{kind=\"mint\",status=\"none\"}",
        "cutover_dispatch_seconds_count{outcome=\"refused\"}",
        "cutover_rollout_calls{operation=\"pull\",side=\"target\",outcome=\"gross\"}",
    ] {
        assert_eq!(value(&text, series).as_deref(), Some("1"), "{series}");
    }
    assert_eq!(class(Some(99)), class(None));
    assert_eq!(class(Some(600)), class(None));
}

#[test]
fn no_number_of_installations_or_paths_makes_another_series() {
    let metrics = Metrics::new();
    let routes = metrics.routes(["/health", "/api/v1/workflows/{id}"]);
    let before = series(&metrics.render());
    for n in 0..10_000_u64 {
        let path = format!("/api/v1/workflows/{n}");
        routes.answered(Some(&path), 200, Duration::from_millis(n));
        routes.answered(None, u16::try_from(n % 1000).unwrap(), Duration::from_millis(n));
        metrics.rate_limit_remaining(u32::try_from(n).ok(), Some(1));
        metrics.installations_active(n);
        metrics.github_call(CallKind::Other, u16::try_from(n % 700).ok(), Duration::from_millis(n));
        metrics.imported(ImportMethod::Oauth);
        if n % 1_000 == 0 {
            metrics.upkeep();
        }
    }
    let after = series(&metrics.render());
    assert_eq!(before, after);
    assert!(after.len() < 1_000, "{} series", after.len());
}

#[test]
fn what_sandboxes_count_is_shown_in_its_place() {
    let metrics = Metrics::new();
    metrics.sandbox_waited(Duration::from_millis(3));
    let figures = SandboxFigures {
        warm: 3,
        leased: [4, 5],
        trouble: true,
        served: [6, 7],
        fetches: [8, 9],
        quota: [1, 2, 3, 4, 5],
        ..SandboxFigures::default()
    };
    // Told twice, counted once.
    metrics.sandboxes(&figures);
    metrics.sandboxes(&figures);
    let text = metrics.render();
    for (series, expected) in [
        ("cutover_sandbox_warm", "3"),
        ("cutover_sandbox_leased{arm=\"direct\"}", "4"),
        ("cutover_sandbox_leased{arm=\"pooled\"}", "5"),
        ("cutover_sandbox_trouble", "1"),
        ("cutover_sandbox_served{how=\"cold\"}", "7"),
        ("cutover_sandbox_mirror_fetches{mirror=\"old\"}", "8"),
        ("cutover_sandbox_quota_hits{quota=\"sandboxes\"}", "5"),
        ("cutover_sandbox_wait_seconds_count", "1"),
    ] {
        assert_eq!(value(&text, series).as_deref(), Some(expected), "{series}");
    }
}

#[test]
fn a_connection_counts_until_it_is_dropped() {
    let metrics = Metrics::new();
    let open = (metrics.connection(), metrics.connection());
    assert_eq!(value(&metrics.render(), "cutover_http_connections").as_deref(), Some("2"));
    drop(open);
    assert_eq!(value(&metrics.render(), "cutover_http_connections").as_deref(), Some("0"));
}
