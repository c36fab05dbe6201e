//! The kill switch: everything on legacy, every run paused. It writes memory, then the marker file, then the store and
//! the audit when they can; it needs neither database nor GitHub to take effect. What is stored here holds until an
//! operator sets a mode again.

mod unkill;

use std::collections::VecDeque;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cutover_shared::mapping::Mode;
use cutover_shared::paths::kill_marker;
use cutover_shared::rpc::KillReceipt;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::{Notify, mpsc};

use self::unkill::StoredKill;
use crate::audit::Who;
use crate::clock::Clock;
use crate::mapping::mode;
use crate::rollout::book::Rollouts;
use crate::rollout::peers::{KillNotice, Peers, Replica, receipts};
use crate::run::{Brake, Engine};
use crate::store::{Db, Lane, Op, ReadError, RunOp, SettingOp, Unit, WriteError};

/// Where the store keeps that the switch is pulled; `null` once it was let go.
const SETTING: &str = "kill";

/// How long the receipt waits for the disk and for the store. Memory has taken effect long before.
const PATIENCE: Duration = Duration::from_secs(3);

/// Waits between tries to store a kill that could not be stored.
const RETRY: Duration = Duration::from_secs(1);

/// Kills that may wait for the store; one more would say nothing new.
const OWED_MOST: usize = 64;

/// Bytes of a marker that are read; a longer one is a kill all the same.
const MARKER_MOST: u64 = 16 * 1024;

/// What the marker says. Everything in it may be missing: the file alone is the signal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Marker {
    pub at: i64,
    pub by: String,
    pub reason: String,
    pub origin: String,
}

/// The switch. Cheap to clone.
#[derive(Clone)]
pub struct KillSwitch(Arc<Inner>);

struct Inner {
    brake: Brake,
    rollouts: Rollouts,
    peers: Arc<dyn Peers>,
    state_dir: PathBuf,
    db: Db,
    engine: Engine,
    clock: Clock,
    /// Kills that the store does not have yet, the oldest first.
    owed: Mutex<VecDeque<Marker>>,
    /// Wakes who stores what is owed.
    wake: Notify,
    /// One at a time takes a marker from the disk: who comes second finds it handled.
    taking: tokio::sync::Mutex<()>,
    /// The newest kill that this process takes care of: its marker on disk is no news.
    handled: Mutex<Option<Marker>>,
    /// One writer at a time: what is stored last is what was meant last.
    storing: tokio::sync::Mutex<()>,
}

/// What the switch is made of.
pub struct KillParts {
    pub brake: Brake,
    pub rollouts: Rollouts,
    pub peers: Arc<dyn Peers>,
    pub state_dir: PathBuf,
    pub db: Db,
    pub engine: Engine,
    pub clock: Clock,
}

impl KillSwitch {
    /// The switch, and the task that stores what could not be stored at once; the composition root spawns it.
    pub fn new(parts: KillParts) -> (Self, impl Future<Output = ()> + Send + use<>) {
        let switch = Self(Arc::new(Inner {
            brake: parts.brake,
            rollouts: parts.rollouts,
            peers: parts.peers,
            state_dir: parts.state_dir,
            db: parts.db,
            engine: parts.engine,
            clock: parts.clock,
            owed: Mutex::default(),
            wake: Notify::new(),
            taking: tokio::sync::Mutex::default(),
            handled: Mutex::default(),
            storing: tokio::sync::Mutex::default(),
        }));
        let worker = switch.clone();
        let task = async move {
            loop {
                worker.0.wake.notified().await;
                while let Err(error) = worker.settle().await {
                    tracing::error!(%error, "the kill is in force but not stored yet");
                    worker.0.clock.sleep(RETRY).await;
                }
            }
        };
        (switch, task)
    }

    /// At start, with the brake pulled: takes a marker or a stored kill into force, or lets the runs move.
    pub async fn start(&self) -> Result<bool, ReadError> {
        let _one = self.0.taking.lock().await;
        if let Some(marker) = self.read_marker() {
            tracing::warn!(
                by = marker.by,
                reason = marker.reason,
                "a kill marker was found: everything stands"
            );
            if self.take_charge(&marker) {
                self.hand_in(marker).await;
            }
            return Ok(true);
        }
        let pull = self.0.brake.newest();
        let stored = self.0.db.setting(SETTING).await?;
        if stored.is_some_and(|(value, ..)| value != "null") {
            tracing::warn!("the kill switch was pulled before the last stop: everything stands");
            return Ok(true);
        }
        if let Some(pull) = pull {
            self.0.brake.release(pull);
        }
        Ok(false)
    }

