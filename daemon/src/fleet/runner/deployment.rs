//! What is kept of deployments and of other calls over HTTP while a chain goes on: they can't be taken back and leave no mark, so our own
//! record is what counts, and it is durable before anybody else may look.

use super::super::book::Note;
use super::super::chain::{Now, now};
use super::super::driver::{Ledger, Session};
use super::super::migration::Step;
use super::super::observe::{known_version, unseen};
use super::work::{Course, Link, Walk};
use crate::run::Pass as _;
use crate::store::{Expected, FleetOp, InstanceRow, Lane, Observation, Op, Unit};

impl Walk<'_> {
    /// The ledger that counts: of a deployment our own record, once a step of ours was there.
    pub(super) fn known(&self, row: &InstanceRow, told: &Ledger) -> Ledger {
        if !self.is_deployment() {
            return told.clone();
        }
        let mut ledger = Ledger::of_version(known_version(row, told.version()));
        ledger.rows.retain(|version, _| {
            self.pass.migrations.contains_key(version) && !self.pass.is_replaced(&row.tenant, *version)
        });
        ledger
    }

    /// Whether this step is done, or can't be taken, by the ledger of a session that was opened anew.
    pub(super) async fn again(&self, told: Ledger, course: &mut Course<'_>, link: &Link<'_>) -> Now {
        if !self.is_deployment() {
            course.ledger = told;
        } else if let Ok(Some(row)) = self.pass.inner.instance(&self.row.tenant).await {
            // Between two sessions another run may have been there.
            course.ledger = self.known(&row, &told);
        }
        now(&link.says, link.way, &course.ledger)
    }

    /// Says that a step is begun. What is called over HTTP is in our book before the first call, so that after a crash nobody is asked about
    /// steps that were not come to. False: the store does not take it.
    pub(super) async fn begins(&self, link: &Link<'_>, ledger: &Ledger) -> bool {
        let pass = self.pass;
        if !matches!(self.step(link), Some(Step::Http(_))) {
            self.told.begin(link.item).await;
            return true;
        }
        let at = pass.inner.clock.now();
        let mut ops = pass.begun(std::slice::from_ref(link.item), at);
        if self.is_deployment() {
            // From now on the version that it tells is ours: a deploy says it before the calls are made.
            let seen = Observation {
                version: Some(ledger.version()),
                expected: unseen(self.row.driver),
                ..Observation::connected(link.says.tenant.clone(), at)
            };
            ops.push(FleetOp::Observe { rows: vec![seen] }.into());
        }
        let written = pass.inner.db.write(Lane::Run, Unit::new().with_all(ops)).await;
        if let Err(error) = &written {
            tracing::warn!(%error, tenant = %link.says.tenant, "a step is not begun: the store does not take it");
        }
        written.is_ok()
    }

    /// A step of a deployment is done. What can't be written now goes with its end.
    pub(super) async fn record(&self, session: &mut dyn Session, ledger: &Ledger, note: &mut Note) {
        let (inner, at) = (&self.pass.inner, self.pass.inner.clock.now());
        // What it told last: nothing is asked.
        let schema = session.schema().await.ok().map(|schema| (schema.hash(), schema.text()));
        let hash = schema.as_ref().map(|(hash, _)| hash.clone());
        let seen = Observation {
            version: Some(ledger.version()),
            seen_schema: hash.clone(),
            expected: hash.map_or(Expected::AsBefore, Expected::Schema),
            ..Observation::connected(self.row.tenant.clone(), at)
        };
        let rows = schema.iter().cloned().collect();
        let ops: [Op; 2] =
            [FleetOp::Schemas { rows, at }.into(), FleetOp::Observe { rows: vec![seen.clone()] }.into()];
        if let Err(error) = inner.db.write(Lane::Run, Unit::new().with_all(ops)).await {
            tracing::warn!(%error, tenant = %self.row.tenant, "the version of a deployment is not written yet");
            note.observation = Some(seen);
            note.schema = schema;
        }
    }
}
