//! Missed deliveries (G4) over a real store and the stand-in, on a clock that only moves when moved: what is fetched, what is
//! left alone, what that costs, and what is said.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on has failed")]

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use cutover_daemon::audit::Who;
use cutover_daemon::clock::{Clock, Millis};
use cutover_daemon::faults::Faults;
use cutover_daemon::gateway::envelope::Envelope;
use cutover_daemon::gateway::inbox::{Arrival, Inbox};
use cutover_daemon::gateway::recover::{
    Ask, RecoverError, RecoverSettings, Recoverer, last_recovery, memory,
};
use cutover_daemon::github::{GitHub, GitHubSettings};
use cutover_daemon::store::{Db, InboxOp, Lane, Unit, open};
use cutover_shared::webhook::{DeliveryState, Recovery};
use cutover_tests::github_sim::{Effect, Fate, Fault, Hooks, RouteKind, Sim, SimSettings};
use cutover_tests::world::{World, WorldSpec};
use tempfile::TempDir;

const START: Millis = 1_780_000_000_000;
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// What outlives the daemon.
struct House {
    sim: Sim,
    hooks: Hooks,
    clock: Clock,
    dir: TempDir,
}

/// One life of the daemon's parts.
struct Life {
    db: Db,
    inbox: Arc<Inbox>,
    recoverer: Arc<Recoverer>,
}

fn ana() -> Who {
    Who { operator: "ana".into(), origin: "test".to_owned() }
}

