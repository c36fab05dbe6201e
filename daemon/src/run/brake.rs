//! Stops every run from memory, without asking the store. The kill switch pulls it first.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Shared by the kill switch and every run. Pulled is the answer in every doubt.
#[derive(Clone, Debug)]
pub struct Brake(Arc<AtomicBool>);

impl Brake {
    /// A brake that is pulled until marker and store have been read.
    pub fn pulled() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }

    /// Stops everything from the next chunk on.
    pub fn pull(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Lets runs move again; the store must hold the truth by then.
    pub fn release(&self) {
        self.0.store(false, Ordering::SeqCst);
    }

    /// Whether runs must stand.
    pub fn is_pulled(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
