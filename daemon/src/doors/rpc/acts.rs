//! Acts run in tasks of their own, so that a caller who leaves cuts none off; and each key acts once: whoever comes
//! again with it within 24 h gets the first receipt.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::ids::ActKey;
use cutover_shared::rollout::RolloutName;
use cutover_shared::rpc::{Act, Receipt};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use super::{
    Parts, app, catalog, context, fleet, hooks, import, map, read_error, rollout, run, token, webhook,
    workflow,
};
use crate::audit::Who;
use crate::hex::hex;
use crate::store::{ActOp, Lane, Unit};

/// Receipts are kept for so long.
const KEEP: Duration = Duration::from_secs(24 * 60 * 60);

/// Acts under way at once.
const MOST: usize = 64;

/// Letters of a key.
const KEY_MOST: usize = 128;

type Outcome = Result<Receipt, RpcError>;

struct Flight {
    request: String,
    outcome: watch::Receiver<Option<Outcome>>,
}

/// The acts under way.
#[derive(Clone, Default)]
pub struct Acts {
    flights: Arc<Mutex<HashMap<ActKey, Flight>>>,
    tasks: TaskTracker,
}

impl Acts {
    /// Does `act` once for `key`.
    pub(super) async fn once(&self, parts: &Arc<Parts>, key: ActKey, act: Act, who: Who) -> Outcome {
        if key.as_str().is_empty() || key.as_str().len() > KEY_MOST {
            let hint = "use a fresh UUID for each act";
            return Err(RpcError::new(ErrorCode::Usage, format!("a key has 1 to {KEY_MOST} letters"), hint));
        }
        // The kill never waits for a receipt of the store, and doing it twice is doing it once.
        if let Act::Kill { reason, rollout } = &act {
            let (parts, reason, rollout) = (parts.clone(), reason.clone(), *rollout);
            let task = self.tasks.spawn(async move { kill(&parts, &reason, rollout, &who).await });
            return task.await.map_err(|_| died())?;
        }
        let request = fingerprint(&act, &who);
        let mut outcome = self.join(parts, key, act, who, request)?;
        let ended = outcome.wait_for(Option::is_some).await.map_err(|_| died())?;
        ended.clone().unwrap_or_else(|| Err(died()))
    }

    fn join(
        &self,
        parts: &Arc<Parts>,
        key: ActKey,
        act: Act,
        who: Who,
        request: String,
    ) -> Result<watch::Receiver<Option<Outcome>>, RpcError> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(&key) {
            return if flight.request == request {
                Ok(flight.outcome.clone())
            } else {
                Err(other_request(&key))
            };
        }
        if flights.len() >= MOST {
            let message = format!("{MOST} acts are under way");
            return Err(RpcError::new(ErrorCode::Busy, message, "try again when some of them are done"));
        }
        let (tell, outcome) = watch::channel(None);
        flights.insert(key.clone(), Flight { request: request.clone(), outcome: outcome.clone() });
        let (parts, acts) = (parts.clone(), self.clone());
        self.tasks.spawn(async move {
            let _landed = Landed { acts: &acts, key: &key };
            let done = remembered(&parts, &key, act, &who, request).await;
            tell.send_replace(Some(done));
        });
        Ok(outcome)
    }

    /// Waits for the acts under way; no new ones come once the door is shut.
    pub async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Takes a flight off the table, also when its task panicked.
struct Landed<'a> {
    acts: &'a Acts,
    key: &'a ActKey,
}

impl Drop for Landed<'_> {
    fn drop(&mut self) {
        self.acts.flights.lock().unwrap_or_else(PoisonError::into_inner).remove(self.key);
    }
}

