//! What is left out where there is no room.

use super::*;

#[test]
fn where_there_is_no_room_what_matters_least_goes_first_and_the_order_stays() {
    let row = |rank: u8| words(rank, vec![vec![Piece::from(rank.to_string())]]);
    let ranks = |height| -> Vec<u8> {
        fitted([3, 1, 8, 2, 8, 5].map(row).into(), height).iter().map(|row| row.rank).collect()
    };
    assert_eq!(ranks(6), [3, 1, 8, 2, 8, 5]);
    assert_eq!(ranks(5), [3, 1, 8, 2, 5]);
    assert_eq!(ranks(2), [1, 2]);
    assert!(ranks(0).is_empty());
}

#[test]
fn a_group_is_drawn_whole_or_not_at_all() {
    let groups: Vec<Vec<Piece>> = ["12345", "678901", "ab"].map(|text| vec![Piece::from(text)]).into();
    let text = |width| fitting(&groups, width).into_iter().map(|piece| piece.text).collect::<String>();
    assert_eq!(
        (text(20).as_str(), text(12).as_str(), text(8).as_str(), text(3).as_str()),
        ("12345678901ab", "12345678901", "12345ab", "12345")
    );
}
