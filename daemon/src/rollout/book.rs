//! Rollouts as they are stored, and every act on them: one change at a time, each with the whole of what decides from then on.

mod acts;
mod back;
mod forward;
pub mod look;
mod rings;
mod then;
mod timeline;

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use cutover_shared::ids::TenantId;
use cutover_shared::mapping::Mode;
use cutover_shared::rollout::{ChangeView, Ring, RolloutName, Stage};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;

pub use self::back::{AUTO, Way};
pub use self::forward::StepAsk;
use self::rings::{RING_CALL_MOST, RING_MOST};
use super::bucket::UnknownAlgorithm;
use super::criteria::{Facts, Rules, Unmet};
use super::decide::Plan;
use super::router::Router;
use super::stages::{Illegal, Track};
use super::state::{ListRef, Lists, State, StoredCeiling};
use super::step::EXACT_MOST;
use crate::audit::Who;
use crate::clock::Clock;
use crate::hex::hex;
use crate::store::{ChangeRow, Db, Lane, NewChange, ReadError, RolloutOp, Unit, WriteError};

/// Letters of a reason that are kept.
const REASON_MOST: usize = 2_000;

/// What a rollout is made with.
#[derive(Clone, Debug)]
pub struct RolloutSettings {
    pub track: Track,
    pub rules: Rules,
    /// The share of tenants whose reads are compared, in hundredths of a percent.
    pub shadow_buckets: u16,
    /// Where each begins when nothing is stored yet, by [`RolloutName::index`].
    pub initial: [Stage; RolloutName::ALL.len()],
}

/// What is known of a rollout beside its state: measured, judged, proven elsewhere.
#[async_trait]
pub trait Evidence: Send + Sync {
    /// For the stage that it is in.
    async fn facts(&self, name: RolloutName, state: &State) -> Result<Facts, ReadError>;
}

