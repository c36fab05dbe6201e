//! Holds the arrows of `docs/ARCHITECTURE.md`: who may name whom. The tables are the rule; a change of them is a change of
//! the architecture and belongs into that document and an ADR.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on has failed")]

#[path = "arrows/scan.rs"]
mod scan;

use std::collections::{BTreeMap, BTreeSet};

use scan::{Source, paths, root, sources};

/// Everybody may name these, and they name nobody but each other.
const BASE: &[(&str, &str)] = &[
    ("client", "other services are called from areas, flows and doors alike"),
    ("clock", "time is injected everywhere"),
    ("faults", "a crash point can stand anywhere; only the test harness can switch one on"),
    ("metrics", "whatever happens is counted where it happens; it knows no other part"),
    ("hex", "how digests are written, no more; it would else tie audit, run and store to seal"),
    ("sql_name", "names in statements are quoted in one place; it knows no other part"),
    ("near", "which known name was meant, for refusals anywhere; it would else tie areas to config"),
];

/// The daemon's arrows above the base: from, to, why.
const DAEMON: &[(&str, &[&str], &str)] = &[
    (
        "main",
        &["app", "config", "faults"],
        "hands arguments, environment and `Faults::none()` to the composition root",
    ),
    (
        "app",
        &[
            "doors", "flows", "gateway", "mapping", "run", "audit", "seal", "github", "git", "locks",
            "store", "config", "fleet", "init", "instance", "log", "rollout", "sandbox", "shutdown",
        ],
        "the composition root is the only place that names every part",
    ),
    (
        "doors",
        &[
            "flows", "fleet", "gateway", "mapping", "rollout", "run", "audit", "seal", "github", "git",
            "sandbox", "store",
        ],
        "a door authorises and delegates to a flow, an area or the platform; never to another door's insides",
    ),
    (
        "flows",
        &[
            "fleet", "gateway", "mapping", "rollout", "run", "audit", "seal", "github", "git", "locks",
            "sandbox", "store",
        ],
        "a use case that crosses areas; the only place where areas meet",
    ),
    (
        "mapping",
        &["run", "audit", "seal", "github", "locks", "store", "config"],
        "an area stands on the platform; its catalog takes the names of foreign columns from the configuration",
    ),
    (
        "gateway",
        &["audit", "github", "seal", "store"],
        "an area: what follows from an event is written with the event's end; the App's key is sealed on arrival, install states \
         are signed",
    ),
    (
        "rollout",
        &["run", "audit", "store"],
        "an area: decisions stand on the brake, changes are written with their audit record",
    ),
    (
        "fleet",
        &["run", "audit", "seal", "store"],
        "an area: tenants' databases, their credentials sealed, their runs the engine's",
    ),
    ("run", &["audit", "store"], "each act and chunk is one unit with its audit record"),
    (
        "audit",
        &["store", "seal"],
        "records are written by the store; heads are signed with the seal's key (ADR 0007)",
    ),
    ("git", &["github"], "the system's git, which is handed a credential of GitHub's"),
    ("sandbox", &["git", "github"], "where git works for a tenant, started as `git` starts it"),
    ("github", &["seal", "store"], "caches and budgets may become durable"),
    ("locks", &["store"], "every lock is entered into the store, which checks its fence with each write"),
    (
        "log",
        &["config", "instance"],
        "what to log and where; folders are made private the same way as the state folder",
    ),
    ("init", &["config", "instance"], "writes the commented file and the keyring into a private folder"),
    ("instance", &["config", "shutdown"], "systemd is told of readiness and of the stop"),
    ("config", &[], "is read before anything else is there"),
    ("seal", &[], "keys and envelopes"),
    ("shutdown", &[], "signals, tasks and their end"),
    ("store", &[], "the only place with SQL on our tables"),
];

/// All that an area may take from the configuration: how the application calls its tables and columns.
const NAMES: &[&str] =
    &["PostgresCatalog", "PostgresNames", "RepoPlace", "MirrorNames", "InstallationCopy", "IntegrationCopy"];

/// Areas. None names another: what needs two is a flow.
const AREAS: &[&str] = &["fleet", "gateway", "mapping", "rollout"];

