//! Which text of a migration is run: that of the plan, whatever became of the folder since. Of what was run somewhere before, the text
//! that was run is the only one.

use std::collections::{BTreeMap, BTreeSet};

use super::kind::Inner;
use super::migration::Migration;
use super::registry;
use crate::run::{Basis, Direction, KindError};
use crate::store::{MigrationRow, MigrationText, RunRow};

/// Migrations by version.
pub type Texts = BTreeMap<u32, Migration>;

/// As a plan names a migration: id, checksum, digest of its text.
pub fn named(migration: &Migration) -> [String; 3] {
    [migration.id.clone(), migration.checksum.clone(), registry::digest(migration)]
}

/// The text as it is kept for a plan.
pub fn kept(migration: &Migration, at: i64) -> MigrationText {
    let MigrationRow { version, id, checksum, files, recorded_at, .. } = registry::row(migration, at);
    MigrationText { digest: registry::digest(migration), version, id, checksum, files, recorded_at }
}

fn unread(error: impl std::error::Error + Send + Sync + 'static) -> KindError {
    KindError::new("reading the recorded migrations", error)
}

impl Inner {
    async fn rows(&self) -> Result<Vec<MigrationRow>, KindError> {
        self.db.fleet_migrations().await.map_err(unread)
    }

    /// Every migration as it is recorded now.
    pub(super) async fn recorded(&self) -> Result<Texts, KindError> {
        by_version(&self.rows().await?)
    }

    /// Those of a plan, as they were when it was made.
    pub(super) async fn planned(&self, run: &RunRow) -> Result<Texts, KindError> {
        let basis: Basis = serde_json::from_str(&run.basis).map_err(unread)?;
        let named = basis.config.get("migrations").cloned().unwrap_or_default();
        let named: Vec<Vec<String>> = serde_json::from_value(named).map_err(unread)?;
        let digests: Vec<String> = named.iter().filter_map(|one| one.get(2).cloned()).collect();
        let texts = self.db.fleet_texts(&digests).await.map_err(unread)?;
        let row = |text: MigrationText| {
            let MigrationText { version, id, checksum, files, recorded_at, .. } = text;
            MigrationRow { version, id, checksum, files, recorded_at, pinned_at: None }
        };
        let mut rows: Vec<MigrationRow> = texts.into_iter().map(row).collect();
        // A plan of before texts were kept has what is recorded, where that is what it names.
        let old: BTreeSet<(&str, &str)> = named.iter().filter_map(|one| pair(one)).collect();
        if !old.is_empty() {
            let recorded = self.rows().await?;
            rows.extend(
                recorded.into_iter().filter(|row| old.contains(&(row.id.as_str(), row.checksum.as_str()))),
            );
        }
        by_version(&rows)
    }

    /// What a pass works with. An undo takes the ways back as they are by now: one may have been written since.
    pub(super) async fn at_hand(&self, run: &RunRow, direction: Direction) -> Result<Texts, KindError> {
        let rows = self.rows().await?;
        let mut texts = by_version(&rows)?;
        if direction == Direction::Undo {
            return Ok(texts);
        }
        let pinned: BTreeSet<u32> =
            rows.iter().filter(|row| row.pinned_at.is_some()).map(|row| row.version).collect();
        for (version, planned) in self.planned(run).await? {
            let was_run = texts.get(&version).filter(|_| pinned.contains(&version));
            if was_run.is_none_or(|text| text.id == planned.id && text.checksum == planned.checksum) {
                texts.insert(version, planned);
            }
        }
        Ok(texts)
    }
}

fn pair(named: &[String]) -> Option<(&str, &str)> {
    match named {
        [id, checksum] => Some((id, checksum)),
        _ => None,
    }
}

fn by_version(rows: &[MigrationRow]) -> Result<Texts, KindError> {
    rows.iter().map(|row| Ok((row.version, registry::recorded(row).map_err(unread)?))).collect()
}
