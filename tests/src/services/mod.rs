//! Real services for tests, private to one test process and gone with it.

mod postgres;

pub use self::postgres::{Database, PASSWORD, Postgres, PostgresError};
