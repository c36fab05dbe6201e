//! Asking an instance how it stands: its version, its schema, and whether that is the one that is expected.

use cutover_shared::fleet::DriverKind;

use super::driver::{Purpose, Schema, StepError};
use super::kind::Inner;
use super::limit;
use super::schema::difference;
use crate::run::KindError;
use crate::store::{Expected, FleetOp, Holds, InstanceRow, Observation, Op};

/// What is expected of a deployment while a step of ours may leave it anyhow: nothing for certain, but that our own record counts. No
/// hash is like it.
const OURS: &str = "ours";

/// What was seen of an instance.
#[derive(Clone, Debug)]
pub struct Seen {
    pub observation: Observation,
    /// The version that counts, and the one that it tells; none where it could not be asked.
    pub version: Option<u32>,
    pub told: Option<u32>,
    /// The schema that it names: hash and lines.
    pub schema: Option<(String, String)>,
    /// Why it could not be asked.
    pub error: Option<StepError>,
}

impl Inner {
    /// Connects, reads the ledger and, where it is asked for, the schema; changes nothing.
    pub(super) async fn observe(&self, row: &InstanceRow, with_schema: bool) -> Result<Seen, KindError> {
        let looked = async {
            let _place = self.looks.place(&row.host, limit::server(row.driver, &row.server)).await;
            let mut session = self.open(row, Purpose::Look).await?;
            let ledger = session.ledger().clone();
            let schema = if with_schema { Some(session.schema().await) } else { None };
            session.close().await;
            Ok((ledger, schema.transpose()?))
        };
        let at = self.clock.now();
        let (ledger, schema) = match looked.await {
            Ok(seen) => seen,
            Err(error) => return Ok(away(row, error, at)),
        };
        let told = ledger.version();
        let version = known_version(row, told);
        let mut observation = Observation {
            // What is our own record is written by our steps alone.
            version: (!is_ours(row)).then_some(told),
            holds: Holds::WhileExpected(row.expected_schema.clone()),
            ..Observation::connected(row.tenant.clone(), at)
        };
        let Some(schema) = schema else {
            return Ok(Seen {
                observation,
                version: Some(version),
                told: Some(told),
                schema: None,
                error: None,
            });
        };
        let hash = schema.hash();
        let expected = match &row.expected_schema {
            Some(expected) => Some(expected.clone()),
            None => self
                .db
                .fleet_common_schema(row.driver, version)
                .await
                .map_err(|error| KindError::new("reading schemas", error))?,
        };
        // In the middle of a step of ours it is like nothing that anybody expects.
        let expected =
            expected.filter(|expected| *expected != hash && !is_open(expected) && !ledger.is_half());
        if let Some(expected) = expected {
            observation.drift = Some(self.drift(&expected, &schema).await?);
        }
        observation.seen_schema = Some(hash.clone());
        let schema = Some((hash, schema.text()));
        Ok(Seen { observation, version: Some(version), told: Some(told), schema, error: None })
    }

    /// The first line of the difference, and how many more there are.
    pub(super) async fn drift(&self, expected: &str, seen: &Schema) -> Result<String, KindError> {
        let kept = self.db.fleet_schema(expected).await;
        let kept = kept.map_err(|error| KindError::new("reading schemas", error))?;
        let lines = kept.map(|text| difference(&Schema::of_text(&text), seen)).unwrap_or_default();
        Ok(match lines.as_slice() {
            [] => "the schema differs from the one that is expected".to_owned(),
            [one] => one.clone(),
            [first, rest @ ..] => format!("{first} and {} more", rest.len()),
        })
    }
}

/// Whether our own record of a deployment counts: once a step of ours was begun there, for a deployment tells which code it runs, and
/// nothing of the calls that go with it.
pub(super) fn is_ours(row: &InstanceRow) -> bool {
    row.driver == DriverKind::Http && (row.version > 0 || row.expected_schema.is_some())
}

/// The version that counts.
pub(super) fn known_version(row: &InstanceRow, told: u32) -> u32 {
    if is_ours(row) { row.version } else { told }
}

/// Nothing for certain is expected: a step of ours may have left it anyhow.
pub(super) fn is_open(expected: &str) -> bool {
    expected == OURS
}

/// What is expected after a step of ours whose end nobody saw.
pub(super) fn unseen(driver: DriverKind) -> Expected {
    match driver {
        DriverKind::Http => Expected::Schema(OURS.to_owned()),
        DriverKind::Postgres | DriverKind::Sqlite => Expected::Unknown,
    }
}

fn away(row: &InstanceRow, error: StepError, at: i64) -> Seen {
    let observation = Observation::away(row.tenant.clone(), &error.text, at);
    Seen { observation, version: None, told: None, schema: None, error: Some(error) }
}

/// What is written of some that were seen; at most 256 at a time.
pub(super) fn ops(seen: &[Seen], at: i64) -> Vec<Op> {
    let mut schemas: Vec<(String, String)> = seen.iter().filter_map(|one| one.schema.clone()).collect();
    schemas.sort_unstable();
    schemas.dedup();
    let mut ops: Vec<Op> = Vec::new();
    if !schemas.is_empty() {
        ops.push(FleetOp::Schemas { rows: schemas, at }.into());
    }
    let rows: Vec<Observation> = seen.iter().map(|one| one.observation.clone()).collect();
    if !rows.is_empty() {
        ops.push(FleetOp::Observe { rows }.into());
    }
    ops
}
