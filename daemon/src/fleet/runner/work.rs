//! One tenant's chain: connect, look whether it is as the plan saw it, step by step, and see what the schema has become.

use std::sync::Arc;

use cutover_shared::fleet::{DriverKind, ErrorClass, FleetItem, Way};

use super::super::book::Note;
use super::super::chain::{Now, foreign, now};
use super::super::driver::{Ledger, Session, StepEnd, StepError};
use super::super::item::{fleet_item, way};
use super::super::migration::Step;
use super::FleetPass;
use super::open::waits;
use crate::run::{Chain, Ended, Told};
use crate::store::{Expected, InstanceRow, Observation, StoredItem};

/// Tries of a step whose connection broke before its effect.
const BROKEN_TRIES: u32 = 2;

/// An item of the chain with what it says.
pub(super) struct Link<'a> {
    pub(super) item: &'a StoredItem,
    pub(super) says: FleetItem,
    pub(super) way: Way,
}

/// How far a chain is.
pub(super) struct Course<'a> {
    pub(super) ledger: Ledger,
    /// Steps of ours that changed the tenant.
    pub(super) changed: Vec<u32>,
    /// Told only once what became of the tenant is known with it.
    held: Option<Held<'a>>,
    /// Connections that broke, one after the other.
    broken: u32,
}

/// How an item ended, before it is told.
struct Held<'a> {
    link: &'a Link<'a>,
    how: Ended,
    note: Note,
}

/// Works through a chain.
pub(super) async fn work(pass: &FleetPass, chain: &Chain, told: &Told) {
    let mut links = Vec::with_capacity(chain.items.len());
    for item in &chain.items {
        match fleet_item(item) {
            Ok(says) => links.push(Link { item, way: way(&says, pass.direction), says }),
            Err(error) => return told.end(item, Ended::Failed(error.to_string())).await,
        }
    }
    let Some(first) = links.first() else { return };
    // In a plan a tenant that is left out has one item, which says why.
    if links.iter().all(|link| link.says.left_out.is_some()) {
        for link in &links {
            let why = link.says.left_out.clone().unwrap_or_default();
            let class = class_of(&why);
            if class == Some(ErrorClass::Connection) {
                pass.count(chain.stage, |tally| tally.unreachable += 1);
            }
            pass.tell(told, link.item, Ended::Unneeded(why), Note { class, ..Note::default() }).await;
        }
        return;
    }
    let tenant = &first.says.tenant;
    let gone = async || {
        let why = "gone: the instance was removed since the plan".to_owned();
        told.end(first.item, Ended::Skipped(why)).await;
    };
    // What is not told of here was not begun.
    let row = match pass.instance(tenant).await {
        Ok(Some(row)) => row,
        Ok(None) => return gone().await,
        Err(error) => return tracing::warn!(%tenant, %error, "a tenant is not begun"),
    };
    let opened = pass.inner.open_to_migrate(&row).await;
    // Of a deployment our own record counts, and nobody else writes it from here on.
    let row = match &opened {
        Ok(_) if row.driver == DriverKind::Http => match pass.inner.instance(tenant).await {
            Ok(Some(row)) => Arc::new(row),
            Ok(None) => return gone().await,
            Err(error) => return tracing::warn!(%tenant, %error, "a tenant is not begun"),
        },
        _ => row,
    };
    let walk = Walk { pass, chain, told, row, links: &links };
    match opened {
        Ok(session) => walk.go(session).await,
        Err(error) => walk.unreachable(first, &error, Note::default(), None).await,
    }
}

/// The cause that a plan gave for leaving a tenant out.
fn class_of(left_out: &str) -> Option<ErrorClass> {
    match left_out.split(':').next() {
        Some("unreachable") => Some(ErrorClass::Connection),
        Some("drifted") => Some(ErrorClass::SchemaMismatch),
        _ => None,
    }
}

/// One tenant, and the steps that it is to get.
pub(super) struct Walk<'a> {
    pub(super) pass: &'a FleetPass,
    chain: &'a Chain,
    pub(super) told: &'a Told,
    pub(super) row: Arc<InstanceRow>,
    pub(super) links: &'a [Link<'a>],
}

