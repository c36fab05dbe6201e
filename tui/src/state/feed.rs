//! Answers that a screen stands on: what was asked, how old it is, what went wrong. A screen says what it needs; when to
//! ask is decided here, so that no screen can ask too often or forget to.

use std::collections::BTreeMap;

use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::ids::{RunId, TenantId};
use cutover_shared::rollout::{RolloutName, RolloutQuery};
use cutover_shared::rpc::{Answer, Query, Topic};

use cutover_shared::page::MAX_ROWS;
use cutover_shared::webhook::WebhookQuery;
use cutover_shared::window::{Window, WindowAsk};
use cutover_shared::workflow::WorkflowQuery;

use super::subject::Subject;
use crate::place::ListId;

/// The shortest time between two answers to the same question.
const BREATH_MS: i64 = 250;

/// A daemon that is slow is asked less often, but not more seldom than this: its slowness may be our own sleep.
const LONGEST_BREATH_MS: i64 = 10_000;

/// After a refusal the same question is asked again so much later.
const SULK_MS: i64 = 5_000;

/// What an answer is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Slot {
    Status,
    List(ListId),
    /// One run, with what changed since it was listed.
    Run(RunId),
    /// Its findings, grouped.
    Groups(RunId),
    /// What the gates say of it.
    Gate(RunId),
    /// The newest run of a scope that an action is looking for.
    Latest(String),
    /// The inbox in figures.
    Figures,
    /// Installations that are not healthy, the worst first.
    Unwell,
    /// One delivery with its journey, and what it says where that is wanted.
    Delivery {
        guid: String,
        payload: bool,
    },
    /// Why workflows, or this one, match a delivery or not.
    Test {
        guid: String,
        workflow: Option<String>,
    },
    /// What was sent for a workflow.
    Dispatches(String),
    /// A rollout with all that is known of it.
    Rollout(RolloutName),
    /// The first tenants that its target answers for.
    Members(RolloutName),
    /// Where a rollout goes next and where it has been.
    Timeline(RolloutName),
    /// The fleet at a glance.
    Fleet,
    /// All that is known of one tenant's database.
    Instance(TenantId),
    /// A page of its attempts; none is the newest.
    History {
        tenant: TenantId,
        after: Option<String>,
    },
    /// How many an action would take.
    Count(Counted),
}

/// What is counted before an action asks about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counted {
    /// Deliveries of a filter that can be handled again.
    Deliveries { filter: String },
    /// Dead dispatches of a workflow.
    Dispatches { workflow: String },
    /// Tenants that the next stage of a rollout would move.
    Step { name: RolloutName },
}

impl Counted {
    /// The filter that the act will have too.
    pub fn filter(&self) -> String {
        match self {
            Self::Deliveries { filter } => filter.clone(),
            Self::Dispatches { workflow } => format!("workflow:{} state:dead", super::quoted(workflow)),
            Self::Step { .. } => String::new(),
        }
    }

    /// The question.
    pub fn query(&self) -> Query {
        let filter = self.filter();
        match self {
            Self::Deliveries { .. } => Query::Webhook(WebhookQuery::Replayable { filter }),
            Self::Dispatches { .. } => {
                let ask = WindowAsk { filter, limit: MAX_ROWS, ..WindowAsk::default() };
                Query::Workflow(WorkflowQuery::Dispatches { ask })
            }
            Self::Step { name } => {
                Query::Rollout(RolloutQuery::Step { name: *name, to: None, exact: None, ring: None })
            }
        }
    }
}

/// What an answer held.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Answer(Answer),
    Rows(Window<Subject>),
}

/// One question and its last answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Feed {
    /// The question that `value` answers, or that is under way.
    query: Option<Query>,
    /// Number of the question under way, and when it was asked.
    asked: Option<(u64, i64)>,
    /// Something changed since it was asked.
    dirty: bool,
    /// It was wanted when questions were asked last; nobody is woken for others.
    wanted: bool,
    not_before: i64,
    pub value: Option<Value>,
    /// When `value` came.
    pub at: Option<i64>,
    /// Why the last question got no answer; `value` is older then.
    pub error: Option<RpcError>,
}

impl Feed {
    /// A first answer is still awaited.
    pub fn is_loading(&self) -> bool {
        self.value.is_none() && self.error.is_none()
    }