fn push(n: usize) -> String {
    // Not in the order that a value would have its fields in.
    format!(r#"{{"ref":"refs/heads/main","n":{n},"installation":{{"id":{}}},"after": "\u00e9"}}"#, n % 7 + 1)
}

impl House {
    async fn new() -> Self {
        let made =
            World::generate(&WorldSpec { seed: 3, tenants: 2, repos: 8, installations: Some(2) }).unwrap();
        let clock = Clock::manual(START);
        let sim = Sim::start(made.world, clock.clone(), SimSettings::default()).await.unwrap();
        Self { hooks: sim.hooks(), sim, clock, dir: TempDir::new().unwrap() }
    }

    async fn life(&self) -> Life {
        self.life_remembering(20_000).await
    }

    async fn life_remembering(&self, most_missing: usize) -> Life {
        let url = format!("sqlite:{}", self.dir.path().join("cutover.db").display());
        let db = open(&url, Faults::none()).await.unwrap();
        let key = self.sim.private_key_pem().into();
        let mut settings = GitHubSettings::new(self.sim.api_base(), self.sim.app_id(), vec![key]);
        settings.points_per_minute = 1_000_000;
        // The clock may run ahead of the wire.
        settings.request_timeout = 100 * HOUR;
        let github = GitHub::new(&settings, self.clock.clone()).unwrap();
        let inbox = Inbox::new(db.clone(), self.clock.clone());
        let settings = RecoverSettings { horizon: 3 * DAY, most_missing };
        let (clock, faults) = (self.clock.clone(), Faults::none());
        let recoverer =
            Recoverer::open(inbox.clone(), db.clone(), &github, clock, faults, settings).await.unwrap();
        Life { db, inbox, recoverer }
    }

    /// Makes pushes that nobody took, a second apart. Their GUIDs.
    fn missed(&self, count: usize) -> Vec<String> {
        (0..count)
            .map(|n| {
                self.clock.advance(Duration::from_secs(1));
                let fate = if n % 2 == 0 { Fate::NeverSent } else { Fate::Answered(503) };
                self.hooks.record("push", &push(n), fate)
            })
            .collect()
    }

    fn count(&self, kind: RouteKind) -> u64 {
        self.sim.calls().count(kind)
    }

    /// Runs `work` to its end and moves the clock whenever the stand-in has nothing to do meanwhile.
    async fn pump<T>(&self, work: impl Future<Output = T>) -> T {
        let real = Clock::system();
        tokio::pin!(work);
        loop {
            match real.timeout(Duration::from_millis(5), &mut work).await {
                Ok(out) => return out,
                Err(_) if self.sim.calls().in_flight() == 0 => self.clock.advance(Duration::from_millis(500)),
                Err(_) => {}
            }
        }
    }
}

impl Life {
    async fn catch_up(&self) -> Recovery {
        self.recoverer.catch_up().await.unwrap()
    }

    async fn ask(&self, ask: Ask) -> Recovery {
        self.recoverer.recover(&ask, &ana()).await.unwrap()
    }

    async fn take(&self, guid: &str, n: usize) {
        let body = push(n).into_bytes();
        let envelope = Envelope::read(&body).unwrap();
        let arrival =
            Arrival { guid: guid.to_owned(), event: "push".to_owned(), envelope, body: body.into() };
        self.inbox.take(arrival).await.unwrap();
    }

    async fn is_here(&self, guid: &str) -> bool {
        self.db.delivery(guid).await.unwrap().is_some()
    }

    async fn audited(&self) -> usize {
        let rows = self.db.audit_newest(None, 100).await.unwrap();
        rows.iter().filter(|row| row.bytes.contains("\"webhook.recover\"")).count()
    }
}

#[tokio::test]
async fn a_long_list_is_walked_in_pages_and_what_is_missing_comes_with_its_bytes_and_its_time() {
    let house = House::new().await;
    let life = house.life().await;
    let guids = house.missed(260);
    // Every third came, one of them twice.
    for (n, guid) in guids.iter().enumerate().filter(|(n, _)| n % 3 == 0) {
        life.take(guid, n).await;
    }
    house.clock.advance(HOUR);
    house.hooks.record_again(&guids[3], Fate::Answered(202));
    let found = life.catch_up().await;
    assert_eq!((found.logged, found.here, found.pulled, found.lost, found.gap), (260, 260, 173, 0, false));
    assert!(found.statement.starts_with("260 of 260 deliveries since "), "{}", found.statement);
    assert_eq!((house.count(RouteKind::ListDeliveries), house.count(RouteKind::GetDelivery)), (3, 173));
    let mut last = 0;
    for (n, guid) in guids.iter().enumerate() {
        let row = life.db.delivery(guid).await.unwrap().unwrap();
        assert_eq!(life.db.delivery_body(row.seq).await.unwrap().unwrap(), push(n).as_bytes());
        if n % 3 != 0 {
            let at = START + 1_000 * (i64::try_from(n).unwrap() + 1) + 999;
            assert_eq!((row.received_at, row.installation), (at, Some(i64::try_from(n % 7).unwrap() + 1)));
            assert!(row.seq > last, "they are handled in the order in which they happened");
            last = row.seq;
        }
    }
    // Again: nothing is fetched twice, and only what is new is looked at.
    let again = life.catch_up().await;
    assert_eq!((again.pulled, again.here, again.logged), (0, again.logged, again.logged));
    assert_eq!(house.count(RouteKind::GetDelivery), 173);
    assert_eq!(life.audited().await, 1, "a comparison that finds nothing is no act");
    assert_eq!(last_recovery(&life.db).await.unwrap(), Some(again));
    assert_eq!(house.count(RouteKind::Redeliver), 0);
}

#[tokio::test]
async fn more_than_fits_into_memory_comes_in_several_walks_the_oldest_first() {
    let house = House::new().await;
    let life = house.life_remembering(40).await;
    let guids = house.missed(130);
    let found = life.catch_up().await;
    assert_eq!((found.here, found.pulled), (130, 130));
    let mut seqs = Vec::new();
    for guid in &guids {
        seqs.push(life.db.delivery(guid).await.unwrap().unwrap().seq);
    }
    assert!(seqs.is_sorted());
    assert_eq!(house.count(RouteKind::GetDelivery), 130);
}

#[tokio::test]
async fn a_filter_fetches_no_body_of_another_event_and_a_look_fetches_none() {
    let house = House::new().await;
    let life = house.life().await;
    for n in 0..20 {
        house.hooks.record("check_run", &push(n), Fate::NeverSent);
    }
    let guids = house.missed(4);
    let events = BTreeSet::from(["push".to_owned()]);
    let look = life.ask(Ask { look: true, events: events.clone(), since: None }).await;
    assert_eq!((look.logged, look.unwanted, look.here, look.pulled), (24, 20, 0, 0));
    assert!(guids.iter().all(|guid| look.statement.contains(guid)), "{}", look.statement);
    assert_eq!((house.count(RouteKind::GetDelivery), life.audited().await), (0, 0));
    assert_eq!(last_recovery(&life.db).await.unwrap(), None, "a look leaves no trace");
    let found = life.ask(Ask { events, ..Ask::default() }).await;
    assert_eq!((found.logged, found.unwanted, found.here, found.pulled), (24, 20, 4, 4));
    assert_eq!((house.count(RouteKind::GetDelivery), life.audited().await), (4, 1));
    // It proves nothing about the others: the daemon's own comparison still looks at all.
    let whole = life.catch_up().await;
    assert_eq!((whole.logged, whole.here, whole.pulled), (24, 24, 20));
    // Since a moment: only what was delivered then is asked for.
    house.clock.advance(HOUR);
    let since = house.clock.now();
    house.missed(2);
    let newer = life.ask(Ask { since: Some(since), ..Ask::default() }).await;
    assert_eq!((newer.logged, newer.pulled, newer.since), (2, 2, since));
}

#[tokio::test]
async fn a_payload_that_is_gone_is_asked_for_again_and_what_can_t_be_had_is_named() {
    let house = House::new().await;
    let life = house.life().await;
    let guids = house.missed(3);
    house.hooks.record_again(&guids[0], Fate::Answered(500));
    // The newest attempt's payload can't be read, an earlier one's can.
    house
        .sim
        .faults()
        .add(Fault::on(RouteKind::GetDelivery, Effect::Status { status: 404, retry_after: None }));
    house.hooks.lose_payload(&guids[1]);
    let found = house.pump(life.catch_up()).await;
    assert_eq!((found.pulled, found.redelivered, found.lost, found.here), (2, 0, 1, 2));
    assert!(found.statement.ends_with(&format!("; 1 lost: {}", guids[1])), "{}", found.statement);
    assert_eq!(house.count(RouteKind::Redeliver), 1);
    let row = life.db.delivery(&guids[0]).await.unwrap().unwrap();
    assert_eq!(row.received_at, START + 1_999, "the time of the first attempt");
    // It is owed as long as GitHub names it, and then is no more.
    house.clock.advance(DAY);
    let later = house.pump(life.catch_up()).await;
    assert_eq!((later.lost, later.logged), (1, 3), "since the lost one");
    assert_eq!(memory(&life.db).await.unwrap().lost, 1);
    house.clock.advance(DAY);
    house.pump(life.catch_up()).await;
    house.clock.advance(DAY + HOUR);
    let over = house.pump(life.catch_up()).await;
    assert_eq!((over.lost, over.gap, memory(&life.db).await.unwrap().lost), (0, false, 0));
    // A payload that is only unreadable here is delivered again by GitHub.
    let guid = house.hooks.record("push", "[1]", Fate::NeverSent);
    let found = house.pump(life.catch_up()).await;
    assert_eq!((found.redelivered, found.lost), (1, 0));
    assert!(found.statement.ends_with(&format!("; 1 asked for again: {guid}")), "{}", found.statement);
}

#[tokio::test]
async fn what_is_dead_here_is_here_whatever_github_says() {
    let house = House::new().await;
    let life = house.life().await;
    let guid = house.hooks.record("push", &push(1), Fate::Answered(202));
    let failed = house.hooks.record("push", &push(2), Fate::Answered(500));
    for (n, guid) in [&guid, &failed].into_iter().enumerate() {
        life.take(guid, n).await;
        let seq = life.db.delivery(guid).await.unwrap().unwrap().seq;
        let end = InboxOp::End { seq, state: DeliveryState::Dead, at: START, note: None };
        life.db.write(Lane::Handler, Unit::new().with(end)).await.unwrap();
    }
    let found = life.catch_up().await;
    assert_eq!((found.logged, found.here, found.pulled), (2, 2, 0));
    let row = life.db.delivery(&guid).await.unwrap().unwrap();
    assert_eq!((row.state, row.repeats), (DeliveryState::Dead, 0));
}

#[tokio::test]
async fn what_github_no_longer_keeps_is_a_gap_that_stays_known() {
    let house = House::new().await;
    let first = house.life().await;
    let before = house.missed(3);
    let found = first.catch_up().await;
    assert_eq!(
        (found.pulled, found.gap),
        (3, false),
        "a first comparison has nothing to be missed before it"
    );
    let away = house.missed(2);
    house.clock.advance(2 * DAY);
    let late = house.missed(2);
    house.clock.advance(2 * DAY);
    let second = house.life().await;
    let now = house.clock.now();
    let found = second.catch_up().await;
    assert!(found.gap);
    assert_eq!((found.logged, found.pulled, found.since), (2, 2, now - 3 * 86_400_000), "{found:?}");
    for (guid, here) in before.iter().map(|g| (g, true)).chain(away.iter().map(|g| (g, false))) {
        assert_eq!(second.is_here(guid).await, here);
    }
    assert!(second.is_here(&late[1]).await);
    house.clock.advance(HOUR);
    assert!(!second.catch_up().await.gap, "compared since");
    let gap = memory(&second.db).await.unwrap().gap.unwrap();
    assert_eq!((gap.to, gap.found_at), (now - 3 * 86_400_000, now));
    assert_eq!(second.audited().await, 2);
}

#[tokio::test]
async fn a_failure_in_the_midst_loses_nothing_and_only_one_comparison_goes_at_a_time() {
    let house = House::new().await;
    let life = house.life().await;
    let guids = house.missed(6);
    let refused = Effect::Status { status: 401, retry_after: None };
    house.sim.faults().add(Fault::on(RouteKind::GetDelivery, refused).after(3).times(10));
    let failed = house.pump(life.recoverer.catch_up()).await;
    assert!(matches!(failed, Err(RecoverError::GitHub(_))), "{failed:?}");
    assert!(life.is_here(&guids[2]).await && !life.is_here(&guids[3]).await);
    assert_eq!((memory(&life.db).await.unwrap().compared_until, life.audited().await), (None, 1));
    house.sim.faults().clear();
    let both = futures::future::join(life.recoverer.catch_up(), life.recoverer.catch_up());
    let (one, other) = Box::pin(house.pump(Box::pin(both))).await;
    assert_eq!(other, Err(RecoverError::Busy));
    let found = one.unwrap();
    assert_eq!((found.logged, found.here, found.pulled), (6, 6, 3));
}
