//! Locks by a real Redis server: in a process of its own, frozen, crashed, and behind a way that is cut.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that can't go on has failed"
)]

use std::sync::Arc;
use std::time::Duration;

use cutover_daemon::clock::Clock;
use cutover_daemon::faults::Faults;
use cutover_daemon::locks::{
    Arbiter, Arbiters, Ask, Held, Keeper, LockError, LockName, LockService, LockSettings, Locks, OnPartition,
    Party, RedisArbiter, RedisReport,
};
use cutover_daemon::store::{Db, Lane, Unit, WriteError, open};
use cutover_tests::services::{Cut, REDIS_PASSWORD, Redis};
use secrecy::SecretString;

const TTL: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(400);
const PATIENCE: Duration = Duration::from_millis(300);

/// A Redis that did not answer is asked again after 2 s, and never before.
const ASKED_AGAIN: Duration = Duration::from_secs(2);

/// A condition that does not come is a failure, not a hang.
const LONG: Duration = Duration::from_secs(30);

struct World {
    redis: Redis,
    db: Db,
    clock: Clock,
    _dir: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = open(&format!("sqlite:{}/cutover.db", dir.path().display()), Faults::none()).await.unwrap();
        let redis = Redis::start().await.unwrap_or_else(|error| panic!("{error}"));
        Self { redis, db, clock: Clock::system(), _dir: dir }
    }

    fn arbiter(&self, url: &str) -> Arc<RedisArbiter> {
        Arc::new(RedisArbiter::new(&SecretString::from(url), self.clock.clone(), PATIENCE).unwrap())
    }

    fn locks(&self, url: &str, arbiters: Arbiters, on_partition: OnPartition) -> Arc<LockService> {
        let settings = LockSettings { arbiters, on_partition };
        LockService::new(self.db.clone(), self.clock.clone(), Some(self.arbiter(url)), settings).unwrap()
    }

    async fn write(&self, held: &Held) -> Result<(), WriteError> {
        self.db.write(Lane::Run, Unit::new().with(held.proof().demand())).await
    }

    /// Asks until it is given: again when the time of whoever has it is over, or when Redis is asked again.
    async fn until_given(&self, locks: &LockService, ttl: Duration) -> Held {
        let asking = async {
            loop {
                match locks.acquire(&name(), "b", ttl).await {
                    Ok(held) => return held,
                    Err(LockError::Busy { until: Some(until), .. }) => {
                        let left = u64::try_from(until - self.clock.now()).unwrap_or(0);
                        self.clock.sleep(Duration::from_millis(left.saturating_add(1))).await;
                    }
                    Err(_) => self.clock.sleep(ASKED_AGAIN).await,
                }
            }
        };
        self.clock.timeout(LONG, asking).await.expect("it is given some time")
    }
}

fn name() -> LockName {
    LockName::new("sweep:github.com").unwrap()
}

fn is_busy<T>(answer: &Result<T, LockError>) -> bool {
    matches!(answer, Err(LockError::Busy { .. }))
}

fn is_out<T>(answer: &Result<T, LockError>) -> bool {
    matches!(answer, Err(LockError::Unavailable { party: Party::Redis, .. }))
}

#[tokio::test]
async fn the_servers_clock_ends_a_lock_and_a_paused_holders_write_is_refused() {
    let world = World::new().await;
    let url = world.redis.url();
    let [one, two] = [0; 2].map(|_| world.locks(&url, Arbiters::REDIS, OnPartition::FailFast));
    let mut paused = one.acquire(&name(), "a", SHORT).await.unwrap();
    world.write(&paused).await.unwrap();
    let refused = two.acquire(&name(), "b", SHORT).await;
    assert!(matches!(&refused, Err(LockError::Busy { holder, until: Some(_) }) if holder.starts_with("a#")));
    let next = world.until_given(&two, TTL).await;
    assert!(next.fence() > paused.fence());
    assert!(world.clock.monotonic() >= paused.ends(), "not before its time is over");
    assert!(matches!(world.write(&paused).await, Err(WriteError::Precondition { .. })));
    world.write(&next).await.unwrap();
    assert_eq!(one.renew(&mut paused).await, Err(LockError::Lost));
    one.release(paused).await.unwrap();
    assert!(is_busy(&one.acquire(&name(), "a", TTL).await), "the late release freed nothing");
    two.release(next).await.unwrap();
    one.acquire(&name(), "a", TTL).await.unwrap();
}

