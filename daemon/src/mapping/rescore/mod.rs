//! Judges mappings again after events and sweeps (B5), without a question to GitHub. What is owed stands in the store until it
//! was done, so that a crash in between loses nothing, and doing it twice changes nothing the second time.

mod world;

use std::time::Duration;

use backon::BackoffBuilder as _;
use cutover_shared::ids::LinkKey;
use cutover_shared::mapping::{Mapping, MappingStatus};
use cutover_shared::rpc::Topic;
use futures::StreamExt as _;
use serde_json::json;

use self::world::World;
use super::link::{link_of, mapping_body, mapping_fingerprint};
use super::matching::judge_again;
use super::next_steps::Context;
use super::slug::{self, SlugError};
use crate::audit::Who;
use crate::clock::Clock;
use crate::faults::Faults;
use crate::github::GitHub;
use crate::run::Brake;
use crate::store::{
    Db, Lane, LinkRow, MappingOp, MappingRow, OwedRow, ProbeOp, ReadError, RescoreOp, Scope, Unit, WriteError,
};

/// Debts that are paid together.
const BATCH: u32 = 256;

/// Mappings that are judged together.
const PAGE: u32 = 1_000;

/// Changes that are written at once; they share group commits.
const PARALLEL: usize = 32;

/// Causes that one record names.
const CAUSES: usize = 8;

/// Why judging again stopped. What is owed stays owed.
#[derive(Debug, thiserror::Error)]
pub enum RescoreError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error(transparent)]
    Slug(#[from] SlugError),
    /// A mapping that this version can't read.
    #[error("the mapping of {key} can't be read: {cause}")]
    Corrupt { key: LinkKey, cause: serde_json::Error },
}

/// Judges again.
#[derive(Clone)]
pub struct Rescorer {
    pub db: Db,
    pub github: GitHub,
    pub clock: Clock,
    pub brake: Brake,
    pub faults: Faults,
    /// From which confidence on, in percent, what was pending is mapped without a plan; none: never.
    pub auto_map: Option<u8>,
    /// The App's name in links; asked of GitHub once when the configuration does not say.
    pub app_slug: Option<String>,
}

/// A mapping that was another one.
struct Change {
    link: LinkRow,
    held: MappingRow,
    before: Mapping,
    after: Mapping,
    causes: Vec<String>,
}

