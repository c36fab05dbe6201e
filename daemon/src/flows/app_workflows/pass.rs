//! One reading: page by page, definitions only of what changed, and at the end away with what is not there any more.

use std::collections::{HashMap, HashSet};

use cutover_shared::workflow::WorkflowSource;

use super::{Reading, ReadingError, reader};
use crate::gateway::triggers::{CHUNK, LONGEST_DEFINITION, MOST, Offer, RuleError, Triggers, check_id};
use crate::mapping::catalog::app_database::{AppDatabase, TRIGGER_MOST, TriggerRow};
use crate::store::{Db, WorkflowMark};

/// Triggers read at a time.
const PAGE: u32 = 200;

/// Bytes of definitions that are held at once, beside one that is longer.
const ROOM: u64 = 4 * 1024 * 1024;

/// Reasons that are kept; the count is always of all.
const LISTED: usize = 20;

/// Characters of what the application wrote in a reason.
const LETTERS: usize = 100;

pub(super) struct Pass<'a> {
    database: &'a AppDatabase,
    db: &'a Db,
    triggers: &'a Triggers,
    /// Ids that are there, and whether each is a workflow's own; at most [`MOST`].
    seen: HashMap<String, bool>,
    reading: Reading,
    /// What was stored does not match yet.
    moved: bool,
}

/// A row with its place among ours.
struct Placed {
    row: TriggerRow,
    id: String,
    before: Option<WorkflowMark>,
    fingerprint: String,
}

impl<'a> Pass<'a> {
    pub(super) fn new(database: &'a AppDatabase, db: &'a Db, triggers: &'a Triggers) -> Self {
        Self { database, db, triggers, seen: HashMap::new(), reading: Reading::default(), moved: false }
    }

    pub(super) async fn run(mut self) -> Result<Reading, ReadingError> {
        let read = self.all().await;
        // What was stored before a failure counts at once, too.
        if self.moved {
            self.triggers.publish().await;
        }
        read.map(|()| self.reading)
    }

    async fn all(&mut self) -> Result<(), ReadingError> {
        let mut after: Option<String> = None;
        loop {
            let page = self.database.triggers(after.as_deref(), PAGE).await?;
            let full = page.len() == PAGE as usize;
            after = page.last().map(|row| row.trigger.clone());
            let news = self.news(page).await?;
            self.take(news).await?;
            if !full {
                return self.drop_vanished().await;
            }
        }
    }

    /// Those of a page that have to be stored.
    async fn news(&mut self, page: Vec<TriggerRow>) -> Result<Vec<Placed>, ReadingError> {
        let mut placed = Vec::with_capacity(page.len());
        for row in page {
            // The first trigger of a workflow has the workflow's id, and each further one its own behind it.
            let own = self.seen.get(&row.workflow).copied();
            let id = match own {
                None | Some(false) => row.workflow.clone(),
                Some(true) => format!("{}:{}", row.workflow, row.trigger),
            };
            if let Err(error) = check_id(&id) {
                self.leave_out(&row, &error.to_string());
            } else if self.seen.len() >= MOST {
                self.leave_out(&row, &format!("there are more than {MOST}"));
            } else if self.seen.contains_key(&id) {
                self.leave_out(&row, &format!("another workflow of the application has the id {id}"));
            } else {
                self.seen.insert(id.clone(), own.is_none());
                placed.push((row, id));
            }
        }
        let ids: Vec<String> =
            placed.iter().flat_map(|(row, id)| [row.workflow.clone(), id.clone()]).collect();
        let marks = self.db.workflow_marks(&ids).await?;
        let marks: HashMap<String, WorkflowMark> =
            marks.into_iter().map(|mark| (mark.id.clone(), mark)).collect();
        let mut news = Vec::new();
        for (row, id) in placed {
            let is_registered =
                |id: &String| marks.get(id).is_some_and(|mark| mark.source == WorkflowSource::Registered);
            if let Some(id) = [&row.workflow, &id].into_iter().find(|id| is_registered(id)) {
                self.leave_out(
                    &row,
                    &format!("a workflow with the id {id} is registered; remove one of the two"),
                );
                continue;
            }
            let before = marks.get(&id).cloned();
            let fingerprint = Offer::fingerprint(
                &row.workflow,
                row.name.as_deref().unwrap_or_default(),
                row.config.as_deref().unwrap_or_default(),
                row.definition_digest.as_deref().unwrap_or_default(),
            );
            match &before {
                Some(mark) if self.triggers.is_current(mark, &fingerprint).await => {
                    self.reading.unchanged += 1;
                }
                _ => news.push(Placed { row, id, before, fingerprint }),
            }
        }
        Ok(news)
    }