#[tokio::test]
async fn of_many_that_ask_at_once_one_has_it_and_each_next_fence_is_higher() {
    let world = World::new().await;
    let url = world.redis.url();
    let services: Vec<_> =
        (0..8).map(|_| world.locks(&url, Arbiters::REDIS, OnPartition::FailFast)).collect();
    let mut last = 0;
    for _ in 0..20 {
        let lock = name();
        let asked = services.iter().map(|locks| locks.acquire(&lock, "p", TTL));
        let answers = futures::future::join_all(asked).await;
        let mut given: Vec<Held> = answers.into_iter().filter_map(Result::ok).collect();
        // Two may give way to each other; two can't both have it.
        assert!(given.len() <= 1, "{given:?}");
        if let Some(held) = given.pop() {
            assert!(held.fence() > last);
            last = held.fence();
            services[0].release(held).await.unwrap();
        }
    }
    assert!(last > 10, "only {last}");
}

#[tokio::test]
async fn the_same_ask_twice_is_one_grant_and_the_fence_outlives_the_key() {
    let world = World::new().await;
    let arbiter = world.arbiter(&world.redis.url());
    let lock = name();
    let ask = |holder, above, ttl| Ask { name: &lock, holder, ttl, above };
    let first = arbiter.grant(ask("a#1", 0, TTL)).await.unwrap();
    assert_eq!(arbiter.grant(ask("a#1", 0, TTL)).await.unwrap(), first, "an answer that got lost");
    assert!(is_busy(&arbiter.grant(ask("1", 0, TTL)).await), "a name that ends alike is another's");
    arbiter.free(&lock, &first).await.unwrap();
    let second = arbiter.grant(ask("b#2", 0, SHORT)).await.unwrap();
    world.clock.sleep(SHORT + SHORT / 8).await;
    assert_eq!(arbiter.extend(&lock, &second, TTL).await, Err(LockError::Lost));
    let third = arbiter.grant(ask("c#3", 0, TTL)).await.unwrap();
    assert_eq!((first.fence, second.fence, third.fence), (1, 2, 3));
    arbiter.free(&lock, &third).await.unwrap();
    let above = arbiter.grant(ask("d#4", (1 << 53) - 3, TTL)).await.unwrap();
    assert_eq!(above.fence, (1 << 53) - 2, "to the last digit");
}

#[tokio::test]
async fn a_server_that_lost_everything_gives_no_fence_again() {
    let world = World::new().await;
    let url = world.redis.url();
    let locks = world.locks(&url, Arbiters::REDIS, OnPartition::FailFast);
    let held = locks.acquire(&name(), "a", TTL).await.unwrap();
    world.redis.crash();
    assert!(is_out(&locks.acquire(&LockName::new("other").unwrap(), "a", TTL).await));
    world.redis.start_again().await.unwrap();
    let next = world.until_given(&world.locks(&url, Arbiters::REDIS, OnPartition::FailFast), TTL).await;
    assert!(next.fence() > held.fence());
    assert!(world.write(&held).await.is_err());
    world.write(&next).await.unwrap();
}

#[tokio::test]
async fn a_cut_is_answered_in_time_and_a_keeper_tells_before_the_time_is_over() {
    let world = World::new().await;
    let cut = Cut::before(&world.redis).await.unwrap();
    let near = world.locks(&world.redis.url_at(cut.port()), Arbiters::REDIS, OnPartition::FailFast);
    let far = world.locks(&world.redis.url(), Arbiters::REDIS, OnPartition::FailFast);
    let ttl = Duration::from_secs(3);
    let held = near.acquire(&name(), "a", ttl).await.unwrap();
    let began = world.clock.monotonic();
    let keeper = Keeper::of(near.clone(), world.clock.clone(), held);
    cut.set(true);
    let asked = world.clock.monotonic();
    assert!(is_out(&near.acquire(&LockName::new("other").unwrap(), "a", ttl).await));
    let took = world.clock.monotonic() - asked;
    assert!(took < PATIENCE * 2 + Duration::from_secs(1), "{took:?}");
    assert!(matches!(near.report().redis, Some(RedisReport::Failing { .. })));
    world.clock.timeout(LONG, keeper.lost().cancelled()).await.unwrap();
    let told = world.clock.monotonic() - began;
    assert!(told < ttl, "told after {told:?} of {ttl:?}");
    assert!(is_busy(&far.acquire(&name(), "b", ttl).await), "nobody else has it before");
    world.until_given(&far, ttl).await;
    cut.set(false);
    let watching = tokio::spawn(near.clone().watch());
    let again = world.until_given(&near, ttl).await;
    assert_eq!(near.report().redis, Some(RedisReport::Answers));
    near.release(again).await.unwrap();
    watching.abort();
}

