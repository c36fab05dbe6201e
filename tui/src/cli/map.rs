//! `cutover map`.

use std::path::PathBuf;

use clap::Subcommand;
use cutover_shared::ids::{Digest, RunId, TenantId};
use cutover_shared::mapping::{
    MapAct, MapAnswer, MapQuery, MapReceipt, MapScope, SpotCheckReport, SpotOutcome,
};
use cutover_shared::page::{MAX_ROWS, PageAsk};
use cutover_shared::rpc::{Act, Answer, Query, Receipt};
use cutover_shared::run::{RunAct, RunState, RunView};

use super::{Outcome, Verdict, reference, run};
use crate::failure::Failure;
use crate::file::NewFile;
use crate::plain::{self, Block, Cell, Column, Style, Table, Tone, clean, number, shell_word, time, wrap};
use crate::session::Session;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// A dry-run: reads the world, writes a plan, changes nothing
    Plan(Plan),
    /// Applies an approved plan, no more and no less, and follows it to its end
    Apply(Apply),
    /// Fetches a sample of mapped repositories and compares them with what was imported
    SpotCheck(SpotCheck),
}

#[derive(Debug, clap::Args)]
pub(super) struct Plan {
    #[command(flatten)]
    scope: Scope,
    /// Sweep GitHub's lists again first
    #[arg(long)]
    refresh: bool,
    /// Also write the plan as CSV; `-` is standard output, and then the rest is on stderr
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[group(multiple = false)]
pub(super) struct Scope {
    /// Only this tenant's projects
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// Only tenants on the canary list
    #[arg(long)]
    canary: bool,
    /// All projects (the default)
    #[arg(long)]
    all: bool,
}

impl Scope {
    /// What the arguments say; everything when they say nothing.
    pub(super) fn chosen(self) -> MapScope {
        match self {
            Self { tenant: Some(tenant), .. } => MapScope::Tenant(TenantId(tenant)),
            Self { canary: true, .. } => MapScope::Canary,
            Self { .. } => MapScope::All,
        }
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct Apply {
    #[arg(value_name = "PLAN", help = reference::HELP)]
    plan: String,
    /// Approve the plan first, if it has this digest
    #[arg(long, value_name = "DIGEST")]
    approve: Option<String>,
    /// Approve although a check says no; the reason goes into the audit log
    #[arg(long = "override", value_name = "REASON", requires = "approve")]
    override_reason: Option<String>,
    /// Most items a second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// Return at once; the run goes on
    #[arg(long)]
    pub detach: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct SpotCheck {
    /// How many repositories to compare
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(5..))]
    sample: u32,
    /// Chooses the same sample again; a new one each time when absent
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,
}

pub(super) async fn run(verb: Verb, session: &mut Session<'_>) -> Verdict {
    match verb {
        Verb::Plan(args) => plan(args, session).await,
        Verb::Apply(args) => apply(args, session).await,
        Verb::SpotCheck(args) => spot_check(&args, session).await,
    }
}

async fn plan(args: Plan, session: &mut Session<'_>) -> Verdict {
    let to_stdout = args.csv.as_ref().is_some_and(|file| file.as_os_str() == "-");
    if to_stdout && session.out.json {
        return Err(Failure::usage(
            "--csv - and --json both want standard output",
            "give --csv a file's name",
        ));
    }
    let scope = args.scope.chosen();
    // Opened first: a plan takes minutes, a wrong folder should not cost them.
    let file = match &args.csv {
        Some(path) if !to_stdout => Some(NewFile::create(path)?),
        _ => None,
    };
    let receipt = session.act(Act::Map(MapAct::Plan { scope, refresh: args.refresh })).await?;
    let Receipt::Map(MapReceipt::Planned(view)) = receipt else {
        return Err(Failure::unexpected("map plan"));
    };
    let now = session.now();
    let options = global_options(session);
    let text = |style| plain::show(&view, now, style) + &plain::next_of_plan(&view, &options);
    if to_stdout {
        session.out.aside(&text(Style::default()));
        let mut pages = Csv::of(&view.id);
        while let Some(part) = pages.next(session).await? {
            session.out.raw(&part)?;
            if session.out.is_closed() {
                break;
            }
        }
        return Ok(Outcome::Done);
    }
    if let Some(mut file) = file {
        let mut pages = Csv::of(&view.id);
        while let Some(part) = pages.next(session).await? {
            file.write(&part)?;
        }
        file.finish()?;
    }
    session.out.answer(&view, text)?;
    Ok(Outcome::Done)
}

/// The global options that the next command needs again.
pub(super) fn global_options(session: &Session<'_>) -> String {
    let socket = session.options.socket.as_ref();
    socket.map_or(String::new(), |path| format!(" --socket {}", shell_word(&path.to_string_lossy())))
}

/// A plan's CSV, a page at a time.
struct Csv {
    id: RunId,
    page: PageAsk,
    ended: bool,
}

impl Csv {
    fn of(id: &RunId) -> Self {
        Self { id: id.clone(), page: PageAsk::first(MAX_ROWS), ended: false }
    }

