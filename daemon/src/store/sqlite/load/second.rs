use async_trait::async_trait;
use cutover_shared::ids::TenantId;
use cutover_shared::rollout::{Operation, RepairState, RolloutName, Side};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, query};

use super::{Read, corrupt, small, unsigned};
use crate::store::sqlite::{Sqlite, unavailable};
use crate::store::{ArmRecord, RecordKey, RecordRow, SecondCounts, SecondRead, SecondRow};

const DOING: &str = "reading second writes";

const DUE: &str = "SELECT * FROM second_writes INDEXED BY second_writes_due
      WHERE state = 'pending' AND rollout = $1 AND side = $2 ORDER BY due_at, seq LIMIT $3";

const INTENTS: &str = "SELECT * FROM second_writes INDEXED BY second_writes_waiting
      WHERE ended_at IS NULL AND rollout = $1 AND seq > $2 AND state = 'intent' ORDER BY seq LIMIT $3";

const OPEN: &str = "SELECT * FROM second_writes INDEXED BY second_writes_waiting
      WHERE ended_at IS NULL AND rollout = $1 AND seq > $2 AND state <> 'intent' ORDER BY seq LIMIT $3";

const COUNTS: &str = "SELECT
        (SELECT count(*) FROM second_writes WHERE rollout = $1 AND state = 'pending'),
        (SELECT count(*) FROM second_writes WHERE rollout = $1 AND state = 'failed'),
        (SELECT min(created_at) FROM second_writes WHERE rollout = $1 AND state = 'pending'),
        (SELECT min(created_at) FROM second_writes WHERE rollout = $1 AND state = 'failed')";

/// The write of a record's key that has not ended, if there is one.
const RECORDS: &str = "SELECT a.*,
        (SELECT w.state || ' ' || w.created_at FROM second_writes AS w INDEXED BY second_writes_open
          WHERE w.ended_at IS NULL AND w.rollout = a.rollout AND w.operation = a.operation
            AND w.tenant = a.tenant AND w.key = a.key ORDER BY w.seq DESC LIMIT 1) AS open
   FROM arm_records AS a
  WHERE a.rollout = $1 AND a.side = $2 AND (a.operation, a.tenant, a.key) > ($3, $4, $5)
  ORDER BY a.operation, a.tenant, a.key LIMIT $6";

const FORGETTABLE: &str = "SELECT
        EXISTS (SELECT 1 FROM second_writes WHERE ended_at IS NOT NULL AND ended_at < $1)
     OR EXISTS (SELECT 1 FROM arm_records AS a JOIN arm_records AS b
                   ON b.rollout = a.rollout AND b.side = 'target' AND b.operation = a.operation
                  AND b.tenant = a.tenant AND b.key = a.key
                 WHERE a.side = 'legacy' AND a.at < $2 AND b.at < $2 AND a.digest = b.digest
                   AND NOT EXISTS (SELECT 1 FROM second_writes AS w WHERE w.rollout = a.rollout
                       AND w.operation = a.operation AND w.tenant = a.tenant AND w.key = a.key
                       AND w.ended_at IS NULL))";

#[async_trait]
impl SecondRead for Sqlite {
    async fn second_due(&self, name: RolloutName, side: Side, limit: u32) -> Read<Vec<SecondRow>> {
        let rows = query(DUE)
            .bind(name.word())
            .bind(side.word())
            .bind(limit)
            .fetch_all(&self.readers)
            .await
            .map_err(unavailable(DOING))?;
        rows.iter().map(second).collect()
    }

    async fn second_intents(&self, name: RolloutName, after: i64, limit: u32) -> Read<Vec<SecondRow>> {
        self.second_rows(INTENTS, name, after, limit).await
    }

    async fn second_open(&self, name: RolloutName, after: i64, limit: u32) -> Read<Vec<SecondRow>> {
        self.second_rows(OPEN, name, after, limit).await
    }

    async fn second_write(&self, seq: i64) -> Read<Option<SecondRow>> {
        let row = query("SELECT * FROM second_writes WHERE seq = $1")
            .bind(seq)
            .fetch_optional(&self.readers)
            .await
            .map_err(unavailable(DOING))?;
        row.as_ref().map(second).transpose()
    }

    async fn second_counts(&self, name: RolloutName) -> Read<SecondCounts> {
        let (waiting, failed, oldest, oldest_failed): (i64, i64, Option<i64>, Option<i64>) =
            sqlx::query_as(COUNTS)
                .bind(name.word())
                .fetch_one(&self.readers)
                .await
                .map_err(unavailable(DOING))?;
        let oldest = [oldest, oldest_failed].into_iter().flatten().min();
        Ok(SecondCounts { waiting: unsigned(waiting), failed: unsigned(failed), oldest })
    }

