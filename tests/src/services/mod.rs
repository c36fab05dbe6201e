//! Real services for tests, private to one test process and gone with it.

mod postgres;
mod redis;

pub use self::postgres::{Database, PASSWORD, Postgres, PostgresError};
pub use self::redis::{Cut, REDIS_PASSWORD, Redis, RedisError};
