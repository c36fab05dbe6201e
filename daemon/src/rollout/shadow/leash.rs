//! What a shadow is held by: it may go on as long as the rollout has it and its share of calls lasts.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cutover_shared::ids::TenantId;
use cutover_shared::rollout::Operation;

use super::{Asked, Inner};

/// How often the brake is looked at while a call hangs, in case nobody told that it was pulled.
const LOOK: Duration = Duration::from_millis(50);

/// Its holder may make no call any more. Whatever it answers then is not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the shadow may not go on")]
pub struct Halted;

/// Held by one shadow. Cheap to clone.
#[derive(Clone)]
pub struct Leash(Arc<Held>);

struct Held {
    inner: Arc<Inner>,
    operation: Operation,
    tenant: TenantId,
    began: Duration,
    halted: AtomicBool,
    /// The hour's calls were used up.
    spent: AtomicBool,
    marked: OnceLock<Duration>,
}

impl Leash {
    pub(super) fn new(inner: Arc<Inner>, asked: &Asked) -> Self {
        let began = inner.parts.clock.monotonic();
        Self(Arc::new(Held {
            inner,
            operation: asked.operation,
            tenant: asked.tenant.clone(),
            began,
            halted: AtomicBool::new(false),
            spent: AtomicBool::new(false),
            marked: OnceLock::new(),
        }))
    }

    /// To be asked right before each call, and after each wait.
    ///
    /// # Errors
    /// [`Halted`], from then on always, once the rollout does not have this shadow any more (killed, rolled back, flag off), or
    /// the hour's calls are used up.
    pub fn go(&self) -> Result<(), Halted> {
        if self.is_halted() || !self.is_wanted() {
            self.0.halted.store(true, Ordering::SeqCst);
            return Err(Halted);
        }
        if !self.0.inner.book() {
            self.0.spent.store(true, Ordering::SeqCst);
            self.0.halted.store(true, Ordering::SeqCst);
            return Err(Halted);
        }
        Ok(())
    }

    /// The arm's own answer is there: what follows until the end is not its latency.
    pub fn mark(&self) {
        let _ = self.0.marked.set(self.since());
    }

    /// The longest that all of it may take.
    pub fn timeout(&self) -> Duration {
        self.0.inner.parts.settings.timeout
    }

    pub(super) fn is_halted(&self) -> bool {
        self.0.halted.load(Ordering::SeqCst)
    }

    /// It was halted because the hour's calls were used up.
    pub(super) fn is_spent(&self) -> bool {
        self.0.spent.load(Ordering::SeqCst)
    }

    pub(super) fn is_marked(&self) -> bool {
        self.0.marked.get().is_some()
    }

    pub(super) fn latency(&self) -> Duration {
        self.0.marked.get().copied().unwrap_or_else(|| self.since())
    }

    /// Comes back once the rollout does not have this shadow any more.
    pub(super) async fn cut(&self) {
        let parts = &self.0.inner.parts;
        let mut changes = parts.router.changes();
        while self.is_wanted() {
            tokio::select! {
                _ = changes.changed() => {}
                () = parts.clock.sleep(LOOK) => {}
            }
        }
    }

    fn is_wanted(&self) -> bool {
        self.0.inner.parts.router.decide(self.0.operation, self.0.tenant.as_str()).shadow
    }

    fn since(&self) -> Duration {
        self.0.inner.parts.clock.monotonic().saturating_sub(self.0.began)
    }
}
