//! Why: the rule behind each status, with its inputs and how far they are from changing it.

use cutover_shared::mapping::{Mapping, Reason};
use cutover_shared::run::{ItemState, RunState, RunView};
use cutover_shared::token::{TokenState, TokenView};

use super::{Fact, fact, toned};
use crate::place::ListId;
use crate::plain::{age, number, span};
use crate::state::{State, Subject};
use crate::theme::Role;

/// Below this confidence nothing is mapped (B2).
const THRESHOLD: u8 = 90;

/// Why the thing is as it is; without a thing, why the whole is.
pub fn why(state: &State, subject: Option<&Subject>) -> Vec<Fact> {
    match subject {
        None => whole(state),
        Some(Subject::Link(view)) => match &view.mapping {
            Some(mapping) => verdict(mapping),
            None => vec![
                toned("Status", "unplanned", Role::Dim),
                fact("Rule", "a repository has a status from the first plan that is applied to it"),
                fact("Inputs", "no plan was applied to it yet"),
                fact("Next", "d makes a dry-run of its tenant"),
            ],
        },
        Some(Subject::Tenant(view)) => {
            let (word, role) = crate::state::list::tenant_health(view);
            let counts = &view.counts;
            vec![
                toned("Health", word, role),
                fact(
                    "Rule",
                    "the worst of its repositories: blocked when one is unmappable, waiting when one is pending, partial \
                     when one is unplanned, mapped when all are",
                ),
                fact(
                    "Inputs",
                    format!(
                        "{} unmappable, {} pending, {} unplanned, {} mapped of {}",
                        number(counts.unmappable),
                        number(counts.pending),
                        number(counts.unplanned),
                        number(counts.mapped),
                        number(view.repositories)
                    ),
                ),
                fact(
                    "Distance",
                    format!(
                        "{} repositories until all are mapped",
                        number(view.repositories - counts.mapped.min(view.repositories))
                    ),
                ),
                fact(
                    "Canary",
                    if view.canary {
                        "on the list: it may use installations in mode canary"
                    } else {
                        "not on the list"
                    },
                ),
            ]
        }
        Some(Subject::Run(view)) => run(state, &state.fresh(view)),
        Some(Subject::Item { item, .. }) => {
            let mut facts = vec![
                toned("State", item.state.word(), crate::state::list::item_role(item.state)),
                fact("Rule", item_rule(item.state)),
            ];
            if let Some(reason) = &item.reason {
                facts.push(toned("Reason", reason.as_str(), Role::Warn));
            }
            if let Some(Ok(mapping)) =
                item.body.get("to").map(|to| serde_json::from_value::<Mapping>(to.clone()))
            {
                facts.push(fact("Plan", "what it is to become:"));
                facts.extend(verdict(&mapping));
            }
            facts
        }
        Some(Subject::Token(view)) => token(view, state.daemon_now()),
        Some(Subject::Record(view)) => {
            let mut facts = vec![fact("Act", view.act.as_str())];
            if view.act == "refused" {
                facts.push(fact(
                    "Rule",
                    "doors write refusals down; every other record is one act or one applied chunk",
                ));
            }
            facts.extend(super::detail(state, &Subject::Record(view.clone())));
            facts
        }
        Some(Subject::Delivery(view)) => super::delivery::why(state, view),
        Some(Subject::Installation(view)) => super::installation::why(state, view),
        Some(Subject::Workflow(view)) => super::workflow::why(state, view),
        Some(Subject::Rollout(line)) => super::rollout::why(state, line),
        Some(Subject::Instance(view)) => super::fleet::why(state, view),
        Some(Subject::Attention(notice)) => {
            let mut facts = vec![fact("Notice", notice.text.as_str()), fact("Rule", notice.why.as_str())];
            if let Some(command) = &notice.command {
                facts.push(fact("Next", command.as_str()));
            }
            if let Some(runbook) = &notice.runbook {
                facts.push(fact("Runbook", format!("{runbook} (b opens it)")));
            }
            facts
        }
    }
}

