//! What is said of the locks.

use cutover_shared::status::{Check, Health};

use crate::clock::Millis;
use crate::locks::{Arbiters, LockReport, OnPartition, RedisReport};

pub(super) fn check(report: &LockReport, now: Millis) -> Check {
    let who = match report.arbiters {
        Arbiters::MEMORY => "this process decides",
        Arbiters::NONE => "the store decides",
        Arbiters::REDIS => "Redis decides",
        _ => "memory and Redis decide together, as long as locks are handed over",
    };
    let (health, state, mend) = match &report.redis {
        Some(RedisReport::Failing { since, cause }) => {
            let seconds = now.saturating_sub(*since) / 1_000;
            let instead = match (report.arbiters.redis, report.on_partition) {
                (false, _) => "it is not asked for locks yet",
                (true, OnPartition::FailFast) => "nobody gets a lock",
                (true, OnPartition::FallBack) => "degraded: the store gives the locks",
            };
            let health = match (report.arbiters.redis, report.on_partition) {
                (true, OnPartition::FailFast) => Health::Bad,
                _ => Health::Warning,
            };
            let state = format!("; Redis does not answer for {seconds} s ({cause}): {instead}");
            (health, state, "check locks.redis_url, the server and the network; it is asked again by itself")
        }
        Some(RedisReport::NotAsked) => (Health::Ok, "; Redis was not asked yet".to_owned(), ""),
        Some(RedisReport::Answers) => (Health::Ok, "; Redis answers".to_owned(), ""),
        None => (Health::Ok, String::new(), ""),
    };
    let text = format!("{who}{state}; {} held here", report.out);
    Check { name: "locks".to_owned(), health, text, mend: mend.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_bad_where_nobody_gets_a_lock_and_a_warning_where_the_store_stands_in() {
        let report = |arbiters, on_partition| LockReport {
            arbiters,
            on_partition,
            redis: Some(RedisReport::Failing { since: 1_000, cause: "refused".into() }),
            degraded_since: None,
            out: 2,
        };
        let found = |arbiters, on_partition| check(&report(arbiters, on_partition), 61_000);
        let fast = found(Arbiters::REDIS, OnPartition::FailFast);
        assert_eq!(
            (fast.health, fast.text.as_str()),
            (
                Health::Bad,
                "Redis decides; Redis does not answer for 60 s (refused): nobody gets a lock; 2 held here"
            )
        );
        let back = found(Arbiters::BOTH, OnPartition::FallBack);
        assert!(back.health == Health::Warning && back.text.contains("degraded: the store"), "{}", back.text);
        assert_eq!(found(Arbiters::MEMORY, OnPartition::FailFast).health, Health::Warning);
        let memory = LockReport { redis: None, ..report(Arbiters::MEMORY, OnPartition::FailFast) };
        let fine = check(&memory, 0);
        assert_eq!((fine.health, fine.text.as_str()), (Health::Ok, "this process decides; 2 held here"));
        assert!(fine.mend.is_empty() && !back.mend.is_empty());
    }
}
