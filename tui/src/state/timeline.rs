//! A rollout's timeline: its stays in stages, with what happened in each.

use cutover_shared::rollout::{ChangeView, Stage};

use crate::plain::rollout::changed;
use crate::plain::{number, span, time};
use crate::theme::Role;

/// A time in one stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stay {
    pub stage: Stage,
    /// Epoch milliseconds, both; `left_at` none: still there. `entered_at` none: before the changes that are known.
    pub entered_at: Option<i64>,
    pub left_at: Option<i64>,
    /// What led here, by whom and why: `begin`, `stage`, `back`, `rollback`, `auto-rollback`; empty where it is not known.
    pub act: String,
    pub by: String,
    pub reason: String,
    /// On the target when it began, of how many tenants.
    pub inside: Option<(u64, u64)>,
    /// Criteria that did not hold and were passed, by name.
    pub passed: Vec<String>,
    /// What else was changed in it, the newest first.
    pub events: Vec<ChangeView>,
}

/// What leads from one stage to another, also to the same one anew.
fn moves(change: &ChangeView) -> bool {
    change.from != change.to
        || matches!(change.act.as_str(), "begin" | "stage" | "rollback" | "auto-rollback")
}

/// Changes, the newest first, as stays, the newest first.
pub fn stays(changes: &[ChangeView]) -> Vec<Stay> {
    let mut stays: Vec<Stay> = Vec::new();
    let mut events: Vec<ChangeView> = Vec::new();
    let mut left_at = None;
    for change in changes {
        if !moves(change) {
            events.push(change.clone());
            continue;
        }
        let figure = |key: &str| change.detail[key].as_u64();
        let passed = change.detail["passed"].as_array().into_iter().flatten();
        stays.push(Stay {
            stage: change.to,
            entered_at: Some(change.at),
            left_at: left_at.replace(change.at),
            act: change.act.clone(),
            by: change.by.as_str().to_owned(),
            reason: change.reason.clone(),
            inside: figure("inside").zip(figure("tenants")),
            passed: passed.filter_map(|name| name.as_str().map(str::to_owned)).collect(),
            events: std::mem::take(&mut events),
        });
    }
    // What comes before the oldest change that is known belongs to the stage that it left.
    if let Some(first) = events.last() {
        stays.push(Stay {
            stage: first.from,
            entered_at: None,
            left_at,
            act: String::new(),
            by: String::new(),
            reason: String::new(),
            inside: None,
            passed: Vec::new(),
            events,
        });
    }
    stays
}

/// A stay: its stage and times, what led there, then what happened in it.
pub fn told(stay: &Stay, now: i64) -> Vec<(String, String, Role)> {
    let for_ms = |from: i64, to: i64| span(to.saturating_sub(from).max(0).unsigned_abs() / 1_000);
    let (times, role) = match (stay.entered_at, stay.left_at) {
        (Some(from), None) => (format!("{} until now, {}", time(from), for_ms(from, now)), Role::Strong),
        (Some(from), Some(to)) => {
            (format!("{} to {}, {}", time(from), time(to), for_ms(from, to)), Role::Text)
        }
        (None, Some(to)) => (format!("until {}", time(to)), Role::Text),
        (None, None) => ("until now".to_owned(), Role::Strong),
    };
    let mut lines = vec![(stay.stage.to_string(), times, role)];
    let role = act_role(&stay.act);
    if !stay.act.is_empty() {
        let inside = stay.inside.map_or(String::new(), |(inside, tenants)| {
            format!("; {} of {} tenants on the target", number(inside), number(tenants))
        });
        let how = match stay.act.as_str() {
            "begin" => "began here".to_owned(),
            "stage" => format!("advanced by {}{inside}", stay.by),
            "auto-rollback" => format!("ROLLED BACK by the {}", stay.by),
            "rollback" | "back" => format!("rolled back by {}", stay.by),
            other => format!("{other} by {}", stay.by),
        };
        let reason = if stay.reason.is_empty() { String::new() } else { format!(": {}", stay.reason) };
        lines.push((String::new(), format!("{how}{reason}"), role));
    }
    if !stay.passed.is_empty() {
        lines.push((String::new(), format!("passed by an approver: {}", stay.passed.join(", ")), Role::Warn));
    }
    for event in stay.events.iter().rev() {
        let reason = if event.reason.is_empty() { String::new() } else { format!(": {}", event.reason) };
        let text = format!("{}  {} by {}{reason}", time(event.at), changed(event), event.by);
        lines.push((String::new(), text, act_role(&event.act)));
    }
    lines
}

/// How an act looks.
pub fn act_role(act: &str) -> Role {
    match act {
        "kill" | "rollback" | "auto-rollback" => Role::Bad,
        "freeze" | "back" => Role::Warn,
        _ => Role::Text,
    }
}

#[cfg(test)]
mod tests {
    use cutover_shared::ids::OperatorName;
    use cutover_shared::rollout::RolloutName;
    use serde_json::json;

    use super::*;

    fn change(at: i64, act: &str, from: &str, to: &str) -> ChangeView {
        ChangeView {
            rollout: RolloutName::GithubAuth,
            version: u64::try_from(at).unwrap(),
            at,
            by: OperatorName("alice".into()),
            act: act.into(),
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
            reason: String::new(),
            detail: json!({ "inside": 2, "tenants": 20, "passed": ["soak"] }),
        }
    }

    #[test]
    fn a_stay_ends_where_the_next_begins_and_keeps_what_happened_in_it() {
        let newest_first = [
            change(6, "freeze", "shadow", "shadow"),
            change(5, "auto-rollback", "canary-10", "shadow"),
            change(4, "kill", "canary-10", "canary-10"),
            change(3, "stage", "shadow", "canary-10"),
            change(2, "flag", "shadow", "shadow"),
        ];
        let all = stays(&newest_first);
        let times: Vec<_> =
            all.iter().map(|stay| (stay.stage.to_string(), stay.entered_at, stay.left_at)).collect();
        assert_eq!(
            times,
            [
                ("shadow".into(), Some(5), None),
                ("canary-10".into(), Some(3), Some(5)),
                ("shadow".into(), None, Some(3))
            ]
        );
        let acts: Vec<Vec<&str>> =
            all.iter().map(|stay| stay.events.iter().map(|event| event.act.as_str()).collect()).collect();
        assert_eq!(acts, [vec!["freeze"], vec!["kill"], vec!["flag"]]);
        assert_eq!((all[1].inside, all[1].passed.as_slice()), (Some((2, 20)), &["soak".to_owned()][..]));
        assert!(stays(&[]).is_empty());
    }
}
