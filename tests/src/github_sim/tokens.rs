//! Installation tokens: opaque, bound to their installation and scope, gone after an hour.

use std::collections::{BTreeSet, HashMap, VecDeque};

use cutover_daemon::clock::Millis;

use crate::world::rng::Rng;
use crate::world::{Installation, Permissions, World};

/// Seconds that a token lives.
pub(super) const LIFE: i64 = 3_600;
/// Tokens kept; the oldest go first, expired or not.
const CAPACITY: usize = 50_000;

#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) installation: i64,
    /// What it is narrowed to.
    pub(super) repos: Option<BTreeSet<i64>>,
    pub(super) permissions: Permissions,
    pub(super) minted_at: Millis,
    /// Seconds since the epoch.
    pub(super) expires: i64,
    epoch: u32,
}

#[derive(Debug, Default)]
pub(super) struct Tokens {
    live: HashMap<String, Token>,
    order: VecDeque<String>,
    minted: u64,
}

impl Tokens {
    /// A new token and its text.
    pub(super) fn mint(
        &mut self,
        installation: &Installation,
        repos: Option<BTreeSet<i64>>,
        permissions: Permissions,
        now: Millis,
    ) -> (String, Token) {
        while self.order.len() >= CAPACITY || self.oldest_is_over(now) {
            if let Some(old) = self.order.pop_front() {
                self.live.remove(&old);
            }
        }
        self.minted += 1;
        let text = text(self.minted, installation.id);
        let token = Token {
            installation: installation.id,
            repos,
            permissions,
            minted_at: now,
            expires: now.div_euclid(1_000) + LIFE,
            epoch: installation.token_epoch,
        };
        self.order.push_back(text.clone());
        self.live.insert(text.clone(), token.clone());
        (text, token)
    }

    fn oldest_is_over(&self, now: Millis) -> bool {
        let oldest = self.order.front().and_then(|text| self.live.get(text));
        oldest.is_some_and(|token| token.expires * 1_000 <= now)
    }

    /// The token, if it lives: not expired, its installation neither gone nor suspended since.
    pub(super) fn find(&self, text: &str, world: &World, now: Millis) -> Option<&Token> {
        let token = self.live.get(text)?;
        let on = world.installation(token.installation)?;
        let lives = now < token.expires * 1_000 && on.token_epoch == token.epoch && on.suspended_at.is_none();
        lives.then_some(token)
    }
}

/// Three kinds in turn: the classic 40 characters, a longer one, and GitHub's newer form with a JWT inside.
fn text(number: u64, installation: i64) -> String {
    let mut rng = Rng::of(&[number, installation.unsigned_abs(), 0x6857]);
    match number % 3 {
        1 => format!("ghs_{}", rng.alphanumeric(36)),
        2 => format!("ghs_{}", rng.alphanumeric(76)),
        _ => format!(
            "ghs_{}_eyJ{}.eyJ{}.{}",
            rng.below(10_000_000),
            rng.alphanumeric(33),
            rng.alphanumeric(180),
            rng.alphanumeric(171)
        ),
    }
}