/// The arrows of the command line.
const TUI: &[(&str, &[&str], &str)] = &[
    ("main", &[], "calls the library"),
    (
        "lib",
        &["app", "cli", "conn", "env", "failure", "plain", "term"],
        "starts the runtime, hands streams in, gives the terminal to the console",
    ),
    (
        "cli",
        &[
            "app", "clock", "conn", "env", "failure", "file", "glyphs", "keymap", "marker", "options", "out",
            "place", "plain", "session", "settings", "state", "theme", "widgets", "words",
        ],
        "verbs go through the session; without one the console is put together from settings and options",
    ),
    (
        "app",
        &[
            "clipboard",
            "clock",
            "conn",
            "failure",
            "file",
            "keymap",
            "marker",
            "place",
            "plain",
            "runbook",
            "screens",
            "settings",
            "state",
            "term",
            "theme",
            "widgets",
        ],
        "the console's loop and rules: the only part with tasks, terminal and clock",
    ),
    (
        "state",
        &["keymap", "place", "plain", "runbook", "theme"],
        "all that the console knows, and the rules about it; says what things mean, not how they look",
    ),
    ("keymap", &["place", "settings"], "the one table of keys"),
    ("marker", &["failure", "file"], "the kill marker, for the verb and for the console"),
    ("runbook", &[], "texts that the program carries"),
    ("place", &[], "plain names that keys and state share, so that neither needs the other for them"),
    ("session", &["clock", "conn", "env", "failure", "options", "out", "plain"], "one call on its way"),
    ("options", &["plain", "words"], "apart from verbs, so that session and verbs do not name each other"),
    ("conn", &["clock", "plain"], "the socket"),
    ("out", &["env", "failure", "plain"], "streams"),
    ("file", &["failure"], "files that appear whole or not at all"),
    ("failure", &["plain"], "errors as people read them"),
    ("env", &["clock", "glyphs", "settings"], "what the process was given, and the words for it"),
    ("plain", &["clock"], "text for people"),
    ("words", &[], "arguments that are one of a set"),
    ("clock", &[], "time"),
    ("widgets", &["glyphs", "plain", "theme"], "drawing: what is shown is handed in, cleaned and cut"),
    ("settings", &["glyphs", "plain", "theme"], "the console's file, whose words name a theme and glyphs"),
    (
        "screens",
        &["state", "keymap", "place", "theme", "glyphs", "widgets", "plain", "runbook", "settings"],
        "drawing: looks at the state, decides nothing",
    ),
    ("term", &[], "the terminal itself: modes, signals, one write for a frame"),
    ("theme", &["plain"], "styles of roles; tones of plain texts are roles"),
    ("glyphs", &[], "signs and their twins in ASCII"),
    ("clipboard", &[], "the sequence that copies over any connection"),
];

/// Files that decide and do nothing else: they name only each other, the wire types and harmless crates. A folder stands for
/// all in it.
const PURE: &[&str] = &[
    "fleet/migration",
    "fleet/registry/checksum",
    "fleet/registry/drops",
    "fleet/registry/finding",
    "fleet/registry/front_matter",
    "fleet/registry/http_step",
    "fleet/registry/name",
    "fleet/registry/split",
    "fleet/registry/token",
    "fleet/wave",
    "gateway/app/manifest",
    "doors/http/allow",
    "gateway/context/part",
    "gateway/signature",
    "gateway/envelope",
    "gateway/inbox/tries",
    "gateway/outbox/answer",
    "gateway/outbox/breaker",
    "gateway/triggers/event",
    "gateway/triggers/glob",
    "gateway/triggers/index",
    "gateway/triggers/rule",
    "gateway/recover/ledger",
    "gateway/recover/statement",
    "gateway/state_token",
    "mapping/index",
    "mapping/matching",
    "mapping/probe",
    "mapping/next_steps",
    "mapping/periodic/due",
    "mapping/old_hooks/address",
    "mapping/report",
    "mapping/sandbox_record/rule",
    "mapping/spot_check",
    "mapping/catalog/parse",
    "mapping/catalog/csv",
    "mapping/catalog/json_lines",
    "mapping/catalog/ddl",
    "mapping/catalog/lines",
    "rollout/metrics/buckets",
    "rollout/metrics/prometheus/answer",
    "flows/attention",
    "flows/attention/rollouts",
    "flows/back",
    "flows/drill/due",
    "flows/alert/ledger",
    "flows/installation_health",
    "flows/import/arm",
    "flows/next",
    "rollout/compare",
    "flows/probe/address",
    "flows/probe/rule",
    "client/sse",
    "store/lock/rule",
    "rollout/judge",
    "rollout/worth",
    "rollout/advance",
    "rollout/bucket",
    "rollout/criteria",
    "rollout/decide",
    "rollout/stages",
    "rollout/standby",
    "rollout/state",
    "rollout/reconcile",
    "rollout/second/tries",
    "run/plan",
    "sandbox/ask",
    "sandbox/quota",
    "run/progress",
    "run/canonical",
    "hex",
    "near",
];

