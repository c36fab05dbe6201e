//! The inbox without HTTP: the same bytes into the same writer.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cutover_daemon::clock::Clock;
use cutover_daemon::faults::Faults;
use cutover_daemon::gateway::envelope::Envelope;
use cutover_daemon::gateway::inbox::{Arrival, Inbox, Judge};
use cutover_daemon::store::open;
use tokio::task::JoinSet;

use super::payload::{Signed, guid};
use crate::load::mapping::LoadError;

/// As in the daemon, where nothing waits for a push.
struct Nobody;

impl Judge for Nobody {
    fn awaits(&self, _event: &str, _repository: Option<&str>) -> bool {
        false
    }
}

/// How many deliveries were taken, and the time that it took.
pub(super) async fn insert(
    folder: &Path,
    payloads: &Arc<Vec<Signed>>,
    at_once: usize,
    warm_up: Duration,
    length: Duration,
) -> Result<(u64, Duration), LoadError> {
    let url = format!("sqlite:{}", folder.join("ceiling.db").display());
    let (db, clock) = (open(&url, Faults::none()).await?, Clock::system());
    let inbox = Inbox::judged(db.clone(), clock.clone(), Arc::new(Nobody));
    let mut ready = Vec::new();
    for payload in payloads.iter() {
        let envelope = Envelope::read(&payload.body)
            .ok_or_else(|| LoadError::Wrong("a payload is no JSON object".to_owned()))?;
        ready.push((envelope, payload.body.clone()));
    }
    let ready = Arc::new(ready);
    let (next, counted) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let start = clock.monotonic();
    let (from, to) = (start + warm_up, start + warm_up + length);
    let mut tasks = JoinSet::new();
    for _ in 0..at_once {
        let (inbox, ready, next, counted, clock) =
            (inbox.clone(), ready.clone(), next.clone(), counted.clone(), clock.clone());
        tasks.spawn(async move {
            loop {
                let now = clock.monotonic();
                if now >= to {
                    return Ok(());
                }
                let number = next.fetch_add(1, Ordering::Relaxed);
                let at = usize::try_from(number).unwrap_or(0) % ready.len().max(1);
                let Some((envelope, body)) = ready.get(at) else { return Ok(()) };
                let arrival = Arrival {
                    guid: guid(0, number),
                    event: "push".to_owned(),
                    envelope: envelope.clone(),
                    body: body.clone(),
                };
                inbox.take(arrival).await?;
                if now >= from {
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        let done: Result<(), cutover_daemon::store::WriteError> =
            done.map_err(|error| LoadError::Wrong(error.to_string()))?;
        done.map_err(|error| LoadError::Wrong(error.to_string()))?;
    }
    let took = clock.monotonic() - from;
    db.close().await;
    Ok((counted.load(Ordering::Relaxed), took))
}
