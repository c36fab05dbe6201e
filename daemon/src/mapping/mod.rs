//! The mapping bridge (B1 to B8): which installation of the GitHub App serves which repository of which project.
//! Pure rules: `index`, `matching`, `probe`, `next_steps`, `old_hooks::address`, `report`, `spot_check`, `sandbox_record::rule`,
//! `catalog::{parse, csv, json_lines, ddl}`. The rest fetches, calls a rule, and stores.

mod ask;
pub mod catalog;
pub mod check;
pub mod gate;
pub mod index;
pub mod kind;
pub mod kind_outside;
mod link;
pub mod load;
pub mod matching;
pub mod mirror;
pub mod mode;
pub mod next_steps;
pub mod old_hooks;
pub mod periodic;
pub mod planner;
pub mod probe;
pub mod report;
pub mod rescore;
pub mod sandbox_record;
mod slug;
pub mod spot_check;
pub mod sweep;
pub mod view;

pub(crate) use ask::token_owner;