/// Why a repository is mapped or not.
fn verdict(mapping: &Mapping) -> Vec<Fact> {
    let confidence = mapping.confidence;
    let mut facts = vec![
        toned(
            "Status",
            format!("{} ({})", mapping.status, mapping.reason),
            crate::state::list::mapping_role(Some(mapping.status)),
        ),
        fact("Rule", format!("row {} of the ladder: {}", mapping.evidence.rung, sentence(mapping.reason))),
        fact(
            "Threshold",
            if confidence >= THRESHOLD {
                format!(
                    "{confidence} % is {} above the {THRESHOLD} % from which it is mapped",
                    confidence - THRESHOLD
                )
            } else {
                format!(
                    "{confidence} % is {} below the {THRESHOLD} % from which it is mapped",
                    THRESHOLD - confidence
                )
            },
        ),
    ];
    for (i, line) in mapping.evidence.facts.iter().enumerate() {
        facts.push(fact(if i == 0 { "Evidence" } else { "" }, line.as_str()));
    }
    if !mapping.next_steps.is_empty() {
        facts.push(fact("Next", mapping.next_steps.as_str()));
    }
    facts
}

/// One sentence for each reason.
pub fn sentence(reason: Reason) -> &'static str {
    match reason {
        Reason::IdListed => {
            "the stored repository id is in an installation's list, and the owner is that account"
        }
        Reason::IdListedRenamed => "the stored repository id is listed; it has another name now",
        Reason::TokenRead => "no stored id, but the old user token still reads it, and that id is listed",
        Reason::Redirected => "the name redirects to the stored id, which is listed under the new owner",
        Reason::CommitFound => "no id, but the name is in one listing only and holds the imported commit",
        Reason::RedirectNotListed => {
            "the name redirects to the stored id, but the new owner's installation does not list it"
        }
        Reason::NameOnly => "only the name speaks for it, and a name alone never maps: somebody must look",
        Reason::NameReused => {
            "the name is listed, but nothing ties that repository to the import, or it is younger"
        }
        Reason::NotGranted => {
            "the owner's installation covers selected repositories, and this is not one of them"
        }
        Reason::Suspended => "the owner's installation is suspended",
        Reason::RequestPending => {
            "somebody asked the owner to install the App; the owner has not approved it"
        }
        Reason::NotInstalled => "the owner has no installation of the App",
        Reason::Ambiguous => "two live installations claim it: read again, never guess",
        Reason::OwnerMismatch => "the listed repository has another owner than the installation's account",
        Reason::Gone => {
            "GitHub says that it does not exist, to the old token and to the owner's installation"
        }
        Reason::OwnerUnknown => "the old token is dead, and nothing tells who the owner is",
        Reason::NotListed => {
            "the installation should see it and does not; a check with the old token is still owed"
        }
        Reason::ReadyToMap => "an event or a sweep showed where it belongs; a plan would map it",
        Reason::ProbeOwed => "the check that would decide it is still owed: this plan's budget was used up",
    }
}

fn run(state: &State, view: &RunView) -> Vec<Fact> {
    let mut facts = vec![
        toned("State", view.state.word(), crate::state::list::run_role(view)),
        fact("Rule", run_rule(view.state)),
    ];
    if let Some(reason) = &view.reason {
        facts.push(toned("Reason", reason.as_str(), Role::Warn));
    }
    if view.state == RunState::Planned {
        let left = view.expires_at.saturating_sub(state.daemon_now());
        facts.push(if left > 0 {
            fact("Distance", format!("it can be approved for another {}", span(left.unsigned_abs() / 1000)))
        } else {
            toned("Distance", "it can't be approved any more", Role::Warn)
        });
    }
    match state.gate(&view.id) {
        Some(gate) => {
            if let Some(closed) = &gate.closed {
                facts.push(toned("Gate", format!("closed: {closed}"), Role::Warn));
            }
            facts.extend(gate.facts.iter().map(|line| fact("Gate", line.as_str())));
        }
        None if view.state == RunState::Planned => {
            facts.push(fact("Gate", "asked when it is approved: a shows the answer first"));
        }
        None => {}
    }
    for group in state.groups(&view.id).unwrap_or_default() {
        let reason = group.reason.as_deref().unwrap_or("no reason");
        let role = crate::state::list::item_role(group.state);
        facts.push(toned("Items", format!("{} {}: {reason}", number(group.count), group.state), role));
    }
    facts
}