impl Rescorer {
    /// Pays what is owed as it comes, until it is dropped.
    pub async fn work(self) {
        let mut versions = self.db.versions();
        let mut waits = waits();
        loop {
            let seen = versions.borrow_and_update().get(&Topic::Index).copied();
            match self.pay().await {
                Ok(true) => waits = self::waits(),
                Ok(false) => {
                    waits = self::waits();
                    let news = versions.wait_for(|now| now.get(&Topic::Index).copied() != seen).await;
                    if news.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "mappings can't be judged again now; trying again");
                    self.clock.sleep(waits.next().unwrap_or(LONGEST_WAIT)).await;
                }
            }
        }
    }

    /// Pays one batch; false when nothing is owed.
    ///
    /// # Errors
    /// Store or GitHub can't be reached. Some changes may be made already; the debt stays.
    pub async fn pay(&self) -> Result<bool, RescoreError> {
        let owed = self.db.rescore_owed(self.github.host_id(), BATCH).await?;
        if owed.is_empty() {
            return Ok(false);
        }
        self.faults.point("rescore.taken").await;
        let mut scope = Scope::default();
        owed.iter().for_each(|debt| scope.merge(debt.scope.clone()));
        let slug = match &self.app_slug {
            Some(slug) => slug.clone(),
            None => slug::remembered(&self.db, &self.github, &self.clock).await?,
        };
        let context = slug::context(&self.github, &slug);
        let mut world = World::of(&self.db, self.github.host_id(), &owed, &scope).await?;
        let (mut after, mut whole) = (None, true);
        loop {
            let keys = self.db.links_touched(&scope, after.as_ref(), PAGE).await?;
            let Some(last) = keys.last().cloned() else { break };
            whole &= self.judge_page(&keys, &owed, &mut world, &context).await?;
            after = Some(last);
        }
        if whole {
            self.faults.point("rescore.judged").await;
            let paid = RescoreOp::Paid { ids: owed.iter().map(|debt| debt.id).collect() };
            self.db.write(Lane::Handler, Unit::new().with(paid)).await?;
        }
        Ok(true)
    }

    /// False when something else moved a mapping meanwhile: then it is looked at once more.
    async fn judge_page(
        &self,
        keys: &[LinkKey],
        owed: &[OwedRow],
        world: &mut World,
        context: &Context,
    ) -> Result<bool, RescoreError> {
        let mut links = self.db.links_by_key(keys).await?;
        links.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        let mut held = self.db.mappings(keys).await?;
        held.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        world.learn(&links, &held).await?;
        // Looked at for each page: a kill stops mapping at once.
        let auto = self.auto_map.filter(|_| !self.brake.is_pulled());
        let mut changes = Vec::new();
        for link in links {
            let Ok(at) = held.binary_search_by(|row| row.key.cmp(&link.key)) else { continue };
            let row = &held[at];
            let before: Mapping = serde_json::from_str(&row.body)
                .map_err(|cause| RescoreError::Corrupt { key: link.key.clone(), cause })?;
            let void = world.is_void(&link, &before);
            let plain = link_of(link.clone());
            let after = judge_again(&plain, &before, world.index(), world.answers(), context, auto, void);
            if after != before {
                let causes = causes(owed, &link, &before);
                changes.push(Change { link, held: row.clone(), before, after, causes });
            }
        }
        let work: Vec<_> = changes.into_iter().map(|change| self.make(change)).collect();
        let mut made = futures::stream::iter(work).buffer_unordered(PARALLEL);
        let mut whole = true;
        while let Some(done) = made.next().await {
            whole &= done?;
        }
        for (key, before) in world.take_void() {
            let forget = ProbeOp::Forget { keys: vec![key], before };
            self.db.write(Lane::Handler, Unit::new().with(forget)).await?;
        }
        Ok(whole)
    }

    /// One change, its record with it; false when the mapping was moved meanwhile.
    async fn make(&self, change: Change) -> Result<bool, RescoreError> {
        let Change { link, held, before, after, causes } = change;
        let at = self.clock.now();
        let body = mapping_body(&after);
        let row = MappingRow {
            status: after.status.word().to_owned(),
            installation: after.installation,
            repo_id: after.repo_id,
            confidence: i64::from(after.confidence),
            fingerprint: mapping_fingerprint(&body),
            body,
            ..held.clone()
        };
        let by_sweep = causes.iter().all(|cause| cause.starts_with("sweep "));
        let origin = if by_sweep { "sweep" } else { "webhook" };
        let who = Who { operator: "system".into(), origin: origin.to_owned() };
        let detail = json!({
            "because": causes,
            "from": told(&before),
            "to": told(&after),
        });
        let unit = Unit::new()
            .with(MappingOp::Expect {
                rows: vec![(link.key.clone(), link.fingerprint.clone(), held.fingerprint.clone())],
            })
            .with(MappingOp::Put { rows: vec![row], at })
            .with(who.did(at, "map.rescore", link.key.as_str(), detail));
        match self.db.write(Lane::Handler, unit).await {
            Ok(()) => {}
            Err(WriteError::Precondition { .. }) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        if before.status == MappingStatus::Mapped
            && after.installation != before.installation
            && let Some(installation) = before.installation
        {
            self.github.tokens().invalidate_all(installation.0);
        }
        Ok(true)
    }
}

fn told(mapping: &Mapping) -> serde_json::Value {
    json!({
        "status": mapping.status,
        "reason": mapping.reason,
        "installation": mapping.installation,
        "confidence": mapping.confidence,
    })
}

/// Which of the debts touch this mapping.
fn causes(owed: &[OwedRow], link: &LinkRow, held: &Mapping) -> Vec<String> {
    let touching = owed.iter().filter(|debt| world::touches(&debt.scope, link, held));
    touching.map(|debt| debt.cause.clone()).take(CAUSES).collect()
}

const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How long to wait after a failure, ever longer.
fn waits() -> impl Iterator<Item = Duration> {
    backon::ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(500))
        .with_max_delay(LONGEST_WAIT)
        .without_max_times()
        .with_jitter()
        .build()
}
