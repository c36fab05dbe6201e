//! How fast the daemon answers for a window of its longest list.

use cutover_daemon::clock::Clock;
use cutover_shared::catalog::{CatalogAnswer, CatalogQuery, LinkView};
use cutover_shared::rpc::{Answer, Query};
use cutover_shared::window::{Sort, Window, WindowAsk};
use cutover_tui::conn::Conn;

use super::ConsoleLoad;
use crate::load::mapping::LoadError;
use crate::load::meter::Times;
use crate::load::{Bar, Report};

/// As many rows as the console asks for at 200x60.
const ROWS: u32 = 150;

/// One window of repositories.
pub(super) async fn ask(conn: &Conn, ask: WindowAsk) -> Result<Window<LinkView>, LoadError> {
    match conn.query(Query::Catalog(CatalogQuery::LinkWindow { ask })).await? {
        Answer::Catalog(CatalogAnswer::LinkWindow(window)) => Ok(window),
        _ => Err(LoadError::Wrong("the daemon gave another answer".to_owned())),
    }
}

pub(super) async fn measure(
    conn: &Conn,
    load: &ConsoleLoad,
    clock: &Clock,
    report: &mut Report,
) -> Result<(), LoadError> {
    let total = ask(conn, WindowAsk { limit: 1, ..WindowAsk::default() }).await?.total;
    let (middle, last) = (total / 2, total.saturating_sub(u64::from(ROWS)));
    let by = |field: &str, descending| Some(Sort { field: field.to_owned(), descending });
    let asks = [
        ("first", 0, "", None),
        ("middle", middle, "", None),
        ("last", last, "", None),
        ("status:pending", 0, "status:pending", None),
        ("a text that all rows are searched for", 0, "repo:api", None),
        ("sorted by repo, first", 0, "", by("repo", false)),
        ("sorted by repo, middle", middle, "", by("repo", false)),
        ("sorted by confidence, middle", middle, "", by("confidence", true)),
    ];
    for (name, offset, filter, sort) in asks {
        let mut times = Times::default();
        for _ in 0..load.times(9, 3) {
            let wanted = WindowAsk { filter: filter.to_owned(), sort: sort.clone(), offset, limit: ROWS };
            let start = clock.monotonic();
            ask(conn, wanted).await?;
            times.add(clock.monotonic() - start);
        }
        report.add(format!("window of {ROWS} repositories: {name}"), times.median(), "ms", Bar::None);
    }
    let mut times = Times::default();
    for _ in 0..load.times(9, 3) {
        let start = clock.monotonic();
        conn.query(Query::Status).await?;
        times.add(clock.monotonic() - start);
    }
    report.add("status", times.median(), "ms", Bar::None);
    Ok(())
}
