//! Which part of something longer is shown.

/// The first of `total` lines to show so that `room` lines are filled: `wanted`, but not past the end.
pub(super) fn first(wanted: usize, total: usize, room: usize) -> usize {
    wanted.min(total.saturating_sub(room))
}

/// The first of `total` lines to show so that the line `at` is seen, as near to the middle as the ends allow.
pub(super) fn around(at: usize, total: usize, room: usize) -> usize {
    first(at.saturating_sub(room / 2), total, room)
}
