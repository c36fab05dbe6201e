//! The workflows that are registered, in the store and, understood, in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use cutover_shared::workflow::{Explanation, NewWorkflow, WorkflowSource};
use serde_json::json;
use tokio::sync::Mutex;

use super::event::{Event, Paths};
use super::files::{Files, FilesError};
use super::index::Index;
use super::rule::{Compiler, RuleError, Trigger};
use crate::audit::Who;
use crate::clock::Clock;
use crate::store::{Db, DeliveryRow, Lane, OutboxOp, PutWorkflow, ReadError, Unit, WorkflowRow, WriteError};

/// Workflows that can be registered.
pub const MOST: usize = 100_000;

/// The longest definition, in bytes of JSON.
pub const LONGEST_DEFINITION: usize = 512 * 1024;

/// Explanations of one answer.
const EXPLAINED: usize = 100;

/// Workflows read at once.
const PAGE: u32 = 256;

/// Why a workflow is not registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PutError {
    #[error(transparent)]
    Rule(#[from] RuleError),
    #[error("{MOST} workflows are registered, and that is the most")]
    TooMany,
    /// It is the application's.
    #[error("workflow {0} comes from the application's database, and is changed there")]
    Theirs(String),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Why a workflow is not forgotten.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RemoveError {
    #[error(
        "workflow {0} comes from the application's database: it would be read again; once it is removed there, it goes here, too"
    )]
    Theirs(String),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Why it is not known which workflows match.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MatchError {
    #[error("the payload is not readable: {0}")]
    Unreadable(String),
    #[error(transparent)]
    Files(#[from] FilesError),
}

/// Why nothing is explained.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExplainError {
    #[error("there is no delivery {0}")]
    NoDelivery(String),
    #[error("the body of delivery {0} is not kept any more")]
    NotKept(String),
    #[error("there is no workflow {0}")]
    NoWorkflow(String),
    #[error(transparent)]
    Match(#[from] MatchError),
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// All workflows. Matching reads an index that is replaced whole, and waits for nobody.
pub struct Triggers {
    pub(super) db: Db,
    pub(super) clock: Clock,
    files: Arc<dyn Files>,
    /// None until it was read from the store.
    index: ArcSwapOption<Index>,
    /// Held while the store and the index are changed, so that they agree.
    pub(super) known: Mutex<Known>,
}

#[derive(Default)]
pub(super) struct Known {
    pub(super) all: BTreeMap<String, Arc<Trigger>>,
    pub(super) compiler: Compiler,
}

impl Triggers {
    /// None is known until [`Triggers::load`] was called.
    pub fn new(db: Db, clock: Clock, files: Arc<dyn Files>) -> Arc<Self> {
        Arc::new(Self {
            db,
            clock,
            files,
            index: ArcSwapOption::empty(),
            known: Mutex::new(Known::default()),
        })
    }

    /// Reads the registered workflows. One that this version does not understand is left out and said in the log.
    ///
    /// # Errors
    /// The store failed.
    pub async fn load(&self) -> Result<usize, ReadError> {
        let mut known = self.known.lock().await;
        let (mut all, mut after) = (BTreeMap::new(), None);
        loop {
            let rows = self.db.workflows_after(after.as_deref(), PAGE).await?;
            // What has a mistake is known to match nothing.
            for row in rows.iter().filter(|row| row.trouble.is_none()) {
                match known.compiler.trigger(&row.id, &row.name, row.rule.clone()) {
                    Ok(trigger) => drop(all.insert(row.id.clone(), Arc::new(trigger))),
                    Err(error) => {
                        tracing::error!(workflow = row.id, %error, "a stored workflow matches nothing");
                    }
                }
            }
            after = match rows.last() {
                Some(last) if rows.len() == PAGE as usize => Some(last.id.clone()),
                _ => break,
            };
        }
        known.all = all;
        self.replace(&known);
        Ok(known.all.len())
    }

    pub(super) fn replace(&self, known: &Known) {
        let before = self.index.load();
        let index = Index::new(known.all.values().cloned(), before.as_deref());
        self.index.store(Some(Arc::new(index)));
    }

    /// Registers a workflow, or replaces the one of this id. True when it is a new one.
    ///
    /// # Errors
    /// The first mistake in it with its place, or the store failed; nothing has changed then.
    pub async fn put(&self, id: &str, new: NewWorkflow, who: &Who) -> Result<(WorkflowRow, bool), PutError> {
        let definition = definition(&new.definition)?;
        let mut known = self.known.lock().await;
        let trigger = Arc::new(known.compiler.trigger(id, &new.name, new.trigger.clone())?);
        let is_new = !known.all.contains_key(id);
        if is_new && known.all.len() >= MOST {
            return Err(PutError::TooMany);
        }
        let at = self.clock.now();
        let detail =
            json!({ "name": new.name, "trigger": new.trigger, "attach_context": new.attach_context });
        let put = PutWorkflow {
            id: id.to_owned(),
            name: new.name,
            rule: new.trigger,
            definition,
            attach_context: new.attach_context,
            at,
            by: who.operator.0.clone(),
            application: None,
        };
        let unit = Unit::new().with(OutboxOp::PutWorkflow(Box::new(put))).with(who.did(
            at,
            "workflow.put",
            id,
            detail,
        ));
        match self.db.write(Lane::Handler, unit).await {
            Ok(()) => {}
            Err(WriteError::Precondition { .. }) => return Err(PutError::Theirs(id.to_owned())),
            Err(error) => return Err(error.into()),
        }
        known.all.insert(id.to_owned(), trigger);
        self.replace(&known);
        let row = self.db.workflow(id).await?;
        let gone = || ReadError::Corrupt { what: "workflow", cause: format!("{id} is gone again") };
        Ok((row.ok_or_else(gone)?, is_new))
    }

    /// Forgets a workflow that was registered; false when there is none.
    ///
    /// # Errors
    /// It is the application's, or the store failed.
    pub async fn remove(&self, id: &str, who: &Who) -> Result<bool, RemoveError> {
        let mut known = self.known.lock().await;
        let record = who.did(self.clock.now(), "workflow.remove", id, json!({}));
        let remove = OutboxOp::RemoveWorkflow { id: id.to_owned(), source: WorkflowSource::Registered };
        match self.db.write(Lane::Handler, Unit::new().with(remove).with(record)).await {
            Ok(()) => {}
            Err(WriteError::Precondition { .. }) => {
                return match self.db.workflow_marks(&[id.to_owned()]).await?.is_empty() {
                    true => Ok(false),
                    false => Err(RemoveError::Theirs(id.to_owned())),
                };
            }
            Err(error) => return Err(error.into()),
        }
        known.all.remove(id);
        self.replace(&known);
        Ok(true)
    }

    /// Whether a workflow may match an event in this repository; yes as long as the workflows are not known.
    pub fn awaits(&self, event: &str, repository: Option<&str>) -> bool {
        self.index.load().as_ref().is_none_or(|index| index.awaits(event, repository))
    }

    /// Ids of the workflows that are to run for a delivery, sorted. GitHub is asked for a pull request's files when a rule about
    /// paths has passed all else.
    ///
    /// # Errors
    /// See [`MatchError`].
    pub async fn of(&self, delivery: &DeliveryRow, body: &[u8]) -> Result<Vec<String>, MatchError> {
        let index = self.index.load_full().unwrap_or_default();
        let candidates = index.candidates(&delivery.event, delivery.repository.as_deref());
        if candidates.is_empty() {
            return Ok(Vec::new());
        }
        let event = self.read(delivery, body, &candidates).await?;
        Ok(candidates.iter().filter(|trigger| trigger.matches(&event)).map(|t| t.id.clone()).collect())
    }

    async fn read(
        &self,
        delivery: &DeliveryRow,
        body: &[u8],
        triggers: &[Arc<Trigger>],
    ) -> Result<Event, MatchError> {
        let mut event = Event::read(&delivery.event, body).map_err(MatchError::Unreadable)?;
        if triggers.iter().any(|trigger| trigger.wants_files(&event)) {
            event.paths = match (event.installation, &event.repository, event.pull_request) {
                (Some(installation), Some(repository), Some(number)) => {
                    let files = self.files.of(installation, repository, number).await?;
                    match files.lacks {
                        None => Paths::Known(files.paths),
                        Some(why) => Paths::Partly { known: files.paths, why },
                    }
                }
                _ => Paths::Partly {
                    known: Vec::new(),
                    why: "unknown: no installation to ask with".to_owned(),
                },
            };
        }
        Ok(event)
    }

    /// Why each workflow, or this one, matches a stored delivery or not: matches first, then those that came closest.
    ///
    /// # Errors
    /// See [`ExplainError`].
    pub async fn explain(
        &self,
        guid: &str,
        workflow: Option<&str>,
    ) -> Result<Vec<Explanation>, ExplainError> {
        let delivery = self.db.delivery(guid).await?;
        let delivery = delivery.ok_or_else(|| ExplainError::NoDelivery(guid.to_owned()))?;
        let body = if delivery.kept { self.db.delivery_body(delivery.seq).await? } else { None };
        let body = body.ok_or_else(|| ExplainError::NotKept(guid.to_owned()))?;
        let triggers: Vec<Arc<Trigger>> = {
            let known = self.known.lock().await;
            match workflow {
                None => known.all.values().cloned().collect(),
                Some(id) => {
                    vec![known.all.get(id).cloned().ok_or_else(|| ExplainError::NoWorkflow(id.to_owned()))?]
                }
            }
        };
        let event = self.read(&delivery, &body, &triggers).await?;
        let mut all: Vec<(usize, Explanation)> = Vec::new();
        for trigger in &triggers {
            let explanation = trigger.explain(&event);
            let missed = explanation.steps.iter().filter(|step| !step.passed).count();
            all.push((missed, explanation));
            // Never more than twice what is answered is held.
            if all.len() >= 2 * EXPLAINED {
                all.sort_by_key(|(missed, _)| *missed);
                all.truncate(EXPLAINED);
            }
        }
        all.sort_by_key(|(missed, _)| *missed);
        Ok(all.into_iter().take(EXPLAINED).map(|(_, explanation)| explanation).collect())
    }
}

fn definition(value: &serde_json::Value) -> Result<String, RuleError> {
    if !value.is_object() {
        return Err(wrong("expected a JSON object".to_owned()));
    }
    let text = value.to_string();
    check_length(&text)?;
    Ok(text)
}

/// Whether this text can be handed to the engine as a definition.
pub(super) fn check_definition(text: &str) -> Result<(), RuleError> {
    check_length(text)?;
    let read: Result<serde_json::Map<String, serde_json::Value>, _> = serde_json::from_str(text);
    read.map(drop).map_err(|error| wrong(format!("expected a JSON object: {error}")))
}

fn check_length(text: &str) -> Result<(), RuleError> {
    if text.len() > LONGEST_DEFINITION {
        return Err(wrong(format!("at most {LONGEST_DEFINITION} bytes of JSON, found {}", text.len())));
    }
    Ok(())
}

fn wrong(what: String) -> RuleError {
    RuleError { place: "definition".to_owned(), what }
}