    /// A question is under way, or there never was an answer.
    pub fn is_open(&self) -> bool {
        self.asked.is_some() || self.is_loading()
    }

    pub fn asked_at(&self) -> Option<i64> {
        self.asked.map(|(_, at)| at)
    }
}

/// All questions of the console.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Feeds {
    feeds: BTreeMap<Slot, Feed>,
    last: u64,
}

impl Feeds {
    pub fn get(&self, slot: &Slot) -> Option<&Feed> {
        self.feeds.get(slot)
    }

    pub fn value(&self, slot: &Slot) -> Option<&Value> {
        self.feeds.get(slot)?.value.as_ref()
    }

    /// A fresh number, for questions and acts.
    pub fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// What has to be asked now so that `needs` are met, as far as `wants` lets it. Slots that nobody needs any more and
    /// that are about one thing are forgotten.
    pub fn ask(
        &mut self,
        needs: Vec<(Slot, Query)>,
        wants: impl Fn(&Slot) -> bool,
        now: i64,
    ) -> Vec<(u64, Query)> {
        self.feeds.retain(|slot, _| {
            matches!(slot, Slot::Status | Slot::List(_)) || needs.iter().any(|(needed, _)| needed == slot)
        });
        for feed in self.feeds.values_mut() {
            feed.wanted = false;
        }
        let mut asks = Vec::new();
        for (slot, query) in needs.into_iter().filter(|(slot, _)| wants(slot)) {
            let feed = self.feeds.entry(slot).or_default();
            feed.wanted = true;
            let other = feed.query.as_ref() != Some(&query);
            let due = feed.dirty && feed.asked.is_none() && now >= feed.not_before;
            if other || due {
                self.last += 1;
                feed.asked = Some((self.last, now));
                feed.dirty = false;
                feed.query = Some(query.clone());
                asks.push((self.last, query));
            }
        }
        asks
    }

    /// Takes an answer. One that nobody waits for any more is dropped.
    pub fn answered(
        &mut self,
        ask: u64,
        result: Result<Answer, RpcError>,
        now: i64,
        take: impl Fn(&Slot, Answer) -> Option<Value>,
    ) -> Option<Slot> {
        let (slot, feed) =
            self.feeds.iter_mut().find(|(_, feed)| feed.asked.is_some_and(|(id, _)| id == ask))?;
        let took = feed.asked.take().map_or(0, |(_, at)| now.saturating_sub(at));
        // A question that is slow to answer is asked less often, so that a console never is a load.
        let breath = took.saturating_mul(4).clamp(BREATH_MS, LONGEST_BREATH_MS);
        feed.not_before = now.saturating_add(breath);
        let result = result.and_then(|answer| {
            let other = || RpcError::new(ErrorCode::Internal, "another answer came", "it is asked again");
            take(slot, answer).ok_or_else(other)
        });
        match result {
            Ok(value) => {
                (feed.value, feed.at, feed.error) = (Some(value), Some(now), None);
            }
            Err(error) => {
                feed.error = Some(error);
                (feed.dirty, feed.not_before) = (true, now.saturating_add(SULK_MS));
            }
        }
        Some(slot.clone())
    }

    /// Marks what these topics touch as out of date.
    pub fn touch(&mut self, topics: &[Topic], touches: impl Fn(&Slot, Topic) -> bool) {
        for (slot, feed) in &mut self.feeds {
            feed.dirty |= topics.iter().any(|topic| touches(slot, *topic));
        }
    }

    /// Marks everything as out of date, and asks at once.
    pub fn touch_all(&mut self) {
        for feed in self.feeds.values_mut() {
            (feed.dirty, feed.not_before) = (true, 0);
        }
    }

    /// The connection is gone, and with it what was under way.
    pub fn hung_up(&mut self) {
        for feed in self.feeds.values_mut() {
            if feed.asked.take().is_some() {
                (feed.dirty, feed.not_before) = (true, 0);
            }
        }
    }

    /// What was known of another thing is not shown as this one's.
    pub fn forget(&mut self, slot: &Slot) {
        self.feeds.remove(slot);
    }

    /// When the next question is due.
    pub fn next_due(&self) -> Option<i64> {
        self.feeds
            .values()
            .filter(|feed| feed.wanted && feed.dirty && feed.asked.is_none())
            .map(|feed| feed.not_before)
            .min()
    }
}