    async fn next(&mut self, session: &mut Session<'_>) -> Result<Option<String>, Failure> {
        if self.ended {
            return Ok(None);
        }
        let query = MapQuery::Csv { id: self.id.clone(), page: self.page.clone() };
        let Answer::Map(MapAnswer::Csv { text, next }) = session.ask(Query::Map(query)).await? else {
            return Err(Failure::unexpected("map plan --csv"));
        };
        self.ended = next.is_none() || next == self.page.after;
        self.page.after = next;
        Ok(Some(text))
    }
}

/// Approves where asked, sets the plan going, and follows it unless detached. A plan of any kind.
pub(super) async fn apply(args: Apply, session: &mut Session<'_>) -> Verdict {
    let detach = args.detach;
    let view = start(args, session).await?;
    run::after_start(session, &view, detach).await
}

/// Approves where asked, and sets the plan going.
pub(super) async fn start(args: Apply, session: &mut Session<'_>) -> Result<RunView, Failure> {
    let id = reference::resolve(session, &args.plan).await?;
    if let Some(digest) = args.approve {
        approve(session, &id, Digest(digest), args.override_reason).await?;
    }
    run::receipt(session.step("apply", Act::Run(RunAct::Apply { id, rate: args.rate })).await?)
}

/// Approves, unless somebody has approved the same digest already.
async fn approve(
    session: &mut Session<'_>,
    id: &RunId,
    digest: Digest,
    override_reason: Option<String>,
) -> Result<(), Failure> {
    let before: RunView = reference::show(session, id).await?;
    if before.state == RunState::Approved && before.digest == digest {
        let who = before.approved_by.as_ref().map_or("somebody", |name| name.as_str());
        session.out.note(&format!("{id} was already approved by {who}"));
        return Ok(());
    }
    let act = Act::Run(RunAct::Approve { id: id.clone(), digest, override_reason });
    run::receipt(session.step("approve", act).await?).map(drop)
}

async fn spot_check(args: &SpotCheck, session: &mut Session<'_>) -> Verdict {
    // Half of a fresh key's random part; short enough to be typed again.
    let seed = args.seed.unwrap_or_else(|| uuid::Uuid::now_v7().as_u64_pair().1 & 0xffff_ffff);
    let receipt = session.act(Act::Map(MapAct::SpotCheck { sample: args.sample, seed })).await?;
    let Receipt::Map(MapReceipt::SpotCheck(report)) = receipt else {
        return Err(Failure::unexpected("map spot-check"));
    };
    session.out.answer(&report, |style| report_text(&report, style))?;
    Ok(if report.passed { Outcome::Done } else { Outcome::Found })
}

const SPOT_COLUMNS: &[Column] = &[
    Column::words("OUTCOME"),
    Column::long("REPOSITORY"),
    Column::long("TENANT"),
    Column::number("INSTALLATION"),
    Column::number("SURE"),
];

fn report_text(report: &SpotCheckReport, style: Style) -> String {
    let tone = |outcome| match outcome {
        SpotOutcome::Match => Tone::Good,
        SpotOutcome::Mismatch => Tone::Bad,
        SpotOutcome::NotComparable | SpotOutcome::Unreachable => Tone::Warn,
    };
    let rows: Vec<Vec<Cell>> = report
        .rows
        .iter()
        .map(|row| {
            vec![
                Cell::toned(row.outcome.word(), tone(row.outcome)),
                row.key.as_str().into(),
                row.tenant.as_str().into(),
                row.installation.to_string().into(),
                format!("{} %", row.confidence).into(),
            ]
        })
        .collect();
    let mut text = Table::whole(SPOT_COLUMNS, &rows, style);
    for row in report.rows.iter().filter(|row| row.outcome != SpotOutcome::Match) {
        text += &format!("\n{}\n", clean(row.key.as_str()));
        for line in wrap(&clean(&row.detail), style.measure() - 2) {
            text += &format!("  {line}\n");
        }
    }
    let mut block = Block::new();
    let (word, tone) = if report.passed { ("passed", Tone::Good) } else { ("NOT PASSED", Tone::Bad) };
    block.toned("Verdict", word, tone);
    if !report.verdict.is_empty() {
        block.line("Because", &report.verdict);
    }
    let sample = u64::try_from(report.rows.len()).unwrap_or(u64::MAX);
    block.line("Sample", format!("{} of {} mapped", number(sample), number(report.population)));
    block.line("Seed", report.seed.to_string());
    block.line("At", time(report.at));
    format!("{text}\n{}", block.render(style))
}
