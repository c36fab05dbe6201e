//! Makes the configured locks.

use std::sync::Arc;

use super::Failure;
use crate::clock::Clock;
use crate::config::{self, Config, LockBackend, LockPhase};
use crate::doors::http::RedisCheck;
use crate::locks::{Arbiter, Arbiters, LockService, LockSettings, OnPartition, RedisArbiter, RedisReport};
use crate::store::Db;

/// Who has to agree, as the configuration says.
fn arbiters(config: &config::Locks) -> Arbiters {
    match (&config.backend, config.phase) {
        (LockBackend::Memory, _) | (LockBackend::Redis(_), LockPhase::Memory) => Arbiters::MEMORY,
        (LockBackend::Database, _) => Arbiters::NONE,
        (LockBackend::Redis(_), LockPhase::Both) => Arbiters::BOTH,
        (LockBackend::Redis(_), LockPhase::Redis) => Arbiters::REDIS,
    }
}

pub(super) fn build(config: &Config, db: &Db, clock: &Clock) -> Result<Arc<LockService>, Failure> {
    let set = &config.locks;
    let redis: Option<Arc<dyn Arbiter>> = match &set.backend {
        LockBackend::Redis(url) => Some(Arc::new(RedisArbiter::new(url, clock.clone(), set.redis_timeout)?)),
        LockBackend::Memory | LockBackend::Database => None,
    };
    let on_partition = match set.on_partition {
        config::OnPartition::FailFast => OnPartition::FailFast,
        config::OnPartition::FallBack => OnPartition::FallBack,
    };
    let settings = LockSettings { arbiters: arbiters(set), on_partition };
    Ok(LockService::new(db.clone(), clock.clone(), redis, settings)?)
}

/// Goes on with the phase that the configuration has now. Everything else about locks needs a restart.
pub(super) async fn reload(locks: &LockService, now: &config::Locks) {
    let next = arbiters(now);
    let report = locks.report();
    if report.arbiters == next || report.redis.is_none() || !matches!(now.backend, LockBackend::Redis(_)) {
        return;
    }
    match locks.switch(next).await {
        Ok(()) => {}
        Err(error) => tracing::error!(%error, "the phase of the locks stays; SIGHUP tries again"),
    }
}

/// What health says of Redis.
pub(super) fn redis_check(locks: &LockService) -> RedisCheck {
    match locks.report().redis {
        None => RedisCheck::NotConfigured,
        Some(RedisReport::NotAsked) => RedisCheck::NotAsked,
        Some(RedisReport::Answers) => RedisCheck::Answers,
        Some(RedisReport::Failing { .. }) => RedisCheck::Unreachable,
    }
}

/// As the holder of a lock is shown: program, process and machine.
pub(super) fn holder() -> String {
    let host = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    format!("cutoverd-{}@{}", std::process::id(), host.as_deref().unwrap_or("unknown"))
}
