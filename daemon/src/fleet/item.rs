//! Items of a fleet run, as they are stored.

use cutover_shared::fleet::{FleetItem, Way};

use crate::run::{Direction, KindError};
use crate::store::StoredItem;

/// What an item says.
pub fn fleet_item(item: &StoredItem) -> Result<FleetItem, KindError> {
    serde_json::from_str(&item.body)
        .map_err(|error| KindError::new("reading an item of the plan", format!("{}: {error}", item.key)))
}

/// Which way it goes in this pass: an undo takes the other one.
pub fn way(item: &FleetItem, direction: Direction) -> Way {
    match (direction, item.way) {
        (Direction::Apply, way) => way,
        (Direction::Undo, Way::Up) => Way::Down,
        (Direction::Undo, Way::Down) => Way::Up,
    }
}

/// Keys sort by place in the waves, then tenant, then order of the steps.
pub fn key(place: u32, tenant: &str, at: usize) -> String {
    format!("{place:07}/{tenant}/{at:04}")
}

/// The place that a key begins with.
pub fn place(key: &str) -> Option<u32> {
    key.split_once('/')?.0.parse().ok()
}

/// Where the keys of these places begin and end (exclusive).
pub fn keys(places: &std::ops::Range<u32>) -> (String, String) {
    (format!("{:07}", places.start), format!("{:07}", places.end))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keys_sort_as_waves_come(a in 0_u32..=1_000_000, b in 0_u32..=1_000_000, tenant in "[a-z/]{1,8}", at in 0_usize..9_999) {
            let one = key(a, &tenant, at);
            prop_assert_eq!(place(&one), Some(a));
            prop_assert!(a >= b || one < key(b, "", 0));
            prop_assert!(one < key(a, &tenant, at + 1));
            let (from, to) = keys(&(a..a + 1));
            prop_assert!(from <= one && one < to);
        }
    }
}
