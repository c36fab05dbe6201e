//! The pass over a kind whose items go in chains. Intents of whole chains are durable before they begin, and some chains ahead of
//! time, so that a free place never waits for the store; outcomes are written as they come, many in one unit.

mod choose;
mod feed;
mod window;
mod write;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::choose::Room;
use self::feed::Feed;
use self::window::Window;
use self::write::{Heard, intents, outcomes, put_back};
use super::approval::ApprovedPlan;
use super::chain::{Chain, Chained, Pass, Told, Word};
use super::drive::{Again, Halt, lease, passed, stand, states};
use super::engine::Inner;
use super::kind::Direction;
use super::progress::pace;
use crate::store::{Lane, RunRow, UNIT_ROWS, Unit};

/// How often a pass looks whether its run was told to stand, while chains take their time.
const LOOK: Duration = Duration::from_millis(250);

/// One pass over all items that are to be taken.
pub(super) async fn pass(
    inner: &Inner,
    row: &RunRow,
    plan: &ApprovedPlan,
    kind: &dyn Chained,
    direction: Direction,
) -> Result<(), Halt> {
    let mut again = Again::default();
    let pass = loop {
        match kind.pass(row, direction).await {
            Ok(pass) => break pass,
            Err(error) => again.after(inner, plan, error).await?,
        }
    };
    let (words, heard) = mpsc::channel(UNIT_ROWS);
    let mut course = Course {
        desk: Desk { inner, row, plan, direction, pass },
        feed: Some(Feed::new(inner, row, kind, direction)),
        window: Window::default(),
        ready: VecDeque::new(),
        words,
        heard: Heard::default(),
        stop: CancellationToken::new(),
        flight: JoinSet::new(),
        under_way: 0,
        stage: 0,
        taken: 0,
        start: inner.clock.monotonic(),
        standing: None,
        unclear: false,
        quiet: None,
    };
    let outcome = course.run(heard).await;
    if outcome.is_err() {
        // The store or the kind does not answer: what is under way ends where it can, and is asked about later.
        course.stop.cancel();
        while course.flight.join_next().await.is_some() {}
    }
    if matches!(outcome, Err(Halt::Kind(_))) {
        // A person goes on from here: what was not begun need not be asked about.
        put_back(&course.desk, course.ready.drain(..).collect()).await?;
    }
    outcome?;
    match course.standing {
        // What is unclear is asked about before anything else.
        None if course.unclear => Err(Halt::Moved),
        None => passed(inner, row, direction).await,
        Some(Standing::Moved) => Err(Halt::Moved),
        Some(Standing::Halted(why)) => {
            stand(inner, row, Some(why)).await?;
            Err(Halt::Moved)
        }
    }
}

/// Why no further chain begins.
enum Standing {
    /// The run is to stand, or stands already.
    Moved,
    /// Too much went wrong.
    Halted(String),
}

/// What everything is written with.
#[derive(Clone)]
struct Desk<'a> {
    inner: &'a Inner,
    row: &'a RunRow,
    plan: &'a ApprovedPlan,
    direction: Direction,
    pass: Arc<dyn Pass>,
}

struct Course<'a> {
    desk: Desk<'a>,
    /// None: it is read from, or has ended.
    feed: Option<Feed<'a>>,
    window: Window,
    /// Their intents are durable.
    ready: VecDeque<Chain>,
    words: mpsc::Sender<Word>,
    /// What chains have said and is not written yet.
    heard: Heard,
    stop: CancellationToken,
    flight: JoinSet<()>,
    under_way: usize,
    /// Of the chains under way and ready.
    stage: u32,
    /// Items that were taken, for a run that is paced.
    taken: u64,
    start: Duration,
    standing: Option<Standing>,
    /// Some items stayed intents.
    unclear: bool,
    /// Until when nothing need be looked for: nothing was found, and nothing that it hung on has changed since.
    quiet: Option<Duration>,
}

/// Something that is asked of the store beside all else.
type Asked<'a, T> = Option<BoxFuture<'a, Result<T, Halt>>>;

