use super::*;
use crate::store::{Lane, Unit, WriteError};

const ALL: [Arbiters; 4] = [Arbiters::MEMORY, Arbiters::NONE, Arbiters::REDIS, Arbiters::BOTH];

async fn guarded(db: &Db, proof: &LockProof) -> Result<(), WriteError> {
    db.write(Lane::Run, Unit::new().with(proof.demand())).await
}

#[tokio::test]
async fn one_holder_at_a_time_and_each_fence_is_higher_whoever_decides() {
    for by in ALL {
        let house = House::new().await;
        let locks = house.process(0, by, OnPartition::FailFast);
        let mut last = 0;
        for _ in 0..3 {
            let held = locks.acquire(&name(), "a", TTL).await.unwrap();
            assert!(held.fence() > last, "{by:?}");
            last = held.fence();
            assert!(is_busy(&locks.acquire(&name(), "a", TTL).await), "{by:?}: not re-entrant");
            let other = locks.acquire(&LockName::new("other").unwrap(), "a", TTL).await.unwrap();
            let seen = locks.inspect(&name()).await.unwrap();
            assert_eq!((seen.fence, seen.held.unwrap().2), (last, by));
            locks.release(other).await.unwrap();
            locks.release(held).await.unwrap();
            assert_eq!(locks.inspect(&name()).await.unwrap().held, None);
        }
    }
}

#[tokio::test]
async fn whoever_was_paused_past_its_time_writes_nothing_any_more() {
    for by in ALL {
        let house = House::new().await;
        let locks = house.process(0, by, OnPartition::FailFast);
        let mut paused = locks.acquire(&name(), "a", TTL).await.unwrap();
        guarded(&house.db, &paused.proof()).await.unwrap();
        house.clock.advance(TTL - Duration::from_millis(1));
        assert!(is_busy(&locks.acquire(&name(), "b", TTL).await), "{by:?}");
        house.clock.advance(Duration::from_millis(1));
        let next = locks.acquire(&name(), "b", TTL).await.unwrap();
        assert!(next.fence() > paused.fence());
        let refused = guarded(&house.db, &paused.proof()).await;
        assert!(matches!(refused, Err(WriteError::Precondition { .. })), "{by:?}: {refused:?}");
        guarded(&house.db, &next.proof()).await.unwrap();
        assert_eq!(locks.renew(&mut paused).await, Err(LockError::Lost));
        locks.release(paused).await.unwrap();
        assert!(is_busy(&locks.acquire(&name(), "c", TTL).await), "{by:?}: another's release frees nothing");
    }
}

#[tokio::test]
async fn a_renewed_lock_lasts_and_an_expired_one_is_not_brought_back() {
    for by in ALL {
        let house = House::new().await;
        let locks = house.process(0, by, OnPartition::FailFast);
        let mut held = locks.acquire(&name(), "a", TTL).await.unwrap();
        for _ in 0..3 {
            house.clock.advance(TTL * 2 / 3);
            locks.renew(&mut held).await.unwrap();
            assert_eq!(held.ends(), house.clock.monotonic() + TTL);
        }
        assert!(is_busy(&locks.acquire(&name(), "b", TTL).await));
        house.clock.advance(TTL);
        assert_eq!(locks.renew(&mut held).await, Err(LockError::Lost), "{by:?}");
    }
}

#[tokio::test]
async fn a_server_that_forgot_goes_on_above_what_the_store_has_seen() {
    let mut house = House::new().await;
    let locks = house.process(0, Arbiters::REDIS, OnPartition::FailFast);
    let mut held = locks.acquire(&name(), "a", TTL).await.unwrap();
    house.server = Arc::new(Memory::new(house.clock.clone()));
    let other = house.process(1, Arbiters::REDIS, OnPartition::FailFast);
    let next = other.acquire(&name(), "b", TTL).await.unwrap();
    assert!(next.fence() > held.fence());
    guarded(&house.db, &next.proof()).await.unwrap();
    assert!(guarded(&house.db, &held.proof()).await.is_err());
    assert_eq!(locks.renew(&mut held).await, Err(LockError::Lost), "the row has another fence");
}

#[tokio::test]
async fn a_hand_over_leaves_no_moment_with_two_holders() {
    let house = House::new().await;
    let one = house.process(0, Arbiters::MEMORY, OnPartition::FailFast);
    let two = house.process(1, Arbiters::REDIS, OnPartition::FailFast);
    let held = one.acquire(&name(), "a", TTL).await.unwrap();
    assert!(is_busy(&two.acquire(&name(), "b", TTL).await), "the store keeps out who asks only Redis");
    assert_eq!(one.switch(Arbiters::REDIS).await, Err(LockError::Switch { out: 1 }));
    one.switch(Arbiters::BOTH).await.unwrap();
    assert!(is_busy(&one.acquire(&name(), "a", TTL).await), "what was taken in memory still counts");
    assert_eq!(one.switch(Arbiters::REDIS).await, Err(LockError::Switch { out: 1 }));
    let first = held.fence();
    one.release(held).await.unwrap();
    let both = one.acquire(&name(), "a", TTL).await.unwrap();
    assert_eq!((both.by(), both.grants.len()), (Arbiters::BOTH, 2));
    assert!(is_busy(&two.acquire(&name(), "b", TTL).await));
    one.switch(Arbiters::REDIS).await.unwrap();
    assert!(is_busy(&one.acquire(&name(), "a", TTL).await));
    let second = both.fence();
    one.release(both).await.unwrap();
    let third = two.acquire(&name(), "b", TTL).await.unwrap().fence();
    assert!(first < second && second < third);
    house.clock.advance(TTL);
    let fourth = one.acquire(&name(), "a", TTL).await.unwrap();
    assert!(fourth.fence() > third && fourth.by() == Arbiters::REDIS);
}