    /// Pulls the switch.
    pub async fn pull(&self, reason: &str, who: &Who) -> KillReceipt {
        let replica = self.replica();
        let pulled = replica.kill();
        let at = pulled.at;
        tracing::warn!(by = %who.operator, reason, "KILL: everything on legacy, every run paused");
        let marker = Marker {
            at,
            by: who.operator.0.clone(),
            reason: reason.chars().take(2_000).collect(),
            origin: who.origin.clone(),
        };
        self.take_charge(&marker);
        let notice = KillNotice { at, by: marker.by.clone(), reason: marker.reason.clone() };
        let (on_disk, answers) = tokio::join!(self.write_marker(&marker), self.0.peers.kill(&notice));
        let paused = match self.0.clock.timeout(PATIENCE, self.0.db.unfinished_runs()).await {
            Ok(Ok(runs)) => runs.into_iter().filter(|run| run.state.is_moving()).map(|run| run.id).collect(),
            _ => Vec::new(),
        };
        let stored = self.hand_in(marker).await;
        let owed = match (on_disk, stored) {
            (_, true) => String::new(),
            (true, false) => {
                "the store did not take it yet: the marker holds it, and it is tried again".to_owned()
            }
            (false, false) => {
                "neither disk nor store took it: it holds in memory only, so do not restart the daemon"
                    .to_owned()
            }
        };
        // Last: calls that begin on the target until the receipt goes out are in it.
        let replicas = receipts(replica.confirm(pulled), answers, at);
        KillReceipt { at, marker: on_disk || stored, stored, paused, owed, replicas }
    }

    /// Takes a marker that somebody else wrote (`cutover kill --local`).
    pub async fn marker_appeared(&self) {
        let _one = self.0.taking.lock().await;
        if let Some(marker) = self.read_marker()
            && self.take_charge(&marker)
        {
            self.replica().kill();
            tracing::warn!(by = marker.by, reason = marker.reason, "KILL by marker");
            self.hand_in(marker).await;
        }
    }

    fn replica(&self) -> Replica {
        let router = self.0.rollouts.router().clone();
        Replica { brake: self.0.brake.clone(), router, clock: self.0.clock.clone() }
    }

    /// From now on this process takes care of this very kill; false when it did already.
    fn take_charge(&self, marker: &Marker) -> bool {
        let mut handled = self.0.handled.lock().unwrap_or_else(PoisonError::into_inner);
        handled.replace(marker.clone()).as_ref() != Some(marker)
    }

    fn owed(&self) -> MutexGuard<'_, VecDeque<Marker>> {
        self.0.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a kill stored, and waits a moment for it; false when it is still owed then.
    async fn hand_in(&self, marker: Marker) -> bool {
        {
            let mut owed = self.owed();
            if owed.len() >= OWED_MOST {
                return false;
            }
            owed.push_back(marker);
        }
        // In a task of its own: a write that is waited for no longer is written all the same, and must not be repeated.
        let switch = self.clone();
        let storing = tokio::spawn(async move { switch.settle().await });
        let stored = matches!(self.0.clock.timeout(PATIENCE, storing).await, Ok(Ok(Ok(()))));
        if !stored {
            self.0.wake.notify_one();
        }
        stored
    }

    /// Stores every kill that is owed. Before a mode is set, so that an old kill never overwrites it.
    pub async fn settle(&self) -> Result<(), WriteError> {
        let _one = self.0.storing.lock().await;
        loop {
            let Some(marker) = self.owed().front().cloned() else { return Ok(()) };
            self.store(&marker).await?;
            self.owed().pop_front();
        }
    }

