use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use super::*;

const NOW: i64 = 1_800_000_000_000;

/// Queues in memory. One turn ends what waits in a queue, unless it is `endless`.
#[derive(Default)]
struct State {
    /// When the head of each is due.
    due: BTreeMap<u32, i64>,
    endless: BTreeSet<u32>,
    shut: BTreeSet<u32>,
    /// Reads, and turns, that fail before the next succeeds.
    unread: usize,
    failing: usize,
    /// How often heads were read.
    looks: usize,
    /// Queues in the order in which their turns began.
    turns: Vec<u32>,
}

struct Fake {
    state: watch::Sender<State>,
    /// Turns at this queue wait for a permit.
    held: Option<u32>,
    permits: Semaphore,
}

#[async_trait]
impl Queues for Fake {
    type Key = u32;
    const NAME: &'static str = "test";

    async fn heads(&self, after: Option<&u32>, limit: u32) -> Result<Vec<QueueHead<u32>>, ReadError> {
        let mut heads = Err(ReadError::Unavailable { doing: "testing", cause: String::new() });
        self.state.send_modify(|state| {
            state.looks += 1;
            if state.unread > 0 {
                state.unread -= 1;
                return;
            }
            let all = state.due.iter().filter(|(queue, _)| after.is_none_or(|after| *queue > after));
            let all = all.map(|(queue, due_at)| QueueHead { queue: *queue, seq: 1, due_at: *due_at });
            heads = Ok(all.take(limit as usize).collect());
        });
        heads
    }

    fn opens(&self, queue: &u32, now: Duration) -> Option<Duration> {
        (!self.state.borrow().shut.contains(queue)).then_some(now)
    }

    async fn turn(&self, queue: &u32) -> Result<(), String> {
        self.state.send_modify(|state| state.turns.push(*queue));
        if self.held == Some(*queue) {
            self.permits.acquire().await.unwrap().forget();
        }
        let mut ended = Ok(());
        self.state.send_modify(|state| {
            if state.failing > 0 {
                state.failing -= 1;
                ended = Err("on purpose".to_owned());
            } else if !state.endless.contains(queue) {
                state.due.remove(queue);
            }
        });
        ended
    }
}

struct Room {
    fake: Arc<Fake>,
    clock: Clock,
    news: Arc<Notify>,
}

impl Room {
    fn new(state: State, held: Option<u32>) -> Self {
        let fake = Fake { state: watch::Sender::new(state), held, permits: Semaphore::new(0) };
        Self { fake: Arc::new(fake), clock: Clock::manual(NOW), news: Arc::default() }
    }

    fn work(&self, parallel: usize) -> JoinHandle<()> {
        let (fake, clock, news) = (Arc::clone(&self.fake), self.clock.clone(), Arc::clone(&self.news));
        tokio::spawn(async move { work(fake, &clock, &news, parallel).await })
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        self.fake.state.send_modify(change);
        self.news.notify_one();
    }

    async fn until(&self, is: impl FnMut(&State) -> bool) {
        let mut states = self.fake.state.subscribe();
        let waiting = Clock::system().timeout(Duration::from_secs(20), states.wait_for(is)).await;
        waiting.expect("it never came to that").unwrap();
    }

    /// Lets the others go on until each waits for something.
    async fn settle(&self) {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }

    fn turns(&self) -> Vec<u32> {
        self.fake.state.borrow().turns.clone()
    }

    fn looks(&self) -> usize {
        self.fake.state.borrow().looks
    }
}

fn due(queues: impl IntoIterator<Item = u32>) -> BTreeMap<u32, i64> {
    queues.into_iter().map(|queue| (queue, 0)).collect()
}

#[tokio::test]
async fn each_queue_gets_its_turn_though_one_is_always_ready() {
    let all = HEADS + 44;
    let room = Room::new(State { due: due(0..all), endless: BTreeSet::from([7]), ..State::default() }, None);
    let worker = room.work(1);
    room.until(|state| state.turns.len() > all as usize).await;
    let turns = room.turns();
    assert_eq!(turns[..all as usize], (0..all).collect::<Vec<_>>());
    assert_eq!(turns[all as usize], 7, "and so does that one, again");
    worker.abort();
}

#[tokio::test]
async fn a_queue_that_is_busy_is_not_begun_with_again_and_holds_up_no_other() {
    let state = State { due: due([1]), endless: BTreeSet::from([1]), ..State::default() };
    let room = Room::new(state, Some(1));
    let worker = room.work(2);
    for queue in 2..5 {
        room.change(|state| _ = state.due.insert(queue, 0));
        room.until(|state| state.turns.contains(&queue)).await;
    }
    room.settle().await;
    assert_eq!(room.turns().iter().filter(|queue| **queue == 1).count(), 1);
    room.fake.permits.add_permits(1);
    room.until(|state| state.turns.iter().filter(|queue| **queue == 1).count() == 2).await;
    worker.abort();
}

#[tokio::test]
async fn no_more_than_so_many_are_worked_on_at_once() {
    let room = Room::new(State { due: due([1]), ..State::default() }, Some(1));
    let worker = room.work(1);
    room.until(|state| state.turns == [1]).await;
    room.change(|state| _ = state.due.insert(2, 0));
    room.settle().await;
    assert_eq!(room.turns(), [1]);
    room.fake.permits.add_permits(1);
    room.until(|state| state.turns == [1, 2]).await;
    worker.abort();
}

#[tokio::test]
async fn a_store_that_is_away_is_waited_for() {
    let room = Room::new(State { due: due([1]), unread: 2, ..State::default() }, None);
    let worker = room.work(4);
    for looks in 1..3 {
        room.until(|state| state.looks == looks).await;
        room.settle().await;
        assert_eq!((room.looks(), room.turns().len()), (looks, 0), "no look before its time");
        room.clock.advance(Duration::from_secs(60));
    }
    room.until(|state| state.turns == [1]).await;
    // A turn that finds it away is waited after, too.
    room.change(|state| (state.due, state.failing) = (due([2]), 1));
    room.until(|state| state.failing == 0).await;
    room.settle().await;
    assert_eq!(room.turns(), [1, 2]);
    room.clock.advance(Duration::from_secs(60));
    room.until(|state| state.turns == [1, 2, 2]).await;
    worker.abort();
}

#[tokio::test]
async fn what_is_due_later_is_begun_with_then_and_what_is_shut_when_there_is_news() {
    let due = BTreeMap::from([(1, NOW + 9_000), (2, NOW + 5_000), (3, 0)]);
    let room = Room::new(State { due, shut: BTreeSet::from([3]), ..State::default() }, None);
    let worker = room.work(4);
    room.until(|state| state.looks > 0).await;
    room.clock.advance(Duration::from_millis(4_999));
    room.settle().await;
    assert!(room.turns().is_empty());
    room.clock.advance(Duration::from_millis(1));
    room.until(|state| state.turns == [2]).await;
    room.clock.advance(Duration::from_secs(4));
    room.until(|state| state.turns == [2, 1]).await;
    room.settle().await;
    assert_eq!(room.turns(), [2, 1]);
    room.change(|state| state.shut.clear());
    room.until(|state| state.turns == [2, 1, 3]).await;
    worker.abort();
}
