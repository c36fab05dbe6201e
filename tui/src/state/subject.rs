//! What the cursor stands on: the noun of every key.

use cutover_shared::audit::AuditView;
use cutover_shared::catalog::{LinkView, TenantView};
use cutover_shared::fleet::InstanceView;
use cutover_shared::ids::{RunId, TenantId};
use cutover_shared::installation::InstallationView;
use cutover_shared::rollout::RolloutLine;
use cutover_shared::run::{ItemView, RunView};
use cutover_shared::status::Attention;
use cutover_shared::token::TokenView;
use cutover_shared::webhook::DeliveryView;
use cutover_shared::workflow::WorkflowView;

use crate::place::Noun;

/// One thing that can be looked at and acted on.
#[derive(Clone, Debug, PartialEq)]
pub enum Subject {
    Link(Box<LinkView>),
    Tenant(TenantView),
    Run(Box<RunView>),
    Item {
        run: RunId,
        item: Box<ItemView>,
    },
    Token(TokenView),
    Record(Box<AuditView>),
    /// A line of the overview.
    Attention(Attention),
    Delivery(Box<DeliveryView>),
    Installation(Box<InstallationView>),
    Workflow(Box<WorkflowView>),
    Rollout(Box<RolloutLine>),
    Instance(Box<InstanceView>),
}

impl Subject {
    pub fn noun(&self) -> Noun {
        match self {
            Self::Link(_) => Noun::Repository,
            Self::Tenant(_) => Noun::Tenant,
            Self::Run(_) => Noun::Run,
            Self::Item { .. } => Noun::Item,
            Self::Token(_) => Noun::Token,
            Self::Record(_) => Noun::Record,
            Self::Attention(_) => Noun::Attention,
            Self::Delivery(_) => Noun::Delivery,
            Self::Installation(_) => Noun::Installation,
            Self::Workflow(_) => Noun::Workflow,
            Self::Rollout(_) => Noun::Rollout,
            Self::Instance(_) => Noun::Instance,
        }
    }

    /// Stays the same while its values change; unique in its list.
    pub fn key(&self) -> String {
        match self {
            Self::Link(view) => view.link.key.0.clone(),
            Self::Tenant(view) => view.id.0.clone(),
            Self::Run(view) => view.id.0.clone(),
            Self::Item { item, .. } => item.key.clone(),
            Self::Token(view) => view.installation.to_string(),
            Self::Record(view) => view.seq.to_string(),
            Self::Attention(view) => view.text.clone(),
            Self::Delivery(view) => view.guid.clone(),
            Self::Installation(view) => view.id.to_string(),
            Self::Workflow(view) => view.id.clone(),
            Self::Rollout(line) => line.name.word().to_owned(),
            Self::Instance(view) => view.tenant.0.clone(),
        }
    }

    /// The tenant that it belongs to, where it belongs to one.
    pub fn tenant(&self) -> Option<TenantId> {
        match self {
            Self::Link(view) => Some(view.link.tenant.clone()),
            Self::Tenant(view) => Some(view.id.clone()),
            Self::Instance(view) => Some(view.tenant.clone()),
            Self::Run(view) => view.scope.strip_prefix("tenant:").map(TenantId::from),
            Self::Item { item, .. } => item.body.get("tenant")?.as_str().map(TenantId::from),
            Self::Token(_)
            | Self::Record(_)
            | Self::Attention(_)
            | Self::Delivery(_)
            | Self::Installation(_)
            | Self::Workflow(_)
            | Self::Rollout(_) => None,
        }
    }

    /// The run that it is, belongs to, or speaks of.
    pub fn run(&self) -> Option<RunId> {
        match self {
            Self::Run(view) => Some(view.id.clone()),
            Self::Item { run, .. } => Some(run.clone()),
            Self::Attention(view) => view.run.clone(),
            Self::Record(view) if view.act.starts_with("run.") => Some(RunId(view.subject.clone())),
            Self::Link(_)
            | Self::Tenant(_)
            | Self::Token(_)
            | Self::Record(_)
            | Self::Delivery(_)
            | Self::Installation(_)
            | Self::Workflow(_)
            | Self::Rollout(_)
            | Self::Instance(_) => None,
        }
    }
}