    /// Mode, runs, switch and audit in one unit; then the marker has done its work.
    async fn store(&self, marker: &Marker) -> Result<(), WriteError> {
        let now = self.0.clock.now();
        let who = Who { operator: marker.by.as_str().into(), origin: marker.origin.clone() };
        // Before the unit: what is tried again must not be two kills in the audit, and this is none that was written already.
        self.note(marker, &who).await?;
        let stored = StoredKill { marker: marker.clone(), mode_before: self.mode_before().await };
        let value = serde_json::to_string(&stored).unwrap_or_else(|_| "{}".to_owned());
        let detail = json!({ "reason": marker.reason, "pulled_at": marker.at });
        let unit = Unit::new()
            .with(setting(&value, now, &marker.by))
            .with(mode::set_mode_op(Mode::Off, now, &marker.by))
            .with(RunOp::PauseAll { reason: format!("killed by {}: {}", marker.by, marker.reason) })
            .with(who.did(now, "kill", "all", detail));
        self.0.db.write(Lane::Urgent, unit).await?;
        if let Err(error) = self.0.engine.settle_pauses().await {
            tracing::warn!(%error, "paused runs settle at the next start");
        }
        // A marker that came since says something that is not stored yet.
        if self.read_marker().as_ref() == Some(marker) {
            let _ = std::fs::remove_file(kill_marker(&self.0.state_dir));
        }
        Ok(())
    }

    fn read_marker(&self) -> Option<Marker> {
        use std::io::Read as _;
        let path = kill_marker(&self.0.state_dir);
        let unreadable =
            || Marker { by: "unknown".into(), reason: "marker file".into(), origin: "marker".into(), at: 0 };
        let file = match std::fs::File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            // It is there and can't be read: legacy in every doubt.
            Err(_) => return Some(unreadable()),
        };
        let mut text = String::new();
        let read = file.take(MARKER_MOST).read_to_string(&mut text);
        let marker = read.ok().and_then(|_| serde_json::from_str::<Marker>(&text).ok());
        Some(marker.unwrap_or_else(unreadable))
    }

    async fn write_marker(&self, marker: &Marker) -> bool {
        let (dir, text) = (self.0.state_dir.clone(), serde_json::to_string(marker).unwrap_or_default());
        let work = tokio::task::spawn_blocking(move || write_durably(&dir, &text));
        match self.0.clock.timeout(PATIENCE, work).await {
            Ok(Ok(Ok(()))) => true,
            Ok(Ok(Err(error))) => {
                tracing::error!(%error, "the kill marker can't be written");
                false
            }
            _ => false,
        }
    }
}

fn setting(value: &str, at: i64, by: &str) -> Op {
    SettingOp::Set { name: SETTING.to_owned(), value: value.to_owned(), at, by: by.to_owned() }.into()
}

/// A new file under the marker's name: written, synced, renamed, and the folder synced.
fn write_durably(dir: &Path, text: &str) -> std::io::Result<()> {
    let (marker, fresh) = (kill_marker(dir), dir.join("kill.marker.new"));
    let mut file = std::fs::File::create(&fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&fresh, &marker)?;
    std::fs::File::open(dir)?.sync_all()
}

/// Watches the state folder for a marker, by the system's own notice of changes.
pub async fn watch_marker(switch: KillSwitch) {
    use notify::Watcher as _;
    let (seen, mut changes) = mpsc::channel(16);
    // The store lies in the same folder, and each of its writes would be an event: only what appears or is renamed is told.
    let config = notify::Config::default()
        .with_event_kinds(notify::EventKindMask::CREATE | notify::EventKindMask::MODIFY_NAME);
    let tell = move |event: notify::Result<notify::Event>| {
        // A full channel already says what there is to say.
        if event.is_ok() {
            let _ = seen.try_send(());
        }
    };
    let watcher = notify::RecommendedWatcher::new(tell, config);
    let watching = watcher.and_then(|mut watcher| {
        watcher.watch(&switch.0.state_dir, notify::RecursiveMode::NonRecursive).map(|()| watcher)
    });
    let watcher = match watching {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            tracing::error!(%error, "the state folder can't be watched: looking once a second instead");
            None
        }
    };
    loop {
        // Looked at first: the marker may have come before the watch.
        switch.marker_appeared().await;
        if watcher.is_some() {
            if changes.recv().await.is_none() {
                return;
            }
        } else {
            switch.0.clock.sleep(Duration::from_secs(1)).await;
        }
    }
}

#[cfg(test)]
mod tests;
