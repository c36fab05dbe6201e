//! One tenant's chain: connect, look whether it is as the plan saw it, step by step, and see what the schema has become.

use std::sync::Arc;

use cutover_shared::fleet::{ErrorClass, FleetItem, Way};

use super::super::book::Note;
use super::super::chain::{Now, foreign, now};
use super::super::driver::{Ledger, Session, StepEnd, StepError};
use super::super::item::{fleet_item, way};
use super::super::migration::Step;
use super::FleetPass;
use super::hand::follow;
use super::open::waits;
use crate::run::{Chain, Ended, Pass as _, Told};
use crate::store::{Expected, InstanceRow, Lane, Observation, StoredItem, Unit};

/// Tries of a step whose connection broke before its effect.
const BROKEN_TRIES: u32 = 2;

/// An item of the chain with what it says.
pub(super) struct Link<'a> {
    item: &'a StoredItem,
    pub(super) says: FleetItem,
    pub(super) way: Way,
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
    let Some(row) = pass.row(&first.says.tenant) else {
        let why = "gone: the instance was removed since the plan".to_owned();
        return told.end(first.item, Ended::Skipped(why)).await;
    };
    let walk = Walk { pass, chain, told, row, links: &links };
    match pass.inner.open_to_migrate(&walk.row).await {
        Ok(session) => walk.go(session).await,
        Err(error) => walk.unreachable(0, &error, false).await,
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
    /// Nothing more of this tenant can be tried. `changed`: steps of ours were done before.
    async fn unreachable(&self, from: usize, error: &StepError, changed: bool) {
        let pass = self.pass;
        pass.count(self.chain.stage, |tally| tally.unreachable += 1);
        for (at, link) in self.links.get(from..).unwrap_or_default().iter().enumerate() {
            let mut note = Note::of_error(error);
            if at == 0 && (changed || !error.is_taken) {
                let (tenant, now) = (link.says.tenant.clone(), pass.inner.clock.now());
                let mut seen = match error.is_taken {
                    true => Observation::connected(tenant, now),
                    false => Observation::away(tenant, &error.text, now),
                };
                if changed {
                    // What the schema was before tells nothing any more.
                    seen.expected = Expected::Unknown;
                }
                note.observation = Some(seen);
            }
            let why = format!("unreachable: {}; {}", error.text, error.class.next_step());
            pass.tell(self.told, link.item, Ended::Skipped(why), note).await;
        }
    }

    async fn go(&self, mut session: Box<dyn Session>) {
        let Some(first) = self.links.first() else { return };
        if let Some(why) = foreign(&self.pass.migrations, session.ledger()) {
            self.refuse(first, &why).await;
            return session.close().await;
        }
        match self.drifted(&mut session).await {
            Ok(None) => {}
            Ok(Some((why, note))) => {
                let how =
                    Ended::Skipped(format!("drifted: {why}; {}", ErrorClass::SchemaMismatch.next_step()));
                self.pass.tell(self.told, first.item, how, note).await;
                return session.close().await;
            }
            Err(error) => return self.unreachable(0, &error, false).await,
        }
        self.steps(session).await;
    }

    /// The tenant can't be touched.
    async fn refuse(&self, link: &Link<'_>, why: &str) {
        let error = StepError::new(ErrorClass::SchemaMismatch, why);
        self.fail(link, &error, Note::of_error(&error)).await;
    }

    async fn fail(&self, link: &Link<'_>, error: &StepError, note: Note) {
        self.pass.count(self.chain.stage, |tally| tally.failed += 1);
        let note = Note { attempt: note.attempt.max(1), ..note };
        self.pass.tell(self.told, link.item, Ended::Failed(failure(error)), note).await;
    }

    async fn steps(&self, mut session: Box<dyn Session>) {
        let mut at = 0;
        // Told only once what became of the tenant is known with it.
        let mut held: Option<Held<'a>> = None;
        let mut broken = 0;
        let mut changed: Vec<u32> = Vec::new();
        let mut ledger = self.known(session.ledger());
        let mut lock_waits = waits(self.pass.inner.settings.lock_tries);
        while let Some(link) = self.links.get(at) {
            if self.told.stop().is_cancelled() {
                break;
            }
            if let Some(why) = &link.says.left_out {
                self.tell(held.replace(Held {
                    link,
                    how: Ended::Unneeded(why.clone()),
                    note: Note::default(),
                }))
                .await;
                at += 1;
                continue;
            }
            let how = match now(&link.says, link.way, &ledger) {
                Now::Run => None,
                Now::Already => Some(Ended::Done),
                Now::Blocked => {
                    Some(Ended::Skipped(format!("{}one before it is not there", crate::run::BLOCKED)))
                }
                Now::Moved(why) => Some(Ended::Stale(why)),
            };
            if let Some(how) = how {
                let ends = !matches!(how, Ended::Done);
                let note = Note { attempt: self.pass.attempt(&link.says), ..Note::default() };
                self.tell(held.replace(Held { link, how, note })).await;
                at += 1;
                if ends {
                    break;
                }
                continue;
            }
            let together = match self.pinned(self.together(at, &ledger)).await {
                Ok(together) => together,
                Err(how) => {
                    if let Some(how) = how {
                        let note = Note { attempt: self.pass.attempt(&link.says), ..Note::default() };
                        self.tell(held.replace(Held { link, how, note })).await;
                    }
                    break;
                }
            };
            let started = self.pass.inner.clock.now();
            let attempt: Vec<u32> = together.iter().map(|link| self.pass.attempt(&link.says)).collect();
            if !self.begins(link).await {
                break;
            }
            let results = self.run(&mut session, &together).await;
            if !self.is_deployment() {
                ledger = session.ledger().clone();
            }
            let mut last = None;
            for ((link, result), attempt) in together.iter().copied().zip(results).zip(attempt) {
                let note = Note { attempt, started_at: Some(started), ..Note::default() };
                match result {
                    Ok(StepEnd::Done | StepEnd::Already) => {
                        changed.push(link.says.version);
                        broken = 0;
                        self.write_back(link).await;
                        if let Some(migration) = self.pass.migrations.get(&link.says.version) {
                            follow(&mut ledger, migration, link.way);
                        }
                        lock_waits = waits(self.pass.inner.settings.lock_tries);
                        self.tell(held.replace(Held { link, how: Ended::Done, note })).await;
                        at += 1;
                    }
                    other => {
                        last = Some((link, other, note));
                        break;
                    }
                }
            }
            let Some((link, result, note)) = last else { continue };
            match result {
                Ok(_) => break,
                Err(error) if error.is_lock => match lock_waits.next() {
                    Some(wait) => self.pass.inner.clock.sleep(wait).await,
                    None => {
                        self.tell(held.take()).await;
                        return self.over(session, &ledger, &changed, (link, error, note)).await;
                    }
                },
                Err(error) if error.is_unclear || error.class == ErrorClass::Connection => {
                    broken += 1;
                    session.close().await;
                    session = match self.pass.inner.open_to_migrate(&self.row).await {
                        Ok(session) if broken <= BROKEN_TRIES => {
                            if !self.is_deployment() {
                                ledger = session.ledger().clone();
                            }
                            session
                        }
                        Ok(session) => {
                            self.tell(held.take()).await;
                            return self.over(session, &ledger, &changed, (link, error, note)).await;
                        }
                        Err(_) if error.is_unclear => {
                            self.tell(held.take()).await;
                            let note =
                                Note { class: Some(error.class), error: Some(error.text.clone()), ..note };
                            return self
                                .pass
                                .tell(self.told, link.item, Ended::Unclear(error.text), note)
                                .await;
                        }
                        Err(gone) => {
                            self.tell(held.take()).await;
                            return self.unreachable(at, &gone, !changed.is_empty()).await;
                        }
                    };
                }
                Err(error) => {
                    self.tell(held.take()).await;
                    return self.over(session, &ledger, &changed, (link, error, note)).await;
                }
            }
        }
        match held {
            Some(held) => self.last(session, &ledger, &changed, held).await,
            None => session.close().await,
        }
    }

    /// Says that a step is begun. What is called over HTTP can't be taken back and leaves no mark: our book has it before the first
    /// call, so that after a crash nobody is asked about steps that were not come to. False: the store does not take it.
    async fn begins(&self, link: &Link<'_>) -> bool {
        let pass = self.pass;
        let known = pass.migrations.get(&link.says.version);
        let step = known.and_then(|migration| migration.step(link.way, link.says.driver));
        if !matches!(step, Some(Step::Http(_))) {
            self.told.begin(link.item).await;
            return true;
        }
        let ops = pass.begun(std::slice::from_ref(link.item), pass.inner.clock.now());
        let written = pass.inner.db.write(Lane::Run, Unit::new().with_all(ops)).await;
        if let Err(error) = &written {
            tracing::warn!(%error, tenant = %link.says.tenant, "a step is not begun: the store does not take it");
        }
        written.is_ok()
    }

    /// Tells the application which version its tenant has now. The tenant's own ledger is the truth: a version that can't be written
    /// is written by the next step, or by whoever takes the instances from there again.
    async fn write_back(&self, link: &Link<'_>) {
        let Some(list) = self.pass.inner.application.as_ref().filter(|_| self.row.from_application) else {
            return;
        };
        let (old, new) = match link.way == link.says.way {
            true => (link.says.from, link.says.to),
            false => (link.says.to, link.says.from),
        };
        let tenant = &link.says.tenant;
        let mut wrote = list.write_version(tenant, Some(old), new).await;
        if old == 0 && matches!(wrote, Ok(false)) {
            wrote = list.write_version(tenant, None, new).await;
        }
        match wrote {
            Ok(true) => {}
            Ok(false) => {
                tracing::warn!(%tenant, old, new, "the application's schemaVersion is another; it was left alone");
            }
            Err(error) => {
                tracing::warn!(%tenant, new, %error, "the application's schemaVersion could not be written");
            }
        }
    }

    /// A step failed for good.
    async fn over(
        &self,
        mut session: Box<dyn Session>,
        ledger: &Ledger,
        changed: &[u32],
        (link, error, note): (&Link<'_>, StepError, Note),
    ) {
        let cause = Note::of_error(&error);
        let mut note = Note { class: cause.class, error: cause.error, ..note };
        self.seen(&mut session, ledger, changed, &mut note).await;
        session.close().await;
        self.fail(link, &error, note).await;
    }

    /// The last item of the chain is told with what became of the tenant.
    async fn last(
        &self,
        mut session: Box<dyn Session>,
        ledger: &Ledger,
        changed: &[u32],
        mut held: Held<'_>,
    ) {
        self.seen(&mut session, ledger, changed, &mut held.note).await;
        session.close().await;
        self.pass.tell(self.told, held.link.item, held.how, held.note).await;
    }

    async fn tell(&self, held: Option<Held<'_>>) {
        if let Some(held) = held {
            self.pass.tell(self.told, held.link.item, held.how, held.note).await;
        }
    }
}

/// The reason of a failed item: what all tenants with the same cause have in common.
fn failure(error: &StepError) -> String {
    format!("{}: {}", error.class.word(), error.text)
}
