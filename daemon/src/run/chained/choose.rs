//! Which chains get their intents next. Pure.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::super::chain::Chain;
use crate::store::UNIT_ROWS;

/// Chains of one lane that are ready, at the most. A lane is filled up again once half of them have begun: a unit for each place that
/// becomes free would cost a wait for the disk and a record each.
pub(super) const LANE: usize = 128;

/// Chains whose intents are durable and which wait for a place, at the most: after a crash each of them is asked about. Those that wait
/// for their lane alone do not count, or a few that stand still would hold up all others.
const READY: usize = 256;

/// For whom there is room.
pub(super) struct Room<'a> {
    /// One chain after the other.
    pub(super) paced: bool,
    /// Lanes that chains wait for that are ready.
    pub(super) held: &'a BTreeSet<&'a str>,
}

/// Places in `read` of the chains to take, rising: of this stage, as many as may be ready, and none of a lane that has enough. So among the
/// chains that were read a lane that stands still holds up no other.
pub(super) fn choose(
    read: &VecDeque<Chain>,
    ready: &VecDeque<Chain>,
    stage: u32,
    room: &Room<'_>,
) -> Vec<usize> {
    let most = if room.paced { 1 } else { READY };
    let is_held = |chain: &Chain| room.held.contains(chain.lane.as_str());
    let mut waiting = ready.iter().filter(|chain| !is_held(chain)).count();
    let mut lanes: HashMap<&str, usize> = HashMap::new();
    for chain in ready {
        *lanes.entry(&chain.lane).or_default() += 1;
    }
    let full: BTreeSet<&str> = lanes.iter().filter(|(_, n)| **n > LANE / 2).map(|(lane, _)| *lane).collect();
    let (mut chosen, mut rows) = (Vec::new(), 0);
    for (at, next) in read.iter().enumerate() {
        // Only a single chain can be longer than a unit.
        let is_full = !chosen.is_empty() && rows + next.items.len() > UNIT_ROWS;
        if next.stage != stage || is_full || waiting >= most {
            break;
        }
        if room.paced && is_held(next) {
            continue;
        }
        let lane = lanes.entry(&next.lane).or_default();
        if *lane >= LANE || full.contains(next.lane.as_str()) {
            continue;
        }
        *lane += 1;
        waiting += usize::from(!is_held(next));
        rows += next.items.len();
        chosen.push(at);
    }
    chosen
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chain((stage, lane): (u32, u8)) -> Chain {
        Chain { key: String::new(), stage, lane: lane.to_string(), items: Vec::new() }
    }

    fn chains(of: &[(u32, u8)]) -> VecDeque<Chain> {
        of.iter().copied().map(chain).collect()
    }

    fn free() -> Room<'static> {
        static NONE: BTreeSet<&str> = BTreeSet::new();
        Room { paced: false, held: &NONE }
    }

    #[test]
    fn a_lane_that_stands_still_holds_up_nobody() {
        let ready = chains(&[(1, 0); LANE]);
        let read: Vec<_> = [(1, 0); 500].into_iter().chain([(1, 1); 3]).chain([(2, 1)]).collect();
        assert_eq!(choose(&chains(&read), &ready, 1, &free()), [500, 501, 502]);
    }

    #[test]
    fn chains_that_wait_for_their_lane_take_nobody_elses_room() {
        let read = chains(&[(1, 0), (1, 9), (1, 9)]);
        let ready: Vec<_> = (0..8).flat_map(|lane| [(1, lane); LANE]).collect();
        let names: Vec<String> = (0..8).map(|lane| lane.to_string()).collect();
        let held: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(choose(&read, &chains(&ready), 1, &free()), [] as [usize; 0]);
        assert_eq!(choose(&read, &chains(&ready), 1, &Room { paced: false, held: &held }), [1, 2]);
        // A paced run takes one, past the lane that stands.
        assert_eq!(choose(&read, &chains(&[(1, 0)]), 1, &Room { paced: true, held: &held }), [1]);
        assert_eq!(
            choose(&read, &chains(&[(1, 0), (1, 9)]), 1, &Room { paced: true, held: &held }),
            [] as [usize; 0]
        );
    }

    #[test]
    fn a_lane_is_filled_up_in_one_go() {
        let read = chains(&[(1, 0); 100]);
        assert_eq!(choose(&read, &chains(&[(1, 0); LANE / 2 + 1]), 1, &free()), [] as [usize; 0]);
        assert_eq!(choose(&read, &chains(&[(1, 0); LANE / 2]), 1, &free()).len(), LANE / 2);
        let paced = Room { paced: true, held: &BTreeSet::new() };
        assert_eq!(choose(&read, &chains(&[]), 1, &paced).len(), 1, "a paced run takes one after the other");
    }

    proptest! {
        #[test]
        fn no_limit_is_passed_and_nobody_waits_without_a_reason(
            read in prop::collection::vec((0_u32..2, 0_u8..3), 0..120),
            ready in prop::collection::vec((0_u32..1, 0_u8..3), 0..60),
        ) {
            let (read, ready) = (chains(&read), chains(&ready));
            let chosen = choose(&read, &ready, 0, &free());
            prop_assert!(chosen.is_sorted());
            prop_assert!(ready.len() + chosen.len() <= READY);
            let of = |lane: &str| ready.iter().filter(|chain| chain.lane == lane).count();
            for lane in ["0", "1", "2"] {
                let more = chosen.iter().filter(|at| read[**at].lane == lane).count();
                prop_assert!(more == 0 || of(lane) + more <= LANE);
                prop_assert!(more == 0 || of(lane) <= LANE / 2);
                // An empty lane gets something where there is room for all.
                let stage = read.iter().take_while(|chain| chain.stage == 0);
                let first = stage.clone().position(|chain| chain.lane == lane);
                if first.is_some() && of(lane) == 0 && READY > ready.len() + stage.count() {
                    prop_assert!(more > 0);
                }
            }
            prop_assert!(chosen.iter().all(|at| read[*at].stage == 0));
        }
    }
}
