//! What the console knows of deliveries, installations and workflows beyond their lists.

use cutover_shared::installation::{InstallationAnswer, InstallationView};
use cutover_shared::rpc::Answer;
use cutover_shared::webhook::{DeliveryDetail, InboxFigures, WebhookAnswer};
use cutover_shared::window::Window;
use cutover_shared::workflow::{DispatchView, Explanation, WorkflowAnswer};

use super::{ListId, Slot, State, Subject, Value};

impl State {
    fn answer(&self, slot: &Slot) -> Option<&Answer> {
        match self.feeds.value(slot)? {
            Value::Answer(answer) => Some(answer),
            Value::Rows(_) => None,
        }
    }

    /// The inbox in figures.
    pub fn figures(&self) -> Option<&InboxFigures> {
        match self.answer(&Slot::Figures)? {
            Answer::Webhook(WebhookAnswer::Figures(figures)) => Some(figures),
            _ => None,
        }
    }

    /// Installations that are not healthy: how many, and the worst.
    pub fn unwell(&self) -> Option<&Window<InstallationView>> {
        match self.answer(&Slot::Unwell)? {
            Answer::Installation(InstallationAnswer::Window(window)) => Some(window),
            _ => None,
        }
    }

    /// A delivery with its journey; `payload` with what it says.
    pub fn delivery(&self, guid: &str, payload: bool) -> Option<&DeliveryDetail> {
        match self.answer(&Slot::Delivery { guid: guid.to_owned(), payload })? {
            Answer::Webhook(WebhookAnswer::Show(detail)) => Some(detail),
            _ => None,
        }
    }

    /// Why workflows, or this one, match a delivery or not.
    pub fn explanations(&self, guid: &str, workflow: Option<&str>) -> Option<&[Explanation]> {
        let slot = Slot::Test { guid: guid.to_owned(), workflow: workflow.map(str::to_owned) };
        match self.answer(&slot)? {
            Answer::Workflow(WorkflowAnswer::Test(all)) => Some(all),
            _ => None,
        }
    }

    /// What was sent for a workflow last. A filter takes every id that holds this one; other workflows' are left out.
    pub fn dispatches(&self, workflow: &str) -> Option<Vec<&DispatchView>> {
        match self.answer(&Slot::Dispatches(workflow.to_owned()))? {
            Answer::Workflow(WorkflowAnswer::Dispatches(window)) => {
                let own = window.rows.iter().filter(|row| row.workflow.as_deref() == Some(workflow));
                Some(own.collect())
            }
            _ => None,
        }
    }

    /// The same thing as its list tells it now; as it was, where it is out of sight.
    pub fn newest(&self, subject: &Subject) -> Subject {
        let list = match subject {
            Subject::Delivery(_) => ListId::Deliveries,
            Subject::Installation(_) => ListId::Installations,
            Subject::Workflow(_) => ListId::Workflows,
            Subject::Instance(_) => ListId::Instances,
            _ => return subject.clone(),
        };
        let key = subject.key();
        let row = self.window(list).and_then(|window| window.rows.iter().find(|row| row.key() == key));
        row.unwrap_or(subject).clone()
    }
}