/// What is under way with the store. A free place waits for none of it.
struct Errands<'a> {
    writing: Asked<'a, ()>,
    taking: Asked<'a, Vec<Chain>>,
    /// With where it goes on; none where it has ended.
    reading: Asked<'a, (Option<Feed<'a>>, Vec<Chain>)>,
    /// Whether the run is to stand.
    looking: Asked<'a, bool>,
}

impl Errands<'_> {
    fn is_empty(&self) -> bool {
        self.writing.is_none() && self.taking.is_none() && self.looking.is_none()
    }
}

impl<'a> Course<'a> {
    async fn run(&mut self, mut said: mpsc::Receiver<Word>) -> Result<(), Halt> {
        let mut looked = self.desk.inner.clock.monotonic();
        let mut errands = Errands { writing: None, taking: None, reading: None, looking: None };
        loop {
            if self.desk.inner.is_held(self.desk.plan.run()) {
                self.stand(Standing::Moved);
            }
            let now = self.desk.inner.clock.monotonic();
            let is_due =
                now.saturating_sub(looked) >= LOOK && !matches!(self.standing, Some(Standing::Moved));
            if is_due && errands.looking.is_none() {
                looked = now;
                errands.looking = Some(look(self.desk.clone()).boxed());
            }
            let mut wait = LOOK;
            if self.standing.is_none() {
                self.begin();
                if self.window.has_room()
                    && let Some(feed) = self.feed.take()
                {
                    errands.reading = Some(read_on(feed).boxed());
                }
                if errands.taking.is_none() {
                    (errands.taking, wait) = self.take();
                }
            }
            let due = self.heard.due(self.desk.inner.clock.monotonic(), self.under_way == 0);
            if let Some(due) = due.filter(|_| errands.writing.is_none()) {
                wait = wait.min(due);
                if due.is_zero() {
                    let heard = std::mem::take(&mut self.heard);
                    self.unclear |= heard.unclear;
                    errands.writing = Some(outcomes(self.desk.clone(), heard).boxed());
                }
            }
            let idle = self.under_way == 0 && errands.is_empty();
            if idle && self.standing.is_some() {
                return put_back(&self.desk, self.ready.drain(..).collect()).await;
            }
            let is_read = errands.reading.is_none() && self.feed.is_none();
            if idle && is_read && self.ready.is_empty() && self.window.is_empty() {
                return Ok(());
            }
            let pass = self.desk.pass.clone();
            let waits_for_place = self.standing.is_none() && !self.ready.is_empty();
            tokio::select! {
                Some(word) = said.recv(), if self.heard.has_room() => {
                    self.hear(word);
                    while self.heard.has_room() && let Ok(word) = said.try_recv() {
                        self.hear(word);
                    }
                }
                written = on(&mut errands.writing) => {
                    errands.writing = None;
                    written?;
                }
                taken = on(&mut errands.taking) => {
                    errands.taking = None;
                    self.quiet = None;
                    match taken {
                        Ok(chains) => self.ready.extend(chains),
                        Err(Halt::Moved) => self.stand(Standing::Moved),
                        Err(other) => return Err(other),
                    }
                }
                read = on(&mut errands.reading) => {
                    errands.reading = None;
                    let (feed, chains) = read?;
                    self.feed = feed;
                    self.quiet = None;
                    self.window.add(chains);
                }
                is_moved = on(&mut errands.looking) => {
                    errands.looking = None;
                    if is_moved? {
                        self.stand(Standing::Moved);
                    }
                }
                () = pass.freed(), if waits_for_place => {}
                () = self.desk.inner.clock.sleep(wait) => {}
            }
        }
    }

    /// The run is to stand now: chains end after what they are at.
    fn stand(&mut self, why: Standing) {
        self.standing = Some(why);
        self.stop.cancel();
    }