/// Words that have no business in a pure file.
const IMPURE: &[&str] = &[
    "async",
    "await",
    "Clock",
    "tokio",
    "futures",
    "sqlx",
    "octocrab",
    "tracing",
    "rand",
    "fs",
    "net",
    "env",
    "process",
    "thread",
    "Instant",
    "SystemTime",
    "Utc",
    "Mutex",
    "AtomicBool",
];

/// Where databases are spoken to, and why.
const SQL: &[(&str, &str)] = &[
    ("store", "the only place with SQL on our tables"),
    ("mapping/catalog/app_database", "the application's database"),
    ("fleet/drivers", "tenants' own databases, and the application's list of them"),
    ("sql_name", "quoting"),
];

/// The first part of a module; the file at the top says itself.
fn part(source: &Source) -> &str {
    match source.module.first() {
        Some(part) => part,
        None if source.place.ends_with("main.rs") => "main",
        None => "lib",
    }
}

fn arrows(krate: &str, roots: &[&str]) -> BTreeMap<(String, String), BTreeSet<String>> {
    let all = sources(krate);
    let parts: BTreeSet<&str> = all.iter().filter_map(|s| s.module.first().map(String::as_str)).collect();
    let mut arrows = BTreeMap::<_, BTreeSet<String>>::new();
    for source in &all {
        for path in paths(source, roots) {
            // The binary names its own library by the crate's name.
            let to = if roots.contains(&path[0].as_str()) { path.get(1) } else { path.first() };
            let Some(to) = to.filter(|to| parts.contains(to.as_str())) else { continue };
            if to != part(source) {
                let place = format!("{} names {}", source.place, path.join("::"));
                arrows.entry((part(source).to_owned(), to.clone())).or_default().insert(place);
            }
        }
    }
    arrows
}

fn forbidden(
    krate: &str,
    roots: &[&str],
    table: &[(&str, &[&str], &str)],
    base: &[(&str, &str)],
) -> Vec<String> {
    let is_base = |part: &str| base.iter().any(|(name, _)| *name == part);
    let mut bad = Vec::new();
    for ((from, to), places) in arrows(krate, roots) {
        let row = table.iter().find(|(name, ..)| *name == from);
        let allowed = match row {
            Some((_, to_those, _)) => is_base(&to) || to_those.contains(&to.as_str()),
            None => is_base(&from) && is_base(&to),
        };
        if !allowed {
            bad.extend(places.iter().map(|place| format!("{from} -> {to}: {place}")));
        }
    }
    bad
}

#[test]
fn the_daemon_has_no_other_arrows() {
    let bad = forbidden("daemon", &["cutover_daemon"], DAEMON, BASE);
    assert!(bad.is_empty(), "arrows that the architecture does not have:\n{}", bad.join("\n"));
}

#[test]
fn the_command_line_has_no_other_arrows() {
    let bad = forbidden("tui", &["cutover_tui"], TUI, &[]);
    assert!(bad.is_empty(), "arrows that the architecture does not have:\n{}", bad.join("\n"));
}

