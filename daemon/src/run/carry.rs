//! A run in a test: waited for, and carried to its end after a crash.

use std::time::Duration;

use cutover_shared::ids::RunId;
use cutover_shared::run::{RunState, RunView};

use super::Engine;
use crate::audit::Who;

impl Engine {
    /// Waits until the run is in one of `states`.
    pub(crate) async fn until(&self, id: &RunId, states: &[RunState]) -> RunView {
        let mut versions = self.0.db.versions();
        let waiting = async {
            loop {
                let view = self.view(id).await.unwrap();
                if states.contains(&view.state) {
                    return view;
                }
                versions.changed().await.unwrap();
            }
        };
        let limit = Duration::from_secs(60);
        self.0.clock.timeout(limit, waiting).await.expect("the run did not get there in a minute")
    }

    /// Waits until the run moves no more.
    pub(crate) async fn ended(&self, id: &RunId) -> RunView {
        use RunState as S;
        self.until(id, &[S::Done, S::Failed, S::Undone, S::Cancelled, S::Paused]).await
    }

    /// Starts again after the crash `at` and lets the only run come to its end, whatever it was at; `plan` plans anew where the
    /// plan had not become visible.
    pub(crate) async fn carried<P>(
        &self,
        at: &str,
        undo: bool,
        who: &Who,
        plan: impl AsyncFnOnce() -> P,
    ) -> RunView {
        self.resume().await.unwrap();
        let mut runs = self.0.db.runs(None, None, None, 10).await.unwrap();
        if runs.is_empty() {
            plan().await;
            runs = self.0.db.runs(None, None, None, 10).await.unwrap();
        }
        let [run] = &runs[..] else { panic!("{at}: one run expected, found {}", runs.len()) };
        let id = &run.id;
        loop {
            let view = self.view(id).await.unwrap();
            match view.state {
                RunState::Planned => drop(self.approve(id, &view.digest, None, who).await.unwrap()),
                RunState::Approved => drop(self.apply(id, None, who).await.unwrap()),
                RunState::Done if undo => drop(self.undo(id, None, who).await.unwrap()),
                RunState::Done | RunState::Undone => return view,
                state if state.is_moving() => drop(self.ended(id).await),
                state => panic!("{at}: the run stands at {state}: {:?}", view.reason),
            }
        }
    }
}
