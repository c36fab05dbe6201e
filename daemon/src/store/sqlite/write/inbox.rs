//! Operations on the inbox.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use cutover_shared::webhook::DeliveryState;
use sqlx::query;
use sqlx::sqlite::SqliteConnection;

use super::{Done, failed, rows};
use crate::store::sqlite::body::{Packed, SMALL, pack};
use crate::store::{InboxOp, NewDelivery, UNIT_ROWS, WriteError};

const WHAT: &str = "the delivery";

pub(super) async fn op(connection: &mut SqliteConnection, op: &InboxOp, packed: Option<&Packed>) -> Done {
    match op {
        InboxOp::Receive(delivery) => match packed {
            Some(packed) => receive(connection, &[(delivery, packed)]).await,
            None => receive(connection, &[(delivery, &pack(&delivery.body))]).await,
        },
        InboxOp::End { seq, state: DeliveryState::Waiting, .. } => Err(WriteError::Precondition {
            what: "the end of a delivery",
            found: format!("{seq} would go on waiting"),
        }),
        InboxOp::End { seq, state, at, note } => {
            let ended: Option<(Option<i64>, i64, String)> = sqlx::query_as(
                "UPDATE deliveries SET state = $2, ended_at = $3, note = $4, due_at = 0
                  WHERE seq = $1 AND state = 'waiting'
                 RETURNING installation, received_at, event || coalesce('.' || action, '')",
            )
            .bind(seq)
            .bind(state.word())
            .bind(at)
            .bind(note)
            .fetch_optional(&mut *connection)
            .await
            .map_err(failed(WHAT))?;
            match ended {
                Some((Some(installation), at, event)) => {
                    delivered(connection, &[Last { installation, at, event }]).await
                }
                Some((None, ..)) => Ok(()),
                None => waited(connection, *seq, 0).await,
            }
        }
        InboxOp::Retry { seq, attempts, due_at, note } => {
            let delayed = query(
                "UPDATE deliveries SET attempts = $2, due_at = $3, note = $4 WHERE seq = $1 AND state = 'waiting'",
            )
            .bind(seq)
            .bind(attempts)
            .bind(due_at)
            .bind(note)
            .execute(&mut *connection)
            .await
            .map_err(failed(WHAT))?;
            waited(connection, *seq, delayed.rows_affected()).await
        }
        InboxOp::Replay { seqs } => {
            query(
                "UPDATE deliveries SET state = 'waiting', attempts = 0, due_at = 0, ended_at = NULL, note = NULL
                  WHERE seq IN (SELECT value FROM json_each($1)) AND state <> 'waiting' AND kept = 1",
            )
            .bind(rows(seqs)?)
            .execute(connection)
            .await
            .map_err(failed(WHAT))?;
            Ok(())
        }
        InboxOp::DropBodies { before } => drop_bodies(connection, *before).await,
        InboxOp::Forget { before } => {
            query(
                "DELETE FROM deliveries WHERE seq IN (SELECT seq FROM deliveries WHERE kept = 0 AND ended_at < $1
                                                       ORDER BY ended_at LIMIT $2)",
            )
            .bind(before)
            .bind(at_once())
            .execute(connection)
            .await
            .map_err(failed(WHAT))?;
            Ok(())
        }
    }
}

/// What a delivery of a known GUID changes is said by the row that it meets, in one statement. A body comes along where the
/// row says that it has one: for a new delivery, and for a dead one whose body was dropped.
const DELIVERIES: Rows = Rows {
    head: "INSERT INTO deliveries
              (guid, event, action, installation, repo_id, repository, received_at, digest, bytes, state, ended_at) VALUES ",
    row: "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    tail: " ON CONFLICT (guid) DO UPDATE SET
                repeats  = repeats + 1,
                state    = CASE WHEN state = 'dead' THEN excluded.state ELSE state END,
                attempts = CASE WHEN state = 'dead' THEN 0 ELSE attempts END,
                due_at   = CASE WHEN state = 'dead' THEN 0 ELSE due_at END,
                ended_at = CASE WHEN state = 'dead' THEN excluded.ended_at ELSE ended_at END,
                note     = CASE WHEN state = 'dead' THEN NULL ELSE note END,
                digest   = CASE WHEN state = 'dead' AND kept = 0 THEN excluded.digest ELSE digest END,
                bytes    = CASE WHEN state = 'dead' AND kept = 0 THEN excluded.bytes ELSE bytes END,
                kept     = CASE WHEN state = 'dead' THEN 1 ELSE kept END
         RETURNING guid, seq, kept",
};

