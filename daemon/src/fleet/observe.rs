//! Asking an instance how it stands: its version, its schema, and whether that is the one that is expected.

use cutover_shared::fleet::DriverKind;

use super::driver::{Purpose, Schema, StepError};
use super::kind::Inner;
use super::schema::difference;
use crate::run::KindError;
use crate::store::{FleetOp, InstanceRow, Observation, Op};

/// What was seen of an instance.
#[derive(Clone, Debug)]
pub struct Seen {
    pub observation: Observation,
    /// The schema that it names: hash and lines.
    pub schema: Option<(String, String)>,
    /// Why it could not be asked.
    pub error: Option<StepError>,
}

impl Seen {
    fn answered(row: &InstanceRow, version: u32, at: i64) -> Self {
        let observation = Observation {
            version: Some(version),
            drift: row.drift.clone(),
            ..Observation::connected(row.tenant.clone(), at)
        };
        Self { observation, schema: None, error: None }
    }
}

impl Inner {
    /// Connects, reads the ledger and, where it is asked for, the schema; changes nothing.
    pub(super) async fn observe(&self, row: &InstanceRow, with_schema: bool) -> Result<Seen, KindError> {
        let looked = async {
            let _place = self.looks.place(&row.host, &row.server).await;
            let mut session = self.open(row, Purpose::Look).await?;
            let version = session.ledger().version();
            let schema = if with_schema { Some(session.schema().await) } else { None };
            session.close().await;
            Ok((version, schema.transpose()?))
        };
        let at = self.clock.now();
        let (version, schema) = match looked.await {
            Ok(seen) => seen,
            Err(error) => return Ok(away(row, error, at)),
        };
        let version = known_version(row, version);
        let Some(schema) = schema else { return Ok(Seen::answered(row, version, at)) };
        let hash = schema.hash();
        let expected = match &row.expected_schema {
            Some(expected) => Some(expected.clone()),
            None => self
                .db
                .fleet_common_schema(row.driver, version)
                .await
                .map_err(|error| KindError::new("reading schemas", error))?,
        };
        let drift = match expected.filter(|expected| *expected != hash) {
            Some(expected) => Some(self.drift(&expected, &schema).await?),
            None => None,
        };
        let observation = Observation {
            version: Some(version),
            seen_schema: Some(hash.clone()),
            drift,
            ..Observation::connected(row.tenant.clone(), at)
        };
        Ok(Seen { observation, schema: Some((hash, schema.text())), error: None })
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

/// The version that counts. A deployment tells which code it runs, and nothing of the calls that go with it: once it was seen, our
/// own record stands.
pub(super) fn known_version(row: &InstanceRow, told: u32) -> u32 {
    // A record of 0 is ours only where a step of ours has left it so.
    let is_ours = row.driver == DriverKind::Http && (row.version > 0 || row.expected_schema.is_some());
    if is_ours { row.version } else { told }
}

fn away(row: &InstanceRow, error: StepError, at: i64) -> Seen {
    let observation =
        Observation { drift: row.drift.clone(), ..Observation::away(row.tenant.clone(), &error.text, at) };
    Seen { observation, schema: None, error: Some(error) }
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
