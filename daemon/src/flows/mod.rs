//! Use cases that cross areas, one file each.

pub mod alert;
pub mod app_workflows;
pub mod attention;
pub mod back;
pub mod ceiling;
pub mod doctor;
pub mod drill;
pub mod gits;
pub mod import;
pub mod inbox_figures;
pub mod incident;
pub mod installation_health;
pub mod installations;
pub mod issuance;
pub mod kill;
pub mod measure;
pub mod next;
pub mod probe;
pub mod proof;
pub mod second;
pub mod status;
pub mod tokens;
pub mod webhook_event;
