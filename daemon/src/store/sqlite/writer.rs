//! The one writer. Each unit runs in its own SAVEPOINT inside one group commit, so that a unit's failure never
//! rolls back another; answers go out after COMMIT.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cutover_shared::rpc::Topic;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::body::{Packed, SMALL, pack};
use super::write::{self, Chain};
use crate::clock::Clock;
use crate::faults::Faults;
use crate::store::{InboxOp, Lane, NewDelivery, Op, UNIT_ROWS, Unit, Versions, WriteError};

/// Units that may wait in one lane; whoever comes later waits before handing in.
const LANE: usize = 1_024;

/// Units in one group commit.
const GROUP_UNITS: usize = 64;

/// Rows in one group commit: bounds how long the urgent lane can wait.
const GROUP_ROWS: usize = 4_096;

/// Bytes of packed bodies after which a group commit takes no other unit.
const GROUP_BYTES: usize = 32 << 20;

/// After a group of so many units there is load, and the next group waits for more: a flush costs more than the wait. Fewer
/// are no load, and more need no waiting.
const GATHERING: Range<usize> = 8..48;

/// How long it waits.
const GATHER: Duration = Duration::from_millis(1);

struct Request {
    unit: Unit,
    /// For each operation the body that it brings, packed by whoever hands it in: the one writer has no time for it.
    packed: Vec<Option<Packed>>,
    answer: oneshot::Sender<Result<(), WriteError>>,
}

struct Lanes {
    urgent: mpsc::Sender<Request>,
    handler: mpsc::Sender<Request>,
    run: mpsc::Sender<Request>,
}

/// Hands units to the writing task.
pub(super) struct Writer {
    lanes: Mutex<Option<Lanes>>,
    task: Mutex<Option<JoinHandle<()>>>,
    trouble: watch::Receiver<Option<String>>,
}

impl Writer {
    pub(super) async fn start(
        mut connection: SqliteConnection,
        options: SqliteConnectOptions,
        announce: watch::Sender<Versions>,
        faults: Faults,
    ) -> Result<Self, sqlx::Error> {
        let chain = Chain::load(&mut connection).await?;
        let (urgent, urgent_in) = mpsc::channel(LANE);
        let (handler, handler_in) = mpsc::channel(LANE);
        let (run, run_in) = mpsc::channel(LANE);
        let (tell, trouble) = watch::channel(None);
        let desk = Desk { connection, options, chain, announce, trouble: tell, faults };
        let task = tokio::spawn(desk.work(urgent_in, handler_in, run_in));
        let lanes = Mutex::new(Some(Lanes { urgent, handler, run }));
        Ok(Self { lanes, task: Mutex::new(Some(task)), trouble })
    }

    /// Why the last commit failed; none when it did not.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.borrow().clone()
    }

    pub(super) async fn write(&self, lane: Lane, unit: Unit) -> Result<(), WriteError> {
        if let Some(rows) = unit.ops.iter().map(super::super::unit::Op::rows).find(|rows| *rows > UNIT_ROWS) {
            return Err(WriteError::TooLarge { rows });
        }
        let sender = match self.lanes.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            Some(lanes) => match lane {
                Lane::Urgent => lanes.urgent.clone(),
                Lane::Handler => lanes.handler.clone(),
                Lane::Run => lanes.run.clone(),
            },
            None => return Err(WriteError::Closed),
        };
        let mut packed = Vec::with_capacity(unit.ops.len());
        for op in &unit.ops {
            packed.push(body(op).await);
        }
        let (answer, answered) = oneshot::channel();
        sender.send(Request { unit, packed, answer }).await.map_err(|_| WriteError::Closed)?;
        answered.await.unwrap_or(Err(WriteError::Closed))
    }

    pub(super) async fn close(&self) {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner).take();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            // A writer that panicked has nothing left to finish.
            let _ = task.await;
        }
    }
}

