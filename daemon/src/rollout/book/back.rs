//! The ways back: legal in every state, in effect from memory before anything is stored, and never lost. Where the store does
//! not take one, a marker file holds it, and it is tried again.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use cutover_shared::ids::TenantId;
use cutover_shared::page::PageAsk;
use cutover_shared::rollout::{ChangeView, LegacyGap, RolloutName, Stage};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Change, RolloutError, Rollouts, cut, list_of};
use crate::audit::Who;
use crate::rollout::criteria::time;
use crate::rollout::router::Hold;
use crate::rollout::stages::Illegal;
use crate::rollout::state::Killed;
use crate::store::Lane;

/// Waits between tries to store what is owed.
const RETRY: Duration = Duration::from_secs(1);

/// How long whoever asked waits for the store. Memory has taken effect long before.
const PATIENCE: Duration = Duration::from_secs(3);

/// Changes that are searched for the one that led where somebody else led, too.
const NEWEST: u32 = 50;

/// The act of a way back that the daemon goes by itself.
pub const AUTO: &str = "auto-rollback";

/// Which way back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// To an earlier stage; none: the last good one, [`Track::last_good`](crate::rollout::stages::Track::last_good).
    Stage(Option<Stage>),
    /// Legacy for everybody, until somebody lets go.
    Kill,
}

/// A way back as the marker file holds it. The file has a list of them: a rollback does not take a kill's place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Marker {
    rollout: RolloutName,
    /// None: a kill.
    to: Option<Stage>,
    at: i64,
    by: String,
    origin: String,
    reason: String,
    automatic: bool,
    detail: serde_json::Value,
}

impl Rollouts {
    /// Goes back. In memory at once; the answer waits for the store a moment.
    ///
    /// # Errors
    /// [`RolloutError::Owed`] when it has taken effect and is not stored yet.
    pub async fn back(
        &self,
        name: RolloutName,
        way: Way,
        reason: &str,
        detail: serde_json::Value,
        automatic: bool,
        who: &Who,
    ) -> Result<ChangeView, RolloutError> {
        let to = match way {
            Way::Kill => None,
            Way::Stage(to) => Some(self.target_of(name, to)?),
        };
        tracing::warn!(rollout = %name, to = to.map(|stage| stage.to_string()), by = %who.operator, reason, "BACK");
        self.owe(Marker {
            rollout: name,
            to,
            at: self.0.clock.now(),
            by: who.operator.0.clone(),
            origin: who.origin.clone(),
            reason: cut(reason),
            automatic,
            detail,
        });
        self.mark(name).await;
        // In a task of its own: whoever leaves cuts nothing off, and a write that is no longer waited for happens all the same.
        let rollouts = self.clone();
        let storing = tokio::spawn(async move { rollouts.store_owed().await });
        let stored = self.0.clock.timeout(PATIENCE, storing).await;
        match stored {
            Ok(Ok(Ok(changes))) => match changes.into_iter().rfind(|change| change.rollout == name) {
                Some(change) => Ok(change),
                // Stored by whoever asked at the same moment, or killed before already: what did it is the newest of its kind.
                None => self.newest(name, to).await,
            },
            Ok(Ok(Err(error))) => {
                self.0.wake.notify_one();
                Err(match error {
                    RolloutError::Write(error) => RolloutError::Owed(error),
                    error => error,
                })
            }
            Ok(Err(_)) | Err(_) => {
                self.0.wake.notify_one();
                let late = crate::store::WriteError::Unavailable("it does not answer".into());
                Err(RolloutError::Owed(late))
            }
        }
    }

    async fn newest(&self, name: RolloutName, to: Option<Stage>) -> Result<ChangeView, RolloutError> {
        let changes = self.changes(name, &PageAsk::first(NEWEST)).await?.rows;
        let led_there = |change: &ChangeView| match to {
            None => change.act == "kill",
            Some(to) => change.to == to && change.from != to,
        };
        let late = crate::store::WriteError::Unavailable("it is tried again".into());
        changes.into_iter().find(led_there).ok_or(RolloutError::Owed(late))
    }

