use std::collections::HashMap;

use async_trait::async_trait;
use cutover_shared::ids::RunId;
use cutover_shared::page::MAX_BYTES;
use cutover_shared::run::{Counts, ItemGroup, ItemState, RunState};
use cutover_shared::window::Window;
use futures::TryStreamExt as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Row as _, query};

use super::{Read, array, corrupt, unsigned};
use crate::store::read::RunRead;
use crate::store::sqlite::{Sqlite, unavailable, window};
use crate::store::{RunRow, Select, Standing, StandingRun, StoredItem};

const DOING: &str = "reading runs";

// One that is halted comes before one that moves: a small run beside it must not hide it.
const UNDER_WAY: &str = "SELECT * FROM runs WHERE id = coalesce(
        (SELECT id FROM runs WHERE kind = $1 AND state IN ('applying', 'pausing', 'paused', 'verifying', 'undoing')
          ORDER BY state = 'paused' AND reason IS NOT NULL DESC, id DESC LIMIT 1),
        (SELECT id FROM runs WHERE kind = $1 AND started_at IS NOT NULL ORDER BY id DESC LIMIT 1))";

const WAITING: &str = "SELECT * FROM runs
      WHERE kind = $1 AND (state = 'approved' OR (state = 'planned' AND expires_at > $2)) ORDER BY id DESC LIMIT 1";

#[async_trait]
impl RunRead for Sqlite {
    async fn run(&self, id: &RunId) -> Read<Option<RunRow>> {
        let rows = query("SELECT * FROM runs WHERE id = $1")
            .bind(id.as_str())
            .fetch_all(&self.readers)
            .await
            .map_err(unavailable(DOING))?;
        Ok(self.counted(rows).await?.pop())
    }

    async fn runs(
        &self,
        state: Option<RunState>,
        kind: Option<&str>,
        before: Option<&str>,
        limit: u32,
    ) -> Read<Vec<RunRow>> {
        let rows = query(
            "SELECT * FROM runs
              WHERE ($1 IS NULL OR state = $1) AND ($2 IS NULL OR kind = $2) AND ($3 IS NULL OR id < $3)
              ORDER BY id DESC LIMIT $4",
        )
        .bind(state.map(RunState::word))
        .bind(kind)
        .bind(before)
        .bind(limit)
        .fetch_all(&self.readers)
        .await
        .map_err(unavailable(DOING))?;
        self.counted(rows).await
    }

    async fn run_under_way(&self, kind: &str) -> Read<Option<RunRow>> {
        let rows = query(UNDER_WAY).bind(kind).fetch_all(&self.readers).await.map_err(unavailable(DOING))?;
        Ok(self.counted(rows).await?.pop())
    }

    async fn waiting_plan(&self, kind: &str, now: i64) -> Read<Option<RunRow>> {
        let rows = query(WAITING).bind(kind).bind(now).fetch_all(&self.readers).await;
        Ok(self.counted(rows.map_err(unavailable(DOING))?).await?.pop())
    }

    async fn unfinished_runs(&self) -> Read<Vec<RunRow>> {
        let rows = query(
            "SELECT * FROM runs
              WHERE state IN ('approved', 'applying', 'pausing', 'paused', 'verifying', 'undoing')
                 OR id IN (SELECT run_id FROM run_counts WHERE state = 'leased' AND n > 0)
              ORDER BY id DESC",
        )
        .fetch_all(&self.readers)
        .await
        .map_err(unavailable(DOING))?;
        self.counted(rows).await
    }

    async fn items(
        &self,
        run: &RunId,
        state: Option<ItemState>,
        after: Option<i64>,
        limit: u32,
    ) -> Read<Vec<StoredItem>> {
        let sql = match state {
            Some(_) => {
                "SELECT * FROM run_items WHERE run_id = $1 AND ord > $2 AND state = $4 ORDER BY ord LIMIT $3"
            }
            None => "SELECT * FROM run_items WHERE run_id = $1 AND ord > $2 ORDER BY ord LIMIT $3",
        };
        let mut ask = query(sql).bind(run.as_str()).bind(after.unwrap_or(-1)).bind(limit);
        if let Some(state) = state {
            ask = ask.bind(state.word());
        }
        let mut rows = ask.fetch(&self.readers);
        let mut items = Vec::new();
        let mut bytes = 0;
        while let Some(row) = rows.try_next().await.map_err(unavailable(DOING))? {
            let item = item(&row)?;
            bytes += item.body.len() + item.reason.as_ref().map_or(0, String::len);
            items.push(item);
            if bytes > MAX_BYTES {
                break;
            }
        }
        Ok(items)
    }

