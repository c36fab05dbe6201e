//! Use cases that cross areas, one file each.

pub mod attention;
pub mod back;
pub mod doctor;
pub mod import;
pub mod kill;
pub mod next;
pub mod status;
pub mod tokens;
pub mod webhook_event;
