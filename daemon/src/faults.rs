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