/// What the writing task works with.
struct Desk {
    connection: SqliteConnection,
    options: SqliteConnectOptions,
    chain: Chain,
    announce: watch::Sender<Versions>,
    trouble: watch::Sender<Option<String>>,
    faults: Faults,
}

impl Desk {
    async fn work(
        mut self,
        mut urgent: mpsc::Receiver<Request>,
        mut handler: mpsc::Receiver<Request>,
        mut run: mpsc::Receiver<Request>,
    ) {
        let (clock, mut last) = (Clock::system(), 0);
        loop {
            let first = tokio::select! {
                biased;
                Some(request) = urgent.recv() => request,
                Some(request) = handler.recv() => request,
                Some(request) = run.recv() => request,
                else => break,
            };
            let mut group = Group::default();
            group.push(first);
            if GATHERING.contains(&last) {
                clock.sleep(GATHER).await;
            }
            // However much is urgent, the other lanes have a place in each group: a flood may slow them and never stop them.
            let others = [handler.try_recv().ok(), run.try_recv().ok()];
            others.into_iter().flatten().for_each(|request| group.push(request));
            while !group.is_full() {
                let next = urgent.try_recv().or_else(|_| handler.try_recv()).or_else(|_| run.try_recv());
                let Ok(request) = next else { break };
                group.push(request);
            }
            last = group.requests.len();
            self.commit(group.requests).await;
        }
        if let Err(error) = self.connection.close().await {
            tracing::warn!(%error, "the store did not close cleanly");
        }
    }

    async fn commit(&mut self, group: Vec<Request>) {
        let before = self.chain.clone();
        let (units, answers): (Vec<_>, Vec<_>) =
            group.into_iter().map(|request| ((request.unit, request.packed), request.answer)).unzip();
        match self.transact(&units).await {
            Ok(results) => {
                self.note_trouble(&results);
                self.announce_changes(
                    units.iter().zip(&results).filter(|(_, r)| r.is_ok()).map(|((u, _), _)| u),
                );
                for (answer, result) in answers.into_iter().zip(results) {
                    // Whoever asked may have gone.
                    let _ = answer.send(result);
                }
            }
            Err(error) => {
                self.chain = before;
                let cause = error.to_string();
                self.trouble.send_replace(Some(cause.clone()));
                tracing::error!(error = %cause, units = units.len(), "a group of units could not be written");
                self.recover().await;
                for answer in answers {
                    let _ = answer.send(Err(WriteError::Unavailable(cause.clone())));
                }
            }
        }
    }

    /// Everything up to and with COMMIT. An error means that nothing of the group is there.
    async fn transact(
        &mut self,
        units: &[(Unit, Vec<Option<Packed>>)],
    ) -> Result<Vec<Result<(), WriteError>>, sqlx::Error> {
        self.connection.execute("BEGIN IMMEDIATE").await?;
        let mut results = Vec::with_capacity(units.len());
        let mut rest = units;
        while let Some(first) = rest.first() {
            let deliveries: Vec<_> = rest.iter().map_while(delivery).collect();
            if deliveries.len() > 1 && self.together(&deliveries).await? {
                results.extend(deliveries.iter().map(|_| Ok(())));
                rest = rest.get(deliveries.len()..).unwrap_or_default();
                continue;
            }
            // What failed together is tried one by one, so that only that fails which can't be.
            let alone = deliveries.len().max(1);
            for unit in std::iter::once(first).chain(rest.get(1..alone).unwrap_or_default()) {
                results.push(self.alone(unit).await?);
            }
            rest = rest.get(alone..).unwrap_or_default();
        }
        self.faults.point("store.commit.before").await;
        self.connection.execute("COMMIT").await?;
        self.faults.point("store.commit.after").await;
        Ok(results)
    }

