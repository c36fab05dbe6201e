//! Tenants' databases: real PostgreSQL, real SQLite files, a stand-in for deployments.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "all of it is test code")]

mod application;
mod http;
mod killed;
mod one_database;
mod postgres;
mod postgres_parts;
mod schema;
mod sqlite;
mod world;