async fn remembered(parts: &Arc<Parts>, key: &ActKey, act: Act, who: &Who, request: String) -> Outcome {
    if let Some(first) = parts.db.act_receipt(key.as_str()).await.map_err(read_error)? {
        if first.operator != who.operator.as_str() || first.request != request {
            return Err(other_request(key));
        }
        if first.receipt.is_empty() {
            return Err(open_end(&act, key));
        }
        return serde_json::from_str(&first.receipt).map_err(|error| {
            RpcError::new(
                ErrorCode::Internal,
                format!("the first receipt can't be read: {error}"),
                "ask how it stands",
            )
        });
    }
    let receipt = dispatch(parts, key, &request, act, who).await?;
    let at = parts.clock.now();
    let before = at.saturating_sub(i64::try_from(KEEP.as_millis()).unwrap_or(i64::MAX));
    let remember = ActOp::Remember {
        key: key.0.clone(),
        at,
        operator: who.operator.0.clone(),
        request,
        receipt: serde_json::to_string(&receipt).unwrap_or_default(),
    };
    let unit = Unit::new().with(ActOp::Forget { before }).with(remember);
    if let Err(error) = parts.db.write(Lane::Handler, unit).await {
        // The act is done; only a repeat of this key would not find its receipt.
        tracing::warn!(%error, key = key.as_str(), "the receipt could not be kept");
    }
    Ok(receipt)
}

async fn dispatch(parts: &Arc<Parts>, key: &ActKey, request: &str, act: Act, who: &Who) -> Outcome {
    Ok(match act {
        Act::Run(act) => Receipt::Run(Box::new(run::act(parts, act, who).await?)),
        Act::Map(act) => Receipt::Map(map::act(parts, act, who).await?),
        Act::Hooks(act) => Receipt::Hooks(hooks::act(parts, act, who).await?),
        Act::Catalog(act) => Receipt::Catalog(catalog::act(parts, act, who).await?),
        Act::Token(act) => Receipt::Token(token::act(parts, act, who).await?),
        Act::Webhook(act) => Receipt::Webhook(webhook::act(parts, act, who).await?),
        Act::App(_) => return Err(app::already(&parts.github.app_id().to_string())),
        Act::Workflow(act) => Receipt::Workflow(workflow::act(parts, act, who).await?),
        Act::Fleet(act) => Receipt::Fleet(fleet::act(parts, act, who).await?),
        Act::Rollout(act) => Receipt::Rollout(Box::new(rollout::act(parts, act, who).await?)),
        Act::Import(act) => import::act(parts, act, who).await?,
        Act::Context(act) => Receipt::Context(Box::new(context::act(parts, act, who, key, request).await?)),
        Act::Kill { reason, rollout } => kill(parts, &reason, rollout, who).await?,
    })
}

/// Everything, or one rollout alone.
async fn kill(parts: &Parts, reason: &str, rollout: Option<RolloutName>, who: &Who) -> Outcome {
    match rollout {
        None => Ok(Receipt::Kill(parts.kill.pull(reason, who).await)),
        Some(name) => {
            rollout::kill(parts, name, reason, who).await.map(|done| Receipt::Rollout(Box::new(done)))
        }
    }
}

/// What a key stands for. A digest, because an act may carry an upload that holds tokens.
fn fingerprint(act: &Act, who: &Who) -> String {
    let text = json!({ "act": act, "who": who.operator }).to_string();
    hex(&Sha256::digest(text.as_bytes()))
}

fn other_request(key: &ActKey) -> RpcError {
    RpcError::new(
        ErrorCode::Usage,
        format!("the key {key} was used for another act"),
        "use a fresh key for each act; repeat one only to ask again for the same",
    )
}

/// It was begun, and the daemon or GitHub ended before it was known how it went.
fn open_end(act: &Act, key: &ActKey) -> RpcError {
    RpcError::new(
        ErrorCode::WrongState,
        format!("{} was begun with the key {key}, and nobody knows whether it was done", act.name()),
        "look at GitHub; if it was not done, do it again with a fresh key",
    )
}

fn died() -> RpcError {
    RpcError::new(
        ErrorCode::Internal,
        "the act ended without an answer",
        "ask how it stands, and look at the daemon's log",
    )
}
