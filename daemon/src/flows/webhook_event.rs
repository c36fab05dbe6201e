//! From a delivery to its effects (G3): what it says is worked out purely, written with its end, and then the tokens in
//! memory that it made useless are forgotten.

use async_trait::async_trait;

use crate::gateway::events::{self, Effects};
use crate::gateway::inbox::{HandleError, Handler};
use crate::gateway::integrations;
use crate::github::GitHub;
use crate::store::{DeliveryRow, Op, RescoreOp, Scope};

/// Handles deliveries of one host.
pub struct WebhookEvents {
    github: GitHub,
}

impl WebhookEvents {
    /// Handles deliveries of the host that this client speaks to.
    pub fn new(github: GitHub) -> Self {
        Self { github }
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
        Ok(effects)
    }

    fn committed(&self, effects: &Effects) {
        if let Some(installation) = effects.forget_token {
            self.github.tokens().invalidate_all(installation);
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
