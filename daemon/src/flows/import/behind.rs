//! The other arm, written durably behind the one that answers (C3).

use super::beside::side;
use super::{ImportAsk, Imports, ListAsk, Listed, Situation};
use crate::flows::second::{ImportsBehind, import_asked, list_asked};
use crate::rollout::second::{Asked, Pending, Record};
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
        found: &mut Situation,
        ask: &ImportAsk,
        reference: Option<&str>,
    ) -> Behind {
        let asked = |found: &Situation| import_asked(&found.link, reference, found.decision);
        self.intended(found, ask.method == Wanted::Auto, asked).await
    }

    /// The same for a list; a later page is no whole list, and leaves nothing.
    pub(super) async fn list_behind(&self, found: &mut Situation, ask: &ListAsk) -> Behind {
        let asked = |found: &Situation| list_asked(&found.link, ask, found.decision);
        self.intended(found, ask.cursor.is_none(), asked).await
    }

    /// Writing an intent may take seconds: a kill or a way back that came meanwhile is obeyed. Once: whoever has left the target is
    /// not sent there.
    async fn intended(
        &self,
        found: &mut Situation,
        due: bool,
        asked: impl Fn(&Situation) -> Asked + Send,
    ) -> Behind {
        let behind = self.intend(found, due, &asked).await;
        if !self.left_target(found) {
            return behind;
        }
        behind.withdrawn().await;
        self.intend(found, due, &asked).await
    }

    /// Nothing where another arm serves than the one decided on (grace period, nobody): that one has done nothing for its book.
    async fn intend(
        &self,
        found: &Situation,
        due: bool,
        asked: &(impl Fn(&Situation) -> Asked + Send),
    ) -> Behind {
        let due = due && found.arm.side() == Some(found.decision.side);
        match self.0.second.get().filter(|_| due) {
            Some(second) => Behind(second.intend(asked(found)).await),
            None => Behind(None),
        }
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
        // Where a user's token took the installation's place, the arm that was decided on has done nothing.
        if side(listed.method) != found.decision.side {
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
