//! What is held for one installation: a slot for each scope that is in use.

use super::{Flight, Leased, Scope, TokenState, TokenStatus};
use crate::clock::Millis;
use crate::github::error::MintError;

/// Scopes of one installation that are remembered; the oldest is forgotten first.
const MOST_SCOPES: usize = 64;
/// A token this close to its end is not handed out any more.
const LAST_MOMENTS_MS: Millis = 10_000;

#[derive(Default)]
pub(super) struct Installation {
    /// Oldest first.
    pub(super) slots: Vec<Slot>,
    pub(super) last_error: Option<MintError>,
}

pub(super) struct Slot {
    scope: Scope,
    pub(super) held: Option<Held>,
    pub(super) flight: Option<Flight>,
}

pub(super) struct Held {
    pub(super) lease: Leased,
    pub(super) renew_at: Millis,
}

impl Installation {
    pub(super) fn slot(&mut self, scope: &Scope) -> &mut Slot {
        let at = match self.slots.iter().position(|slot| slot.scope == *scope) {
            Some(at) => at,
            None => {
                if self.slots.len() >= MOST_SCOPES {
                    self.slots.remove(0);
                }
                self.slots.push(Slot::new(scope.clone()));
                self.slots.len() - 1
            }
        };
        &mut self.slots[at]
    }

    pub(super) fn status(&self, installation: i64, now: Millis) -> TokenStatus {
        let whole =
            self.slots.iter().find(|slot| slot.scope.is_everything()).and_then(|slot| slot.usable(now));
        let scoped = self
            .slots
            .iter()
            .filter(|slot| !slot.scope.is_everything() && slot.usable(now).is_some())
            .count();
        TokenStatus {
            installation,
            state: match (&self.last_error, &whole) {
                (Some(MintError::Suspended), _) => TokenState::Suspended,
                (Some(MintError::Gone), _) => TokenState::Gone,
                (_, Some(_)) => TokenState::Fresh,
                (Some(_), None) => TokenState::Failing,
                (None, None) => TokenState::Absent,
            },
            minted_at: whole.as_ref().map(|lease| lease.minted_at),
            expires_at: whole.as_ref().map(|lease| lease.expires_at),
            generation: whole.as_ref().map(|lease| lease.generation),
            scoped,
            last_error: self.last_error.as_ref().map(MintError::class),
        }
    }
}

impl Slot {
    pub(super) fn new(scope: Scope) -> Self {
        Self { scope, held: None, flight: None }
    }

    /// The token, if it need not be replaced yet.
    pub(super) fn good(&self, now: Millis) -> Option<Leased> {
        self.held.as_ref().filter(|held| now < held.renew_at).map(|held| held.lease.clone())
    }

    /// The token, if GitHub still takes it.
    pub(super) fn usable(&self, now: Millis) -> Option<Leased> {
        self.held
            .as_ref()
            .filter(|held| now + LAST_MOMENTS_MS < held.lease.expires_at)
            .map(|held| held.lease.clone())
    }

    /// A request that is on its way; not one whose task has died.
    pub(super) fn flight(&self) -> Option<Flight> {
        self.flight.as_ref().filter(|flight| flight.has_changed().is_ok()).cloned()
    }
}
