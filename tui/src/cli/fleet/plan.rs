//! `cutover fleet plan` and `cutover fleet rollback`.

use cutover_shared::fleet::{
    FleetAct, FleetAnswer, FleetQuery, FleetReceipt, FleetScope, PlanGroup, PlanStep, Way,
};
use cutover_shared::ids::TenantId;
use cutover_shared::run::RunView;
use serde::Serialize;

use super::super::{Outcome, Verdict, map};
use super::{act, ask};
use crate::failure::Failure;
use crate::plain::fleet::{tenants, version};
use crate::plain::{self, Style, Tone, clean, wrap};
use crate::session::Session;

/// Lines of a step that are shown without `--sql`.
const LINES: usize = 12;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Plan {
    /// The version that the tenants are to have: 5, 0005 or 0005_add_tags [default: the one that was set before]
    #[arg(long, value_name = "VERSION", value_parser = a_version)]
    to: Option<Version>,
    #[command(flatten)]
    scope: Scope,
    #[command(flatten)]
    look: Look,
}

#[derive(Debug, clap::Args)]
#[command(
    group = clap::ArgGroup::new("whom").required(true),
    override_usage = "cutover fleet rollback [OPTIONS] --to VERSION --tenant T|--wave N|--all"
)]
pub(in crate::cli) struct Rollback {
    /// The version that stays: 3, 0003 or 0003_add_tags; 0 takes every migration back
    #[arg(long, value_name = "VERSION", value_parser = a_version)]
    to: Version,
    /// Only this tenant
    #[arg(long, value_name = "TENANT", group = "whom")]
    tenant: Option<String>,
    /// Only one wave, counted from 1: the canary tenants are the first
    #[arg(long, value_name = "N", group = "whom", value_parser = clap::value_parser!(u32).range(1..))]
    wave: Option<u32>,
    /// All tenants
    #[arg(long, group = "whom")]
    all: bool,
    #[command(flatten)]
    look: Look,
}

#[derive(Debug, clap::Args)]
#[group(multiple = false)]
struct Scope {
    /// Only this tenant
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// Only one wave, counted from 1: the canary tenants are the first
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    wave: Option<u32>,
    /// All tenants (the default)
    #[arg(long)]
    all: bool,
}

#[derive(Debug, clap::Args)]
struct Look {
    /// Read every tenant's database again, also those that were read a moment ago
    #[arg(long)]
    refresh: bool,
    /// Show each step whole, however long
    #[arg(long)]
    sql: bool,
}

/// A version as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Version {
    number: u32,
    /// The name of its migration, where it was said.
    id: Option<String>,
}

/// `5`, `0005` and `0005_add_tags` are one version.
fn a_version(text: &str) -> Result<Version, String> {
    let digits = text.split_once('_').map_or(text, |(digits, _)| digits);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = is_number.then(|| digits.parse().ok()).flatten();
    let number = number.ok_or_else(|| {
        "a version is a number or the name of a migration: 5, 0005, 0005_add_tags".to_owned()
    })?;
    Ok(Version { number, id: (digits != text).then(|| text.to_owned()) })
}

/// The number, where the name that was said is that of its migration: a slip of the pen plans nothing.
async fn number(version: Version, session: &mut Session<'_>) -> Result<u32, Failure> {
    let Version { number, id } = version;
    let Some(id) = id else { return Ok(number) };
    let FleetAnswer::Registry(all) = ask(session, FleetQuery::Registry).await? else {
        return Err(Failure::unexpected("fleet registry"));
    };
    match all.iter().find(|migration| migration.version == number) {
        Some(known) if known.id == id => Ok(number),
        Some(known) => Err(Failure::usage(
            format!("there is no migration {id}; version {number} is {}", known.id),
            "name that one, or the number alone",
        )),
        None => Err(Failure::usage(
            format!("there is no migration {id}"),
            "`cutover fleet registry` shows those that there are",
        )),
    }
}