    /// Stores them, as many at once as there is room for.
    async fn take(&mut self, news: Vec<Placed>) -> Result<(), ReadingError> {
        let (mut some, mut room) = (Vec::new(), 0_u64);
        for placed in news {
            let bytes = placed.row.definition_bytes.filter(|bytes| *bytes <= LONGEST_DEFINITION as u64);
            let bytes = bytes.unwrap_or(0);
            if some.len() == CHUNK || (room + bytes > ROOM && !some.is_empty()) {
                self.adopt(std::mem::take(&mut some)).await?;
                room = 0;
            }
            room += bytes;
            some.push(placed);
        }
        if some.is_empty() { Ok(()) } else { self.adopt(some).await }
    }

    async fn adopt(&mut self, some: Vec<Placed>) -> Result<(), ReadingError> {
        let wanted: HashSet<&str> = some
            .iter()
            .filter(|placed| {
                placed.row.definition_bytes.is_some_and(|bytes| bytes <= LONGEST_DEFINITION as u64)
            })
            .map(|placed| placed.row.workflow.as_str())
            .collect();
        let wanted: Vec<&str> = wanted.into_iter().collect();
        let definitions = match wanted.is_empty() {
            true => HashMap::new(),
            false => self.database.definitions(&wanted, LONGEST_DEFINITION).await?,
        };
        let offers: Vec<Offer> = some.into_iter().map(|placed| offer(placed, &definitions)).collect();
        let adopted = self.triggers.adopt(offers, &reader()).await?;
        self.moved |= adopted.moved;
        self.reading.added += adopted.added;
        self.reading.changed += adopted.changed;
        self.reading.unchanged += adopted.unchanged;
        self.reading.mistaken += adopted.mistaken;
        if adopted.refused > 0 {
            self.reading.left_out += adopted.refused;
            self.reason(format!("{} more than {MOST} workflows in all", adopted.refused));
        }
        Ok(())
    }

    async fn drop_vanished(&mut self) -> Result<(), ReadingError> {
        let mut after: Option<String> = None;
        loop {
            let page = self.triggers.adopted_after(after.as_deref()).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.clone());
            let gone: Vec<String> = page.into_iter().filter(|id| !self.seen.contains_key(id)).collect();
            if !gone.is_empty() {
                self.triggers.release(&gone, &reader()).await?;
                self.moved = true;
                self.reading.removed += gone.len() as u64;
            }
        }
    }

    fn leave_out(&mut self, row: &TriggerRow, why: &str) {
        self.reading.left_out += 1;
        let cut = |text: &str| -> String { text.chars().take(LETTERS).collect() };
        self.reason(format!("trigger {} of workflow {}: {why}", cut(&row.trigger), cut(&row.workflow)));
    }

    fn reason(&mut self, reason: String) {
        if self.reading.reasons.len() < LISTED {
            self.reading.reasons.push(reason);
        }
    }
}

fn offer(placed: Placed, definitions: &HashMap<String, String>) -> Offer {
    let Placed { row, id, before, fingerprint } = placed;
    let wrong = |place: &str, what: String| RuleError { place: place.to_owned(), what };
    let config = match row.config {
        None => Err(wrong("trigger", "there is none: the column is NULL".to_owned())),
        Some(text) if text.chars().count() > TRIGGER_MOST => {
            Err(wrong("trigger", format!("more than {TRIGGER_MOST} characters")))
        }
        Some(text) => Ok(text),
    };
    let definition = match row.definition_bytes {
        None => Err(wrong("definition", "there is none: the column is NULL".to_owned())),
        Some(bytes) if bytes > LONGEST_DEFINITION as u64 => {
            Err(wrong("definition", format!("at most {LONGEST_DEFINITION} bytes of JSON, found {bytes}")))
        }
        // It was there a moment ago: the next reading shows what became of it.
        Some(_) => definitions
            .get(&row.workflow)
            .cloned()
            .ok_or_else(|| wrong("definition", "it went away while it was read".to_owned())),
    };
    Offer {
        workflow: (id != row.workflow).then_some(row.workflow),
        id,
        name: row.name.unwrap_or_default(),
        config,
        definition,
        fingerprint,
        before,
    }
}
