//! Which chains get their intents next. Pure.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::super::chain::Chain;
use crate::store::UNIT_ROWS;

/// Chains of one lane that are ready, at the most. A lane is filled up again once half of them have begun: a unit for each place that
/// becomes free would cost a wait for the disk and a record each.
const LANE: usize = 32;

/// Places in `read` of the chains to take, rising: of this stage, so many that `most` are ready, and none of a lane that has enough. So a
/// lane that stands still holds up nobody else.
pub(super) fn choose(read: &VecDeque<Chain>, ready: &VecDeque<Chain>, stage: u32, most: usize) -> Vec<usize> {
    let mut lanes: HashMap<&str, usize> = HashMap::new();
    for chain in ready {
        *lanes.entry(&chain.lane).or_default() += 1;
    }
    let full: BTreeSet<&str> = lanes.iter().filter(|(_, n)| **n > LANE / 2).map(|(lane, _)| *lane).collect();
    let (mut chosen, mut rows) = (Vec::new(), 0);
    for (at, next) in read.iter().enumerate() {
        // Only a single chain can be longer than a unit.
        let is_full = !chosen.is_empty() && rows + next.items.len() > UNIT_ROWS;
        if next.stage != stage || is_full || ready.len() + chosen.len() >= most {
            break;
        }
        let lane = lanes.entry(&next.lane).or_default();
        if *lane >= LANE || full.contains(next.lane.as_str()) {
            continue;
        }
        *lane += 1;
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

    #[test]
    fn a_lane_that_stands_still_holds_up_nobody() {
        let ready = chains(&[(1, 0); LANE]);
        let read: Vec<_> = [(1, 0); 500].into_iter().chain([(1, 1); 3]).chain([(2, 1)]).collect();
        assert_eq!(choose(&chains(&read), &ready, 1, 64), [500, 501, 502]);
    }

    #[test]
    fn a_lane_is_filled_up_in_one_go() {
        let read = chains(&[(1, 0); 100]);
        assert_eq!(choose(&read, &chains(&[(1, 0); LANE / 2 + 1]), 1, 64), [] as [usize; 0]);
        assert_eq!(choose(&read, &chains(&[(1, 0); LANE / 2]), 1, 64).len(), LANE / 2);
        assert_eq!(choose(&read, &chains(&[]), 1, 1).len(), 1, "a paced run takes one after the other");
    }

    proptest! {
        #[test]
        fn no_limit_is_passed_and_nobody_waits_without_a_reason(
            read in prop::collection::vec((0_u32..2, 0_u8..3), 0..120),
            ready in prop::collection::vec((0_u32..1, 0_u8..3), 0..60),
            most in 1_usize..100,
        ) {
            let (read, ready) = (chains(&read), chains(&ready));
            let chosen = choose(&read, &ready, 0, most);
            prop_assert!(chosen.is_sorted());
            prop_assert!(ready.len() >= most || ready.len() + chosen.len() <= most);
            let of = |lane: &str| ready.iter().filter(|chain| chain.lane == lane).count();
            for lane in ["0", "1", "2"] {
                let more = chosen.iter().filter(|at| read[**at].lane == lane).count();
                prop_assert!(more == 0 || of(lane) + more <= LANE);
                prop_assert!(more == 0 || of(lane) <= LANE / 2);
                // An empty lane gets something where there is room for all.
                let stage = read.iter().take_while(|chain| chain.stage == 0);
                let first = stage.clone().position(|chain| chain.lane == lane);
                if first.is_some() && of(lane) == 0 && most > ready.len() + stage.count() {
                    prop_assert!(more > 0);
                }
            }
            prop_assert!(chosen.iter().all(|at| read[*at].stage == 0));
        }
    }
}
