//! Rollouts: their keys, and what they become.

use std::time::Duration;

use super::gather::Values;
use super::key::{Key, Kind, Need};

const fn key(
    name: &'static str,
    kind: Kind,
    doc: &'static str,
    default: &'static str,
    example: &'static str,
) -> Key {
    Key { name, kind, need: Need::Default(default), variables: &[], doc, example }
}

const SOAK: Kind = Kind::Length { min: Duration::from_secs(1), max: Duration::from_secs(365 * 24 * 60 * 60) };

/// Their keys, in the order of the file.
#[rustfmt::skip]
pub(super) const KEYS: &[Key] = &[
    key("rollout.github_auth", Kind::Word(&["off", "live"]),
        "Stage in which `github-auth` begins when none is stored yet; `live` is for tenants that are on installations already.",
        r#""off""#, r#""live""#),
    key("rollout.git_sandbox", Kind::Word(&["off", "live"]),
        "Stage in which `git-sandbox` begins when none is stored yet.", r#""off""#, r#""live""#),
    key("rollout.shadow_percent", Kind::Whole { min: 0, max: 100 },
        "Share of tenants whose reads are answered by both arms and compared.", "10", "25"),
    key("rollout.hours_from", Kind::Whole { min: 0, max: 23 },
        "First hour of the day (UTC) in which a rollout may advance. Rollback and kill know no hours.", "2", "22"),
    key("rollout.hours_to", Kind::Whole { min: 0, max: 24 },
        "Hour in which it may not any more; the same as `hours_from`: at any time.", "6", "4"),
    key("rollout.soak_dual_write", SOAK,
        "Shortest time in `dual-write`.", r#""1h""#, r#""2h""#),
    key("rollout.soak_shadow", SOAK,
        "Shortest time in `shadow`.", r#""24h""#, r#""48h""#),
    key("rollout.soak_canary", SOAK,
        "Shortest time in each share of `canary`.", r#""72h""#, r#""24h""#),
    key("rollout.soak_live", SOAK,
        "Shortest time in `live`, while the legacy arm is a hot standby.", r#""14d""#, r#""21d""#),
    key("rollout.reverse_age", SOAK,
        "How old the proof may be that the way back is walkable.", r#""24h""#, r#""12h""#),
    key("rollout.reconcile_every", Kind::Length { min: Duration::from_secs(10), max: Duration::from_secs(24 * 60 * 60) },
        "How often the books of both arms are compared, while both are written.", r#""5m""#, r#""15m""#),
    key("rollout.repair_age", SOAK,
        "How long a second write may be owed: an older one is a person's, and stops every advance.", r#""1h""#, r#""4h""#),
    key("rollout.repair_most", Kind::Whole { min: 1, max: 1_000_000 },
        "Second writes of a rollout that may wait or have failed at once; so many stop every advance.", "10000", "2000"),
];

/// Rollouts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollout {
    /// `github-auth` begins in `live`, else in `off`.
    pub github_auth_live: bool,
    /// `git-sandbox` begins in `live`, else in `off`.
    pub git_sandbox_live: bool,
    /// 0 to 100.
    pub shadow_percent: u16,
    /// Hours of the day, UTC; none: at any time.
    pub hours: Option<(u16, u16)>,
    pub soak_dual_write: Duration,
    pub soak_shadow: Duration,
    pub soak_canary: Duration,
    pub soak_live: Duration,
    pub reverse_age: Duration,
    pub reconcile_every: Duration,
    pub repair_age: Duration,
    pub repair_most: u64,
}

pub(super) fn rollout(values: &Values) -> Option<Rollout> {
    let hour = |name| u16::try_from(values.whole_number(name)?).ok();
    let (from, to) = (hour("rollout.hours_from")?, hour("rollout.hours_to")?);
    Some(Rollout {
        github_auth_live: values.text("rollout.github_auth")? == "live",
        git_sandbox_live: values.text("rollout.git_sandbox")? == "live",
        shadow_percent: hour("rollout.shadow_percent")?,
        hours: (from != to).then_some((from, to)),
        soak_dual_write: values.length("rollout.soak_dual_write")?,
        soak_shadow: values.length("rollout.soak_shadow")?,
        soak_canary: values.length("rollout.soak_canary")?,
        soak_live: values.length("rollout.soak_live")?,
        reverse_age: values.length("rollout.reverse_age")?,
        reconcile_every: values.length("rollout.reconcile_every")?,
        repair_age: values.length("rollout.repair_age")?,
        repair_most: u64::try_from(values.whole_number("rollout.repair_most")?).ok()?,
    })
}