impl<'a> Walk<'a> {
    /// Nothing more of this tenant can be tried, from this item on. `course`: how far it was before.
    async fn unreachable(&self, from: &Link<'_>, error: &StepError, note: Note, course: Option<&Course<'_>>) {
        let pass = self.pass;
        pass.count(self.chain.stage, |tally| tally.unreachable += 1);
        let mut seen = course.map(|course| self.unread(course));
        if !error.is_taken {
            let away = Observation::away(self.row.tenant.clone(), &error.text, pass.inner.clock.now());
            // What the schema was before tells nothing any more where steps of ours were done.
            let expected = seen.map_or(Expected::AsBefore, |seen| seen.expected);
            seen = Some(Observation { expected, ..away });
        }
        let Note { class, error: text, .. } = Note::of_error(error);
        let mut note = Note { class, error: text, observation: seen, ..note };
        let why = format!("unreachable: {}; {}", error.text, error.class.next_step());
        for link in self.links.iter().skip_while(|link| link.item.ord != from.item.ord) {
            let next = Note { class: note.class, error: note.error.clone(), ..Note::default() };
            let note = std::mem::replace(&mut note, next);
            pass.tell(self.told, link.item, Ended::Skipped(why.clone()), note).await;
        }
    }

    async fn go(mut self, mut session: Box<dyn Session>) {
        let Some(first) = self.links.first() else { return };
        if let Some(why) = foreign(&self.pass.migrations, session.ledger()) {
            let error = StepError::new(ErrorClass::SchemaMismatch, why);
            self.fail(first, &error, Note::of_error(&error)).await;
            return session.close().await;
        }
        match self.looked(session.as_mut()).await {
            Ok(None) => {}
            Ok(Some((why, note))) => {
                let how =
                    Ended::Skipped(format!("drifted: {why}; {}", ErrorClass::SchemaMismatch.next_step()));
                self.pass.tell(self.told, first.item, how, note).await;
                return session.close().await;
            }
            Err(error) if error.class == ErrorClass::Connection => {
                return self.unreachable(first, &error, Note::default(), None).await;
            }
            // It answers, and says no: that is no outage.
            Err(error) => {
                self.fail(first, &error, Note::of_error(&error)).await;
                return session.close().await;
            }
        }
        let ledger = self.known(&self.row, session.ledger());
        let before = ledger.version();
        let mut course = Course { ledger, changed: Vec::new(), held: None, broken: 0 };
        let passed = self.steps(session, &mut course).await;
        if passed > 0 {
            let version = course.ledger.version();
            self.pass.inner.tell_version(&self.row, before.max(version), version).await;
        }
    }

    async fn fail(&self, link: &Link<'_>, error: &StepError, note: Note) {
        self.pass.count(self.chain.stage, |tally| tally.failed += 1);
        let note = Note { attempt: note.attempt.max(1), ..note };
        self.pass.tell(self.told, link.item, Ended::Failed(failure(error)), note).await;
    }

