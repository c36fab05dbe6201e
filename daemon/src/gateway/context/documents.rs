//! Answers that are longer than one part: kept for a while, so that GitHub is asked once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cutover_shared::context::{ContextPart, MAX_DOCUMENT};
use cutover_shared::ids::InstallationId;

use super::part::part;
use crate::clock::Clock;

/// Documents that are kept at once. All together they have at most [`MAX_DOCUMENT`] bytes: the oldest make room.
const MOST: usize = 8;

/// How long a document waits for whoever asked for it.
const KEEP: Duration = Duration::from_secs(5 * 60);

/// Documents under way to operators. Cheap to clone.
#[derive(Clone)]
pub(super) struct Documents {
    clock: Clock,
    kept: Arc<Mutex<VecDeque<Kept>>>,
}

struct Kept {
    id: String,
    installation: InstallationId,
    text: String,
}

impl Documents {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, kept: Arc::default() }
    }

    /// The first part. The rest is kept where there is one. A text over [`MAX_DOCUMENT`] must not come here.
    pub(super) fn first(&self, installation: InstallationId, text: String) -> ContextPart {
        let kept = Kept { id: uuid::Uuid::now_v7().to_string(), installation, text };
        let first = kept.part(0).unwrap_or_else(|| kept.empty());
        if first.more.is_some() {
            let id = kept.id.clone();
            let mut all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            while all.len() >= MOST || bytes(&all) + kept.text.len() > MAX_DOCUMENT {
                if all.pop_front().is_none() {
                    break;
                }
            }
            all.push_back(kept);
            let (clock, documents) = (self.clock.clone(), Arc::downgrade(&self.kept));
            // Whoever leaves before the last part must not leave megabytes behind.
            tokio::spawn(async move {
                clock.sleep(KEEP).await;
                if let Some(documents) = documents.upgrade() {
                    forget(&documents, &id);
                }
            });
        }
        first
    }

    /// A later part; none when it is not kept any more, or begins nowhere. The last one ends the keeping.
    pub(super) fn later(&self, id: &str, from: u64) -> Option<ContextPart> {
        let part = {
            let all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            all.iter().find(|kept| kept.id == id)?.part(from)?
        };
        if part.more.is_none() {
            forget(&self.kept, id);
        }
        Some(part)
    }
}

fn bytes(all: &VecDeque<Kept>) -> usize {
    all.iter().map(|kept| kept.text.len()).sum()
}

fn forget(documents: &Mutex<VecDeque<Kept>>, id: &str) {
    documents.lock().unwrap_or_else(PoisonError::into_inner).retain(|kept| kept.id != id);
}

impl Kept {
    fn part(&self, from: u64) -> Option<ContextPart> {
        let (text, more) = part(&self.text, from)?;
        Some(ContextPart { from, text: text.to_owned(), more: more.then(|| self.id.clone()), ..self.empty() })
    }

    fn empty(&self) -> ContextPart {
        ContextPart {
            installation: self.installation,
            size: self.text.len() as u64,
            from: 0,
            text: String::new(),
            more: None,
        }
    }
}

#[cfg(test)]
mod tests;
