//! Use cases that cross areas, one file each.

pub mod doctor;
pub mod kill;
pub mod status;
pub mod tokens;
