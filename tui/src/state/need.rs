//! What the console has to know at the moment, and what makes it out of date.

use cutover_shared::fleet::FleetQuery;
use cutover_shared::installation::InstallationQuery;
use cutover_shared::page::PageAsk;
use cutover_shared::rollout::{RolloutQuery, Side};
use cutover_shared::rpc::{Query, Topic};
use cutover_shared::run::RunQuery;
use cutover_shared::webhook::WebhookQuery;
use cutover_shared::window::WindowAsk;
use cutover_shared::workflow::WorkflowQuery;

use super::{Layer, Screen, Slot, State, Subject};
use crate::plain::timeline::STAYS;

/// What was sent for a workflow is shown so far back.
const DISPATCHES: u32 = 50;

/// Tenants of a rollout that are listed; the command line has all.
const MEMBERS: u32 = 200;

/// Attempts on one page of a tenant's history.
const ATTEMPTS: u32 = 50;

/// Installations that somebody should look at.
const UNWELL: &str = "health:failing,attention";

impl State {
    /// What the screen and what lies on it stand on.
    pub fn needs(&self) -> Vec<(Slot, Query)> {
        let mut needs = vec![(Slot::Status, Query::Status)];
        if let Some(table) = self.table() {
            needs.push((Slot::List(table.id), table.query()));
        }
        if let Some(id) = self.open_run() {
            needs.push((Slot::Run(id.clone()), Query::Run(RunQuery::Show { id: id.clone() })));
            needs.push((Slot::Groups(id.clone()), Query::Run(RunQuery::Groups { id })));
        }
        // The list of runs shows one in full beside it.
        if self.screen == Screen::Runs
            && let Some(Subject::Run(run)) = self.selected()
        {
            let id = run.id.clone();
            needs.push((Slot::Groups(id.clone()), Query::Run(RunQuery::Groups { id })));
        }
        if matches!(self.screen, Screen::Overview | Screen::Webhooks) {
            needs.push((Slot::Figures, Query::Webhook(WebhookQuery::Figures)));
        }
        if self.screen == Screen::Overview {
            let ask = WindowAsk { filter: UNWELL.to_owned(), limit: 1, ..WindowAsk::default() };
            needs.push((Slot::Unwell, Query::Installation(InstallationQuery::Window { ask })));
        }
        if self.screen == Screen::Fleet {
            needs.push((Slot::Fleet, Query::Fleet(FleetQuery::Status)));
        }
        if self.screen == Screen::Rollouts
            && let Some(name) = self.rollout_name()
        {
            needs.push((Slot::Rollout(name), Query::Rollout(RolloutQuery::Show { name })));
        }
        for errand in self.errands.all() {
            if let Some((id, _)) = errand.awaited()
                && self.open_run().as_ref() != Some(id)
            {
                needs.push((Slot::Run(id.clone()), Query::Run(RunQuery::Show { id: id.clone() })));
            }
        }
        for layer in self.layers.all() {
            needs.extend(below(layer));
        }
        if let Some(counted) = &self.counted {
            needs.push((Slot::Count(counted.clone()), counted.query()));
        }
        if let Some(search) = &self.search {
            let ask = WindowAsk { filter: search.filter.clone(), limit: 1, ..WindowAsk::default() };
            needs.push((Slot::Latest(search.filter.clone()), Query::Run(RunQuery::Window { ask })));
        }
        needs
    }

    /// What a topic touches.
    pub fn touches(slot: &Slot, topic: Topic) -> bool {
        match slot {
            Slot::Status => topic != Topic::Audit,
            Slot::List(list) => list.spec().topics.contains(&topic),
            Slot::Run(_) | Slot::Groups(_) | Slot::Gate(_) | Slot::Latest(_) => topic == Topic::Runs,
            Slot::Figures | Slot::Delivery { .. } => matches!(topic, Topic::Inbox | Topic::Outbox),
            // Each delivery changes the inbox; only what makes an installation unwell is worth the question.
            Slot::Unwell => matches!(topic, Topic::Index | Topic::Tokens),
            Slot::Test { .. } | Slot::Dispatches(_) => topic == Topic::Outbox,
            Slot::Rollout(_) | Slot::Members(_) | Slot::Timeline(_) => {
                matches!(topic, Topic::Rollouts | Topic::Mode)
            }
            Slot::Fleet => matches!(topic, Topic::Fleet | Topic::Runs),
            Slot::Instance(_) | Slot::History { .. } => topic == Topic::Fleet,
            // What was counted is what is asked about, and the daemon counts again.
            Slot::Count(_) => false,
        }
    }
}

/// What a layer stands on.
fn below(layer: &Layer) -> Vec<(Slot, Query)> {
    let one = match layer {
        Layer::Dialog(dialog) => {
            let gate =
                |id: cutover_shared::ids::RunId| (Slot::Gate(id.clone()), Query::Run(RunQuery::Gate { id }));
            dialog.gate.clone().map(gate)
        }
        Layer::Detail { subject, .. } => match &**subject {
            Subject::Delivery(view) => Some(delivery(&view.guid, false)),
            Subject::Workflow(view) => {
                let filter = format!("workflow:{}", super::quoted(&view.id));
                let ask = WindowAsk { filter, limit: DISPATCHES, ..WindowAsk::default() };
                let query = Query::Workflow(WorkflowQuery::Dispatches { ask });
                Some((Slot::Dispatches(view.id.clone()), query))
            }
            Subject::Instance(view) => {
                let tenant = view.tenant.clone();
                let shown = Query::Fleet(FleetQuery::Instance { tenant: tenant.clone() });
                return vec![(Slot::Instance(tenant.clone()), shown), history(tenant, None)];
            }
            _ => None,
        },
        Layer::History { tenant, pages, .. } => Some(history(tenant.clone(), pages.last().cloned())),
        Layer::Members { name, .. } => {
            let (name, page) = (*name, PageAsk { after: None, limit: MEMBERS });
            let query = RolloutQuery::Members { name, side: Some(Side::Target), page };
            Some((Slot::Members(name), Query::Rollout(query)))
        }
        Layer::Timeline { name, .. } => {
            let (name, page) = (*name, PageAsk { after: None, limit: STAYS });
            Some((Slot::Timeline(name), Query::Rollout(RolloutQuery::Timeline { name, page })))
        }
        Layer::Payload { guid, .. } => Some(delivery(guid, true)),
        Layer::Explain { guid, workflow, .. } => {
            let (guid, workflow) = (guid.clone(), workflow.clone());
            let query = WorkflowQuery::Test { guid: guid.clone(), workflow: workflow.clone() };
            Some((Slot::Test { guid, workflow }, Query::Workflow(query)))
        }
        _ => None,
    };
    one.into_iter().collect()
}

fn history(tenant: cutover_shared::ids::TenantId, after: Option<String>) -> (Slot, Query) {
    let page = PageAsk { after: after.clone(), limit: ATTEMPTS };
    let query = Query::Fleet(FleetQuery::History { tenant: Some(tenant.clone()), page });
    (Slot::History { tenant, after }, query)
}

fn delivery(guid: &str, payload: bool) -> (Slot, Query) {
    let guid = guid.to_owned();
    let query = WebhookQuery::Show { guid: guid.clone(), payload };
    (Slot::Delivery { guid, payload }, Query::Webhook(query))
}