const BODIES: Rows = Rows {
    head: "INSERT INTO delivery_bodies (seq, packing, body) VALUES ",
    row: "(?, ?, ?)",
    tail: " ON CONFLICT (seq) DO NOTHING",
};

const DELIVERED: Rows = Rows {
    head: "INSERT INTO delivered (installation, at, event) VALUES ",
    row: "(?, ?, ?)",
    tail: " ON CONFLICT (installation) DO UPDATE SET at = excluded.at, event = excluded.event
             WHERE excluded.at >= delivered.at + 60000",
};

static INSERT_DELIVERIES: LazyLock<Vec<String>> = LazyLock::new(|| DELIVERIES.statements());
static INSERT_DELIVERED: LazyLock<Vec<String>> = LazyLock::new(|| DELIVERED.statements());
static INSERT_BODIES: LazyLock<Vec<String>> = LazyLock::new(|| BODIES.statements());

/// Takes deliveries in this order; of one that comes twice, the first brings the body. When it fails, some may be there.
pub(in crate::store::sqlite) async fn receive(
    connection: &mut SqliteConnection,
    deliveries: &[(&NewDelivery, &Packed)],
) -> Done {
    let mut places: HashMap<String, (i64, bool)> = HashMap::with_capacity(deliveries.len());
    let mut rest = deliveries;
    while let Some((statement, now, later)) = chunk(&INSERT_DELIVERIES, rest) {
        let mut insert = sqlx::query_as(statement);
        for (delivery, _) in now {
            let state = match delivery.ended_at {
                Some(_) => DeliveryState::Ignored,
                None => DeliveryState::Waiting,
            };
            insert = insert
                .bind(&delivery.guid)
                .bind(&delivery.event)
                .bind(&delivery.action)
                .bind(delivery.installation)
                .bind(delivery.repo_id)
                .bind(&delivery.repository)
                .bind(delivery.received_at)
                .bind(&delivery.digest)
                .bind(i64::try_from(delivery.body.len()).unwrap_or(i64::MAX))
                .bind(state.word())
                .bind(delivery.ended_at);
        }
        let met: Vec<(String, i64, bool)> = insert.fetch_all(&mut *connection).await.map_err(failed(WHAT))?;
        places.extend(met.into_iter().map(|(guid, seq, kept)| (guid, (seq, kept))));
        rest = later;
    }
    let mut bodies = Vec::with_capacity(deliveries.len());
    for (delivery, packed) in deliveries {
        match places.get(&delivery.guid) {
            Some((seq, true)) => bodies.push((*seq, *packed)),
            Some((_, false)) => {}
            None => {
                return Err(WriteError::Unavailable("the store does not say where a delivery is".to_owned()));
            }
        }
    }
    put_bodies(connection, &bodies).await?;
    let mut last: BTreeMap<i64, Last> = BTreeMap::new();
    for (delivery, _) in deliveries.iter().filter(|(delivery, _)| delivery.ended_at.is_some()) {
        let Some(installation) = delivery.installation else { continue };
        if last.get(&installation).is_none_or(|last| last.at <= delivery.received_at) {
            let action = delivery.action.as_ref().map(|action| format!(".{action}")).unwrap_or_default();
            let event = format!("{}{action}", delivery.event);
            last.insert(installation, Last { installation, at: delivery.received_at, event });
        }
    }
    let last: Vec<_> = last.into_values().collect();
    delivered(connection, &last).await
}

