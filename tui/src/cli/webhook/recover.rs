//! `cutover webhook recover`.

use std::time::Duration;

use cutover_shared::rpc::{Act, Receipt};
use cutover_shared::webhook::{Recovery, WebhookAct};

use crate::cli::{Outcome, Verdict};
use crate::failure::Failure;
use crate::plain::{Block, Style, Tone, clean, number, parse_duration, time};
use crate::session::Session;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Only deliveries since then: 2026-11-20T10:00:00Z, or how long ago, 6h [default: all that GitHub keeps]
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Since>,
    /// Only these events, `push,installation`; bodies of others are not fetched [default: all]
    #[arg(long = "event", value_name = "EVENTS", value_delimiter = ',')]
    events: Vec<String>,
    /// Only say what is missing
    #[arg(long)]
    look: bool,
}

#[derive(Clone, Copy, Debug)]
enum Since {
    /// Milliseconds since the epoch.
    At(i64),
    Ago(Duration),
}

fn since(text: &str) -> Result<Since, String> {
    if let Ok(at) = chrono::DateTime::parse_from_rfc3339(text) {
        return Ok(Since::At(at.timestamp_millis()));
    }
    parse_duration(text)
        .map(Since::Ago)
        .map_err(|_| "write a time like 2026-11-20T10:00:00Z, or how long ago, like 6h or 2d".to_owned())
}

pub(super) async fn run(args: Args, session: &mut Session<'_>) -> Verdict {
    let since = args.since.map(|since| match since {
        Since::At(at) => at,
        Since::Ago(ago) => session.now().saturating_sub(i64::try_from(ago.as_millis()).unwrap_or(i64::MAX)),
    });
    let act = WebhookAct::Recover { since, events: args.events, look: args.look };
    let Receipt::Webhook(receipt) = session.act(Act::Webhook(act)).await? else {
        return Err(Failure::unexpected("webhook recover"));
    };
    let Some(recovery) = &receipt.recovery else { return Err(Failure::unexpected("webhook recover")) };
    session.out.answer(recovery, |style| text(recovery, args.look, style))?;
    Ok(if missing(recovery) == 0 && !recovery.gap { Outcome::Done } else { Outcome::Found })
}

/// Wanted, and not in the inbox.
fn missing(recovery: &Recovery) -> u64 {
    recovery.logged.saturating_sub(recovery.unwanted).saturating_sub(recovery.here)
}

fn text(recovery: &Recovery, look: bool, style: Style) -> String {
    let missing = missing(recovery);
    let mut block = Block::new();
    block.toned("Inbox", clean(&recovery.statement), if missing == 0 { Tone::Good } else { Tone::Bad });
    if !look {
        block.line("Fetched", number(recovery.pulled));
    }
    if recovery.redelivered > 0 {
        let told = format!("{}, on their way: look again in a minute", number(recovery.redelivered));
        block.toned("Asked again", told, Tone::Warn);
    }
    if recovery.lost > 0 {
        block.toned("Lost", format!("{}, GitHub can't give them any more", number(recovery.lost)), Tone::Bad);
    }
    if recovery.gap {
        let told = format!("what came before {} can't be proven", time(recovery.horizon));
        block.toned("Gap", told, Tone::Bad);
    }
    let mut text = block.render(style);
    if look && missing > 0 {
        text += "next: cutover webhook recover\n";
    }
    if recovery.lost > 0 || recovery.gap {
        text += "runbook: missed_webhooks.md\n";
    }
    text
}