    /// Step by step; how many items are as they are to be.
    async fn steps(&self, mut session: Box<dyn Session>, course: &mut Course<'a>) -> usize {
        let mut at = 0;
        let mut lock_waits = waits(self.pass.inner.settings.lock_tries);
        while let Some(link) = self.links.get(at) {
            if self.told.stop().is_cancelled() {
                break;
            }
            if let Some(why) = &link.says.left_out {
                self.keep(course, Held { link, how: Ended::Unneeded(why.clone()), note: Note::default() })
                    .await;
                at += 1;
                continue;
            }
            let how = match now(&link.says, link.way, &course.ledger) {
                Now::Run => None,
                Now::Already => Some(Ended::Done),
                Now::Blocked => {
                    Some(Ended::Skipped(format!("{}one before it is not there", crate::run::BLOCKED)))
                }
                Now::Moved(why) => Some(Ended::Stale(why)),
            };
            if let Some(how) = how {
                let ends = !matches!(how, Ended::Done);
                if course.broken > 0 && !ends {
                    // Ours: only its answer was lost.
                    course.changed.push(link.says.version);
                }
                let note = Note { attempt: self.pass.attempt(&link.says), ..Note::default() };
                self.keep(course, Held { link, how, note }).await;
                at += 1;
                if ends {
                    break;
                }
                continue;
            }
            let together = match self.pinned(self.together(at, &course.ledger)).await {
                Ok(together) => together,
                Err(how) => {
                    if let Some(how) = how {
                        let note = Note { attempt: self.pass.attempt(&link.says), ..Note::default() };
                        self.keep(course, Held { link, how, note }).await;
                    }
                    break;
                }
            };
            let started = self.pass.inner.clock.now();
            let attempt: Vec<u32> = together.iter().map(|link| self.pass.attempt(&link.says)).collect();
            if !self.begins(link, &course.ledger).await {
                break;
            }
            let results = self.run(&mut session, &together).await;
            if !self.is_deployment() {
                course.ledger = session.ledger().clone();
            }
            let mut last = None;
            for ((link, result), attempt) in together.iter().copied().zip(results).zip(attempt) {
                let mut note = Note { attempt, started_at: Some(started), ..Note::default() };
                if !matches!(result, Ok(StepEnd::Done | StepEnd::Already)) {
                    last = Some((link, result, note));
                    break;
                }
                course.changed.push(link.says.version);
                course.broken = 0;
                if let Some(migration) = self.pass.migrations.get(&link.says.version) {
                    course.ledger.follow(migration, link.way);
                }
                if self.is_deployment() {
                    self.record(session.as_mut(), &course.ledger, &mut note).await;
                }
                lock_waits = waits(self.pass.inner.settings.lock_tries);
                self.keep(course, Held { link, how: Ended::Done, note }).await;
                at += 1;
            }
            let Some((link, result, note)) = last else { continue };
            let Err(error) = result else { break };
            // What must not be called twice is not called again, whatever else could be tried.
            if error.is_unclear && matches!(self.step(link), Some(Step::Http(step)) if step.is_once()) {
                session.close().await;
                self.unclear(course, (link, error, note)).await;
                return at;
            }
            if error.is_lock {
                let Some(wait) = lock_waits.next() else {
                    self.over(session, course, (link, error, note)).await;
                    return at;
                };
                self.pass.inner.clock.sleep(wait).await;
            } else if error.is_unclear || error.class == ErrorClass::Connection {
                course.broken += 1;
                session.close().await;
                session = match self.pass.inner.open_to_migrate(&self.row).await {
                    Ok(session) => session,
                    Err(_) if error.is_unclear => {
                        self.unclear(course, (link, error, note)).await;
                        return at;
                    }
                    Err(gone) => {
                        self.let_go(course).await;
                        self.unreachable(link, &gone, note, Some(course)).await;
                        return at;
                    }
                };
                let is_there = self.again(session.ledger().clone(), course, link).await == Now::Already;
                if course.broken > BROKEN_TRIES && !is_there {
                    self.over(session, course, (link, error, note)).await;
                    return at;
                }
            } else {
                self.over(session, course, (link, error, note)).await;
                return at;
            }
        }
        if let Some(mut held) = course.held.take() {
            self.seen(session.as_mut(), course, &mut held.note).await;
            session.close().await;
            self.tell(held).await;
        } else {
            session.close().await;
        }
        at
    }

    /// What a link runs.
    pub(super) fn step(&self, link: &Link<'_>) -> Option<Step<'a>> {
        self.pass.migrations.get(&link.says.version)?.step(link.way, link.says.driver)
    }

    /// Whether a step happened is not known, and the chain ends there.
    async fn unclear(&self, course: &mut Course<'a>, (link, error, note): (&Link<'_>, StepError, Note)) {
        self.let_go(course).await;
        let note = Note { class: Some(error.class), error: Some(error.text.clone()), ..note };
        self.pass.tell(self.told, link.item, Ended::Unclear(error.text), note).await;
    }

    /// A step failed for good.
    async fn over(
        &self,
        mut session: Box<dyn Session>,
        course: &mut Course<'a>,
        (link, error, note): (&Link<'_>, StepError, Note),
    ) {
        self.let_go(course).await;
        let cause = Note::of_error(&error);
        let mut note = Note { class: cause.class, error: cause.error, ..note };
        self.seen(session.as_mut(), course, &mut note).await;
        session.close().await;
        self.fail(link, &error, note).await;
    }

    /// Tells the one before, and holds this one. Of a deployment everything is known with the answer.
    async fn keep(&self, course: &mut Course<'a>, next: Held<'a>) {
        let ready = if self.is_deployment() { Some(next) } else { course.held.replace(next) };
        if let Some(held) = ready {
            self.tell(held).await;
        }
    }

    /// Tells what is held before the tenant was looked at.
    async fn let_go(&self, course: &mut Course<'a>) {
        if let Some(mut held) = course.held.take() {
            held.note.observation = Some(self.unread(course));
            self.tell(held).await;
        }
    }

    async fn tell(&self, held: Held<'_>) {
        self.pass.tell(self.told, held.link.item, held.how, held.note).await;
    }
}

/// The reason of a failed item: what all tenants with the same cause have in common.
fn failure(error: &StepError) -> String {
    format!("{}: {}", error.class.word(), error.text)
}