    async fn arm_record(&self, side: Side, of: &RecordKey) -> Read<Option<ArmRecord>> {
        let row = query(
            "SELECT * FROM arm_records WHERE rollout = $1 AND side = $2 AND operation = $3 AND tenant = $4 AND key = $5",
        )
        .bind(of.operation.rollout().word())
        .bind(side.word())
        .bind(of.operation.word())
        .bind(&of.tenant.0)
        .bind(&of.key)
        .fetch_optional(&self.readers)
        .await
        .map_err(unavailable(DOING))?;
        row.as_ref().map(record).transpose()
    }

    async fn arm_records(
        &self,
        name: RolloutName,
        side: Side,
        after: Option<&RecordKey>,
        limit: u32,
    ) -> Read<Vec<RecordRow>> {
        let (operation, tenant, key) = match after {
            Some(of) => (of.operation.word(), of.tenant.0.as_str(), of.key.as_str()),
            None => ("", "", ""),
        };
        let rows = query(RECORDS)
            .bind(name.word())
            .bind(side.word())
            .bind(operation)
            .bind(tenant)
            .bind(key)
            .bind(limit)
            .fetch_all(&self.readers)
            .await
            .map_err(unavailable(DOING))?;
        rows.iter().map(record_row).collect()
    }

    async fn is_second_forgettable(&self, ended: i64, agreed: i64) -> Read<bool> {
        sqlx::query_scalar(FORGETTABLE)
            .bind(ended)
            .bind(agreed)
            .fetch_one(&self.readers)
            .await
            .map_err(unavailable(DOING))
    }
}

impl Sqlite {
    async fn second_rows(
        &self,
        sql: &'static str,
        name: RolloutName,
        after: i64,
        limit: u32,
    ) -> Read<Vec<SecondRow>> {
        let rows = query(sql)
            .bind(name.word())
            .bind(after)
            .bind(limit)
            .fetch_all(&self.readers)
            .await
            .map_err(unavailable(DOING))?;
        rows.iter().map(second).collect()
    }
}

fn text(row: &SqliteRow, column: &str) -> Read<String> {
    row.try_get(column).map_err(unavailable(DOING))
}

fn of(row: &SqliteRow) -> Read<RecordKey> {
    let operation = text(row, "operation")?;
    let operation = Operation::from_word(&operation).ok_or_else(|| corrupt("operation", operation))?;
    Ok(RecordKey { operation, tenant: TenantId(text(row, "tenant")?), key: text(row, "key")? })
}

fn side(row: &SqliteRow) -> Read<Side> {
    let word = text(row, "side")?;
    Side::from_word(&word).ok_or_else(|| corrupt("side", word))
}

fn state(word: &str) -> Read<RepairState> {
    RepairState::from_word(word).ok_or_else(|| corrupt("state of a second write", word))
}

fn second(row: &SqliteRow) -> Read<SecondRow> {
    let number = |column| row.try_get::<i64, _>(column).map_err(unavailable(DOING));
    Ok(SecondRow {
        seq: number("seq")?,
        id: text(row, "id")?,
        of: of(row)?,
        side: side(row)?,
        version: unsigned(number("version")?),
        body: text(row, "body")?,
        created_at: number("created_at")?,
        state: state(&text(row, "state")?)?,
        attempts: small(row, "attempts").map_err(unavailable(DOING))?,
        due_at: number("due_at")?,
        ended_at: row.try_get("ended_at").map_err(unavailable(DOING))?,
        note: row.try_get("note").map_err(unavailable(DOING))?,
    })
}

pub(super) fn record(row: &SqliteRow) -> Read<ArmRecord> {
    let number = |column| row.try_get::<i64, _>(column).map_err(unavailable(DOING));
    Ok(ArmRecord {
        of: of(row)?,
        side: side(row)?,
        digest: text(row, "digest")?,
        answered: number("answered")? != 0,
        body: text(row, "body")?,
        at: number("at")?,
    })
}

fn record_row(row: &SqliteRow) -> Read<RecordRow> {
    let open: Option<String> = row.try_get("open").map_err(unavailable(DOING))?;
    let open = open.map(|open| {
        let (word, since) = open.split_once(' ').unwrap_or((open.as_str(), ""));
        Ok((state(word)?, since.parse().map_err(|error| corrupt("time of a second write", error))?))
    });
    Ok(RecordRow {
        record: record(row)?,
        owed: small(row, "owed").map_err(unavailable(DOING))?,
        open: open.transpose()?,
    })
}
