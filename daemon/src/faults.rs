//! Named crash points. A [`Faults`] value is handed in where the daemon is composed; `cutoverd` always
//! hands in [`Faults::none`], so nothing outside the test harness can switch a crash on.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// What happens when a point is passed: the returned future may never end, or end the process.
pub type Hook = Arc<dyn Fn(&'static str) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// Passed through every place where a crash must be survivable.
#[derive(Clone, Default)]
pub struct Faults(Option<Hook>);

impl Faults {
    /// No faults: every point is passed at no cost.
    pub fn none() -> Self {
        Self(None)
    }

    /// Calls `hook` at every point.
    pub fn with(hook: Hook) -> Self {
        Self(Some(hook))
    }

    /// Passes the named point.
    pub async fn point(&self, name: &'static str) {
        if let Some(hook) = &self.0 {
            hook(name).await;
        }
    }
}

impl std::fmt::Debug for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Faults(armed)" } else { "Faults(none)" })
    }
}

/// A process that dies at a crash point is a runtime that is dropped there: nothing in memory survives, and nothing after the
/// point happens. Real processes are killed in the end-to-end tests.
#[cfg(test)]
pub(crate) mod crash {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::{Arc, Faults, Future};

    /// The runtime of one life.
    pub(crate) fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
    }

    /// Lives until it dies at the `nth` pass of `point`, or has done its work; whether it died.
    pub(crate) fn live_until<F: Future<Output = ()>>(
        point: &'static str,
        nth: usize,
        life: impl FnOnce(Faults) -> F,
    ) -> bool {
        let runtime = runtime();
        let died = runtime.block_on(async {
            let (faults, dead) = dies_at(point, nth);
            tokio::select! {
                () = dead.notified() => true,
                () = life(faults) => false,
            }
        });
        runtime.shutdown_background();
        died
    }

    /// Faults that stop for ever at the `nth` pass of `point`, and tell.
    fn dies_at(point: &'static str, nth: usize) -> (Faults, Arc<Notify>) {
        let (passed, dead) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let told = dead.clone();
        let faults = Faults::with(Arc::new(move |name| {
            let hit = name == point && passed.fetch_add(1, Ordering::SeqCst) + 1 == nth;
            let told = told.clone();
            Box::pin(async move {
                if hit {
                    told.notify_one();
                    std::future::pending::<()>().await;
                }
            })
        }));
        (faults, dead)
    }
}