fn scope(tenant: Option<String>, wave: Option<u32>) -> FleetScope {
    match (tenant, wave) {
        (Some(tenant), _) => FleetScope::Tenant(TenantId(tenant)),
        (None, Some(wave)) => FleetScope::Wave(wave),
        (None, None) => FleetScope::All,
    }
}

pub(super) async fn plan(args: Plan, session: &mut Session<'_>) -> Verdict {
    let Scope { tenant, wave, all: _ } = args.scope;
    let scope = scope(tenant, wave);
    let to = match args.to {
        Some(to) => Some(number(to, session).await?),
        None => None,
    };
    let wanted = FleetAct::Plan { scope, to, refresh: args.look.refresh };
    planned(wanted, args.look.sql, session).await
}

pub(super) async fn rollback(args: Rollback, session: &mut Session<'_>) -> Verdict {
    let scope = scope(args.tenant, args.wave);
    let to = number(args.to, session).await?;
    let wanted = FleetAct::Rollback { scope, to, refresh: args.look.refresh };
    planned(wanted, args.look.sql, session).await
}

/// A plan and what it does to whom.
#[derive(Serialize)]
struct Planned {
    #[serde(flatten)]
    run: RunView,
    groups: Vec<PlanGroup>,
}

async fn planned(wanted: FleetAct, whole: bool, session: &mut Session<'_>) -> Verdict {
    let FleetReceipt::Planned(run) = act(session, wanted).await? else {
        return Err(Failure::unexpected("fleet plan"));
    };
    let FleetAnswer::Groups(groups) = ask(session, FleetQuery::Groups { run: run.id.clone() }).await? else {
        return Err(Failure::unexpected("fleet plan"));
    };
    let planned = Planned { run: *run, groups };
    let now = session.now();
    let options = map::global_options(session);
    session.out.answer(&planned, |style| {
        let groups: String = planned.groups.iter().map(|one| group(one, whole, style)).collect();
        plain::show(&planned.run, now, style) + &groups + &plain::next_of_plan(&planned.run, &options)
    })?;
    Ok(Outcome::Done)
}

/// `12 postgres tenants from 0003 to 0005: acme, beta, ...` and what they get.
fn group(group: &PlanGroup, whole: bool, style: Style) -> String {
    let driver = group.driver.word();
    let names: Vec<&str> = group.examples.iter().map(TenantId::as_str).collect();
    let shown = u64::try_from(names.len()).unwrap_or(u64::MAX);
    let more = if group.tenants > shown { ", ..." } else { "" };
    let title = format!(
        "{} from {} to {}: {}{more}",
        tenants(group.tenants).replacen(' ', &format!(" {driver} "), 1),
        version(group.from),
        version(group.to),
        clean(&names.join(", ")),
    );
    let mut text = String::from("\n");
    for line in wrap(&title, style.measure()) {
        text += &format!("{}\n", style.paint(&line, Tone::Strong));
    }
    for step in &group.steps {
        text += &one_step(step, whole, style);
    }
    text
}

fn one_step(step: &PlanStep, whole: bool, style: Style) -> String {
    let way = match step.way {
        Way::Up => "",
        Way::Down => ", down",
    };
    let mut text = format!("  {}{way}\n", clean(&step.migration));
    if let Some(why) = &step.left_out {
        let told = format!("left out: {}", clean(why));
        for line in wrap(&told, style.measure() - 4) {
            text += &format!("    {}\n", style.paint(&line, Tone::Warn));
        }
        return text;
    }
    let lines: Vec<&str> = step.text.trim_end().lines().collect();
    let shown = if whole { lines.len() } else { lines.len().min(LINES) };
    // Not wrapped: this is what is run, and it may be copied.
    for line in lines.iter().take(shown) {
        let line = format!("    {}", clean(line));
        text += line.trim_end();
        text.push('\n');
    }
    if shown < lines.len() {
        let left = lines.len() - shown;
        let noun = if left == 1 { "line" } else { "lines" };
        text += &format!("    {}\n", style.paint(&format!("... {left} more {noun}: --sql"), Tone::Dim));
    }
    text
}

#[cfg(test)]
mod tests;
