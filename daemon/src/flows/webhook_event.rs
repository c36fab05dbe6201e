//! From a delivery to its effects (G3, G9): what it says is worked out purely, the workflows that wait for it are found, and both
//! are written with its end; then the tokens in memory that it made useless are forgotten, and what is to be sent is sent.

use std::sync::Arc;

use async_trait::async_trait;

use crate::clock::Clock;
use crate::gateway::events::{self, Effects};
use crate::gateway::inbox::{HandleError, Handler, Judge};
use crate::gateway::integrations;
use crate::gateway::outbox::Outbox;
use crate::gateway::triggers::{MatchError, Triggers};
use crate::github::GitHub;
use crate::store::{DeliveryRow, DispatchTo, NewDispatches, Op, OutboxOp, RescoreOp, Scope, UNIT_ROWS};

/// Handles deliveries of one host.
pub struct WebhookEvents {
    github: GitHub,
    triggers: Arc<Triggers>,
    outbox: Arc<Outbox>,
    clock: Clock,
}

impl WebhookEvents {
    /// Handles deliveries of the host that this client speaks to.
    pub fn new(github: GitHub, triggers: Arc<Triggers>, outbox: Arc<Outbox>, clock: Clock) -> Self {
        Self { github, triggers, outbox, clock }
    }

    /// What is sent on because of it.
    async fn dispatches(
        &self,
        delivery: &DeliveryRow,
        body: &[u8],
        effects: &mut Effects,
    ) -> Result<(), HandleError> {
        let workflows = self.triggers.of(delivery, body).await.map_err(|error| match error {
            MatchError::Unreadable(_) => HandleError::Hopeless(error.to_string()),
            MatchError::Files(_) => HandleError::Failed(error.to_string()),
        })?;
        let mut put = |to| {
            let new = NewDispatches {
                delivery: delivery.seq,
                guid: delivery.guid.clone(),
                event: delivery.event.clone(),
                repository: delivery.repository.clone(),
                at: self.clock.now(),
                to,
            };
            effects.ops.push(OutboxOp::Put(Box::new(new)).into());
        };
        if self.outbox.forwards() {
            put(DispatchTo::Scheduler { installation: delivery.installation });
        }
        for some in workflows.chunks(UNIT_ROWS) {
            put(DispatchTo::Workflows(some.to_vec()));
        }
        let matched = match workflows.len() {
            0 => None,
            1 => Some("1 workflow matched".to_owned()),
            n => Some(format!("{n} workflows matched")),
        };
        let forwarded = self.outbox.forwards().then(|| "forwarded to the scheduler".to_owned());
        let notes: Vec<String> = [effects.note.take(), matched, forwarded].into_iter().flatten().collect();
        effects.note = (!notes.is_empty()).then(|| notes.join("; "));
        Ok(())
    }
}

impl Judge for WebhookEvents {
    fn awaits(&self, event: &str, repository: Option<&str>) -> bool {
        events::is_read(event) || self.outbox.forwards() || self.triggers.awaits(event, repository)
    }
}

#[async_trait]
impl Handler for WebhookEvents {
    async fn handle(&self, delivery: &DeliveryRow, body: &[u8]) -> Result<Effects, HandleError> {
        let (host, at) = (self.github.host_id(), delivery.received_at);
        let mut effects = events::effects(host, &delivery.event, body, at)
            .map_err(|error| HandleError::Hopeless(error.to_string()))?;
        effects.ops.extend(integrations::event::effects(host, &delivery.event, body, at));
        effects.ops.extend(owed(host, delivery, &effects));
        self.dispatches(delivery, body, &mut effects).await?;
        Ok(effects)
    }

    fn committed(&self, effects: &Effects) {
        if let Some(installation) = effects.forget_token {
            self.github.tokens().invalidate_all(installation);
        }
        if effects.ops.iter().any(|op| matches!(op, Op::Outbox(_))) {
            self.outbox.wake();
        }
    }
}

/// The mappings that hang on these facts are judged again; that is owed from the same unit on.
fn owed(host: &str, delivery: &DeliveryRow, effects: &Effects) -> Option<Op> {
    let mut scope = Scope::of_facts(&effects.ops);
    if delivery.event == "repository" && delivery.action.as_deref() == Some("privatized") {
        // A public repository is readable by any live token: such a read proved nothing of who may see it now.
        scope.reread.clone_from(&scope.repositories);
    }
    let cause = format!("delivery {}", delivery.guid);
    let owe = RescoreOp::Owe { host: host.to_owned(), scope, cause, at: delivery.received_at };
    (!matches!(&owe, RescoreOp::Owe { scope, .. } if scope.is_empty())).then(|| owe.into())
}
