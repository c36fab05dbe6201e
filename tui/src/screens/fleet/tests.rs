//! What is left out where there is no room, and that nothing goes with it that matters.

use super::*;

#[test]
fn where_there_is_no_room_what_matters_least_goes_first_and_the_order_stays() {
    let row = |rank: u8| words(rank, vec![vec![Piece::from(rank.to_string())]]);
    let ranks = |height| -> Vec<u8> {
        fitted([0, 4, 9, 1, 9].map(row).into(), height).iter().map(|row| row.rank).collect()
    };
    assert_eq!(ranks(5), [0, 4, 9, 1, 9]);
    assert_eq!(ranks(3), [0, 4, 1]);
    assert_eq!(ranks(1), [0]);
    assert!(ranks(0).is_empty());
}

#[test]
fn a_text_that_is_cut_says_so() {
    let look = Look::default();
    assert_eq!(wrapped("one two three", 8, 2, &look), ["one two", "three"]);
    assert_eq!(wrapped("one two three", 8, 1, &look), ["one two…"]);
    assert_eq!(wrapped("", 0, 1, &look), [""]);
}
