//! Real services for tests, private to one test process and gone with it.

mod deployment;
mod postgres;
mod redis;

pub use self::deployment::{DEPLOY_KEY, Deployment, Fault, World};
pub use self::postgres::{Database, PASSWORD, Postgres, PostgresError};
pub use self::redis::{Cut, REDIS_PASSWORD, Redis, RedisError};
