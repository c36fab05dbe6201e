//! How an installation is (G3). A rule: from what is known of it to a word and the reasons for it.

use std::collections::BTreeMap;

use cutover_shared::installation::{Health, HealthReason, InstallationState};

/// What the App is granted by default (DETAILS G13): everything reads, nothing writes.
pub const NEEDED: &[(&str, &str)] = &[
    ("actions", "read"),
    ("contents", "read"),
    ("deployments", "read"),
    ("issues", "read"),
    ("metadata", "read"),
    ("pull_requests", "read"),
];

/// Without these nothing can be imported; without the others parts are missing.
const VITAL: &[&str] = &["contents", "metadata"];

/// An installation that delivered before and not for so long is silent.
pub const SILENT_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

/// Fewer calls than this left of the hour are few, whatever the limit.
pub const FEW_CALLS: i64 = 100;

/// What is known.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    pub now: i64,
    pub state: InstallationState,
    pub account: &'a str,
    pub id: i64,
    /// Names and levels as granted; empty when GitHub has not said them.
    pub permissions: &'a BTreeMap<String, String>,
    /// Calls left of the hour, and the hour's limit.
    pub budget: Option<(i64, i64)>,
    /// Why the last mint failed, where that is not suspension or absence.
    pub token_error: Option<&'a str>,
    pub dead: u64,
    pub delivered_at: Option<i64>,
    pub mapped: u64,
    pub unmapped: u64,
    /// Why the last sweep could not read its list.
    pub unread: Option<&'a str>,
}

/// The word and its reasons, the worst first.
pub fn health(facts: &Facts<'_>) -> (Health, Vec<HealthReason>) {
    let mut found: Vec<(Health, HealthReason)> = Vec::new();
    let mut say = |health, code: &str, text: String, mend: Option<String>| {
        found.push((health, HealthReason { code: code.to_owned(), text, mend }));
    };
    let plan = || Some("cutover map plan --all".to_owned());
    if facts.state == InstallationState::Gone {
        if facts.mapped + facts.unmapped > 0 {
            let text = format!(
                "It was removed; {} of {} have no installation",
                count(facts.mapped + facts.unmapped, "repository", "repositories"),
                facts.account
            );
            say(Health::Failing, "unmapped", text, plan());
        }
    } else {
        if facts.state == InstallationState::Suspended {
            let text = format!("{} suspended the App: no token can be had", facts.account);
            let mend = Some("its owner unsuspends it in the installation's settings at GitHub".to_owned());
            say(Health::Failing, "suspended", text, mend);
        }
        for (name, level) in missing(facts.permissions) {
            let vital = VITAL.contains(&name.as_str());
            let weight = if vital { Health::Failing } else { Health::Attention };
            let granted = facts.permissions.get(&name).map_or("not granted", String::as_str);
            let text = format!("Permission {name} is needed as {level} and is {granted}");
            let mend = Some("its owner accepts the App's new permissions at GitHub".to_owned());
            say(weight, "permission_missing", text, mend);
        }
        if let Some(error) = facts.token_error {
            let text = format!("The last token was refused: {error}");
            say(Health::Failing, "token_failing", text, Some(format!("cutover token refresh {}", facts.id)));
        }
        if let Some(why) = facts.unread {
            let text = format!("The last sweep could not read its list, which is as seen before: {why}");
            say(Health::Attention, "unread", text, Some("cutover map plan --refresh".to_owned()));
        }
        if let Some((left, limit)) = facts.budget.filter(|(left, limit)| is_low(*left, *limit)) {
            let text = format!("{left} of {limit} calls are left of this hour");
            say(Health::Attention, "budget_low", text, None);
        }
        silent(facts, &mut say);
        if facts.unmapped > 0 {
            let what = count(facts.unmapped, "repository", "repositories");
            say(Health::Attention, "unmapped", format!("{what} of {} not mapped", facts.account), plan());
        }
    }
    if facts.dead > 0 {
        let text = format!("{} given up", count(facts.dead, "delivery was", "deliveries were"));
        let mend = format!("cutover webhook list --filter 'state:dead installation={}'", facts.id);
        say(Health::Attention, "dead_deliveries", text, Some(mend));
    }
    // Stable: what is said first of the same weight stays first.
    found.sort_by_key(|(health, _)| rank(*health));
    let worst = found.first().map_or(Health::Healthy, |(health, _)| *health);
    (worst, found.into_iter().map(|(_, reason)| reason).collect())
}

/// One that never delivered is not called silent: nothing says since when it could have.
fn silent(facts: &Facts<'_>, say: &mut impl FnMut(Health, &str, String, Option<String>)) {
    let active = facts.state == InstallationState::Active;
    let Some(age) = facts.delivered_at.map(|at| facts.now.saturating_sub(at)) else { return };
    if active && age >= SILENT_MS {
        let days = age / (24 * 60 * 60 * 1_000);
        let text = format!("The last delivery came {days} days ago; limit {}", SILENT_MS / 86_400_000);
        say(
            Health::Attention,
            "silent",
            text,
            Some("compare GitHub's own list of the App's deliveries".to_owned()),
        );
    }
}

/// The worst first.
pub fn rank(health: Health) -> u8 {
    match health {
        Health::Failing => 0,
        Health::Attention => 1,
        Health::Healthy => 2,
    }
}

/// What is needed and not granted. Nothing is missing of what GitHub has not said.
pub fn missing(granted: &BTreeMap<String, String>) -> Vec<(String, String)> {
    if granted.is_empty() {
        return Vec::new();
    }
    NEEDED
        .iter()
        .filter(|(name, level)| granted.get(*name).is_none_or(|have| strength(have) < strength(level)))
        .map(|(name, level)| ((*name).to_owned(), (*level).to_owned()))
        .collect()
}

fn strength(level: &str) -> u8 {
    match level {
        "read" => 1,
        "write" => 2,
        "admin" => 3,
        _ => 0,
    }
}

/// Under a tenth of the limit, or few at all.
fn is_low(left: i64, limit: i64) -> bool {
    left < FEW_CALLS || left < limit / 10
}

fn count(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests;