    async fn item_by_key(&self, run: &RunId, key: &str) -> Read<Option<StoredItem>> {
        query("SELECT * FROM run_items WHERE run_id = $1 AND key = $2 LIMIT 1")
            .bind(run.as_str())
            .bind(key)
            .fetch_optional(&self.readers)
            .await
            .map_err(unavailable(DOING))?
            .map(|row| item(&row))
            .transpose()
    }

    async fn runs_window(&self, select: &Select) -> Read<Window<RunRow>> {
        window::runs(self, select).await
    }

    async fn items_window(&self, run: &RunId, select: &Select) -> Read<Window<StoredItem>> {
        window::items(self, run, select).await
    }

    async fn item_groups(&self, run: &RunId, limit: u32) -> Read<Vec<ItemGroup>> {
        let rows = query(
            // The narrow index has all of it; by state alone each item's wide row would be read for its reason.
            "SELECT state, reason, count(*) AS n, min(key) AS example
               FROM run_items INDEXED BY run_items_listed
              WHERE run_id = $1 AND (state IN ('stale', 'failed', 'unknown', 'superseded')
                                     OR (state = 'skipped' AND reason IS NOT NULL))
              GROUP BY state, reason ORDER BY n DESC, state, reason LIMIT $2",
        )
        .bind(run.as_str())
        .bind(limit)
        .fetch_all(&self.readers)
        .await
        .map_err(unavailable(DOING))?;
        rows.iter().map(group).collect()
    }

    async fn runs_of_note(&self, since: i64, now: i64, limit: u32) -> Read<Vec<RunRow>> {
        let rows = query(
            "SELECT * FROM runs
              WHERE state IN ('approved', 'applying', 'pausing', 'paused', 'verifying', 'undoing')
                 OR id IN (SELECT run_id FROM run_counts WHERE state = 'unknown' AND n > 0)
                 OR (state IN ('failed', 'done') AND ended_at > $1
                     AND (state = 'failed'
                          OR id IN (SELECT run_id FROM run_counts WHERE state = 'failed' AND n > 0)))
                 OR (state = 'planned' AND expires_at > $2
                     AND NOT EXISTS (SELECT 1 FROM runs AS newer
                                      WHERE newer.id > runs.id AND newer.kind = runs.kind
                                        AND newer.scope = runs.scope AND newer.state <> 'expired'))
              ORDER BY id DESC LIMIT $3",
        )
        .bind(since)
        .bind(now)
        .bind(limit)
        .fetch_all(&self.readers)
        .await
        .map_err(unavailable(DOING))?;
        self.counted(rows).await
    }

    async fn standing(&self, limit: u32) -> Read<Standing> {
        let rows = query(
            "SELECT id, runs.state, reversibility, sum(n) OVER () AS items
               FROM runs JOIN run_counts ON run_id = id AND run_counts.state = 'done'
              WHERE n > 0 AND runs.state NOT IN ('planned', 'approved', 'undone', 'expired')
              ORDER BY id DESC LIMIT $1",
        )
        .bind(limit)
        .fetch_all(&self.readers)
        .await
        .map_err(unavailable(DOING))?;
        let items = rows.first().map_or(Ok(0), |row| row.try_get::<i64, _>("items"));
        let runs = rows.iter().map(standing_run).collect::<Read<_>>()?;
        Ok(Standing { runs, items: unsigned(items.map_err(unavailable(DOING))?) })
    }
}

impl Sqlite {
    async fn counted(&self, rows: Vec<SqliteRow>) -> Read<Vec<RunRow>> {
        let mut connection = self.readers.acquire().await.map_err(unavailable(DOING))?;
        self.with_counts(rows, &mut connection).await
    }

