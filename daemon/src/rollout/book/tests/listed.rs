//! Ways back with a list by name, and what was so at an earlier moment.

use super::*;
use crate::store::NewChange;

const TENANTS: usize = 400;

impl Life {
    async fn listed(&self, house: &House, first: u32, then: u32) -> BTreeSet<String> {
        self.tenants(TENANTS).await;
        self.to(house, "shadow").await;
        self.forward(house, Some(first)).await;
        self.forward(house, Some(then)).await;
        let inside = self.going(TENANTS);
        assert_eq!(inside.len(), usize::try_from(then).unwrap());
        inside
    }

    async fn why(&self, at: i64) -> (Side, Why) {
        let decision =
            self.rollouts.explain(&"tenant-0001".into(), Operation::Import, Some(at)).await.unwrap();
        (decision.side, decision.why)
    }
}

fn share(word: &str) -> Way {
    Way::Stage(Some(word.parse().unwrap()))
}

#[tokio::test]
async fn a_way_back_to_a_share_lets_nobody_in_who_was_not_on_the_list() {
    let house = House::new();
    let life = house.life().await;
    let before = life.listed(&house, 7, 300).await;
    life.back(share("canary-10")).await.unwrap();
    let inside = life.going(TENANTS);
    let bucketing = crate::rollout::bucket::Bucketing::new(1, AUTH.word()).unwrap();
    let limited: BTreeSet<_> = before.iter().filter(|name| bucketing.bucket(name) < 1_000).cloned().collect();
    assert!(inside == limited && inside.len() > 7, "{} are in", inside.len());
    let (_, state) = life.rollouts.state(AUTH).unwrap();
    assert_eq!(state.exact(), Some(u64::try_from(inside.len()).unwrap()));
    assert_eq!(life.side("tenant-that-came-later").1, Why::Roster);
    // It outlives a restart, and the way forward moves nobody back.
    life.db.close().await;
    let again = house.life().await;
    assert_eq!(again.going(TENANTS), inside);
    again.forward(&house, None).await;
    assert!(again.going(TENANTS).is_superset(&inside));
}

#[tokio::test]
async fn so_it_is_in_memory_and_by_the_marker_of_a_way_back_that_the_store_lacks() {
    let house = House::new();
    let life = house.life().await;
    let before = life.listed(&house, 5, 20).await;
    life.db.close().await;
    assert!(matches!(life.back(share("canary-10")).await, Err(RolloutError::Owed(_))));
    assert_eq!(life.going(TENANTS), before, "all twenty are among the first tenth, and nobody else is in");
    let again = house.life().await;
    assert_eq!((again.rollouts.owes(), again.going(TENANTS)), (0, before));
}

#[tokio::test]
async fn both_arms_are_written_since_they_began_to_be_whatever_way_back_was_gone_since() {
    let house = House::new();
    let life = house.life().await;
    life.forward(&house, None).await;
    let began = house.clock.now();
    life.to(&house, "canary-50").await;
    let since = || life.rollouts.state(AUTH).unwrap().1.both_since();
    life.back(share("dual-write")).await.unwrap();
    assert_eq!(since(), began, "a way back hides nothing of what was owed before");
    life.to(&house, "complete").await;
    house.clock.advance(std::time::Duration::from_secs(60));
    life.back(share("live")).await.unwrap();
    assert_eq!(since(), house.clock.now(), "legacy was not written in between");
    life.back(share("off")).await.unwrap();
    life.forward(&house, None).await;
    assert_eq!(since(), house.clock.now());
    // What an older version has stored says no more than when each stage was last reached.
    let (_, mut state) = life.rollouts.state(AUTH).unwrap();
    state.both_since = None;
    assert_eq!(state.both_since(), state.reached["complete"].max(state.reached["off"]));
}

#[tokio::test]
async fn what_held_in_memory_is_what_was_so_though_it_was_stored_later() {
    let house = House::new();
    let life = house.life().await;
    life.tenants(3).await;
    life.to(&house, "live").await;
    let minute = || house.clock.advance(std::time::Duration::from_secs(60));
    minute();
    let before = house.clock.now() - 1;
    life.db.close().await;
    assert!(matches!(life.back(share("shadow")).await, Err(RolloutError::Owed(_))));
    let back = house.clock.now();
    minute();
    assert!(matches!(life.back(Way::Kill).await, Err(RolloutError::Owed(_))));
    let kill = house.clock.now();
    minute();
    let again = house.life().await;
    let stored = again.rollouts.changes(AUTH, &PageAsk::first(1)).await.unwrap().rows[0].at;
    assert!(stored > kill, "it was stored later");
    assert_eq!(again.why(before).await, (Side::Target, Why::Everyone));
    assert_eq!(again.why(back).await, (Side::Legacy, Why::Stage));
    assert_eq!(again.why(kill).await, (Side::Legacy, Why::Killed));
    again.rollouts.unkill(AUTH, "mended", &ana()).await.unwrap();
    minute();
    assert_eq!(
        again.why(house.clock.now()).await,
        (Side::Legacy, Why::Stage),
        "what is stored says the rest"
    );
}

#[tokio::test]
async fn a_clock_that_was_set_back_hides_nothing_that_was_decided_since() {
    let house = House::new();
    let life = house.life().await;
    life.to(&house, "live").await;
    let (version, state) = life.rollouts.state(AUTH).unwrap();
    let flagged = State { off: [Operation::Import].into(), ..state };
    let change = NewChange {
        // An hour before the one that it follows.
        at: house.clock.now() - 3_600_000,
        by: "ana".to_owned(),
        act: "flag",
        from: Stage::Live,
        to: Stage::Live,
        reason: String::new(),
        detail: serde_json::Value::Null,
    };
    let body = serde_json::to_string(&flagged).unwrap();
    let put = RolloutOp::Put { name: AUTH, after: version, body, change: Box::new(change) };
    life.db.write(Lane::Handler, Unit::new().with(put)).await.unwrap();
    assert_eq!(life.why(house.clock.now()).await, (Side::Legacy, Why::FlagOff));
}