/// A part that no row names would be free of every rule.
#[test]
fn every_part_has_a_row() {
    for (krate, table, base) in [("daemon", DAEMON, BASE), ("tui", TUI, &[][..])] {
        for source in sources(krate) {
            let part = part(&source);
            // The daemon's lib.rs only lists modules.
            let known = table.iter().any(|(name, ..)| *name == part)
                || base.iter().any(|(name, _)| *name == part)
                || (krate, part) == ("daemon", "lib");
            assert!(known, "{}: `{part}` has no row in the table", source.place);
        }
    }
}

#[test]
fn nothing_goes_in_a_circle() {
    for (krate, name) in [("daemon", "cutover_daemon"), ("tui", "cutover_tui")] {
        let arrows: BTreeSet<(String, String)> = arrows(krate, &[name]).into_keys().collect();
        if let Some(circle) = circle(&arrows) {
            panic!("{krate}: {}", circle.join(" -> "));
        }
    }
}

/// A way that comes back to where it began.
fn circle(arrows: &BTreeSet<(String, String)>) -> Option<Vec<String>> {
    fn go(
        at: &str,
        way: &mut Vec<String>,
        ended: &mut BTreeSet<String>,
        arrows: &BTreeSet<(String, String)>,
    ) -> bool {
        if let Some(begin) = way.iter().position(|part| part == at) {
            way.drain(..begin);
            way.push(at.to_owned());
            return true;
        }
        if !ended.contains(at) {
            way.push(at.to_owned());
            if arrows.iter().any(|(from, to)| from == at && go(to, way, ended, arrows)) {
                return true;
            }
            way.pop();
            ended.insert(at.to_owned());
        }
        false
    }
    let mut ended = BTreeSet::new();
    arrows.iter().find_map(|(from, _)| {
        let mut way = Vec::new();
        go(from, &mut way, &mut ended, arrows).then_some(way)
    })
}

#[test]
fn a_circle_is_found() {
    let arrows =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    assert_eq!(circle(&arrows(&[("a", "b"), ("b", "c"), ("a", "c")])), None);
    let found = circle(&arrows(&[("a", "b"), ("b", "c"), ("c", "b")])).unwrap();
    assert_eq!(found, ["b", "c", "b"]);
}

#[test]
fn the_tables_agree_with_the_layers() {
    for area in AREAS {
        let (_, to, _) = DAEMON.iter().find(|(name, ..)| name == area).unwrap();
        assert!(!to.iter().any(|to| AREAS.contains(to)), "{area} may not name another area");
    }
    for (name, why) in BASE.iter().chain(SQL) {
        assert!(!why.is_empty(), "{name} needs a reason");
    }
    for (name, _, why) in DAEMON.iter().chain(TUI) {
        assert!(!why.is_empty(), "{name} needs a reason");
    }
}

/// The area's only business with the configuration: what the application calls its columns.
#[test]
fn only_the_catalog_reads_names_out_of_the_configuration() {
    for source in sources("daemon").iter().filter(|source| AREAS.contains(&part(source))) {
        for path in paths(source, &[]).iter().filter(|path| path[0] == "config") {
            let catalog = source.module.starts_with(&["mapping".to_owned(), "catalog".to_owned()]);
            assert!(catalog, "{} names {}", source.place, path.join("::"));
            let name = path[1..].join("::");
            assert!(NAMES.contains(&name.as_str()), "{} names config::{name}", source.place);
        }
    }
}

/// Whether a module is, or stands in, one of these.
fn is_in(module: &[String], places: &[&str]) -> bool {
    let module = module.join("/");
    places.iter().any(|place| module == *place || module.starts_with(&format!("{place}/")))
}

#[test]
fn pure_files_only_decide() {
    let all = sources("daemon");
    for place in PURE {
        assert!(all.iter().any(|source| is_in(&source.module, &[place])), "{place} is gone");
    }
    for source in all.iter().filter(|source| is_in(&source.module, PURE)) {
        for path in paths(source, &[]) {
            // The longest part of the path that is a file.
            let file = (1..=path.len()).rev().find(|n| all.iter().any(|other| other.module == path[..*n]));
            let module = &path[..file.unwrap_or(0)];
            assert!(is_in(module, PURE), "{} is pure and names {}", source.place, path.join("::"));
        }
        for word in IMPURE {
            assert!(
                !source.tokens.iter().any(|token| token == word),
                "{} is pure and says `{word}`",
                source.place
            );
        }
    }
}