/// Why an act on a rollout was refused. Nothing was changed then, unless it says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum RolloutError {
    #[error(transparent)]
    Illegal(#[from] Illegal),
    #[error(transparent)]
    Criteria(#[from] Unmet),
    #[error(
        "this is not the digest of the step from {from} to {to}: the rollout has moved since it was looked at, or it is of another step"
    )]
    Stale { from: Stage, to: Stage },
    /// With the one that may have been meant.
    #[error("tenant {tenant} is not in the catalog")]
    UnknownTenant { tenant: TenantId, near: Option<TenantId> },
    #[error("{0} overrides are the most; more tenants are a stage of their own")]
    Overrides(usize),
    #[error("a list by name has 1 to {EXACT_MOST} tenants, and stands for a share of `canary` alone")]
    Exact,
    #[error("a step forward moves nobody back, and this one would move {0} tenants")]
    Returns(u64),
    #[error("the ring {0} has no list: it is everybody")]
    NoList(Ring),
    #[error("one call names 1 to {RING_CALL_MOST} tenants, and a ring holds {RING_MOST} at most")]
    RingSize,
    #[error("nothing was recorded of {0} at that time")]
    Unrecorded(RolloutName),
    #[error("that time is not past, and nobody knows what will decide then")]
    Ahead,
    #[error("`{0}` is no cursor of this list")]
    Cursor(String),
    #[error("rollouts are not read from the store yet")]
    Unread,
    /// What leads back has taken effect and is stored as soon as the store takes it.
    #[error("it has taken effect, and the store did not take it yet: {0}")]
    Owed(WriteError),
    /// An incident of which only the ways back are in effect.
    #[error("{went}; the incident itself is not written down: {cause}")]
    Undeclared { went: String, cause: WriteError },
    #[error(transparent)]
    Algorithm(#[from] UnknownAlgorithm),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// All rollouts. Cheap to clone.
#[derive(Clone)]
pub struct Rollouts(Arc<Inner>);

struct Inner {
    db: Db,
    clock: Clock,
    router: Router,
    settings: RolloutSettings,
    evidence: Arc<dyn Evidence>,
    state_dir: PathBuf,
    known: [Mutex<Option<Arc<Known>>>; RolloutName::ALL.len()],
    /// One writer at a time: a change is made of what the one before left.
    changing: tokio::sync::Mutex<()>,
    /// Ways back that the store does not have yet, the oldest first.
    owed: Mutex<Vec<back::Marker>>,
    /// One at a time writes or removes a marker file.
    marking: tokio::sync::Mutex<()>,
    wake: Notify,
    /// Tenants on the target and all, and of what they were counted.
    counts: Mutex<[Option<look::Count>; RolloutName::ALL.len()]>,
}

/// What is stored of one rollout.
struct Known {
    version: u64,
    state: State,
    lists: Lists,
}

/// A change that was made of a state.
struct Change {
    state: State,
    lists: Lists,
    /// Lists that are stored with it.
    store: Vec<(ListRef, String)>,
    act: &'static str,
    reason: String,
    detail: serde_json::Value,
}

impl Rollouts {
    /// Nothing is read yet.
    pub fn new(
        db: Db,
        clock: Clock,
        router: Router,
        settings: RolloutSettings,
        evidence: Arc<dyn Evidence>,
        state_dir: &Path,
    ) -> Self {
        Self(Arc::new(Inner {
            db,
            clock,
            router,
            settings,
            evidence,
            state_dir: state_dir.to_owned(),
            known: Default::default(),
            changing: tokio::sync::Mutex::default(),
            owed: Mutex::default(),
            marking: tokio::sync::Mutex::default(),
            wake: Notify::new(),
            counts: Mutex::default(),
        }))
    }

    /// What decides, in memory.
    pub fn router(&self) -> &Router {
        &self.0.router
    }

    /// What is configured.
    pub fn settings(&self) -> &RolloutSettings {
        &self.0.settings
    }

    /// Reads everything, begins what was never begun, and takes up ways back that a marker holds. `initial` says where a rollout
    /// begins that nothing is stored of.
    pub async fn load(&self, initial: impl Fn(RolloutName) -> Stage + Send) -> Result<(), RolloutError> {
        self.take_markers();
        let _one = self.0.changing.lock().await;
        let rows = self.0.db.rollouts().await?;
        for name in RolloutName::ALL.iter().copied() {
            match rows.iter().find(|row| row.name == name) {
                Some(row) => {
                    let state = read_state(&row.body)?;
                    let lists = self.lists(&state).await?;
                    self.know(name, Known { version: row.version, state, lists })?;
                }
                None => {
                    let state = State::begin(name, initial(name), self.0.clock.now());
                    let change = Change {
                        state,
                        lists: Lists::default(),
                        store: Vec::new(),
                        act: "begin",
                        reason: String::new(),
                        detail: serde_json::Value::Null,
                    };
                    self.put(name, 0, None, change, &Who::daemon(), Lane::Handler).await?;
                }
            }
        }
        drop(_one);
        self.settle().await;
        Ok(())
    }

    /// The mode and its list, above `github-auth`. Said again and again: only what is new is a change.
    pub async fn set_ceiling(
        &self,
        mode: Mode,
        listed: &BTreeSet<TenantId>,
        who: &Who,
    ) -> Result<(), RolloutError> {
        let list = (mode == Mode::Canary).then(|| list_of(listed));
        let ceiling = StoredCeiling { mode, listed: list.as_ref().map(|(of, _)| of.clone()) };
        self.change(RolloutName::GithubAuth, who, |known| {
            if known.state.ceiling.as_ref() == Some(&ceiling) {
                return Ok(None);
            }
            let mut lists = known.lists.clone();
            lists.listed = list.as_ref().map(|_| listed.iter().map(|tenant| tenant.0.clone()).collect());
            let detail = json!({ "mode": mode, "listed": list.as_ref().map(|(of, _)| of.count) });
            let state = State { ceiling: Some(ceiling.clone()), ..known.state.clone() };
            let store = list.iter().cloned().collect();
            Ok(Some(Change { state, lists, store, act: "mode", reason: String::new(), detail }))
        })
        .await?;
        Ok(())
    }

    /// Makes a change of what is stored, if there is one to make.
    async fn change(
        &self,
        name: RolloutName,
        who: &Who,
        make: impl FnOnce(&Known) -> Result<Option<Change>, RolloutError> + Send,
    ) -> Result<Option<ChangeView>, RolloutError> {
        let _one = self.0.changing.lock().await;
        let known = self.known(name)?;
        let Some(change) = make(&known)? else { return Ok(None) };
        let from = Some(known.state.stage);
        self.put(name, known.version, from, change, who, Lane::Handler).await.map(Some)
    }

    /// Writes a change with its audit record, then lets it decide. Whoever calls holds `changing`.
    async fn put(
        &self,
        name: RolloutName,
        after: u64,
        from: Option<Stage>,
        change: Change,
        who: &Who,
        lane: Lane,
    ) -> Result<ChangeView, RolloutError> {
        let Change { state, lists, store, act, reason, detail } = change;
        let (at, to) = (self.0.clock.now(), state.stage);
        let from = from.unwrap_or(to);
        let body = serde_json::to_string(&state).map_err(|error| unreadable(&error))?;
        let new = NewChange {
            at,
            by: who.operator.0.clone(),
            act,
            from,
            to,
            reason: reason.clone(),
            detail: detail.clone(),
        };
        let record =
            json!({ "from": from, "to": to, "reason": reason, "version": after + 1, "detail": detail });
        let mut unit = Unit::new();
        for (of, tenants) in store {
            unit = unit.with(RolloutOp::List { digest: of.digest, tenants });
        }
        let unit = unit.with(RolloutOp::Put { name, after, body, change: Box::new(new) }).with(who.did(
            at,
            format!("rollout.{act}"),
            name.word(),
            record,
        ));
        self.0.db.write(lane, unit).await?;
        let version = after + 1;
        self.know(name, Known { version, state, lists })?;
        tracing::info!(rollout = %name, act, %from, %to, version, by = %who.operator, "rollout changed");
        Ok(ChangeView {
            rollout: name,
            version,
            at,
            by: who.operator.clone(),
            act: act.to_owned(),
            from,
            to,
            reason,
            detail,
        })
    }

    fn know(&self, name: RolloutName, known: Known) -> Result<(), RolloutError> {
        self.0.router.publish(self.plan(name, &known)?);
        *self.slot(name) = Some(Arc::new(known));
        Ok(())
    }

    fn known(&self, name: RolloutName) -> Result<Arc<Known>, RolloutError> {
        self.slot(name).clone().ok_or(RolloutError::Unread)
    }

    fn slot(&self, name: RolloutName) -> std::sync::MutexGuard<'_, Option<Arc<Known>>> {
        self.0.known[name.index()].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn plan(&self, name: RolloutName, known: &Known) -> Result<Plan, UnknownAlgorithm> {
        known.state.plan(name, known.version, known.lists.clone(), self.0.settings.shadow_buckets)
    }

    async fn lists(&self, state: &State) -> Result<Lists, RolloutError> {
        Ok(Lists {
            roster: self.list(state.roster.as_ref()).await?,
            listed: self.list(state.ceiling.as_ref().and_then(|of| of.listed.as_ref())).await?,
        })
    }

    async fn list(&self, of: Option<&ListRef>) -> Result<Option<HashSet<String>>, RolloutError> {
        let Some(of) = of else { return Ok(None) };
        let Some(text) = self.0.db.rollout_list(&of.digest).await? else { return Ok(None) };
        serde_json::from_str(&text).map(Some).map_err(|error| unreadable(&error))
    }
}

impl Known {
    fn changed(&self, state: State, act: &'static str, reason: &str, detail: serde_json::Value) -> Change {
        Change { state, lists: self.lists.clone(), store: Vec::new(), act, reason: cut(reason), detail }
    }
}

fn read_state(body: &str) -> Result<State, RolloutError> {
    serde_json::from_str(body).map_err(|error| unreadable(&error))
}

fn unreadable(error: &serde_json::Error) -> RolloutError {
    ReadError::Corrupt { what: "rollout", cause: error.to_string() }.into()
}

fn cut(reason: &str) -> String {
    reason.chars().take(REASON_MOST).collect()
}

/// A list and its text, by the digest of that text.
fn list_of(tenants: &BTreeSet<TenantId>) -> (ListRef, String) {
    let text = json!(tenants).to_string();
    let digest = hex(&Sha256::digest(text.as_bytes()));
    (ListRef { digest, count: u64::try_from(tenants.len()).unwrap_or(u64::MAX) }, text)
}

/// A stored change as people see it.
fn view(row: ChangeRow) -> ChangeView {
    ChangeView {
        rollout: row.name,
        version: row.version,
        at: row.at,
        by: row.by.into(),
        act: row.act,
        from: row.from,
        to: row.to,
        reason: row.reason,
        detail: serde_json::from_str(&row.detail).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests;
