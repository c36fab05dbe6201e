//! GitHub's list of addresses that webhooks come from: asked for each hour, kept in the store, so that a start without GitHub
//! still has the last good one.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use ipnet::IpNet;

use super::allow::{Verdict, judge, networks};
use crate::clock::Clock;
use crate::github::{GitHub, Traffic};
use crate::store::{Db, Lane, SettingOp, Unit};

/// How often GitHub is asked.
const EVERY: Duration = Duration::from_secs(60 * 60);

/// How soon it is asked again when it did not answer with a list.
const AGAIN: Duration = Duration::from_secs(60);

/// The allow-list, as it stands.
pub struct AllowList {
    /// Allowed in any case.
    extra: Vec<IpNet>,
    github: ArcSwapOption<Vec<IpNet>>,
    /// The store has the same.
    kept: AtomicBool,
    db: Db,
    asked: GitHub,
    clock: Clock,
    /// In the settings; a list belongs to its host.
    name: String,
}

impl AllowList {
    /// With the list that the store has, if it has one.
    pub async fn new(extra: Vec<IpNet>, db: Db, github: GitHub, clock: Clock) -> Arc<Self> {
        let name = format!("github.hooks.{}", github.host_id());
        let (none, kept) = (ArcSwapOption::empty(), AtomicBool::new(false));
        let list = Self { extra, github: none, kept, db, asked: github, clock, name };
        match list.db.setting(&list.name).await {
            Ok(stored) => {
                let words = stored.and_then(|(text, ..)| serde_json::from_str::<Vec<String>>(&text).ok());
                let stored = words.and_then(|words| networks(&words)).map(Arc::new);
                list.kept.store(stored.is_some(), Ordering::Relaxed);
                list.github.store(stored);
            }
            Err(error) => tracing::error!(%error, "the stored list of GitHub's addresses can't be read"),
        }
        Arc::new(list)
    }

    /// What becomes of this caller.
    pub fn judge(&self, caller: IpAddr) -> Verdict {
        let github = self.github.load();
        judge(caller.to_canonical().into(), github.as_ref().map(|list| list.as_slice()), &self.extra)
    }

    /// Asks GitHub now and each hour, until it is dropped.
    pub async fn keep(self: Arc<Self>) {
        loop {
            let wait = if self.refresh().await { EVERY } else { AGAIN };
            self.clock.sleep(wait).await;
        }
    }

    /// Asks GitHub once; true when the list is GitHub's newest.
    pub async fn refresh(&self) -> bool {
        let words = match self.asked.reader(Traffic::Live).meta().await {
            Ok(meta) => meta.hooks,
            Err(error) => {
                tracing::warn!(%error, "GitHub's list of webhook addresses was not had; the last good one stays");
                return false;
            }
        };
        let Some(networks) = networks(&words) else {
            let count = words.len();
            tracing::error!(
                count,
                "GitHub's list of webhook addresses makes no sense; the last good one stays"
            );
            return false;
        };
        let known = self.github.load().as_ref().is_some_and(|known| **known == networks);
        if known && self.kept.load(Ordering::Relaxed) {
            return true;
        }
        tracing::info!(count = networks.len(), "GitHub's list of webhook addresses is new");
        let value =
            serde_json::json!(networks.iter().map(ToString::to_string).collect::<Vec<_>>()).to_string();
        self.github.store(Some(Arc::new(networks)));
        let (name, at, by) = (self.name.clone(), self.clock.now(), "github".to_owned());
        let unit = Unit::new().with(SettingOp::Set { name, value, at, by });
        let written = self.db.write(Lane::Handler, unit).await;
        self.kept.store(written.is_ok(), Ordering::Relaxed);
        if let Err(error) = written {
            tracing::error!(%error, "GitHub's list of webhook addresses was not stored");
        }
        true
    }
}
