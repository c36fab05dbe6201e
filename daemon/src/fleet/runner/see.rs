//! What a tenant is like: before its first step, and after its last.

use cutover_shared::fleet::{DriverKind, ErrorClass};

use super::super::book::Note;
use super::super::driver::{Ledger, Session, StepError};
use super::super::observe::known_version;
use super::model::Group;
use super::work::Walk;
use crate::store::{Expected, Observation};

impl Walk<'_> {
    /// Whether somebody changed the schema by hand since a step of ours left it.
    pub(super) async fn drifted(
        &self,
        session: &mut Box<dyn Session>,
    ) -> Result<Option<(String, Note)>, StepError> {
        let Some(expected) = self.row.expected_schema.as_deref() else { return Ok(None) };
        let seen = session.schema().await?;
        let hash = seen.hash();
        if hash == expected {
            return Ok(None);
        }
        let told = self.pass.inner.drift(expected, &seen).await;
        let why = told.unwrap_or_else(|_| "the schema differs from the one that is expected".to_owned());
        let observation = Observation {
            version: Some(known_version(&self.row, session.ledger().version())),
            seen_schema: Some(hash.clone()),
            drift: Some(why.clone()),
            ..Observation::connected(self.row.tenant.clone(), self.pass.inner.clock.now())
        };
        let note = Note {
            class: Some(ErrorClass::SchemaMismatch),
            error: Some(why.clone()),
            observation: Some(observation),
            schema: Some((hash, seen.text())),
            ..Note::default()
        };
        Ok(Some((why, note)))
    }

    pub(super) fn is_deployment(&self) -> bool {
        self.row.driver == DriverKind::Http
    }

    /// The ledger that counts: of a deployment our own record, once a step of ours was there.
    pub(super) fn known(&self, told: &Ledger) -> Ledger {
        if !self.is_deployment() {
            return told.clone();
        }
        let mut ledger = Ledger::of_version(known_version(&self.row, told.version()));
        let tenant = &self.row.tenant;
        ledger.rows.retain(|version, _| {
            self.pass.migrations.contains_key(version) && !self.pass.is_replaced(tenant, *version)
        });
        ledger
    }

    /// What the tenant is like now, into the note of its last item. Where steps of ours have changed it, that is what is expected from
    /// now on: as it was read, or as others are after the same steps.
    pub(super) async fn seen(
        &self,
        session: &mut Box<dyn Session>,
        ledger: &Ledger,
        changed: &[u32],
        note: &mut Note,
    ) {
        let mut observation = Observation {
            version: Some(ledger.version()),
            ..Observation::connected(self.row.tenant.clone(), self.pass.inner.clock.now())
        };
        if !changed.is_empty() {
            let (driver, before) = (self.row.driver, self.row.expected_schema.clone());
            let group = Group { driver, before, steps: changed.to_vec() };
            observation.expected = match self.pass.taken(&group) {
                Some(hash) => Expected::Schema(hash),
                None => match session.schema().await {
                    Ok(schema) => {
                        let hash = schema.hash();
                        note.schema = Some((hash.clone(), schema.text()));
                        note.group = Some(group);
                        observation.seen_schema = Some(hash.clone());
                        Expected::Schema(hash)
                    }
                    Err(error) => {
                        tracing::warn!(tenant = %self.row.tenant, %error, "the schema can't be read after the last step");
                        Expected::Unknown
                    }
                },
            };
        }
        note.observation = Some(observation);
    }
}