    /// Writes down that a kill of everything held this rollout, too: it stays killed until somebody brings it back. The brake
    /// has taken effect before.
    pub async fn note_kill(
        &self,
        name: RolloutName,
        killed: &Killed,
        who: &Who,
    ) -> Result<Option<ChangeView>, RolloutError> {
        self.change(name, who, |known| {
            let mut state = known.state.clone();
            let fresh = state.kill(killed.clone());
            let detail = json!({ "effective_at": killed.at, "all": true });
            Ok(fresh.then(|| known.changed(state, "kill", &killed.reason, detail)))
        })
        .await
    }

    /// Lets go of a rollout's own kill.
    pub async fn unkill(
        &self,
        name: RolloutName,
        reason: &str,
        who: &Who,
    ) -> Result<Option<ChangeView>, RolloutError> {
        // What is owed first: an old kill must not come after the letting go.
        self.store_owed().await?;
        let at = self.0.clock.now();
        self.change(name, who, |known| {
            let mut state = known.state.clone();
            let detail = json!({ "killed": known.state.killed });
            Ok(state.unkill(at).then(|| known.changed(state, "unkill", reason, detail)))
        })
        .await
    }

    /// Stores what is owed whenever it could not be stored at once. Spawned by the composition root.
    pub async fn work(self) {
        loop {
            self.0.wake.notified().await;
            while !self.settle().await {
                self.0.clock.sleep(RETRY).await;
            }
        }
    }

    /// Tries to store everything that is owed; false while something is left.
    pub(super) async fn settle(&self) -> bool {
        match self.store_owed().await {
            Ok(_) => true,
            Err(error) => {
                tracing::warn!(%error, "a way back is in effect and waits for the store");
                self.0.wake.notify_one();
                false
            }
        }
    }

    /// How many ways back the store does not have yet.
    pub fn owes(&self) -> usize {
        self.owed().len()
    }

    fn target_of(&self, name: RolloutName, to: Option<Stage>) -> Result<Stage, RolloutError> {
        let (state, track) = (&self.known(name)?.state, &self.0.settings.track);
        let to = match to {
            Some(to) => to,
            None => track.last_good(state.stage).ok_or(Illegal::Same(state.stage))?,
        };
        track.back(state.stage, to)?;
        Ok(to)
    }

    async fn store_owed(&self) -> Result<Vec<ChangeView>, RolloutError> {
        let _one = self.0.changing.lock().await;
        let mut done = Vec::new();
        loop {
            let Some(marker) = self.owed().first().cloned() else { return Ok(done) };
            done.extend(self.store_marker(&marker).await?);
            let last = {
                let mut owed = self.owed();
                owed.remove(0);
                !owed.iter().any(|other| other.rollout == marker.rollout)
            };
            if last {
                self.unmark(marker.rollout).await;
            }
        }
    }

    /// Holds a way back in memory until the store has it.
    fn owe(&self, marker: Marker) {
        // Under the list's lock, so that whoever stored the one before does not let go of this one.
        let mut owed = self.owed();
        self.0.router.hold(marker.rollout, marker.to.map_or(Hold::Killed, Hold::Back));
        owed.push(marker);
    }

    /// All of a rollout's are stored, unless another has come since.
    async fn unmark(&self, name: RolloutName) {
        let _one = self.0.marking.lock().await;
        let owed = self.owed();
        if !owed.iter().any(|other| other.rollout == name) {
            let _ = std::fs::remove_file(self.marker_path(name));
            self.0.router.let_go(name);
        }
    }

    /// Stores one way back. One that the state has reached already (it was stored, and its marker outlived a crash) is done.
    async fn store_marker(&self, marker: &Marker) -> Result<Option<ChangeView>, RolloutError> {
        let known = self.known(marker.rollout)?;
        let who = Who { operator: marker.by.as_str().into(), origin: marker.origin.clone() };
        let (mut state, mut lists) = (known.state.clone(), known.lists.clone());
        let mut store = Vec::new();
        let act = match marker.to {
            None => {
                let killed = Killed { at: marker.at, by: marker.by.clone(), reason: marker.reason.clone() };
                if !state.kill(killed) {
                    return Ok(None);
                }
                "kill"
            }
            Some(to) => {
                let kept = self.plan(marker.rollout, &known)?.kept(to);
                store.extend(
                    kept.as_ref().map(|names| list_of(&names.iter().cloned().map(TenantId).collect())),
                );
                if !state.back(to, store.first().map(|(of, _)| of.clone()), self.0.clock.now()) {
                    return Ok(None);
                }
                lists.roster = kept;
                if marker.automatic { AUTO } else { "rollback" }
            }
        };
        let named = self.0.settings.rules.roles.of(&who.operator);
        let mut detail = json!({ "effective_at": marker.at, "evidence": marker.detail, "named": named });
        if let (Stage::Complete, Some(gap)) = (known.state.stage, state.gap.filter(|_| act != "kill")) {
            detail["warning"] = json!(unwritten(gap));
        }
        let change = Change { state, lists, store, act, reason: marker.reason.clone(), detail };
        let from = Some(known.state.stage);
        self.put(marker.rollout, known.version, from, change, &who, Lane::Urgent).await.map(Some)
    }

