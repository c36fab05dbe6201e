//! What a tenant is like: before its first step, and after its last.

use std::sync::Arc;

use cutover_shared::fleet::{DriverKind, ErrorClass};

use super::super::book::Note;
use super::super::driver::{Ledger, Session, StepError};
use super::super::observe::{is_open, is_ours};
use super::model::Group;
use super::work::{Course, Walk};
use crate::store::{Expected, Holds, Observation};

impl Walk<'_> {
    /// Whether somebody changed the schema by hand. Told only of what our record says now: another run may have moved the tenant since
    /// it was read.
    pub(super) async fn looked(
        &mut self,
        session: &mut dyn Session,
    ) -> Result<Option<(String, Note)>, StepError> {
        let drifted = self.drifted(session).await?;
        if drifted.is_some()
            && let Ok(Some(row)) = self.pass.inner.instance(&self.row.tenant).await
            && row.expected_schema != self.row.expected_schema
        {
            self.row = Arc::new(row);
            return self.drifted(session).await;
        }
        Ok(drifted)
    }

    /// Whether somebody changed the schema by hand since a step of ours left it.
    async fn drifted(&self, session: &mut dyn Session) -> Result<Option<(String, Note)>, StepError> {
        let Some(expected) = self.row.expected_schema.as_deref() else { return Ok(None) };
        // In the middle of a step of ours it is like nothing that anybody expects.
        if is_open(expected) || session.ledger().is_half() {
            return Ok(None);
        }
        let seen = session.schema().await?;
        let hash = seen.hash();
        if hash == expected {
            return Ok(None);
        }
        let told = self.pass.inner.drift(expected, &seen).await;
        let why = told.unwrap_or_else(|_| "the schema differs from the one that is expected".to_owned());
        let observation = Observation {
            version: (!is_ours(&self.row)).then(|| session.ledger().version()),
            seen_schema: Some(hash.clone()),
            drift: Some(why.clone()),
            holds: Holds::WhileExpected(Some(expected.to_owned())),
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

    /// What the tenant is like now, into the note of its last item. Where steps of ours have changed it, that is what is expected from
    /// now on: as it was read, or as others are after the same steps.
    pub(super) async fn seen(&self, session: &mut dyn Session, course: &Course<'_>, note: &mut Note) {
        let mut observation = self.unread(course);
        if observation.expected == Expected::Unknown && !course.ledger.is_half() {
            let (driver, before) = (self.row.driver, self.row.expected_schema.clone());
            let group = Group { driver, before, steps: course.changed.clone() };
            match self.pass.taken(&group) {
                Some(hash) => observation.expected = Expected::Schema(hash),
                None => match session.schema().await {
                    Ok(schema) => {
                        let hash = schema.hash();
                        note.schema = Some((hash.clone(), schema.text()));
                        note.group = Some(group);
                        observation.seen_schema = Some(hash.clone());
                        observation.expected = Expected::Schema(hash);
                    }
                    Err(error) => {
                        tracing::warn!(tenant = %self.row.tenant, %error, "the schema can't be read after the last step");
                    }
                },
            }
        }
        note.observation = Some(observation);
    }

    /// What is known of the tenant without looking again.
    pub(super) fn unread(&self, course: &Course<'_>) -> Observation {
        let seen = Observation::connected(self.row.tenant.clone(), self.pass.inner.clock.now());
        // A deployment was written of as each step began and ended.
        if self.is_deployment() {
            return seen;
        }
        let expected = left(&course.ledger, &course.changed);
        Observation { version: Some(course.ledger.version()), expected, ..seen }
    }
}

/// What steps of ours leave of what was expected: nothing where one ended, or stands in its middle.
fn left(ledger: &Ledger, changed: &[u32]) -> Expected {
    if changed.is_empty() && !ledger.is_half() { Expected::AsBefore } else { Expected::Unknown }
}

#[cfg(test)]
mod tests {
    use cutover_shared::fleet::Way;

    use super::*;
    use crate::fleet::driver::Part;

    #[test]
    fn nothing_is_expected_of_a_tenant_that_a_step_of_ours_has_touched() {
        let mut ledger = Ledger::of_version(2);
        assert_eq!(left(&ledger, &[]), Expected::AsBefore);
        assert_eq!(left(&ledger, &[2]), Expected::Unknown);
        if let Some(row) = ledger.rows.get_mut(&2) {
            row.part = Some(Part { way: Way::Up, statements: 0, cursor: None });
        }
        assert_eq!(left(&ledger, &[]), Expected::Unknown);
    }
}
