//! `cutover mode`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use cutover_shared::ids::TenantId;
use cutover_shared::mapping::{MapAct, MapAnswer, MapQuery, MapReceipt, Mode, ModeView};
use cutover_shared::rpc::{Act, Answer, Query, Receipt};

use super::{Outcome, Verdict};
use crate::failure::Failure;
use crate::plain::{Block, Style, Tone, age, number};
use crate::session::Session;
use crate::words;

/// The longest file of tenants that is read: a list of 100,000 long names.
const LONGEST_FILE: u64 = 16 * 1024 * 1024;

/// Tenants of the canary list that `status` names.
const NAMED: usize = 5;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// The mode, who set it, and the canary list
    Get,
    /// Sets the mode, the canary list, or both
    Set(Set),
}

#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(super) struct Set {
    /// The ceiling for every tenant
    #[arg(value_parser = words::mode())]
    mode: Option<Mode>,
    /// Puts a tenant on the canary list
    #[arg(long, value_name = "TENANT")]
    add_canary: Vec<String>,
    /// Takes a tenant off the canary list
    #[arg(long, value_name = "TENANT")]
    remove_canary: Vec<String>,
    /// Replaces the canary list: a tenant a line, `#` begins a comment
    #[arg(long, value_name = "FILE")]
    canary_file: Option<PathBuf>,
}

pub(super) async fn run(verb: Verb, session: &mut Session<'_>) -> Verdict {
    let view = match verb {
        Verb::Get => get(session).await?,
        Verb::Set(set) => {
            let canary = canary(session, &set).await?;
            if set.mode.is_none() && canary.is_none() {
                return Err(Failure::usage("nothing to set", "name a mode, or change the canary list"));
            }
            match session.act(Act::Map(MapAct::SetMode { mode: set.mode, canary })).await? {
                Receipt::Map(MapReceipt::Mode(view)) => view,
                _ => return Err(Failure::unexpected("mode set")),
            }
        }
    };
    let now = session.now();
    session.out.answer(&view, |style| text(&view, now, style))?;
    Ok(Outcome::Done)
}

async fn get(session: &mut Session<'_>) -> Result<ModeView, Failure> {
    match session.ask(Query::Map(MapQuery::Mode)).await? {
        Answer::Map(MapAnswer::Mode(view)) => Ok(view),
        _ => Err(Failure::unexpected("mode get")),
    }
}

/// The canary list that is wanted; none when it stays as it is.
async fn canary(session: &mut Session<'_>, set: &Set) -> Result<Option<Vec<TenantId>>, Failure> {
    let mut list: BTreeSet<TenantId> = match &set.canary_file {
        Some(file) => read_tenants(file)?,
        None if set.add_canary.is_empty() && set.remove_canary.is_empty() => return Ok(None),
        None => get(session).await?.canary.into_iter().collect(),
    };
    list.extend(set.add_canary.iter().map(|tenant| TenantId::from(tenant.as_str())));
    for tenant in &set.remove_canary {
        if !list.remove(&TenantId::from(tenant.as_str())) {
            return Err(Failure::usage(
                format!("`{tenant}` is not on the canary list"),
                "`cutover mode get` shows the list; nothing was changed",
            ));
        }
    }
    Ok(Some(list.into_iter().collect()))
}

fn read_tenants(file: &Path) -> Result<BTreeSet<TenantId>, Failure> {
    let unreadable = |error: &dyn std::fmt::Display| {
        Failure::usage(
            format!("can't read {}: {error}", file.display()),
            "a text file is wanted, a tenant a line; nothing was changed",
        )
    };
    let length = std::fs::metadata(file).map_err(|error| unreadable(&error))?.len();
    if length > LONGEST_FILE {
        return Err(unreadable(&"it is longer than 16 MiB"));
    }
    let text = std::fs::read_to_string(file).map_err(|error| unreadable(&error))?;
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    Ok(lines.filter(|line| !line.is_empty()).map(TenantId::from).collect())
}

/// The lines that `status` shares.
pub(super) fn lines(mode: &ModeView, now: i64, block: &mut Block) {
    if mode.killed {
        block.toned(
            "KILLED",
            "everything is on legacy and every run paused, whatever the mode says",
            Tone::Bad,
        );
    }
    let who = mode.changed_by.as_ref().map_or(String::new(), |who| format!(" by {who}"));
    let when = mode.changed_at.map_or(String::new(), |at| format!(", set {}{who}", age(now, at)));
    block.line("Mode", format!("{}{when}", mode.mode));
    if let Some(environment) = mode.environment_differs {
        block.toned(
            "Differs",
            format!("the configuration says {environment}; the stored mode, {}, counts", mode.mode),
            Tone::Warn,
        );
    }
    let named = mode.canary.iter().take(NAMED).map(TenantId::as_str).collect::<Vec<_>>().join(", ");
    let more = if mode.canary.len() > NAMED { ", ..." } else { "" };
    block.line(
        "Canary",
        match mode.canary.len() {
            0 => "nobody".to_owned(),
            1 => format!("1 tenant: {named}"),
            n => format!("{} tenants: {named}{more}", number(u64::try_from(n).unwrap_or(u64::MAX))),
        },
    );
}

fn text(mode: &ModeView, now: i64, style: Style) -> String {
    let mut block = Block::new();
    lines(mode, now, &mut block);
    let mut text = block.render(style);
    if mode.canary.len() > NAMED {
        text += "\n";
        for tenant in &mode.canary {
            text += &format!("{}\n", crate::plain::clean(tenant.as_str()));
        }
    }
    text
}
