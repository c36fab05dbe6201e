//! When something happens by itself, and whether anything is under way.

use super::dialog::DEAF_MS;
use super::{Feed, Layer, SLOW_MS, Slot, State, layer};

impl State {
    /// When something on the screen changes by itself, on the clock that stamps events.
    pub fn next_wake(&self) -> i64 {
        let second = self.now.saturating_add(1_000);
        let minute = self.now.saturating_add(10_000);
        // Count-downs, moving figures and open questions tick; ages of rows may wait.
        let ticking = self.welcome().is_none() || !self.moving.is_empty() || self.errands.going() > 0;
        let mut next = if ticking || self.stale().is_some() { second } else { minute };
        let moments = [
            self.link.until(),
            self.toasts.next_end(),
            self.kill_limit(),
            self.slow_from(),
            self.deaf_until(),
        ];
        for at in moments.into_iter().flatten() {
            next = next.min(at);
        }
        if self.welcome().is_some() {
            next = self.feeds.next_due().map_or(next, |at| next.min(at));
        }
        next.max(self.now).saturating_sub(self.shift)
    }

    /// Nothing is under way that somebody waits for.
    pub fn is_at_rest(&self) -> bool {
        let asked = self.needs().iter().any(|(slot, _)| self.feeds.get(slot).is_none_or(Feed::is_open));
        let killing = matches!(
            self.layers.top(),
            Some(Layer::Kill(layer::KillLayer::Asked { .. } | layer::KillLayer::Marking { .. }))
        );
        let reachable = self.welcome().is_some() || self.link.error().is_some();
        let heard = self.deaf_until().is_none();
        reachable && heard && self.errands.going() == 0 && !killing && (self.welcome().is_none() || !asked)
    }

    /// When the question on top begins to take answers; none when it does, or there is none. A script's answer waits for
    /// it: one that came too fast would be lost.
    fn deaf_until(&self) -> Option<i64> {
        match self.layers.top() {
            Some(Layer::Dialog(dialog)) => Some(dialog.opened.saturating_add(DEAF_MS)),
            _ => None,
        }
        .filter(|at| *at > self.now)
    }

    /// When the question under way makes the data stale; none when there is none, or it has.
    fn slow_from(&self) -> Option<i64> {
        let asked = self.feeds.get(&Slot::Status)?.asked_at()?;
        Some(asked.saturating_add(SLOW_MS + 1)).filter(|at| *at > self.now)
    }

    /// When a kill that the daemon was asked for is taken into our own hands.
    pub fn kill_limit(&self) -> Option<i64> {
        self.layers.all().find_map(|layer| match layer {
            Layer::Kill(layer::KillLayer::Asked { at, .. }) => {
                Some(at.saturating_add(layer::KILL_PATIENCE_MS))
            }
            _ => None,
        })
    }
}
