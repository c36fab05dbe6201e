//! Tenants' own databases (D1-D6): which migrations there are, where each tenant's database is, and bringing the one to the other,
//! in waves, with a way back.

pub mod book;
pub mod chain;
pub mod credential;
pub mod driver;
pub mod drivers;
pub mod error;
mod found;
mod halt;
pub mod instance;
mod item;
pub mod kind;
pub mod limit;
pub mod live;
pub mod migration;
mod observe;
mod planner;
mod reading;
pub mod registry;
mod runner;
pub mod schema;
pub mod settings;
mod text;
mod view;
pub mod wave;

use std::sync::Arc;

use self::drivers::application::ApplicationList;
use crate::run::Engine;

/// The fleet, as doors see it. Cheap to clone.
#[derive(Clone)]
pub struct Fleet {
    pub(crate) inner: Arc<kind::Inner>,
    engine: Engine,
    reader: Arc<reading::Reader>,
}

impl Fleet {
    /// The application's list of its tenants' databases, where one is configured.
    pub fn application(&self) -> Option<&ApplicationList> {
        self.inner.application.as_ref()
    }

    /// Over what its kind of run works with.
    pub fn new(inner: Arc<kind::Inner>, engine: Engine) -> Self {
        Self { inner, engine, reader: Arc::default() }
    }
}

#[cfg(test)]
mod tests;