/// The console's rules and what draws them: time comes with the event, jitter too, and effects are values.
const CONSOLE_PURE: &[&str] = &[
    "state",
    "keymap",
    "place",
    "runbook",
    "screens",
    "widgets",
    "theme",
    "glyphs",
    "app/update",
    "app/event",
    "app/effect",
    "app/summary",
    "app/line/speak",
];

#[test]
fn the_consoles_rules_know_neither_clock_nor_world() {
    let all = sources("tui");
    for place in CONSOLE_PURE {
        assert!(all.iter().any(|source| is_in(&source.module, &[place])), "{place} is gone");
    }
    let outside = ["clock", "conn", "term", "file", "marker", "session", "env"];
    for source in all.iter().filter(|source| is_in(&source.module, CONSOLE_PURE)) {
        for path in paths(source, &[]) {
            let named = path.join("::");
            assert!(!outside.contains(&path[0].as_str()), "{} is pure and names {named}", source.place);
        }
        for word in IMPURE {
            let says = source.tokens.iter().any(|token| token == word);
            assert!(!says, "{} is pure and says `{word}`", source.place);
        }
    }
}

#[test]
fn sql_has_its_places() {
    let places: Vec<&str> = SQL.iter().map(|(place, _)| *place).collect();
    let mut asserted = Vec::new();
    for source in sources("daemon") {
        let says = |word: &str| source.tokens.iter().any(|token| token == word);
        assert!(!says("sqlx") || is_in(&source.module, &places), "{} speaks SQL", source.place);
        if says("AssertSqlSafe") {
            asserted.push(source.place.clone());
        }
    }
    assert!(asserted.len() <= 1, "quoting has one place: {asserted:?}");
    for krate in ["tui", "shared"] {
        for source in sources(krate) {
            assert!(!source.tokens.iter().any(|token| token == "sqlx"), "{} speaks SQL", source.place);
        }
    }
}

/// `shared <- daemon, tui <- tests`, and what the wire types must not drag in.
#[test]
fn crates_stand_in_their_order() {
    let own = ["cutover-shared", "cutover-daemon", "cutover-tui", "cutover-tests"];
    for (krate, allowed, foreign) in [
        ("shared", &[][..], &["sqlx", "axum", "ratatui", "clap", "octocrab"][..]),
        ("daemon", &["cutover-shared"][..], &["ratatui", "crossterm"][..]),
        // It serves one page on loopback, for `app create` (ADR 0010).
        ("tui", &["cutover-shared"][..], &["sqlx", "octocrab"][..]),
    ] {
        let manifest = std::fs::read_to_string(root().join(krate).join("Cargo.toml")).unwrap();
        // Only what ships; a test may stand on more.
        let needs = manifest.split("[dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
        for line in needs.lines() {
            let name = line.split(['.', ' ', '=']).next().unwrap();
            assert!(!own.contains(&name) || allowed.contains(&name), "{krate} may not need {name}");
            assert!(!foreign.contains(&name), "{krate} may not need {name}");
        }
    }
}

/// The reader itself: what is not seen can't be forbidden.
#[test]
fn paths_are_seen() {
    let text = r##"
        //! crate::not::this
        use crate::store::{Db, read::{A, B as C}, self};
        use super::{plan, view::X};
        pub(in crate::mapping) fn f<'a>(x: &'a str) -> crate::run::Engine { /* crate::nor */ "crate::that" ; r#"crate::"# }
        fn g() -> Vec<u8> { 'x'; '\''; super::super::seal::hex::<u8>(1); crate::clock::now() }
    "##;
    let module = ["flows", "kill"].map(str::to_owned).to_vec();
    let source = Source { place: "text".into(), module, tokens: scan::tokens(text) };
    let seen: Vec<String> = paths(&source, &[]).iter().map(|path| path.join("::")).collect();
    let expected = [
        "clock::now",
        "flows::plan",
        "flows::view::X",
        "run::Engine",
        "seal::hex",
        "store",
        "store::Db",
        "store::read::A",
        "store::read::B",
    ];
    assert_eq!(seen, expected);
}
