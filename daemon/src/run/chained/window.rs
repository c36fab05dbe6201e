//! Chains that were read and wait for their intents. It is of some size only; where a lane stands still, its chains are put aside, so that
//! those of others behind them are come to.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use super::super::chain::Chain;
use super::LOOK;
use super::choose::{LANE, Room, choose};

/// Chains to choose from: whoever finds no place lets those behind pass.
const READ: usize = 1_024;

#[derive(Default)]
pub(super) struct Window {
    read: VecDeque<Chain>,
    /// By lane. Bounded by the stage alone.
    aside: BTreeMap<String, VecDeque<Chain>>,
    /// When a chain of a lane was let go last.
    moved: HashMap<String, Duration>,
}

impl Window {
    pub(super) fn has_room(&self) -> bool {
        self.read.len() < READ
    }

    pub(super) fn is_empty(&self) -> bool {
        self.read.is_empty() && self.aside.is_empty()
    }

    pub(super) fn add(&mut self, chains: Vec<Chain>) {
        self.read.extend(chains);
    }

    /// The stage of the next chain. What was put aside is of an earlier one than what was read after it.
    pub(super) fn stage(&self) -> Option<u32> {
        let aside = self.aside.values().filter_map(VecDeque::front).map(|chain| chain.stage).min();
        aside.or_else(|| self.read.front().map(|chain| chain.stage))
    }

    pub(super) fn moved(&mut self, lane: &str, now: Duration) {
        self.moved.insert(lane.to_owned(), now);
    }

    /// Takes the next chains, in their order.
    pub(super) fn take(&mut self, ready: &VecDeque<Chain>, stage: u32, room: &Room<'_>) -> Vec<Chain> {
        self.bring_back(ready);
        let places = choose(&self.read, ready, stage, room);
        let mut chosen: Vec<Chain> =
            places.iter().rev().filter_map(|place| self.read.remove(*place)).collect();
        chosen.reverse();
        chosen
    }

    /// Puts chains aside whose lane has enough that are ready and has let none go for a while. False: nobody stands in the way.
    pub(super) fn put_aside(&mut self, ready: &VecDeque<Chain>, now: Duration) -> bool {
        if self.has_room() {
            return false;
        }
        let stands = |lane: &str| self.moved.get(lane).is_none_or(|moved| now.saturating_sub(*moved) >= LOOK);
        let lanes: BTreeSet<&str> =
            ready.iter().map(|chain| chain.lane.as_str()).filter(|lane| stands(lane)).collect();
        let Some(stage) = ready.front().map(|chain| chain.stage) else { return false };
        let (aside, read): (VecDeque<Chain>, VecDeque<Chain>) = std::mem::take(&mut self.read)
            .into_iter()
            .partition(|chain| chain.stage == stage && lanes.contains(chain.lane.as_str()));
        self.read = read;
        let any = !aside.is_empty();
        for chain in aside {
            self.aside.entry(chain.lane.clone()).or_default().push_back(chain);
        }
        any
    }

    /// Some of each lane that goes on.
    fn bring_back(&mut self, ready: &VecDeque<Chain>) {
        self.aside.retain(|lane, chains| {
            let of = |chains: &VecDeque<Chain>| chains.iter().filter(|chain| chain.lane == *lane).count();
            if of(ready) <= LANE / 2 && of(&self.read) == 0 {
                for chain in chains.drain(..chains.len().min(LANE)).rev() {
                    self.read.push_front(chain);
                }
            }
            !chains.is_empty()
        });
    }
}
