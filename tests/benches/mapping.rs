//! What mapping costs at size: import, sweep, matching, plan to CSV, apply, undo; against a stand-in in a process of its
//! own, so that its memory does not count. Ends with 1 when a bar is missed.
//!
//! `cargo bench -p cutover-tests --bench mapping -- --projects 100000 --installations 2000` is the full form.
#![expect(clippy::print_stdout, reason = "a benchmark is what it prints")]

use std::error::Error;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use cutover_daemon::audit::Who;
use cutover_daemon::clock::Clock;
use cutover_daemon::faults::Faults;
use cutover_daemon::github::{CallCounts, GitHub, GitHubSettings};
use cutover_daemon::mapping::catalog::import::Importer;
use cutover_daemon::mapping::kind::MapEmbedded;
use cutover_daemon::mapping::link::link_of;
use cutover_daemon::mapping::load;
use cutover_daemon::mapping::matching::judge_all;
use cutover_daemon::mapping::next_steps::Context;
use cutover_daemon::mapping::planner::Planner;
use cutover_daemon::mapping::report::{self, ReportRow};
use cutover_daemon::mapping::sweep::Sweeper;
use cutover_daemon::run::{Brake, Engine, EngineSettings, OpenGate};
use cutover_daemon::seal::Seal;
use cutover_daemon::store::{self, Db, LinkFilter};
use cutover_shared::catalog::{CatalogFormat, CatalogReceipt};
use cutover_shared::ids::RunId;
use cutover_shared::mapping::{MapScope, PlanItem};
use cutover_shared::run::{RunState, RunView};
use secrecy::{SecretBox, SecretString};
use serde_json::Value;

type Failure = Box<dyn Error + Send + Sync>;

/// Bars of the foundation, for 100,000 projects and 2,000 installations on 2 cores.
const MATCHING: f64 = 1.0;
const PLAN_TO_CSV: f64 = 10.0;
const APPLY_PER_SECOND: f64 = 5_000.0;
const RSS_MB: u64 = 400;

