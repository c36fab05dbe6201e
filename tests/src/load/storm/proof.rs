//! What the store holds afterwards, read without the daemon.

use std::path::Path;
use std::time::Duration;

use cutover_daemon::clock::Clock;
use cutover_daemon::hex::hex;
use sha2::{Digest as _, Sha256};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use super::Storm;
use super::deliveries::{Delivery, World};
use crate::load::gateway::client::float;
use crate::load::mapping::LoadError;
use crate::load::{Bar, Report};

/// Rows that are read at once.
const PAGE: i64 = 10_000;

/// How often it is looked whether anything waits.
const LOOK: Duration = Duration::from_millis(100);

fn wrong(error: &sqlx::Error) -> LoadError {
    LoadError::Wrong(format!("the store: {error}"))
}

async fn open(store: &Path) -> Result<SqliteConnection, LoadError> {
    let options = SqliteConnectOptions::new().filename(store).busy_timeout(Duration::from_secs(10));
    options.connect().await.map_err(|error| wrong(&error))
}

/// Waits until no delivery waits; an error when their number does not fall for so long.
pub(super) async fn settled(store: &Path, clock: &Clock, longest: Duration) -> Result<(), LoadError> {
    let mut connection = open(store).await?;
    let (mut least, mut since) = (i64::MAX, clock.monotonic());
    loop {
        let waiting: i64 = sqlx::query_scalar("SELECT count(*) FROM deliveries WHERE state = 'waiting'")
            .fetch_one(&mut connection)
            .await
            .map_err(|error| wrong(&error))?;
        if waiting == 0 {
            return connection.close().await.map_err(|error| wrong(&error));
        }
        if waiting < least {
            (least, since) = (waiting, clock.monotonic());
        } else if clock.monotonic() - since > longest {
            return Err(LoadError::Wrong(format!("{waiting} deliveries wait for ever")));
        }
        clock.sleep(LOOK).await;
    }
}

/// Every delivery is there once, as it was sent, handled; what they lead to is what they must lead to.
pub(super) async fn prove(storm: &Storm, store: &Path, report: &mut Report) -> Result<(), LoadError> {
    let mut connection = open(store).await?;
    let mut found = vec![false; usize::try_from(storm.deliveries).unwrap_or(0)];
    let (mut after, mut rows, mut twice, mut strange, mut other, mut unhandled, mut repeats) =
        (0_i64, 0, 0, 0, 0, 0, 0_i64);
    loop {
        let page: Vec<(i64, String, String, String, i64)> = sqlx::query_as(
            "SELECT seq, guid, digest, state, repeats FROM deliveries WHERE seq > $1 ORDER BY seq LIMIT $2",
        )
        .bind(after)
        .bind(PAGE)
        .fetch_all(&mut connection)
        .await
        .map_err(|error| wrong(&error))?;
        let Some(last) = page.last() else { break };
        after = last.0;
        for (_, guid, digest, state, again) in page {
            rows += 1;
            repeats += again;
            unhandled += u64::from(!matches!(state.as_str(), "handled" | "ignored"));
            let Some(number) = Delivery::number(storm.seed, &guid) else {
                strange += 1;
                continue;
            };
            match usize::try_from(number).ok().and_then(|number| found.get_mut(number)) {
                None => strange += 1,
                Some(found) if *found => twice += 1,
                Some(found) => *found = true,
            }
            let sent = Delivery::of(storm.seed, number);
            other += u64::from(hex(&Sha256::digest(&sent.body)) != digest);
        }
    }
    let missing = found.iter().filter(|found| !**found).count() as u64;
    report.add("in the store", float(rows), "", Bar::Is(float(storm.deliveries)));
    report.add("answered with 202 and missing", float(missing), "", Bar::Is(0.0));
    report.add("in the store twice", float(twice), "", Bar::Is(0.0));
    report.add("never sent", float(strange), "", Bar::Is(0.0));
    report.add("with other bytes", float(other), "", Bar::Is(0.0));
    report.add("dead or waiting", float(unhandled), "", Bar::Is(0.0));
    report.add("came again", float(u64::try_from(repeats).unwrap_or(0)), "", Bar::None);
    let (told, must) = (world(&mut connection).await?, World::after(storm.seed, storm.deliveries));
    let known = must.names.len() + must.suspended.len();
    report.add("repositories and installations told of", float(known as u64), "", Bar::None);
    report.add("of these not as they must be", float(must.differences(&told)), "", Bar::Is(0.0));
    connection.close().await.map_err(|error| wrong(&error))
}

async fn world(connection: &mut SqliteConnection) -> Result<World, LoadError> {
    let names: Vec<(i64, String)> =
        sqlx::query_as("SELECT id, told->>'$.full_name' FROM repository_facts WHERE told IS NOT NULL")
            .fetch_all(&mut *connection)
            .await
            .map_err(|error| wrong(&error))?;
    let suspended: Vec<(i64, Option<i64>)> =
        sqlx::query_as("SELECT id, suspended_at FROM installation_facts WHERE suspension_at IS NOT NULL")
            .fetch_all(connection)
            .await
            .map_err(|error| wrong(&error))?;
    Ok(World { names: names.into_iter().collect(), suspended: suspended.into_iter().collect() })
}
