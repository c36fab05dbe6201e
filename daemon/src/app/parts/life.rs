//! What the parts do at the start and at the end of their life.

use cutover_shared::rollout::{RolloutName, Stage};

use super::super::Failure;
use super::Built;
use crate::audit::Who;
use crate::flows::{app_workflows, ceiling};

impl Built {
    /// Releases what callers hold, ends what is under way in sandboxes, and removes them all.
    pub(in crate::app) async fn close_sandboxes(&self) {
        self.gits.close();
        self.sandboxes.close().await;
    }

    /// Reads marker and store, and takes up what the last process left.
    pub(in crate::app) async fn take_up(&self) -> Result<(), Failure> {
        let initial = self.door.rollouts.settings().initial;
        let begin = |name: RolloutName| match name {
            RolloutName::GithubAuth if self.was_on => Stage::Live,
            name => initial[name.index()],
        };
        // Under the brake, which a kill that is found keeps pulled.
        self.door.rollouts.load(begin).await?;
        let killed = self.door.kill.start().await?;
        self.flush.begin().await?;
        ceiling::follow(&self.door.db, &self.door.rollouts, &Who::daemon()).await?;
        self.door.importer.resume().await?;
        self.door.triggers.load().await?;
        if self.app_workflows.is_none() {
            app_workflows::forget(&self.door.triggers).await?;
        }
        // Under a pulled brake the drivers bring moving runs to stand.
        let runs = self.door.engine.resume().await?;
        tracing::info!(killed, runs = runs.len(), "took up what the last stop left");
        Ok(())
    }
}