    /// Takes up what markers of an earlier process hold, before anything is read.
    pub(super) fn take_markers(&self) {
        for name in RolloutName::ALL.iter().copied() {
            let text = match std::fs::read(self.marker_path(name)) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                read => read.unwrap_or_default(),
            };
            // One that is there and can't be read is a kill: legacy in every doubt.
            let unreadable = || Marker {
                rollout: name,
                to: None,
                at: self.0.clock.now(),
                by: "unknown".to_owned(),
                origin: "marker".to_owned(),
                reason: "a marker that can't be read".to_owned(),
                automatic: false,
                detail: serde_json::Value::Null,
            };
            markers(name, &text)
                .unwrap_or_else(|| vec![unreadable()])
                .into_iter()
                .for_each(|one| self.owe(one));
        }
    }

    /// Has the file hold all that is owed of a rollout.
    async fn mark(&self, name: RolloutName) {
        let _one = self.0.marking.lock().await;
        let all: Vec<Marker> = self.owed().iter().filter(|one| one.rollout == name).cloned().collect();
        if all.is_empty() {
            // It is stored already.
            return;
        }
        let (path, text) = (self.marker_path(name), serde_json::to_string(&all).unwrap_or_default());
        let work = tokio::task::spawn_blocking(move || write_durably(&path, &text));
        match self.0.clock.timeout(PATIENCE, work).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::error!(%error, "the marker of a way back can't be written"),
            _ => tracing::error!("the marker of a way back is not on disk yet"),
        }
    }

    /// Whether a marker could be written, tried beside the real one.
    ///
    /// # Errors
    /// As the disk's.
    pub async fn try_marker(&self, name: RolloutName) -> std::io::Result<()> {
        let path = self.0.state_dir.join(format!("rollout.{name}.drill"));
        let work = tokio::task::spawn_blocking(move || {
            write_durably(&path, "drill")?;
            std::fs::remove_file(&path)
        });
        match self.0.clock.timeout(PATIENCE, work).await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) | Err(_) => Err(std::io::ErrorKind::TimedOut.into()),
        }
    }

    fn marker_path(&self, name: RolloutName) -> PathBuf {
        self.0.state_dir.join(format!("rollout.{name}.marker"))
    }

    fn owed(&self) -> MutexGuard<'_, Vec<Marker>> {
        self.0.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a marker file says of a rollout; none where it can't be read. One without a list is of an older version.
fn markers(name: RolloutName, text: &[u8]) -> Option<Vec<Marker>> {
    let all = serde_json::from_slice::<Vec<Marker>>(text)
        .or_else(|_| serde_json::from_slice::<Marker>(text).map(|one| vec![one]))
        .ok()?;
    (!all.is_empty() && all.iter().all(|one| one.rollout == name)).then_some(all)
}

/// What a way back from `complete` leaves out.
fn unwritten(gap: LegacyGap) -> String {
    format!(
        "legacy was not written from {} to {}: what the target answered then is in its book alone",
        time(gap.since),
        time(gap.until)
    )
}

/// Under a new name, synced, renamed, and the folder synced.
fn write_durably(path: &Path, text: &str) -> std::io::Result<()> {
    let fresh = path.with_extension("marker.new");
    let mut file = std::fs::File::create(&fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&fresh, path)?;
    path.parent().map_or(Ok(()), |folder| std::fs::File::open(folder)?.sync_all())
}
