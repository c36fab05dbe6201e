//! What is run is pinned before its first effect: from then on its text is the only one of its version.

use std::collections::BTreeMap;

use cutover_shared::fleet::Way;

use super::FleetPass;
use super::work::{Link, Walk};
use crate::fleet::migration::Migration;
use crate::fleet::registry;
use crate::run::{Direction, Ended};
use crate::store::{FleetOp, Lane, MigrationMark, ReadError, UNIT_ROWS, Unit, WriteError};

/// Why it is not known to be pinned.
#[derive(Debug, thiserror::Error)]
enum NotPinned {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl FleetPass {
    /// Pins the plan's texts up to this version. Those below count as had by whoever has this one, also where they were never run:
    /// nothing can be put between them any more.
    async fn pin(&self, until: u32) -> Result<(), NotPinned> {
        if self.memory().pinned >= until {
            return Ok(());
        }
        let _one = self.pinning.lock().await;
        if self.memory().pinned >= until {
            return Ok(());
        }
        let at = self.inner.clock.now();
        let marks = self.marks().await?;
        let is_pinned = |version: &u32, marks: &BTreeMap<u32, MigrationMark>| {
            marks.get(version).is_some_and(|mark| mark.pinned_at.is_some())
        };
        let new: Vec<_> = self
            .planned
            .range(..=until)
            .filter(|(version, _)| !is_pinned(version, &marks))
            .map(|(_, migration)| registry::row(migration, at))
            .collect();
        for rows in new.chunks(UNIT_ROWS) {
            let unit = Unit::new().with(FleetOp::Pin { rows: rows.to_vec(), at });
            self.inner.db.write(Lane::Run, unit).await?;
        }
        // Another run may have been faster; and what was pinned before goes on above.
        let marks = self.marks().await?;
        let pinned = self.planned.iter().take_while(|(version, _)| is_pinned(version, &marks));
        let is_other = |(version, ours): &(&u32, &Migration)| {
            marks.get(version).is_none_or(|mark| mark.id != ours.id || mark.checksum != ours.checksum)
        };
        let others = pinned.clone().filter(is_other).map(|(version, _)| *version).collect();
        let pinned = pinned.last().map_or(until, |(version, _)| until.max(*version));
        let mut memory = self.memory();
        (memory.pinned, memory.others) = (pinned, others);
        Ok(())
    }

    async fn marks(&self) -> Result<BTreeMap<u32, MigrationMark>, NotPinned> {
        let marks = self.inner.db.fleet_marks().await?;
        Ok(marks.into_iter().map(|mark| (mark.version, mark)).collect())
    }

    fn is_as_planned(&self, link: &Link<'_>) -> bool {
        let known = self.migrations.get(&link.says.version);
        let step = known.and_then(|migration| migration.step(link.way, link.says.driver));
        let is_same = step.is_none_or(|step| step.checksum() == link.says.checksum);
        is_same && !self.memory().others.contains(&link.says.version)
    }
}

impl<'a> Walk<'a> {
    /// As many of these as may be run: they are what was planned, and are pinned. Else how the first of them ends; nothing where the
    /// store does not answer.
    pub(super) async fn pinned(
        &self,
        mut together: Vec<&'a Link<'a>>,
    ) -> Result<Vec<&'a Link<'a>>, Option<Ended>> {
        let pass = self.pass;
        // What is taken back was run.
        if pass.direction == Direction::Undo {
            return Ok(together);
        }
        let first = together.first().map_or(0, |link| link.says.version);
        if let Err(error) = pass.pin(first).await {
            tracing::warn!(%error, "a step is not begun: the store does not take what is run");
            return Err(None);
        }
        // Whoever is the first goes step by step: what is behind one that fails was not run, and may still be edited.
        let pinned = pass.memory().pinned;
        let can = |link: &&&Link<'_>| link.says.version <= pinned && pass.is_as_planned(link);
        let same = together.iter().take_while(can).count();
        match together.get(same).filter(|_| same == 0) {
            Some(link) => {
                let way = if link.says.way == Way::Down { "the way down of " } else { "" };
                let id = &link.says.migration;
                let what =
                    format!("{way}{id} is not what was planned any more: another text of it was run since");
                Err(Some(Ended::Stale(format!("{what}; plan again"))))
            }
            None => {
                together.truncate(same);
                Ok(together)
            }
        }
    }
}
