//! Stops every run from memory, without asking the store. The kill switch pulls it first.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Shared by the kill switch and every run. Pulled is the answer in every doubt.
///
/// The number is odd while it is pulled, and every pull changes it: a release names the pull that it answers, so that
/// it can never undo a later one.
#[derive(Clone, Debug)]
pub struct Brake(Arc<AtomicU64>);

/// Names the newest pull at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pull(u64);

impl Brake {
    /// A brake that is pulled until marker and store have been read.
    pub fn pulled() -> Self {
        Self(Arc::new(AtomicU64::new(1)))
    }

    /// Stops everything from the next chunk on.
    pub fn pull(&self) {
        // An odd number stays odd; the closure always answers, so that this can't fail.
        let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| Some(n + 1 + n % 2));
    }

    /// The newest pull, or none while runs may move.
    pub fn newest(&self) -> Option<Pull> {
        let n = self.0.load(Ordering::SeqCst);
        (n % 2 == 1).then_some(Pull(n))
    }

    /// Lets runs move again, unless somebody pulled since; the store must hold the truth by then.
    pub fn release(&self, pull: Pull) -> bool {
        self.0.compare_exchange(pull.0, pull.0 + 1, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    /// Whether runs must stand.
    pub fn is_pulled(&self) -> bool {
        self.newest().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_answers_one_pull_and_no_later_one() {
        let brake = Brake::pulled();
        let first = brake.newest().unwrap();
        brake.pull();
        assert!(!brake.release(first));
        assert!(brake.is_pulled());
        assert!(brake.release(brake.newest().unwrap()));
        assert_eq!(brake.newest(), None);
        brake.pull();
        assert!(brake.is_pulled());
    }
}