#[tokio::test]
async fn cut_off_the_store_gives_the_lock_and_redis_again_once_it_is_given_back() {
    let world = World::new().await;
    let cut = Cut::before(&world.redis).await.unwrap();
    let near = world.locks(&world.redis.url_at(cut.port()), Arbiters::REDIS, OnPartition::FallBack);
    let far = world.locks(&world.redis.url(), Arbiters::REDIS, OnPartition::FallBack);
    let by_redis = far.acquire(&name(), "b", Duration::from_secs(2)).await.unwrap();
    cut.set(true);
    assert!(is_busy(&near.acquire(&name(), "a", TTL).await), "who has it by Redis still has it");
    assert!(near.report().degraded_since.is_some());
    let by_store = world.until_given(&near, TTL).await;
    assert!(by_store.by() == Arbiters::NONE && by_store.fence() > by_redis.fence());
    assert!(world.clock.monotonic() >= by_redis.ends());
    assert!(world.write(&by_redis).await.is_err());
    world.write(&by_store).await.unwrap();
    assert!(is_busy(&far.acquire(&name(), "b", TTL).await), "Redis would give it");
    cut.set(false);
    let fence = by_store.fence();
    near.release(by_store).await.unwrap();
    let again = async {
        loop {
            let held = world.until_given(&near, TTL).await;
            if held.by() == Arbiters::REDIS {
                return held;
            }
            near.release(held).await.unwrap();
            world.clock.sleep(ASKED_AGAIN).await;
        }
    };
    let held = world.clock.timeout(LONG, again).await.unwrap();
    assert!(held.fence() > fence);
    assert_eq!(near.report().degraded_since, None);
}

#[tokio::test]
async fn a_server_that_hangs_is_no_answer_and_comes_back_with_its_locks() {
    let world = World::new().await;
    let locks = world.locks(&world.redis.url(), Arbiters::REDIS, OnPartition::FailFast);
    let mut held = locks.acquire(&name(), "a", TTL).await.unwrap();
    world.redis.freeze();
    assert!(is_out(&locks.renew(&mut held).await), "not answered is not lost");
    assert!(world.clock.monotonic() < held.ends());
    world.redis.thaw();
    let renewed = async {
        while locks.renew(&mut held).await.is_err() {
            world.clock.sleep(ASKED_AGAIN).await;
        }
    };
    world.clock.timeout(LONG, renewed).await.unwrap();
    world.write(&held).await.unwrap();
}

#[tokio::test]
async fn a_hand_over_to_a_real_server_goes_by_both() {
    let world = World::new().await;
    let locks = world.locks(&world.redis.url(), Arbiters::MEMORY, OnPartition::FailFast);
    let other = world.locks(&world.redis.url(), Arbiters::REDIS, OnPartition::FailFast);
    let memory = locks.acquire(&name(), "a", TTL).await.unwrap();
    assert_eq!(locks.switch(Arbiters::REDIS).await, Err(LockError::Switch { out: 1 }));
    locks.switch(Arbiters::BOTH).await.unwrap();
    assert!(is_busy(&other.acquire(&name(), "b", TTL).await));
    let first = memory.fence();
    locks.release(memory).await.unwrap();
    let both = locks.acquire(&name(), "a", TTL).await.unwrap();
    assert!(is_busy(&other.acquire(&name(), "b", TTL).await));
    locks.switch(Arbiters::REDIS).await.unwrap();
    let second = both.fence();
    locks.release(both).await.unwrap();
    let third = other.acquire(&name(), "b", TTL).await.unwrap();
    assert!(first < second && second < third.fence());
}

#[tokio::test]
async fn a_wrong_password_is_said_without_the_password() {
    let world = World::new().await;
    let url = world.redis.url().replace(REDIS_PASSWORD, "planted-wrong-password");
    let locks = world.locks(&url, Arbiters::REDIS, OnPartition::FailFast);
    let answer = locks.acquire(&name(), "a", TTL).await;
    assert!(is_out(&answer), "{answer:?}");
    let said = format!("{answer:?} {:?}", locks.report());
    assert!(!said.contains("planted"), "{said}");
}
