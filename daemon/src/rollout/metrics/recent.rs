//! The windows that were told last, in memory: whoever judges goes on while the store takes nothing and gives nothing.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::windows::WindowFigures;

/// Windows with figures that are kept: twenty minutes of windows of five seconds.
const KEPT: usize = 256;

/// Of one rollout.
pub(super) struct Told {
    newest: watch::Sender<Option<Arc<WindowFigures>>>,
    row: Mutex<Row>,
}

#[derive(Default)]
struct Row {
    /// How many there were before the first of these.
    gone: u64,
    windows: VecDeque<Arc<WindowFigures>>,
}

/// What was told since somebody asked last.
pub struct Recent {
    pub windows: Vec<Arc<WindowFigures>>,
    /// Windows before them that are not kept any more.
    pub missed: u64,
    /// What to ask for the next time.
    pub next: u64,
}

impl Default for Told {
    fn default() -> Self {
        Self { newest: watch::Sender::new(None), row: Mutex::default() }
    }
}

impl Told {
    pub(super) fn subscribe(&self) -> watch::Receiver<Option<Arc<WindowFigures>>> {
        self.newest.subscribe()
    }

    pub(super) fn tell(&self, window: WindowFigures) {
        let window = Arc::new(window);
        if !window.is_empty() {
            let mut row = self.row.lock().unwrap_or_else(PoisonError::into_inner);
            row.windows.push_back(window.clone());
            while row.windows.len() > KEPT {
                row.windows.pop_front();
                row.gone += 1;
            }
        }
        // Last, so that whoever is woken finds it.
        self.newest.send_replace(Some(window));
    }

    pub(super) fn recent(&self, from: u64) -> Recent {
        let row = self.row.lock().unwrap_or_else(PoisonError::into_inner);
        let skipped = usize::try_from(from.saturating_sub(row.gone)).unwrap_or(usize::MAX);
        Recent {
            windows: row.windows.iter().skip(skipped).cloned().collect(),
            missed: row.gone.saturating_sub(from),
            next: row.gone + row.windows.len() as u64,
        }
    }
}
