//! Rollouts in time: rings, the standby, the timeline; and how moments are written on the command line.

use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use cutover_shared::ids::{OperatorName, TenantId};
use cutover_shared::page::PageAsk;
use cutover_shared::rollout::{
    InTime, NamedRoles, Ring, RingChange, RingMember, RolloutAct, RolloutAnswer, RolloutName, RolloutQuery,
    StandbyState, TimelineView,
};
use cutover_shared::rpc::{Answer, Query};

use super::super::list::{Listing, Window, list};
use super::super::{Outcome, Verdict};
use super::{ask, done};
use crate::failure::Failure;
use crate::plain::{
    Block, Cell, Column, Style, Tone, age, number, parse_duration, shell_word, span, time, timeline,
};
use crate::session::Session;
use crate::words;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct RingArgs {
    /// internal or beta
    #[arg(value_parser = words::listed_ring())]
    ring: Ring,
    /// What to do with its list
    #[arg(default_value = "list", value_parser = ["add", "remove", "list"])]
    verb: String,
    /// The tenants to add or remove
    #[arg(value_name = "TENANT", required_if_eq_any([("verb", "add"), ("verb", "remove")]), num_args = 0..=200,
        value_parser = NonEmptyStringValueParser::new())]
    tenants: Vec<String>,
    #[command(flatten)]
    window: Window,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Timeline {
    #[arg(value_parser = words::rollout())]
    name: RolloutName,
    /// Most stages to print
    #[arg(long, value_name = "STAGES", default_value_t = timeline::STAYS, value_parser = clap::value_parser!(u32).range(1..=50))]
    limit: u32,
    /// Start after this place: the cursor that the part before ended with
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
}

/// A time, or how long ago.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) enum Moment {
    /// Milliseconds since the epoch.
    At(i64),
    Ago(Duration),
}

impl Moment {
    /// Milliseconds since the epoch.
    pub(super) fn ms(self, now: i64) -> i64 {
        match self {
            Self::At(at) => at,
            Self::Ago(ago) => now.saturating_sub(i64::try_from(ago.as_millis()).unwrap_or(i64::MAX)),
        }
    }
}

pub(super) fn moment(text: &str) -> Result<Moment, String> {
    if let Ok(at) = chrono::DateTime::parse_from_rfc3339(text) {
        return Ok(Moment::At(at.timestamp_millis()));
    }
    parse_duration(text)
        .map(Moment::Ago)
        .map_err(|_| "write a time like 2026-11-20T10:00:00Z, or how long ago, like 2h".to_owned())
}

const MEMBERS: &[Column] = &[Column::long("TENANT"), Column::words("SINCE"), Column::long("BY")];

pub(super) async fn ring(args: RingArgs, session: &mut Session<'_>) -> Verdict {
    let RingArgs { ring, verb, tenants, window } = args;
    let change = match verb.as_str() {
        "add" => RingChange::Add,
        "remove" => RingChange::Remove,
        _ => {
            let listing = Listing {
                noun: "tenants",
                columns: MEMBERS,
                ask: &|page| Query::Rollout(RolloutQuery::Ring { ring, page }),
                take: |answer| match answer {
                    Answer::Rollout(RolloutAnswer::Ring(page)) => Some(page),
                    _ => None,
                },
                row: member,
            };
            return list(session, &window, listing).await;
        }
    };
    let tenants = tenants.into_iter().map(TenantId).collect();
    done(session, RolloutAct::Ring { ring, change, tenants }, "the ring is so already").await
}

fn member(member: &RingMember, now: i64) -> Vec<Cell> {
    vec![member.tenant.as_str().into(), age(now, member.since).into(), member.by.as_str().into()]
}

pub(super) async fn timeline(args: Timeline, session: &mut Session<'_>) -> Verdict {
    let Timeline { name, limit, after } = args;
    let query = RolloutQuery::Timeline { name, page: PageAsk { after, limit } };
    let RolloutAnswer::Timeline(view) = ask(session, query).await? else {
        return Err(Failure::unexpected("rollout timeline"));
    };
    let now = session.now();
    session.out.answer(&view, |style| text(&view, now, style))?;
    Ok(Outcome::Done)
}

fn text(view: &TimelineView, now: i64, style: Style) -> String {
    let block = |all: Vec<timeline::Said>| {
        let mut block = Block::new();
        for (key, text, tone) in all {
            block.toned(&key, text, tone);
        }
        block.render(style)
    };
    let mut ahead = vec![("Rollout".to_owned(), view.rollout.to_string(), Tone::Strong)];
    ahead.extend(timeline::ahead(view, now));
    let title = style.paint("Stages, newest first", Tone::Strong);
    let mut text = format!("{}\n{title}\n{}", block(ahead), block(timeline::behind(view, now)));
    if let Some(next) = &view.stays.next {
        text += &format!("more: --after {}\n", shell_word(next));
    }
    text
}

/// What `rollout show` says of it.
pub(super) fn standing(block: &mut Block, in_time: &InTime) {
    if !in_time.ring.is_all() {
        block.toned("Ring", format!("open for {} alone", in_time.ring), Tone::Strong);
    }
    if let Some(standby) = &in_time.standby {
        let tone = if standby.failed > 0 { Tone::Bad } else { Tone::Plain };
        let lag = span(standby.lag_ms.unsigned_abs() / 1_000);
        let state = match standby.state {
            StandbyState::Hot if standby.waiting + standby.failed == 0 => {
                "hot standby, nothing behind".to_owned()
            }
            StandbyState::Hot => {
                format!(
                    "hot standby, {} writes behind, the oldest {lag}",
                    number(standby.waiting + standby.failed)
                )
            }
            StandbyState::Unwritten => format!("not written since {}", time(standby.since)),
        };
        block.toned("Legacy", state, tone);
        block.toned("", &standby.text, tone);
    }
    if let Some(gap) = &in_time.gap {
        let text =
            format!("answers from {} to {}: in the target's book alone", time(gap.since), time(gap.until));
        block.toned("Legacy lacks", text, Tone::Warn);
    }
    roles(block, &in_time.roles);
}

/// Who is named, where somebody is.
pub(super) fn roles(block: &mut Block, roles: &NamedRoles) {
    let names = |of: &[OperatorName]| of.iter().map(OperatorName::as_str).collect::<Vec<_>>().join(", ");
    for (label, of) in
        [("Lead", &roles.lead), ("On call", &roles.on_call), ("Rolls back", &roles.rollback_authority)]
    {
        if !of.is_empty() {
            block.line(label, names(of));
        }
    }
}
