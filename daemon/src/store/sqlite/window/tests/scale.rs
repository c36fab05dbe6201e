//! How long a window takes over 100,000 links and items. Figures are printed; no machine's speed is a promise here.

use std::fmt::Write as _;
use std::time::Duration;

use cutover_shared::filter::{AUDIT, Fields, ITEMS, LINKS, TENANTS};
use cutover_shared::window::{Sort, WindowAsk};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use super::world::{NOW, RUN};
use crate::clock::Clock;
use crate::faults::Faults;
use crate::store::{Db, Select, open};

/// Rows that SQL writes by itself, which is quicker than units and fires the same triggers.
const FILL: &[&str] = &[
    "INSERT INTO links (project_id, repo_lname, key, tenant_id, repo_full_name, repo_id, owner_id, owner_login, token,
                        imported_commit_sha, imported_at, import_method, fingerprint)
     WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99999)
     SELECT printf('proj-%06d', i), printf('owner-%d/repo-%d', i * 7919 % 3001, i * 104729 % 99991),
            printf('proj-%06d:owner-%d/repo-%d', i, i * 7919 % 3001, i * 104729 % 99991),
            printf('tenant-%04d', i * 31 % 2000), printf('Owner-%d/Repo-%d', i * 7919 % 3001, i * 104729 % 99991),
            i, i, 'owner', printf('%064d', i), printf('%040d', i), i, 'oauth', printf('%024d', i) FROM n",
    "INSERT INTO mappings (key, tenant_id, status, installation, confidence, body, fingerprint, run_id, updated_at)
     SELECT key, tenant_id, CASE repo_id % 20 WHEN 0 THEN 'unmappable' WHEN 1 THEN 'pending' WHEN 2 THEN 'pending'
                            WHEN 3 THEN 'pending' ELSE 'mapped' END,
            repo_id % 3001, repo_id * 7919 % 101,
            json_object('reason', CASE repo_id % 20 WHEN 0 THEN 'gone' WHEN 1 THEN 'not_granted' WHEN 2 THEN 'suspended'
                                  WHEN 3 THEN 'not_installed' ELSE 'id_listed' END,
                        'evidence', printf('%0700d', repo_id)), 'f', 'r', 1
       FROM links WHERE repo_id % 11 > 0",
    "INSERT INTO run_items (run_id, ord, key, state, body, reason, attempts, updated_at)
     SELECT 'run-1', repo_id, key, CASE repo_id % 20 WHEN 0 THEN 'stale' WHEN 1 THEN 'pending' WHEN 2 THEN 'failed'
                                   ELSE 'done' END,
            printf('%0900d', repo_id), CASE repo_id % 20 WHEN 0 THEN 'the mapping was changed' WHEN 2 THEN 'refused' END,
            1, 1 FROM links",
    "INSERT INTO run_counts (run_id, state, n) SELECT run_id, state, count(*) FROM run_items GROUP BY run_id, state",
    "INSERT INTO audit (seq, at, bytes, prev, hash)
     SELECT repo_id + 1, repo_id, json_object('act', 'run.chunk', 'actor', printf('op-%d', repo_id % 7), 'origin', 'rpc',
                                              'subject', key, 'detail', json_object('n', repo_id)), 'p', 'h' FROM links",
];

/// Filters, and what is sorted by.
type Asks = &'static [(&'static str, &'static str)];

/// The list, and windows of it.
const ASKS: &[(&str, &Fields, Asks)] = &[
    (
        "links",
        &LINKS,
        &[
            ("", ""),
            ("status:pending", ""),
            ("status:pending,unmappable", ""),
            ("99", ""),
            ("nothing-like-it", ""),
            ("!owner-1", ""),
            ("status:mapped confidence<50", ""),
            ("canary:yes", ""),
            ("", "status"),
            ("99", "status"),
            ("", "repo"),
            ("", "tenant"),
            ("", "confidence"),
        ],
    ),
    ("tenants", &TENANTS, &[("", ""), ("pending>0", "pending"), ("99", "")]),
    (
        "items",
        &ITEMS,
        &[
            ("", ""),
            ("state:done", ""),
            ("state:stale,failed", ""),
            ("99", ""),
            ("state:done 99", ""),
            ("", "state"),
            ("", "key"),
        ],
    ),
    ("audit", &AUDIT, &[("", ""), ("who:op-3", ""), ("99", ""), ("age>1s", "who")]),
];

async fn ask(db: &Db, list: &str, select: &Select) -> (usize, u64) {
    match list {
        "links" => db.links_window(select).await.map(|w| (w.rows.len(), w.total)),
        "tenants" => db.tenants_window(select).await.map(|w| (w.rows.len(), w.total)),
        "items" => db.items_window(&RUN.into(), select).await.map(|w| (w.rows.len(), w.total)),
        _ => db.audit_window(select).await.map(|w| (w.rows.len(), w.total)),
    }
    .unwrap()
}

/// `cargo test -p cutover-daemon --lib window_figures -- --ignored --nocapture`
#[tokio::test]
#[allow(clippy::print_stdout, reason = "the figures are what it is for")]
#[ignore = "takes half a minute and prints figures; windows_are_what_memory_says holds the behaviour"]
async fn window_figures() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cutover.db");
    let url = format!("sqlite:{}", path.display());
    open(&url, Faults::none()).await.unwrap().close().await;
    let mut connection = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
    for statement in FILL {
        sqlx::query(*statement).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
    let db = open(&url, Faults::none()).await.unwrap();
    let clock = Clock::system();
    let mut text = String::new();
    for (list, fields, asks) in ASKS {
        for (filter, sort) in *asks {
            let sort = (!sort.is_empty()).then(|| Sort { field: (*sort).to_owned(), descending: false });
            let mut wanted = WindowAsk { filter: (*filter).to_owned(), sort, offset: 0, limit: 100 };
            let mut line =
                format!("{list:8} {filter:28} {:11}", wanted.sort.as_ref().map_or("", |s| &s.field));
            let (_, total) = timed(&clock, &db, list, fields, &wanted).await.1;
            for offset in [0, total / 2, total.saturating_sub(100)] {
                wanted.offset = offset;
                let (took, _) = timed(&clock, &db, list, fields, &wanted).await;
                write!(line, "{:7.1}", took.as_secs_f64() * 1e3).unwrap();
            }
            writeln!(text, "{line}  of {total}").unwrap();
        }
    }
    let begin = clock.monotonic();
    let groups = db.item_groups(&RUN.into(), 50).await.unwrap();
    writeln!(text, "groups   {} in {:?}", groups.len(), clock.monotonic() - begin).unwrap();
    println!("list     filter                       sort          first middle   last  in ms\n{text}");
    db.close().await;
}

async fn timed(
    clock: &Clock,
    db: &Db,
    list: &str,
    fields: &Fields,
    wanted: &WindowAsk,
) -> (Duration, (usize, u64)) {
    let select = Select::understand(fields, wanted, NOW).unwrap().with_canary(["tenant-0007".into()].into());
    let mut best = (Duration::MAX, (0, 0));
    for _ in 0..3 {
        let begin = clock.monotonic();
        let found = ask(db, list, &select).await;
        best = (best.0.min(clock.monotonic() - begin), found);
    }
    best
}
