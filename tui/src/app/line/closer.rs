//! What is said of deliveries, installations and workflows, and of what was done.

use std::fmt::Write as _;

use super::speak::facts;
use crate::plain::{self, clean, number, timeline};
use crate::state::figures::lag;
use crate::state::why::{self, explained};
use crate::state::{Layer, Slot, State, Subject};

/// The inbox in figures.
pub(super) fn inbox(state: &State) -> String {
    let Some(figures) = state.figures() else { return String::new() };
    let sum = |all: &[u32]| number(all.iter().map(|n| u64::from(*n)).sum());
    let mut text = format!(
        "{} deliveries in the last hour, {} failed; lag {}; {} waiting, {} dead; dispatches {} waiting, {} dead\n",
        sum(&figures.received),
        sum(&figures.failed),
        lag(figures.lag_ms),
        number(figures.waiting),
        number(figures.dead),
        number(figures.dispatches_waiting),
        number(figures.dispatches_dead)
    );
    if let Some(found) = &figures.recovery {
        let age = crate::plain::age(state.daemon_now(), found.at);
        let _ = writeln!(text, "recovery {age}: {}", clean(&found.statement));
    }
    text
}

/// The gateway's lines of the overview, and what makes them worth saying again; none until all of it has come.
pub(super) fn overview(state: &State) -> Option<(String, String)> {
    let (figures, unwell) = (state.figures()?, state.unwell()?);
    let dead = figures.dead.saturating_add(figures.dispatches_dead);
    let worst = unwell
        .rows
        .first()
        .map_or(String::new(), |view| format!(", the worst {} ({})", clean(&view.account), view.health));
    let well = format!("* installations: {} need a look{worst}\n", number(unwell.total));
    let said = format!("* webhooks: lag {}, {} dead\n{well}", lag(figures.lag_ms), number(dead));
    Some((format!("{dead} {well}"), said))
}

/// The fleet in figures, and what makes it worth saying again: another state or other failures, not each tenant that is
/// done.
pub(super) fn fleet(state: &State) -> Option<(String, String)> {
    let feed = state.feeds.get(&Slot::Fleet)?;
    let Some(status) = state.fleet() else {
        let error = feed.error.as_ref()?;
        let line = format!("{}; {}\n", clean(&error.message), clean(&error.hint));
        return Some((line.clone(), line));
    };
    let now = state.daemon_now();
    let word = plain::fleet::headline(&status, now).word;
    let groups: Vec<&str> = status.failures.iter().map(|one| one.group.as_str()).collect();
    let turn = plain::fleet::moves_in(&status);
    let key = format!("{word} {turn:?} {groups:?}");
    Some((key, plain::fleet::status(&status, now, plain::Style::default()) + "\n"))
}

/// One thing whose details are asked for; none for any other. Said once, whole.
pub(super) fn detail(state: &State, subject: &Subject) -> Option<String> {
    if let Subject::Instance(view) = subject
        && let Some(detail) = state.instance_detail(&view.tenant)
    {
        let mut text = plain::fleet::show(detail, state.daemon_now(), plain::Style::default());
        text += "history: every attempt, newest first\n";
        return Some(text);
    }
    let slot = match subject {
        Subject::Delivery(view) => Slot::Delivery { guid: view.guid.clone(), payload: false },
        Subject::Workflow(view) => Slot::Dispatches(view.id.clone()),
        Subject::Rollout(line) => Slot::Rollout(line.name),
        Subject::Instance(view) => Slot::Instance(view.tenant.clone()),
        _ => return None,
    };
    if state.feeds.value(&slot).is_some() {
        return None;
    }
    let mut text = waiting(state, &slot);
    if state.feeds.get(&slot).is_some_and(|feed| feed.error.is_some()) {
        text += &facts(&why::detail(state, subject));
    }
    Some(text)
}

fn waiting(state: &State, slot: &Slot) -> String {
    match state.feeds.get(slot).and_then(|feed| feed.error.as_ref()) {
        Some(error) => format!("{}; {}\n", clean(&error.message), clean(&error.hint)),
        None => "asking ...\n".to_owned(),
    }
}