#[derive(Parser)]
struct Options {
    /// Repositories of projects in the catalog.
    #[arg(long, default_value_t = 5_000)]
    projects: usize,
    #[arg(long, default_value_t = 100)]
    installations: usize,
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let _ = options.bench;
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            println!("can't start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(measure(&options)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("failed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The stand-in as a process; ended with this value.
struct Github(Child);

impl Drop for Github {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn github(options: &Options, dir: &Path) -> Result<(Github, String, i64), Failure> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_github-sim"))
        .args(["--tenants", &(options.installations.max(2)).to_string()])
        .args(["--repos", &options.projects.to_string()])
        .args(["--installations", &options.installations.to_string()])
        .args(["--seed", &options.seed.to_string()])
        .arg("--catalog")
        .arg(dir.join("catalog.csv"))
        .arg("--key")
        .arg(dir.join("app.pem"))
        .stdout(Stdio::piped())
        .spawn()?;
    let stdout = child.stdout.take().ok_or("the stand-in has no output")?;
    let github = Github(child);
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    let said: Value = serde_json::from_str(&line)?;
    let base = said["api_base"].as_str().ok_or("no api_base")?.to_owned();
    Ok((github, base, said["app_id"].as_i64().ok_or("no app_id")?))
}

struct House {
    db: Db,
    clock: Clock,
    github: GitHub,
    engine: Engine,
    planner: Planner,
    importer: Importer,
    who: Who,
}

async fn house(dir: &Path, base: &str, app_id: i64) -> Result<House, Failure> {
    let clock = Clock::system();
    let db = store::open(&format!("sqlite:{}", dir.join("cutover.db").display()), Faults::none()).await?;
    let seal = Arc::new(Seal::new(vec![("k1".to_owned(), SecretBox::new(Box::new([7; 32])))])?);
    let key = SecretString::from(std::fs::read_to_string(dir.join("app.pem"))?);
    let mut settings = GitHubSettings::new(base, app_id, vec![key]);
    settings.points_per_minute = 1_000_000;
    settings.max_in_flight = 64;
    let github = GitHub::new(&settings, clock.clone())?;
    let brake = Brake::pulled();
    if let Some(pull) = brake.newest() {
        brake.release(pull);
    }
    let engine = Engine::new(
        db.clone(),
        clock.clone(),
        Faults::none(),
        brake,
        EngineSettings::default(),
        Arc::new(OpenGate),
        vec![Arc::new(MapEmbedded::new(db.clone(), seal.clone()))],
    );
    let planner = Planner {
        db: db.clone(),
        github: github.clone(),
        sweeper: Sweeper::new(db.clone(), github.clone(), clock.clone(), 8),
        seal: seal.clone(),
        clock: clock.clone(),
        engine: engine.clone(),
        app_database: None,
        probe_budget: usize::MAX,
        index_max_age: Duration::from_secs(86_400),
        app_slug: Some("cutover".to_owned()),
    };
    let importer = Importer::new(db.clone(), seal, clock.clone());
    Ok(House { db, clock, github, engine, planner, importer, who: Who::daemon() })
}

/// A table of what was measured, and whether every bar was met.
struct Report {
    met: bool,
}

impl Report {
    fn row(&mut self, what: &str, figure: &str, bar: Option<(&str, bool)>) {
        let (bar, verdict) = match bar {
            Some((bar, true)) => (bar, "met"),
            Some((bar, false)) => {
                self.met = false;
                (bar, "MISSED")
            }
            None => ("", ""),
        };
        println!("| {what} | {figure} | {bar} | {verdict} |");
    }
}

async fn measure(options: &Options) -> Result<bool, Failure> {
    let dir = tempfile::tempdir()?;
    let (_github, base, app_id) = github(options, dir.path())?;
    let house = house(dir.path(), &base, app_id).await?;
    let mut report = Report { met: true };
    let n = options.projects as f64;
    println!(
        "{} repositories of projects, {} installations, seed {}\n",
        options.projects, options.installations, options.seed
    );
    println!("| what | figure | bar | |\n|---|---|---|---|");

    let (syncs, _) = fsyncs(dir.path())?;
    report.row("fdatasync of 4 KiB, this disk", &format!("{syncs:.0} a second"), None);
    let (seconds, _) = timed(&house.clock, import(&house, dir.path())).await?;
    report.row("import", &format!("{seconds:.2} s, {:.0} rows a second", n / seconds), None);

    let before = house.github.calls();
    let (seconds, ()) = timed(&house.clock, async { Ok(house.planner.sweeper.sweep().await?) }).await?;
    sweep_rows(&mut report, options, seconds, since(&before, &house.github.calls()));

    let (seconds, links) = matching(&house).await?;
    report.row("matching alone", &format!("{seconds:.3} s for {links}"), Some(("< 1 s", seconds < MATCHING)));

    let before = house.github.calls();
    let (first, mut plan) = timed(&house.clock, plan_to_csv(&house, dir.path())).await?;
    let probes = since(&before, &house.github.calls()).probes;
    report.row("first plan to CSV, with its probes", &format!("{first:.2} s, {probes} probes"), None);
    while owed(&plan) > 0 {
        plan = plan_to_csv(&house, dir.path()).await?;
    }
    let (second, same) = timed(&house.clock, plan_to_csv(&house, dir.path())).await?;
    report.row(
        "plan to CSV, probes stored",
        &format!("{second:.2} s"),
        Some(("< 10 s", second < PLAN_TO_CSV)),
    );
    let equal = plan.digest == same.digest;
    report.row("two plans of the same world", "one digest", Some(("equal", equal)));

    house.engine.approve(&same.id, &same.digest, None, &house.who).await?;
    house.engine.apply(&same.id, None, &house.who).await?;
    let (apply, verify) = pass(&house, &same.id, RunState::Applying).await?;
    let rate = n / apply;
    report.row(
        "apply, SQLite FULL",
        &format!("{apply:.2} s, {rate:.0} items a second, {:.1} items an fdatasync", rate / syncs),
        Some((">= 5,000/s", rate >= APPLY_PER_SECOND)),
    );
    report.row("verify", &format!("{verify:.2} s, {:.0} items a second", n / verify), None);
    house.engine.undo(&same.id, None, &house.who).await?;
    let (undo, _) = pass(&house, &same.id, RunState::Undoing).await?;
    report.row("undo, SQLite FULL", &format!("{undo:.2} s, {:.0} items a second", n / undo), None);
    let after = plan_to_csv(&house, dir.path()).await?;
    report.row("plan after the undo", "the digest of before", Some(("equal", after.digest == same.digest)));
    let peak = peak_mb()?;
    report.row("peak memory", &format!("{peak} MB"), Some(("< 400 MB", peak < RSS_MB)));
    house.engine.stop().await;
    house.db.close().await;
    Ok(report.met)
}

fn sweep_rows(report: &mut Report, options: &Options, seconds: f64, calls: CallCounts) {
    report.row("sweep", &format!("{seconds:.2} s, {} calls", calls.requests), None);
    let installations = options.installations as u64;
    report.row(
        "sweep, mints",
        &calls.mints.to_string(),
        Some(("at most one an installation", calls.mints <= installations)),
    );
    // Lists of installations and requests, and of repositories: nothing else is called.
    report.row(
        "sweep, other calls",
        &format!("{} pages", calls.pages),
        Some(("pages only", calls.requests == calls.mints + calls.pages && calls.retries == 0)),
    );
}

fn since(before: &CallCounts, now: &CallCounts) -> CallCounts {
    CallCounts {
        requests: now.requests - before.requests,
        mints: now.mints - before.mints,
        pages: now.pages - before.pages,
        probes: now.probes - before.probes,
        objects: now.objects - before.objects,
        other: now.other - before.other,
        retries: now.retries - before.retries,
        not_modified: now.not_modified - before.not_modified,
        rate_limited: now.rate_limited - before.rate_limited,
        redirects: now.redirects - before.redirects,
    }
}

async fn timed<T>(
    clock: &Clock,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<(f64, T), Failure> {
    let start = clock.monotonic();
    let out = work.await?;
    Ok(((clock.monotonic() - start).as_secs_f64(), out))
}

async fn import(house: &House, dir: &Path) -> Result<(), Failure> {
    let CatalogReceipt::Opened { upload } = house.importer.begin(CatalogFormat::Csv, &house.who).await?
    else {
        return Err("the upload was not opened".into());
    };
    let text = std::fs::read_to_string(dir.join("catalog.csv"))?;
    let mut rest = text.as_str();
    let mut part = 0;
    while !rest.is_empty() {
        let mut end = rest.len().min(1024 * 1024);
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        house.importer.chunk(&upload, part, &rest[..end]).await?;
        rest = &rest[end..];
        part += 1;
    }
    match house.importer.commit(&upload, false, &house.who).await? {
        CatalogReceipt::Imported(_) => Ok(()),
        other => Err(format!("the catalog was not taken: {other:?}").into()),
    }
}

async fn matching(house: &House) -> Result<(f64, usize), Failure> {
    let index = load::index(&house.db, house.github.host_id()).await?;
    let answers = load::answers(&house.db).await?;
    let links: Vec<_> = load::links(&house.db, &LinkFilter::All).await?.into_iter().map(link_of).collect();
    let context = Context::new("https://github.com", "cutover");
    let start = house.clock.monotonic();
    let judged = judge_all(&links, &index, &answers, &context).map(std::hint::black_box).count();
    Ok(((house.clock.monotonic() - start).as_secs_f64(), judged))
}

/// What `cutover map plan --csv FILE` makes the daemon do.
async fn plan_to_csv(house: &House, dir: &Path) -> Result<RunView, Failure> {
    let run = house.planner.plan(&MapScope::All, false, &house.who).await?;
    let mut file = std::io::BufWriter::new(std::fs::File::create(dir.join("plan.csv"))?);
    let mut after = None;
    loop {
        let rows = house.db.items(&run.id, None, after, 500).await?;
        let Some(last) = rows.last() else { break };
        let items =
            rows.iter().map(|row| serde_json::from_str(&row.body)).collect::<Result<Vec<PlanItem>, _>>()?;
        file.write_all(report::page(items.iter().map(ReportRow::from), after.is_none()).as_bytes())?;
        after = Some(last.ord);
    }
    file.flush()?;
    Ok(run)
}

fn owed(run: &RunView) -> u64 {
    run.summary["probes_owed"].as_u64().unwrap_or(0)
}

/// Waits for the end of a pass and of its verification; seconds of each.
async fn pass(house: &House, id: &RunId, moving: RunState) -> Result<(f64, f64), Failure> {
    let mut versions = house.db.versions();
    let start = house.clock.monotonic();
    let mut passed = None;
    loop {
        let run = house.engine.view(id).await?;
        let now = (house.clock.monotonic() - start).as_secs_f64();
        if run.state != moving && passed.is_none() {
            passed = Some(now);
        }
        match (run.state, passed) {
            (RunState::Done | RunState::Undone, Some(passed)) => return Ok((passed, now - passed)),
            (state, _) if !state.is_moving() => {
                return Err(format!("the run is {state}: {:?}", run.reason).into());
            }
            _ => versions.changed().await?,
        }
    }
}

/// How fast this disk makes a small write durable, measured in the same run.
fn fsyncs(dir: &Path) -> Result<(f64, Duration), Failure> {
    let clock = Clock::system();
    let mut file = std::fs::File::create(dir.join("fsync"))?;
    let start = clock.monotonic();
    let mut n = 0_u32;
    while clock.monotonic() - start < Duration::from_secs(1) {
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
        n += 1;
    }
    let took = clock.monotonic() - start;
    Ok((f64::from(n) / took.as_secs_f64(), took))
}

fn peak_mb() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).ok_or("no VmHWM")?;
    let kb: u64 = line.split_whitespace().nth(1).ok_or("no figure")?.parse()?;
    Ok(kb / 1024)
}