    /// Lets chains go for which there is a place.
    fn begin(&mut self) {
        // All that are ready are of one stage.
        let halt = self.ready.front().and_then(|next| self.desk.pass.halt(next.stage));
        if let Some(why) = halt {
            // What is under way goes to its end.
            self.standing = Some(Standing::Halted(why));
            return;
        }
        let mut at = 0;
        // Where one finds no place, none of its lane does: to ask for each, at every word of a chain, would be much of this loop's work.
        let mut full = BTreeSet::new();
        while let Some(next) = self.ready.get(at) {
            if full.contains(&next.lane) {
                at += 1;
                continue;
            }
            let Some(ticket) = self.desk.pass.admit(next) else {
                full.insert(next.lane.clone());
                continue;
            };
            let Some(chain) = self.ready.remove(at) else { return };
            self.window.moved(&chain.lane, self.desk.inner.clock.monotonic());
            self.quiet = None;
            self.under_way += 1;
            let told = Told::new(self.words.clone(), self.stop.clone());
            let pass = self.desk.pass.clone();
            self.flight.spawn(async move {
                let work = std::panic::AssertUnwindSafe(pass.work(&chain, &told)).catch_unwind().await;
                drop(ticket);
                match work {
                    Ok(()) => told.over(&chain).await,
                    Err(_) => told.lost(&chain).await,
                }
            });
        }
    }

    /// Writes intents of the next chains; how long to wait before a paced run may take more.
    fn take(&mut self) -> (Asked<'a, Vec<Chain>>, Duration) {
        let paced = self.desk.row.rate.is_some();
        if let Some(rate) = self.desk.row.rate {
            let elapsed = self.desk.inner.clock.monotonic().saturating_sub(self.start);
            let wait = pace(self.taken, elapsed, rate);
            if !wait.is_zero() {
                return (None, wait.min(LOOK));
            }
        }
        if self.under_way + self.ready.len() == 0
            && let Some(next) = self.window.stage()
        {
            if next != self.stage {
                self.quiet = None;
            }
            self.stage = next;
        }
        let now = self.desk.inner.clock.monotonic();
        if let Some(until) = self.quiet.filter(|until| now < *until) {
            return (None, until.saturating_sub(now));
        }
        let pass = &self.desk.pass;
        let mut held: BTreeSet<&str> = BTreeSet::new();
        for chain in &self.ready {
            if !held.contains(chain.lane.as_str()) && pass.is_held(chain) {
                held.insert(&chain.lane);
            }
        }
        let room = Room { paced, held: &held };
        let chosen = self.window.take(&self.ready, self.stage, &room);
        if chosen.is_empty() {
            if self.feed.is_some() && self.window.put_aside(&self.ready, now) {
                return (None, Duration::ZERO);
            }
            self.quiet = Some(now.saturating_add(LOOK));
            return (None, LOOK);
        }
        self.taken += chosen.iter().map(|chain| chain.items.len() as u64).sum::<u64>();
        (Some(intents(self.desk.clone(), chosen).boxed()), LOOK)
    }

    fn hear(&mut self, word: Word) {
        if !matches!(word, Word::Begin(_) | Word::End(_)) {
            self.under_way = self.under_way.saturating_sub(1);
            // Tasks that have ended give their memory back.
            while self.flight.try_join_next().is_some() {}
        }
        if let Word::Lost { chain } = &word {
            // A mistake of ours, and it would be made again: a person has to see it.
            tracing::error!(chain, "a chain broke off; its items are asked about");
            let why = format!("{chain} broke off by a mistake of ours; the daemon's log tells where");
            self.standing.get_or_insert(Standing::Halted(why));
        }
        self.heard.take(word, self.desk.inner.clock.monotonic());
    }
}

/// Whether the run was told to stand; else its lease goes on.
async fn look(desk: Desk<'_>) -> Result<bool, Halt> {
    let run = desk.plan.run();
    if desk.inner.row(run).await?.state != states(desk.direction).0 {
        return Ok(true);
    }
    desk.inner.db.write(Lane::Run, Unit::new().with(lease(desk.inner, run))).await?;
    Ok(false)
}

/// The next chains.
async fn read_on(mut feed: Feed<'_>) -> Result<(Option<Feed<'_>>, Vec<Chain>), Halt> {
    let chains = feed.next().await?;
    Ok(((!feed.has_ended()).then_some(feed), chains))
}

/// The end of a future that may not be there; of one that is not, never.
async fn on<T>(future: &mut Option<BoxFuture<'_, T>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}