/// A payload, an explanation, a question for a GUID.
pub(super) fn layer(state: &State, layer: &Layer) -> String {
    match layer {
        Layer::Payload { guid, .. } => match state.delivery(guid, true) {
            Some(detail) => {
                let mut text = format!("Payload of {}\n", clean(guid));
                match &detail.payload {
                    Some(payload) => {
                        for line in payload.lines() {
                            let _ = writeln!(text, "{}", clean(line));
                        }
                        text += if detail.cut { "and more that is not shown\n" } else { "" };
                    }
                    None => text += "the body is not kept any more\n",
                }
                text
            }
            None => waiting(state, &Slot::Delivery { guid: guid.clone(), payload: true }),
        },
        Layer::Explain { guid, workflow, .. } => match state.explanations(guid, workflow.as_deref()) {
            Some(all) => {
                let matched = all.iter().filter(|one| one.matched).count();
                let mut text = format!("{}: {matched} of {} workflows match\n", clean(guid), all.len());
                text += &facts(&explained(all));
                text
            }
            None => waiting(state, &Slot::Test { guid: guid.clone(), workflow: workflow.clone() }),
        },
        Layer::Members { name, .. } => match state.members(*name) {
            Some((members, more)) => {
                let mut text = format!("In {name}; a number opens the tenant\n");
                for (at, member) in members.iter().enumerate() {
                    let _ = writeln!(
                        text,
                        "{}. {}: {}",
                        at + 1,
                        clean(member.tenant.as_str()),
                        crate::plain::rollout::why(member)
                    );
                }
                text += if members.is_empty() { "the target answers for nobody\n" } else { "" };
                text += if more { "and more that are not listed here\n" } else { "" };
                text
            }
            None => waiting(state, &Slot::Members(*name)),
        },
        Layer::Timeline { name, .. } => match state.timeline(*name) {
            Some(view) => {
                let mut text = format!("Timeline of {name}, the newest stay first\n");
                let now = state.daemon_now();
                for (key, line, _) in
                    timeline::ahead(view, now).into_iter().chain(timeline::behind(view, now))
                {
                    let gap = if key.is_empty() { "  " } else { ": " };
                    let _ = writeln!(text, "{}{gap}{}", clean(&key), clean(&line));
                }
                text += if view.stays.next.is_some() {
                    "and earlier ones that are not listed here\n"
                } else {
                    ""
                };
                text
            }
            None => waiting(state, &Slot::Timeline(*name)),
        },
        Layer::Failures { .. } => failures(state),
        Layer::History { tenant, pages, .. } => match state.history(tenant, pages.last()) {
            Some(page) => {
                let mut text = format!(
                    "History of {}, page {}, newest first\n",
                    clean(tenant.as_str()),
                    pages.len() + 1
                );
                let rows: Vec<_> = page
                    .rows
                    .iter()
                    .map(|entry| plain::fleet::history_row(entry, state.daemon_now()))
                    .collect();
                text += &plain::Table::whole(plain::fleet::HISTORY_COLUMNS, &rows, plain::Style::default());
                text += if page.rows.is_empty() { "nothing was tried yet\n" } else { "" };
                text += if page.next.is_some() { "more: older attempts\n" } else { "" };
                text
            }
            None => waiting(state, &Slot::History { tenant: tenant.clone(), after: pages.last().cloned() }),
        },
        Layer::Guid { workflow, .. } => {
            format!(
                "type the GUID of a delivery, to be explained for workflow {}; an empty line leaves it\n",
                clean(workflow)
            )
        }
        _ => String::new(),
    }
}

fn failures(state: &State) -> String {
    let Some(status) = state.fleet_as_told() else { return waiting(state, &Slot::Fleet) };
    let mut text =
        "Failures by their error; a number shows the tenants, `retry NUMBER` takes them once more\n"
            .to_owned();
    for (at, one) in status.failures.iter().enumerate() {
        let _ = writeln!(
            text,
            "{}. {} at {}, {}: {}\n   next: {}",
            at + 1,
            plain::fleet::tenants(one.tenants),
            clean(&one.migration),
            one.class,
            clean(&one.text),
            clean(&one.next)
        );
    }
    text += if status.failures.is_empty() { "nothing failed\n" } else { "" };
    text
}

pub(super) fn receipts(state: &State, text: &mut String) {
    use crate::state::errand::Outcome;
    if state.errands.all().len() == 0 {
        *text += "nothing was done from here yet\n";
    }
    for (at, errand) in state.errands.all().enumerate() {
        let outcome = match &errand.outcome {
            Outcome::Going => "going",
            Outcome::Done(text) => text,
            Outcome::Failed(error) => &error.message,
            Outcome::NotKnown(_) => "not known; its number asks again",
        };
        let _ = writeln!(
            text,
            "{}. {}: {}\n   {}",
            at + 1,
            clean(&errand.title),
            clean(outcome),
            clean(&errand.twin)
        );
    }
}