async fn put_bodies(connection: &mut SqliteConnection, bodies: &[(i64, &Packed)]) -> Done {
    let mut rest = bodies;
    loop {
        // A large one goes alone: it is copied for its statement, and again by SQLite.
        let small = rest.iter().take_while(|(_, packed)| packed.body.len() <= SMALL).count();
        let run = rest.get(..small.max(1)).unwrap_or(rest);
        let Some((statement, now, _)) = chunk(&INSERT_BODIES, run) else { return Ok(()) };
        let mut insert = query(statement);
        for (seq, packed) in now {
            insert = insert.bind(*seq).bind(packed.packing).bind(packed.body.as_ref());
        }
        insert.execute(&mut *connection).await.map_err(failed(WHAT))?;
        rest = rest.get(now.len()..).unwrap_or_default();
    }
}

/// The last delivery of an installation that ended.
struct Last {
    installation: i64,
    at: i64,
    /// `event.action`, or `event`.
    event: String,
}

/// Notes last deliveries, at most once a minute for each installation: most look and write nothing.
async fn delivered(connection: &mut SqliteConnection, last: &[Last]) -> Done {
    let mut rest = last;
    while let Some((statement, now, later)) = chunk(&INSERT_DELIVERED, rest) {
        let mut insert = query(statement);
        for last in now {
            insert = insert.bind(last.installation).bind(last.at).bind(&last.event);
        }
        insert.execute(&mut *connection).await.map_err(failed(WHAT))?;
        rest = later;
    }
    Ok(())
}

/// A statement over many rows. It is made for 1, 2, 4 and so on of them, so that few statements are kept ready.
struct Rows {
    head: &'static str,
    row: &'static str,
    tail: &'static str,
}

impl Rows {
    const SIZES: u32 = 7;

    fn statements(&self) -> Vec<String> {
        let of = |size: u32| {
            let rows = vec![self.row; 1 << size];
            format!("{}{}{}", self.head, rows.join(", "), self.tail)
        };
        (0..Self::SIZES).map(of).collect()
    }
}

/// The statement for as many of the rows as one takes, those, and the others; none when there are no rows.
fn chunk<'r, T>(statements: &'static [String], rows: &'r [T]) -> Option<(&'static str, &'r [T], &'r [T])> {
    let size = rows.len().checked_ilog2()?.min(Rows::SIZES - 1);
    let (now, later) = rows.split_at(1 << size);
    Some((statements.get(usize::try_from(size).ok()?)?, now, later))
}

/// Demands that a row was met, and says what is there instead.
async fn waited(connection: &mut SqliteConnection, seq: i64, met: u64) -> Done {
    if met == 1 {
        return Ok(());
    }
    let state: Option<String> = sqlx::query_scalar("SELECT state FROM deliveries WHERE seq = $1")
        .bind(seq)
        .fetch_optional(connection)
        .await
        .map_err(failed(WHAT))?;
    Err(WriteError::Precondition { what: WHAT, found: state.unwrap_or_else(|| "nothing".to_owned()) })
}

async fn drop_bodies(connection: &mut SqliteConnection, before: i64) -> Done {
    let seqs: Vec<i64> = sqlx::query_scalar(
        "UPDATE deliveries SET kept = 0
          WHERE seq IN (SELECT seq FROM deliveries WHERE kept = 1 AND ended_at < $1 ORDER BY ended_at LIMIT $2)
         RETURNING seq",
    )
    .bind(before)
    .bind(at_once())
    .fetch_all(&mut *connection)
    .await
    .map_err(failed(WHAT))?;
    query("DELETE FROM delivery_bodies WHERE seq IN (SELECT value FROM json_each($1))")
        .bind(rows(&seqs)?)
        .execute(connection)
        .await
        .map_err(failed(WHAT))?;
    Ok(())
}

/// [`UNIT_ROWS`] as SQL takes it.
fn at_once() -> i64 {
    i64::try_from(UNIT_ROWS).unwrap_or(i64::MAX)
}
