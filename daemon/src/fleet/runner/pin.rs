//! What is run is pinned before its first effect: from then on its text is the only one of its version.

use cutover_shared::fleet::Way;

use super::FleetPass;
use super::work::{Link, Walk};
use crate::fleet::registry;
use crate::run::{Direction, Ended};
use crate::store::{FleetOp, Lane, ReadError, UNIT_ROWS, Unit, WriteError};

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
        let (db, at) = (&self.inner.db, self.inner.clock.now());
        let marks = db.fleet_marks().await?;
        let is_pinned =
            |version| marks.iter().any(|mark| mark.version == version && mark.pinned_at.is_some());
        let new: Vec<_> = self
            .planned
            .range(..=until)
            .filter(|(version, _)| !is_pinned(**version))
            .map(|(_, migration)| registry::row(migration, at))
            .collect();
        for rows in new.chunks(UNIT_ROWS) {
            db.write(Lane::Run, Unit::new().with(FleetOp::Pin { rows: rows.to_vec(), at })).await?;
        }
        // Another run may have been faster.
        let marks = db.fleet_marks().await?;
        let is_other = |version: &u32| {
            let ours = self.planned.get(version);
            let mark = marks.iter().find(|mark| mark.version == *version);
            ours.zip(mark).is_some_and(|(ours, mark)| ours.id != mark.id || ours.checksum != mark.checksum)
        };
        let others = self.planned.range(..=until).map(|(version, _)| *version).filter(is_other).collect();
        let mut memory = self.memory();
        (memory.pinned, memory.others) = (until, others);
        Ok(())
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
        let until = together.iter().map(|link| link.says.version).max().unwrap_or(0);
        if let Err(error) = pass.pin(until).await {
            tracing::warn!(%error, "a step is not begun: the store does not take what is run");
            return Err(None);
        }
        let same = together.iter().take_while(|link| pass.is_as_planned(link)).count();
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