    pub(in crate::store::sqlite) async fn with_counts(
        &self,
        rows: Vec<SqliteRow>,
        connection: &mut SqliteConnection,
    ) -> Read<Vec<RunRow>> {
        let mut runs = rows.iter().map(run).collect::<Read<Vec<_>>>()?;
        let ids: Vec<_> = runs.iter().map(|run| run.id.as_str()).collect();
        let counts = query(
            "SELECT run_id, state, n FROM run_counts WHERE run_id IN (SELECT value FROM json_each($1))",
        )
        .bind(array(&ids)?)
        .fetch_all(connection)
        .await
        .map_err(unavailable(DOING))?;
        let mut by_run: HashMap<String, Counts> = HashMap::new();
        for row in counts {
            let (id, word, n): (String, String, i64) = get(&row)?;
            let state = ItemState::from_word(&word).ok_or_else(|| corrupt("state of an item", &word))?;
            *by_run.entry(id).or_default().of(state) += unsigned(n);
        }
        for run in &mut runs {
            run.counts = by_run.remove(run.id.as_str()).unwrap_or_default();
        }
        Ok(runs)
    }
}

fn get(row: &SqliteRow) -> Read<(String, String, i64)> {
    (|| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)))().map_err(unavailable(DOING))
}

fn run(row: &SqliteRow) -> Read<RunRow> {
    let word: String = row.try_get("state").map_err(unavailable(DOING))?;
    let state = RunState::from_word(&word).ok_or_else(|| corrupt("state of a run", &word))?;
    (|| {
        Ok(RunRow {
            id: RunId(row.try_get("id")?),
            kind: row.try_get("kind")?,
            scope: row.try_get("scope")?,
            state,
            direction: row.try_get("direction")?,
            digest: row.try_get("digest")?,
            basis: row.try_get("basis")?,
            effect: row.try_get("effect")?,
            reversibility: row.try_get("reversibility")?,
            author: row.try_get("author")?,
            planned_at: row.try_get("planned_at")?,
            expires_at: row.try_get("expires_at")?,
            approved_by: row.try_get("approved_by")?,
            approved_at: row.try_get("approved_at")?,
            started_at: row.try_get("started_at")?,
            ended_at: row.try_get("ended_at")?,
            undo_started_at: row.try_get("undo_started_at")?,
            resumed_at: row.try_get("resumed_at")?,
            rate: row.try_get::<Option<i64>, _>("rate")?.and_then(|rate| u32::try_from(rate).ok()),
            reason: row.try_get("reason")?,
            summary: row.try_get("summary")?,
            lease_holder: row.try_get("lease_holder")?,
            lease_until: row.try_get("lease_until")?,
            counts: Counts::default(),
        })
    })()
    .map_err(unavailable(DOING))
}

fn group(row: &SqliteRow) -> Read<ItemGroup> {
    let word: String = row.try_get("state").map_err(unavailable(DOING))?;
    let state = ItemState::from_word(&word).ok_or_else(|| corrupt("state of an item", &word))?;
    (|| {
        Ok(ItemGroup {
            state,
            reason: row.try_get("reason")?,
            count: unsigned(row.try_get("n")?),
            example: row.try_get("example")?,
        })
    })()
    .map_err(unavailable(DOING))
}

fn standing_run(row: &SqliteRow) -> Read<StandingRun> {
    let word: String = row.try_get("state").map_err(unavailable(DOING))?;
    let state = RunState::from_word(&word).ok_or_else(|| corrupt("state of a run", &word))?;
    (|| {
        Ok(StandingRun { id: RunId(row.try_get("id")?), state, reversibility: row.try_get("reversibility")? })
    })()
    .map_err(unavailable(DOING))
}

pub(in crate::store::sqlite) fn item(row: &SqliteRow) -> Read<StoredItem> {
    let word: String = row.try_get("state").map_err(unavailable(DOING))?;
    let state = ItemState::from_word(&word).ok_or_else(|| corrupt("state of an item", &word))?;
    (|| {
        Ok(StoredItem {
            ord: row.try_get("ord")?,
            key: row.try_get("key")?,
            state,
            body: row.try_get("body")?,
            before: row.try_get("before")?,
            reason: row.try_get("reason")?,
            attempts: u32::try_from(row.try_get::<i64, _>("attempts")?).unwrap_or(u32::MAX),
            updated_at: row.try_get("updated_at")?,
        })
    })()
    .map_err(unavailable(DOING))
}
