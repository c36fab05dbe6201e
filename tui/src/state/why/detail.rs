//! All that is known of one thing.

use cutover_shared::catalog::LinkView;
use cutover_shared::fleet::FleetItem;
use cutover_shared::mapping::PlanItem;
use cutover_shared::run::{ItemView, RunView};

use super::{Fact, fact, toned};
use crate::plain::{age, counts, decimal, number, span, time};
use crate::state::list::{item_role, mapping_role, run_role, tenant_health, token_is_short, token_role};
use crate::state::{State, Subject};
use crate::theme::Role;

/// The facts of a thing.
pub fn detail(state: &State, subject: &Subject) -> Vec<Fact> {
    let now = state.daemon_now();
    match subject {
        Subject::Link(view) => link(view, now),
        Subject::Tenant(view) => {
            let (word, role) = tenant_health(view);
            let counts = &view.counts;
            vec![
                fact("Tenant", view.id.as_str()),
                toned("Health", word, role),
                fact("Canary", if view.canary { "on the list" } else { "no" }),
                fact("Projects", number(view.projects)),
                fact("Repositories", number(view.repositories)),
                share("Mapped", counts.mapped, Role::Good),
                share("Pending", counts.pending, Role::Warn),
                share("Unmappable", counts.unmappable, Role::Bad),
                share("Unplanned", counts.unplanned, Role::Dim),
                fact("Keys", "Enter its repositories, d dry-run, n canary list"),
            ]
        }
        Subject::Run(view) => run(&state.fresh(view), now),
        Subject::Item { item: view, run } => item(view, run.as_str(), now),
        Subject::Token(view) => {
            let mut facts = vec![
                fact("Installation", view.installation.to_string()),
                fact("Account", view.account.as_deref().unwrap_or("not known")),
                toned("State", view.state.word(), token_role(view.state)),
            ];
            if let Some(at) = view.minted_at {
                facts.push(fact("Minted", format!("{} ({})", time(at), age(now, at))));
            }
            if let Some(at) = view.expires_at {
                facts.push(fact("Expires", format!("{} ({})", time(at), age(now, at))));
            }
            facts.push(fact("Mints", view.generation.to_string()));
            if let Some(left) = view.remaining {
                let of = view.limit.map_or(String::new(), |limit| format!(" of {limit}"));
                let role = if token_is_short(view) { Role::Warn } else { Role::Text };
                facts.push(toned("Calls left", format!("{left}{of}"), role));
            }
            if let Some(error) = &view.error {
                facts.push(toned("Error", error.as_str(), Role::Bad));
            }
            facts
        }
        Subject::Record(view) => {
            let mut facts = vec![
                fact("Record", view.seq.to_string()),
                fact("When", format!("{} ({})", time(view.at), age(now, view.at))),
                fact("Act", view.act.as_str()),
                fact("Who", view.actor.as_str()),
                fact("From", view.origin.as_str()),
                fact("Subject", view.subject.as_str()),
            ];
            for (key, value) in view.detail.as_object().into_iter().flatten() {
                facts.push(fact(key, value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
            }
            facts.push(toned("Hash", view.hash.as_str(), Role::Dim));
            facts.push(toned("Before", view.prev.as_str(), Role::Dim));
            facts
        }
        Subject::Delivery(view) => super::delivery::detail(state, view),
        Subject::Installation(view) => super::installation::detail(state, view),
        Subject::Workflow(view) => super::workflow::detail(state, view),
        Subject::Rollout(line) => super::rollout::detail(state, line),
        Subject::Instance(view) => super::fleet::detail(state, view),
        Subject::Attention(notice) => {
            let mut facts = vec![fact("Notice", notice.text.as_str())];
            if let Some(command) = &notice.command {
                facts.push(fact("Next", command.as_str()));
            }
            facts
        }
    }
}

/// A number that means something only when it is not 0.
fn share(key: &str, n: u64, role: Role) -> Fact {
    toned(key, number(n), if n == 0 { Role::Dim } else { role })
}

/// An item of a plan as its kind knows it; of another kind, as it came.
fn item(view: &ItemView, run: &str, now: i64) -> Vec<Fact> {
    let mut facts =
        vec![fact("Item", view.key.as_str()), toned("State", view.state.word(), item_role(view.state))];
    if let Some(reason) = &view.reason {
        facts.push(toned("Reason", reason.as_str(), Role::Warn));
    }
    if let Ok(item) = serde_json::from_value::<FleetItem>(view.body.clone()) {
        facts.extend(step(&item));
        facts.push(fact("Tries", view.attempts.to_string()));
        facts.push(toned("Run", run, Role::Dim));
        return facts;
    }
    match serde_json::from_value::<PlanItem>(view.body.clone()) {
        Ok(plan) => {
            let to = &plan.to;
            let text = format!("{} ({}), {} %", to.status, to.reason, to.confidence);
            facts.push(toned("Becomes", text, mapping_role(Some(to.status))));
            if let Some(id) = to.installation {
                facts.push(fact("Installation", id.to_string()));
            }
            facts.push(fact("Repository", plan.repo_full_name.as_str()));
            facts.push(fact("Project", plan.project.as_str()));
            facts.push(fact("Tenant", plan.tenant.as_str()));
            for (i, line) in to.evidence.facts.iter().enumerate() {
                facts.push(fact(if i == 0 { "Evidence" } else { "" }, line.as_str()));
            }
            if !to.next_steps.is_empty() {
                facts.push(fact("Next", to.next_steps.as_str()));
            }
        }
        Err(_) => {
            for (key, value) in view.body.as_object().into_iter().flatten() {
                facts.push(fact(key, value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
            }
        }
    }
    facts.push(fact("Tries", view.attempts.to_string()));
    let changed =
        if view.updated_at == 0 { "not since it was planned".to_owned() } else { age(now, view.updated_at) };
    facts.push(fact("Changed", changed));
    facts.push(toned("Run", run, Role::Dim));
    facts
}

/// One migration of one tenant.
fn step(item: &FleetItem) -> Vec<Fact> {
    use crate::plain::fleet::version;
    let mut facts = vec![
        fact("Tenant", item.tenant.as_str()),
        fact("Migration", format!("{} {}", item.migration, item.way)),
        fact("Version", format!("{} to {}", version(item.from), version(item.to))),
        fact("Wave", item.wave.to_string()),
        fact("Server", item.server.as_str()),
    ];
    if let Some(why) = &item.left_out {
        facts.push(toned("Left out", why.as_str(), Role::Warn));
    }
    for what in &item.drops {
        facts.push(toned("Drops", what.as_str(), Role::Bad));
    }
    facts
}

fn link(view: &LinkView, now: i64) -> Vec<Fact> {
    let link = &view.link;
    let mut facts = vec![
        fact("Repository", link.repo_full_name.as_str()),
        fact("Project", link.project.as_str()),
        fact("Tenant", link.tenant.as_str()),
    ];
    match &view.mapping {
        None => facts.push(toned("Status", "unplanned: no plan was applied to it yet", Role::Dim)),
        Some(mapping) => {
            let text = format!("{} ({})", mapping.status, mapping.reason);
            facts.push(toned("Status", text, mapping_role(Some(mapping.status))));
            facts.push(fact(
                "Confidence",
                format!("{} %, row {} of the ladder", mapping.confidence, mapping.evidence.rung),
            ));
            if let Some(id) = mapping.installation {
                facts.push(fact("Installation", id.to_string()));
            }
            if let Some(name) = &mapping.evidence.current_name {
                facts.push(fact("Name now", name.as_str()));
            }
            for (i, line) in mapping.evidence.facts.iter().enumerate() {
                facts.push(fact(if i == 0 { "Evidence" } else { "" }, line.as_str()));
            }
            if !mapping.next_steps.is_empty() {
                facts.push(fact("Next", mapping.next_steps.as_str()));
            }
        }
    }
    if let Some(at) = link.imported_at {
        let method = link.import_method.as_ref().map_or(String::new(), |method| format!(" by {method}"));
        facts.push(fact("Imported", format!("{}{method} ({})", time(at), age(now, at))));
    }
    if let Some(sha) = &link.imported_commit_sha {
        facts.push(fact("Commit", sha.as_str()));
    }
    facts.push(fact("Old token", if link.token.is_some() { "stored, sealed" } else { "none" }));
    facts
}

fn run(view: &RunView, now: i64) -> Vec<Fact> {
    let progress = &view.progress;
    let mut facts = vec![
        fact("Run", view.id.as_str()),
        fact("Covers", format!("{}, {}", view.kind, view.scope)),
        toned("State", view.state.word(), run_role(view)),
        fact("Items", format!("{}: {}", number(progress.counts.total()), counts(&progress.counts))),
    ];
    if let Some(plan) = crate::state::verb::hooks(view) {
        let planned = format!("{} of {} repositories", number(plan.hooks), number(plan.repositories));
        facts.push(fact("Webhooks", planned));
        let role = if plan.irreversible > 0 { Role::Warn } else { Role::Text };
        facts.push(toned("Undo", plan.undo.as_str(), role));
        if !plan.mend.is_empty() {
            facts.push(fact("Mend", plan.mend.as_str()));
        }
    }
    if let Some(reason) = &view.reason {
        facts.push(toned("Reason", reason.as_str(), Role::Warn));
    }
    if view.state.is_moving() {
        let left = progress.seconds_left.map_or(String::new(), |seconds| format!(", {} left", span(seconds)));
        facts.push(fact("Speed", format!("{}/s{left}", decimal(progress.per_second))));
    }
    facts.push(fact("Planned", format!("{} by {}", age(now, view.planned_at), view.author)));
    if let Some(at) = view.approved_at {
        let who = view.approved_by.as_ref().map_or("somebody", |name| name.as_str());
        let same = if view.self_approved { " (self-approved)" } else { "" };
        facts.push(fact("Approved", format!("{} by {who}{same}", age(now, at))));
    }
    if let Some(at) = view.ended_at {
        let took = view
            .started_at
            .map_or(String::new(), |from| format!(" after {}", span(at.abs_diff(from) / 1000)));
        facts.push(fact("Ended", format!("{}{took}", age(now, at))));
    }
    facts.push(toned("Digest", view.digest.as_str(), Role::Dim));
    facts
}
