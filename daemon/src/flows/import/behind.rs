//! The other arm, written durably behind the one that answers (C3).

use super::{ImportAsk, Imports, ListAsk, Listed, Situation};
use crate::flows::second::{ImportsBehind, import_asked, list_asked};
use crate::rollout::second::{Pending, Record};
use cutover_shared::import::Wanted;

/// What is owed once the call is answered; nothing where no second write is asked for.
pub(super) struct Behind(Option<Pending>);

impl Behind {
    pub(super) async fn answered(self, record: Record) {
        if let Some(pending) = self.0 {
            pending.answered(record).await;
        }
    }

    pub(super) async fn withdrawn(self) {
        if let Some(pending) = self.0 {
            pending.withdrawn().await;
        }
    }
}

impl Imports {
    /// The intent is durable before the arm works. What an operator asked for with a method of his own is no part of the rollout.
    pub(super) async fn import_behind(
        &self,
        found: &Situation,
        ask: &ImportAsk,
        reference: Option<&str>,
    ) -> Behind {
        let Some(second) = self.0.second.get().filter(|_| ask.method == Wanted::Auto) else {
            return Behind(None);
        };
        Behind(second.intend(import_asked(&found.link, reference, found.decision)).await)
    }

    /// The same for a list; a later page is no whole list, and leaves nothing.
    pub(super) async fn list_behind(&self, found: &Situation, ask: &ListAsk) -> Behind {
        let Some(second) = self.0.second.get().filter(|_| ask.cursor.is_none()) else { return Behind(None) };
        Behind(second.intend(list_asked(&found.link, ask, found.decision)).await)
    }

    /// What a list leaves in its arm's book.
    pub(super) async fn list_settled(
        &self,
        behind: Behind,
        found: &Situation,
        ask: &ListAsk,
        listed: &Listed,
    ) {
        if behind.0.is_none() {
            return;
        }
        if listed.fallback_reason.is_some() {
            return behind.withdrawn().await;
        }
        let books = ImportsBehind::new(self.clone(), self.0.db.clone());
        match books.list_record(&found.link.tenant, ask, listed).await {
            Ok(Some(record)) => behind.answered(record).await,
            Ok(None) => behind.withdrawn().await,
            Err(error) => {
                tracing::warn!(%error, tenant = %found.link.tenant, "a list left no record");
                behind.withdrawn().await;
            }
        }
    }
}