fn run_rule(state: RunState) -> &'static str {
    match state {
        RunState::Planned => "a dry-run: nothing was changed; it waits for an approval of its digest",
        RunState::Approved => "its digest was approved; it waits to be applied",
        RunState::Applying => "it does the approved items and no others, in chunks, each checked again first",
        RunState::Pausing => "it stops after the chunk under way",
        RunState::Paused => "it stands still and keeps its place; h goes on",
        RunState::Verifying => "everything was tried; what was written is read again and compared",
        RunState::Done => "every item came to its end and was verified; stale and failed ones are listed",
        RunState::Cancelled => "somebody ended it; what was done stays",
        RunState::Failed => "it can't go on by itself; the reason says why",
        RunState::Undoing => "it takes back what it did, where nobody changed it since",
        RunState::Undone => "what it did is taken back; superseded items were changed since and left",
        RunState::Expired => "the plan is too old to be approved; a new dry-run sees the world as it is",
    }
}

fn item_rule(state: ItemState) -> &'static str {
    match state {
        ItemState::Pending => "not touched yet",
        ItemState::Leased => "taken by the daemon; an outside effect may be under way",
        ItemState::Done => "its precondition held, and the effect is there",
        ItemState::Stale => {
            "its precondition did not hold any more: the world moved since the plan; nothing was changed"
        }
        ItemState::Skipped => "there was nothing to do",
        ItemState::Failed => "the effect was tried and refused; t tries once more",
        ItemState::Unknown => {
            "it was tried, and the other side can't be asked whether it happened: look there, then Y or N"
        }
        ItemState::Undone => "the effect was taken back",
        ItemState::Superseded => "not taken back, because somebody changed the value since",
    }
}

fn token(view: &TokenView, now: i64) -> Vec<Fact> {
    let mut facts = vec![
        toned("State", view.state.word(), crate::state::list::token_role(view.state)),
        fact(
            "Rule",
            match view.state {
                TokenState::Fresh => "a token is in memory and lives longer than the margin before its end",
                TokenState::Absent => "no token is in memory: the next call mints one",
                TokenState::Suspended => {
                    "GitHub says that the installation is suspended: nothing is minted until it says otherwise"
                }
                TokenState::Gone => "GitHub says that the installation does not exist any more",
                TokenState::Failing => "the last mint failed",
            },
        ),
    ];
    if let Some(at) = view.expires_at {
        facts.push(fact("Distance", format!("the token ends {}", age(now, at))));
    }
    if let Some(error) = &view.error {
        facts.push(toned("Error", error.as_str(), Role::Bad));
    }
    if let Some(left) = view.remaining {
        let of = view.limit.map_or(String::new(), |limit| format!(" of {limit}"));
        let role = if crate::state::list::token_is_short(view) { Role::Warn } else { Role::Text };
        facts.push(toned("Budget", format!("{left}{of} calls left of this hour, as GitHub said last"), role));
    }
    facts
}

/// Why the whole stands as it does.
fn whole(state: &State) -> Vec<Fact> {
    let Some(status) = state.status() else {
        return vec![fact("Status", "the daemon has not told it yet")];
    };
    let mut facts = Vec::new();
    if status.mode.killed {
        facts.push(toned(
            "Killed",
            "the switch was pulled: every decision is legacy until `cutover unkill`, or until a mode is set",
            Role::Bad,
        ));
    }
    facts.push(fact("Mode", format!("{}: the ceiling for every tenant", status.mode.mode)));
    facts.push(fact(
        "Way back",
        match (&status.back.blocked, status.back.seconds) {
            (Some(why), _) => format!("not now: {why}"),
            (None, Some(seconds)) => {
                format!("{} effects, about {}", number(status.back.items), span(seconds))
            }
            (None, None) => format!("{} effects; no rate was measured yet", number(status.back.items)),
        },
    ));
    if !status.back.basis.is_empty() {
        facts.push(fact("Basis", status.back.basis.as_str()));
    }
    if state.screen.list() == Some(ListId::Audit) {
        facts.push(fact(
            "Audit",
            "append-only: each record holds the hash of the one before; V checks the chain",
        ));
    }
    facts
}
