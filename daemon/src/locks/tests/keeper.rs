use super::*;

/// Moves the clock in small steps, so that whoever waits gets its turn, until `until` holds.
async fn pass(clock: &Clock, most: Duration, mut until: impl FnMut() -> bool) -> bool {
    let step = Duration::from_millis(500);
    let mut passed = Duration::ZERO;
    while passed < most {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        if until() {
            return true;
        }
        clock.advance(step);
        passed += step;
    }
    until()
}

/// The renewing task works through the store, which answers by real time; what moves the clock waits for it.
async fn settle(locks: &LockService, keeper: &Keeper, ends: Duration) {
    while locks.ends(keeper.proof()) != Some(ends) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_kept_lock_outlasts_its_time_and_is_free_once_it_is_given_back() {
    let house = House::new().await;
    let locks = house.process(0, Arbiters::REDIS, OnPartition::FailFast);
    let keeper = Keeper::take(locks.clone(), house.clock.clone(), &name(), "a", TTL).await.unwrap();
    for _ in 0..6 {
        // Two fifths and a bit: the latest moment of a renewal.
        house.clock.advance(TTL * 41 / 100);
        settle(&locks, &keeper, house.clock.monotonic() + TTL).await;
    }
    assert!(!keeper.lost().is_cancelled());
    assert!(is_busy(&locks.acquire(&name(), "b", TTL).await));
    let lost = keeper.lost();
    keeper.release().await.unwrap();
    assert!(lost.is_cancelled(), "whoever still looks sees that it is over");
    locks.acquire(&name(), "b", TTL).await.unwrap();
}

#[tokio::test]
async fn a_holder_that_is_cut_off_is_told_before_another_can_have_it() {
    let house = House::new().await;
    let locks = house.process(0, Arbiters::REDIS, OnPartition::FailFast);
    let other = house.process(1, Arbiters::REDIS, OnPartition::FailFast);
    let keeper = Keeper::take(locks, house.clock.clone(), &name(), "a", TTL).await.unwrap();
    let (lost, began) = (keeper.lost(), house.clock.monotonic());
    house.cut(0, true);
    assert!(pass(&house.clock, TTL * 2, || lost.is_cancelled()).await);
    let after = house.clock.monotonic() - began;
    assert!(after < TTL && after >= TTL * 4 / 5, "told after {after:?} of {TTL:?}");
    assert!(is_busy(&other.acquire(&name(), "b", TTL).await), "not yet");
}

#[tokio::test]
async fn a_holder_whose_lock_was_taken_is_told_at_the_next_renewal() {
    let house = House::new().await;
    let locks = house.process(0, Arbiters::NONE, OnPartition::FailFast);
    let keeper = Keeper::take(locks.clone(), house.clock.clone(), &name(), "a", TTL).await.unwrap();
    // The wall clock jumps: for everybody else the lock is over.
    house.clock.jump_wall(house.clock.now() + 60_000);
    locks.acquire(&name(), "b", TTL).await.unwrap();
    let lost = keeper.lost();
    assert!(pass(&house.clock, TTL / 2, || lost.is_cancelled()).await);
    let out = keeper.during(std::future::pending::<()>()).await;
    assert_eq!(out, None);
}

#[tokio::test]
async fn work_that_ends_gives_the_lock_back() {
    let house = House::new().await;
    let locks = house.process(0, Arbiters::MEMORY, OnPartition::FailFast);
    let keeper = Keeper::take(locks.clone(), house.clock.clone(), &name(), "a", TTL).await.unwrap();
    assert_eq!(keeper.during(async { 7 }).await, Some(7));
    let again = Keeper::take(locks.clone(), house.clock.clone(), &name(), "a", TTL).await.unwrap();
    drop(again);
    assert!(is_busy(&locks.acquire(&name(), "a", TTL).await), "a dropped one expires by itself");
    house.clock.advance(TTL);
    locks.acquire(&name(), "a", TTL).await.unwrap();
}