    /// One unit in a savepoint of its own.
    async fn alone(
        &mut self,
        (unit, packed): &(Unit, Vec<Option<Packed>>),
    ) -> Result<Result<(), WriteError>, sqlx::Error> {
        let connection = &mut self.connection;
        connection.execute("SAVEPOINT unit").await?;
        let before = self.chain.clone();
        let mut outcome = Ok(());
        for (op, packed) in unit.ops.iter().zip(packed) {
            outcome = write::op(connection, &mut self.chain, op, packed.as_ref()).await;
            if outcome.is_err() {
                break;
            }
        }
        if outcome.is_err() {
            self.chain = before;
            connection.execute("ROLLBACK TO unit").await?;
        }
        connection.execute("RELEASE unit").await?;
        Ok(outcome)
    }

    /// Deliveries in one savepoint and few statements: under load they are nearly all that is written, and a statement costs more
    /// than a row. False when they are not there.
    async fn together(&mut self, deliveries: &[(&NewDelivery, &Packed)]) -> Result<bool, sqlx::Error> {
        let connection = &mut self.connection;
        connection.execute("SAVEPOINT unit").await?;
        let taken = write::receive(connection, deliveries).await.is_ok();
        if !taken {
            connection.execute("ROLLBACK TO unit").await?;
        }
        connection.execute("RELEASE unit").await?;
        Ok(taken)
    }

    /// A full disk may let the commit through and refuse what was in it.
    fn note_trouble(&self, results: &[Result<(), WriteError>]) {
        let refused = results.iter().find_map(|result| match result {
            Err(WriteError::Unavailable(cause)) => Some(cause.clone()),
            _ => None,
        });
        if refused.is_some() {
            self.trouble.send_replace(refused);
        } else if results.iter().any(Result::is_ok) {
            self.trouble.send_if_modified(|trouble| trouble.take().is_some());
        }
    }

    /// After a failure SQLite may or may not have rolled back by itself, and the file may be gone.
    async fn recover(&mut self) {
        let clean = self.connection.execute("ROLLBACK").await.is_ok()
            || self.connection.execute("SELECT 1").await.is_ok();
        if clean {
            return;
        }
        match self.options.connect().await {
            Ok(connection) => self.connection = connection,
            Err(error) => tracing::error!(%error, "the store can't be opened again"),
        }
    }

    fn announce_changes<'a>(&self, units: impl Iterator<Item = &'a Unit>) {
        let topics: std::collections::BTreeSet<Topic> =
            units.flat_map(|unit| unit.ops.iter().filter_map(super::super::unit::Op::topic)).collect();
        if !topics.is_empty() {
            self.announce.send_modify(|versions| {
                for topic in topics {
                    *versions.entry(topic).or_default() += 1;
                }
            });
        }
    }
}

/// The body that an operation brings, packed; a large one where no request waits for the thread.
async fn body(op: &Op) -> Option<Packed> {
    let Op::Inbox(InboxOp::Receive(delivery)) = op else { return None };
    if delivery.body.len() <= SMALL {
        return Some(pack(&delivery.body));
    }
    let body = delivery.body.clone();
    // Whoever writes it packs it when this fails.
    tokio::task::spawn_blocking(move || pack(&body)).await.ok()
}

/// The delivery of a unit that does nothing else.
fn delivery((unit, packed): &(Unit, Vec<Option<Packed>>)) -> Option<(&NewDelivery, &Packed)> {
    match (unit.ops.as_slice(), packed.as_slice()) {
        ([Op::Inbox(InboxOp::Receive(delivery))], [Some(packed)]) => Some((delivery, packed)),
        _ => None,
    }
}

/// What one commit takes.
#[derive(Default)]
struct Group {
    requests: Vec<Request>,
    rows: usize,
    /// Of packed bodies.
    bytes: usize,
}

impl Group {
    fn push(&mut self, request: Request) {
        self.rows += request.unit.rows();
        self.bytes += request.packed.iter().flatten().map(|packed| packed.body.len()).sum::<usize>();
        self.requests.push(request);
    }

    fn is_full(&self) -> bool {
        self.requests.len() >= GROUP_UNITS || self.rows >= GROUP_ROWS || self.bytes >= GROUP_BYTES
    }
}