#[tokio::test]
async fn who_holds_both_gives_both_back_when_the_second_refuses() {
    let house = House::new().await;
    let one = house.process(0, Arbiters::BOTH, OnPartition::FailFast);
    let two = house.process(1, Arbiters::REDIS, OnPartition::FailFast);
    let held = two.acquire(&name(), "b", TTL).await.unwrap();
    assert!(is_busy(&one.acquire(&name(), "a", TTL).await));
    two.release(held).await.unwrap();
    one.acquire(&name(), "a", TTL).await.unwrap();
}

#[tokio::test]
async fn without_redis_nobody_gets_a_lock_where_that_is_the_answer() {
    let house = House::new().await;
    let locks = house.process(0, Arbiters::REDIS, OnPartition::FailFast);
    house.cut(0, true);
    let refused = locks.acquire(&name(), "a", TTL).await;
    assert!(matches!(refused, Err(LockError::Unavailable { party: Party::Redis, .. })), "{refused:?}");
    let report = locks.report();
    assert_eq!(report.degraded_since, None);
    assert!(matches!(report.redis, Some(RedisReport::Failing { since: 1_000_000, .. })), "{report:?}");
    house.cut(0, false);
    assert!(locks.acquire(&name(), "a", TTL).await.is_err(), "it is not asked at each call");
    house.clock.advance(Duration::from_secs(2));
    locks.acquire(&name(), "a", TTL).await.unwrap();
    assert_eq!(locks.report().redis, Some(RedisReport::Answers));
}

#[tokio::test]
async fn the_store_stands_in_for_redis_and_gives_way_again() {
    let house = House::new().await;
    let one = house.process(0, Arbiters::REDIS, OnPartition::FallBack);
    let two = house.process(1, Arbiters::REDIS, OnPartition::FallBack);
    let by_redis = two.acquire(&name(), "b", TTL).await.unwrap();
    house.cut(0, true);
    assert!(is_busy(&one.acquire(&name(), "a", TTL).await), "the one with Redis still has it");
    assert_eq!(one.report().degraded_since, Some(1_000_000));
    house.clock.advance(TTL);
    let by_store = one.acquire(&name(), "a", TTL).await.unwrap();
    assert!(by_store.fence() > by_redis.fence() && by_store.by() == Arbiters::NONE);
    assert!(guarded(&house.db, &by_redis.proof()).await.is_err());
    assert!(is_busy(&two.acquire(&name(), "b", TTL).await), "Redis would give it; the store does not");
    house.cut(0, false);
    house.clock.advance(Duration::from_secs(2));
    assert!(is_busy(&one.acquire(&name(), "a", TTL).await), "not before the store's lock is given back");
    let fence = by_store.fence();
    one.release(by_store).await.unwrap();
    let again = one.acquire(&name(), "a", TTL).await.unwrap();
    assert!(again.fence() > fence && again.by() == Arbiters::REDIS);
    assert_eq!(one.report().degraded_since, None);
}

#[tokio::test]
async fn a_store_that_is_gone_is_said_and_nothing_stays_held() {
    let house = House::new().await;
    let locks = house.process(0, Arbiters::BOTH, OnPartition::FallBack);
    house.db.close().await;
    let refused = locks.acquire(&name(), "a", TTL).await;
    assert!(matches!(refused, Err(LockError::Unavailable { party: Party::Store, .. })), "{refused:?}");
    assert_eq!(locks.report().out, 0);
}

#[tokio::test]
async fn a_start_ends_what_a_crash_left_and_names_and_times_have_bounds() {
    let house = House::new().await;
    let before = house.process(0, Arbiters::MEMORY, OnPartition::FailFast);
    let held = before.acquire(&name(), "a", TTL).await.unwrap();
    let after = house.process(0, Arbiters::MEMORY, OnPartition::FailFast);
    assert!(is_busy(&after.acquire(&name(), "a", TTL).await));
    after.take_up().await.unwrap();
    assert!(after.acquire(&name(), "a", TTL).await.unwrap().fence() > held.fence());
    for bad in ["", "A", "a b", "a}", "ä", &"a".repeat(101)] {
        assert_eq!(LockName::new(bad), Err(LockError::Name));
    }
    for ttl in [Duration::ZERO, LONGEST_TTL + Duration::from_millis(1)] {
        assert_eq!(after.acquire(&name(), "a", ttl).await.err(), Some(LockError::Ttl));
    }
}
