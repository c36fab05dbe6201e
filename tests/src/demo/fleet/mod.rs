//! The scenario `fleet`: a migration goes through three waves of tenants' own databases; another meets rows that it does not fit and
//! halts; the mend goes on as a new migration; one tenant goes back.

mod ask;
mod migrations;
mod small;
mod tenants;

use std::collections::BTreeSet;

use cutover_shared::fleet::{FleetAnswer, FleetQuery, FleetResult, LintFinding, StepStatus, Way};
use cutover_shared::run::{RunState, RunView};
use cutover_tui::conn::Conn;

use self::ask::another;
use self::migrations::{Folder, IN_PLACE, NOTES, REPLACES, UNIQUE};
use self::tenants::{Tenant, Titles};
use super::stage::{Stage, check};
use super::{DemoError, Options, secrets};
use crate::github_sim::SimSettings;
use crate::harness::{Daemon, Ended};
use crate::services::{PASSWORD, Postgres};
use crate::world::{Catalog, World};

pub(super) use self::small::plant;

/// Tenants of the first wave.
const CANARY: usize = 3;

/// Fewer leave a wave of 10 % that a single failure would halt.
const LEAST: u32 = 100;

/// Tenants of the second wave, and of the last, whose titles stand there twice: more than 5 % of the second, with any number of
/// tenants that it may have.
const DOUBLES: (usize, usize) = (4, 3);

pub(super) async fn play(options: &Options) -> Result<String, DemoError> {
    let mut play = Play::begin(options).await?;
    play.first().await?;
    let halted = play.halted().await?;
    play.edited().await?;
    let skipped = play.replaced(&halted).await?;
    let attempts = play.back(&halted).await?;
    let tenants = play.tenants.len();
    let on_server = play.on_server;
    play.end().await?;
    Ok(format!(
        "\ncutover-demo: ok scenario=fleet tenants={tenants} postgres={on_server} waves=3 failed={} held_back={} replaced={skipped} \
         rolled_back=1 attempts_of_it={attempts} secrets_found=0",
        halted.failed.len(),
        halted.untouched,
    ))
}

/// A fleet on its stage.
struct Play {
    stage: Stage,
    conn: Conn,
    daemon: Daemon,
    folder: Folder,
    tenants: Vec<Tenant>,
    on_server: usize,
    _server: Option<Postgres>,
}

/// What a halted wave leaves.
struct Halted {
    run: RunView,
    failed: BTreeSet<String>,
    /// Tenants that had the migration by then.
    had: BTreeSet<String>,
    /// Tenants that it did not reach.
    untouched: usize,
}

impl Play {
    /// Tenants with empty databases, and a daemon that knows where they are.
    async fn begin(options: &Options) -> Result<Self, DemoError> {
        check(options.tenants >= LEAST, format!("the scenario fleet needs at least {LEAST} tenants"))?;
        let (exe, count) = (std::env::current_exe()?, options.tenants as usize);
        let (world, catalog, github) =
            (World::empty(options.seed), Catalog::default(), SimSettings::default());
        let mut stage = Stage::of(options, exe, world, catalog, github, |_| String::new()).await?;
        let on_server = count.min(options.postgres as usize);
        let server = if on_server > 0 { Some(Postgres::start().await?) } else { None };
        let dir = stage.home.dir().join("tenants");
        std::fs::create_dir_all(&dir)?;
        let names = (1..=count).map(|n| format!("tenant-{n:04}"));
        let tenants = tenants::make(names, &dir, server.as_ref(), on_server).await?;
        let canary: Vec<&str> =
            tenants.iter().rev().take(CANARY).map(|tenant| tenant.name.as_str()).collect();
        let folder = Folder::configure(&stage.home, &canary)?;
        folder.write(&NOTES)?;
        stage.tell(&format!(
            "{count} tenants with a database each ({on_server} on PostgreSQL, {} SQLite files); migrations in {}",
            count - on_server,
            folder.path().display()
        ));

        stage.step("A daemon starts and is told where the tenants' databases are; it seals every address");
        let daemon = stage.start_daemon().await?;
        let file = stage.home.write("tenants.csv", tenants::csv(&tenants).as_bytes())?;
        stage.show(&[0], &["fleet", "instance", "add", "--file", &file.display().to_string()]).await?;
        let conn = stage.connect().await?;
        let play = Self { stage, conn, daemon, folder, tenants, on_server, _server: server };
        let status = play.status().await?;
        check(status.instances == count as u64, format!("all instances are there: {}", status.instances))?;
        let waves: Vec<u64> = status.waves.iter().map(|wave| wave.tenants).collect();
        check(
            waves.len() == 3 && waves[..1] == [CANARY as u64],
            format!("there are three waves: {waves:?}"),
        )?;
        Ok(play)
    }

    /// The first migration, for everybody, wave by wave.
    async fn first(&mut self) -> Result<(), DemoError> {
        self.stage.step("The first migration: checked, planned as a dry-run with its SQL, approved by its digest, applied");
        self.stage.show(&[0, 1], &["fleet", "lint"]).await?;
        let plan = self.plan(&["fleet", "plan", "--to", "1", "--sql"]).await?;
        let changes = plan.summary["changes"].as_u64();
        check(
            changes == Some(self.tenants.len() as u64),
            format!("the plan changes everybody: {changes:?}"),
        )?;
        let result = self.apply(&[0], &plan).await?;
        check(
            result.succeeded == self.tenants.len() as u64 && result.failed == 0,
            format!("everybody has it: {result:?}"),
        )?;
        self.in_order(&plan).await?;
        let status = self.status().await?;
        check(status.target == Some(1) && status.outdated == 0, "everybody is at the target")?;
        self.stage.tell("the application goes on writing; some tenants have notes with the same title");
        let mut doubles = BTreeSet::new();
        for (wave, count) in [(2, DOUBLES.0), (3, DOUBLES.1)] {
            let those = self.instances(&format!("wave:{wave} driver:sqlite")).await?;
            doubles.extend(those.into_iter().take(count).map(|one| one.tenant.0));
        }
        for tenant in &self.tenants {
            tenant.write(doubles.contains(&tenant.name)).await?;
        }
        check(doubles.len() == DOUBLES.0 + DOUBLES.1, "there are enough tenants for doubles")
    }

    /// No tenant of a wave began before the wave before had ended.
    async fn in_order(&self, plan: &RunView) -> Result<(), DemoError> {
        let mut span: [(i64, i64); 3] = [(i64::MAX, 0); 3];
        let waves: Vec<(String, usize)> = self
            .instances("")
            .await?
            .into_iter()
            .map(|one| (one.tenant.0, usize::try_from(one.wave).unwrap_or(0)))
            .collect();
        for entry in self.history(None).await?.into_iter().filter(|entry| entry.run == plan.id) {
            let wave =
                waves.iter().find(|(tenant, _)| *tenant == entry.tenant.0).map_or(0, |(_, wave)| *wave);
            let (Some(span), Some(from), Some(to)) =
                (wave.checked_sub(1).and_then(|at| span.get_mut(at)), entry.started_at, entry.completed_at)
            else {
                return Err(DemoError::Check(format!("an attempt has no wave or no time: {entry:?}")));
            };
            *span = (span.0.min(from), span.1.max(to));
        }
        check(
            span.windows(2).all(|two| matches!(two, [before, after] if before.1 <= after.0)),
            format!("one wave after the other: {span:?}"),
        )
    }

    /// A migration that some tenants' rows do not allow: its second wave halts, and the last is never begun.
    async fn halted(&mut self) -> Result<Halted, DemoError> {
        self.stage.step("A migration that does not fit every tenant's rows: the second wave halts");
        self.folder.write(&UNIQUE)?;
        let plan = self.plan(&["fleet", "plan", "--to", "2"]).await?;
        self.apply(&[5], &plan).await?;
        self.stage.show(&[0], &["fleet", "status"]).await?;
        let status = self.status().await?;
        let run = status.run.as_ref().filter(|run| run.id == plan.id);
        let reason = run.and_then(|run| run.reason.clone()).unwrap_or_default();
        check(run.is_some_and(|run| run.state == RunState::Paused), format!("the run was paused: {reason}"))?;
        check(reason.contains("wave 2 (10 %) halted"), format!("the second wave halted: {reason}"))?;
        let failed: BTreeSet<String> =
            self.instances("status:failed").await?.into_iter().map(|one| one.tenant.0).collect();
        let last = self.instances("wave:3").await?;
        check(
            !failed.is_empty() && failed.len() <= DOUBLES.0,
            format!("those with doubles failed: {failed:?}"),
        )?;
        check(
            last.iter().all(|one| one.version == 1 && one.status != StepStatus::Failed),
            "nobody of the last wave was touched",
        )?;
        let group = status.failures.first();
        check(
            status.failures.len() == 1 && group.is_some_and(|group| group.tenants == failed.len() as u64),
            format!("the failures are one group: {:?}", status.failures),
        )?;
        // The databases say the same.
        let (mut had, mut untouched) = (BTreeSet::new(), 0);
        let last: BTreeSet<String> = last.into_iter().map(|one| one.tenant.0).collect();
        for tenant in &self.tenants {
            let Titles { doubles, indexed } = tenant.titles().await?;
            let name = &tenant.name;
            check(
                !(indexed && (doubles > 0 || last.contains(name) || failed.contains(name))),
                format!("{name} is whole"),
            )?;
            if indexed {
                had.insert(name.clone());
            } else if !failed.contains(name) {
                untouched += 1;
            }
        }
        let told: BTreeSet<String> =
            self.instances("version:2").await?.into_iter().map(|one| one.tenant.0).collect();
        check(had == told, "the daemon's book and the databases agree")?;
        check(
            had.len() >= CANARY && untouched >= last.len(),
            "the canary tenants have it, the last wave does not",
        )?;
        Ok(Halted { run: plan, failed, had, untouched })
    }

    /// The file mended in its place is refused, with the difference.
    async fn edited(&mut self) -> Result<(), DemoError> {
        self.stage
            .step("The file mended in its place: it was run already, so it is refused with the difference");
        self.folder.write(&[IN_PLACE])?;
        let (file, text) = IN_PLACE;
        let planned = self.stage.show(&[3], &["fleet", "plan", "--to", "2"]).await?;
        check(
            planned.stdout.is_empty() && planned.stderr.contains(file),
            "no plan was made, and the file is named",
        )?;
        let linted = self.stage.show(&[3], &["fleet", "lint"]).await?;
        let added = text.lines().nth(1).unwrap_or_default();
        let shows = |said: &str| said.lines().any(|line| line.trim() == format!("+ {added}"));
        check(shows(&planned.stderr) && shows(&linted.stderr), "the line that was added is shown as a line")?;
        let edited: Vec<LintFinding> = self.lint().await?.into_iter().filter(|one| one.mistake).collect();
        check(
            matches!(edited.as_slice(), [one] if one.rule == "edited" && one.file == file && one.line == 2),
            format!("it is the one mistake: {edited:?}"),
        )?;
        self.folder.write(&UNIQUE)?;
        check(!self.lint().await?.iter().any(|one| one.mistake), "put back, it is no mistake any more")
    }

    /// What was halted is ended, and a new migration stands for the one that can't be: how many tenants never got that one.
    async fn replaced(&mut self, halted: &Halted) -> Result<usize, DemoError> {
        self.stage.step(
            "The mend as a new migration that replaces the old: the halted run is ended, the fleet goes on",
        );
        self.folder.write(&REPLACES)?;
        let id = halted.run.id.0.clone();
        self.stage.show(&[0], &["run", "cancel", &id]).await?;
        let plan = self.plan(&["fleet", "plan", "--to", "3", "--sql"]).await?;
        let result = self.apply(&[0], &plan).await?;
        let count = self.tenants.len();
        check(
            result.succeeded == count as u64 && result.failed == 0 && result.skipped == 0,
            format!("everybody has it: {result:?}"),
        )?;
        self.stage.show(&[0], &["fleet", "status"]).await?;
        let status = self.status().await?;
        check(
            status.target == Some(3) && status.outdated == 0 && status.failures.is_empty(),
            format!("everybody is at the target, and nothing is failed: {:?}", status.failures),
        )?;
        for tenant in &self.tenants {
            let Titles { doubles, indexed } = tenant.titles().await?;
            check(indexed && doubles == 0, format!("{}: its titles are unique", tenant.name))?;
        }
        let skipped: BTreeSet<String> = self
            .history(None)
            .await?
            .into_iter()
            .filter(|entry| entry.version == 2 && entry.status == StepStatus::Skipped && entry.run == plan.id)
            .map(|entry| entry.tenant.0)
            .collect();
        check(
            skipped.len() == count - halted.had.len() && skipped.is_disjoint(&halted.had),
            format!("{} tenants never get the replaced one, {} have it", skipped.len(), halted.had.len()),
        )?;
        Ok(skipped.len())
    }

    /// One tenant goes back; the others stay. How many attempts its history has.
    async fn back(&mut self, halted: &Halted) -> Result<usize, DemoError> {
        self.stage.step("One tenant goes back, and its history is told");
        let tenant = halted.failed.first().cloned().unwrap_or_default();
        let plan = self.plan(&["fleet", "rollback", "--to", "1", "--tenant", &tenant]).await?;
        let changes = plan.summary["changes"].as_u64();
        check(changes == Some(1), format!("the plan is for one tenant: {changes:?}"))?;
        let result = self.apply(&[0], &plan).await?;
        check(result.total == 1 && result.succeeded == 1, format!("it went back: {result:?}"))?;
        for one in self.instances("").await? {
            let wanted = if one.tenant.0 == tenant { 1 } else { 3 };
            check(one.version == wanted, format!("{} is at version {wanted}: {}", one.tenant, one.version))?;
        }
        for one in &self.tenants {
            let indexed = one.titles().await?.indexed;
            check(
                indexed != (one.name == tenant),
                format!("{}: its index is as its version says", one.name),
            )?;
        }
        self.stage.show(&[0], &["fleet", "history", &tenant]).await?;
        self.stage.show(&[0], &["fleet", "instance", "show", &tenant]).await?;
        let history = self.history(Some(&tenant)).await?;
        let told: Vec<(u32, Way, StepStatus)> =
            history.iter().rev().map(|entry| (entry.version, entry.way, entry.status)).collect();
        let wanted = [
            (1, Way::Up, StepStatus::Completed),
            (2, Way::Up, StepStatus::Failed),
            (2, Way::Up, StepStatus::Skipped),
            (3, Way::Up, StepStatus::Completed),
            (3, Way::Down, StepStatus::Completed),
        ];
        let mut rest = told.iter();
        check(
            wanted.iter().all(|one| rest.any(|other| other == one)),
            format!("its history tells all of it, in order: {told:?}"),
        )?;
        Ok(told.len())
    }

    /// The daemon stops, and no password is anywhere.
    async fn end(mut self) -> Result<(), DemoError> {
        self.stage.step("The end state: the audit is whole, no address with its password is found");
        self.stage.show(&[0], &["audit", "verify"]).await?;
        drop(self.conn);
        check(self.daemon.stop().await? == Ended::Code(0), "the daemon stopped gracefully")?;
        let found = secrets::search_for(&[PASSWORD], &self.stage.printed, &[&self.stage.home.state()])?;
        let places: Vec<_> = found.iter().map(|found| found.place.as_str()).collect();
        check(places.is_empty(), format!("a planted secret was found in {}", places.join(", ")))
    }

    /// Shows a plan being made, and what it is.
    async fn plan(&mut self, args: &[&str]) -> Result<RunView, DemoError> {
        self.stage.show(&[0], args).await?;
        let run = self.status().await?.plan.filter(|run| run.state == RunState::Planned);
        run.map(|run| *run).ok_or_else(|| DemoError::Check("no plan was made".to_owned()))
    }

    /// Shows it being applied, and how the tenants fared.
    async fn apply(&mut self, codes: &[i32], plan: &RunView) -> Result<FleetResult, DemoError> {
        let (id, digest) = (plan.id.0.clone(), plan.digest.as_str().to_owned());
        self.stage.show(codes, &["fleet", "apply", &id, "--approve", &digest]).await?;
        match self.query(FleetQuery::Result { run: plan.id.clone() }).await? {
            FleetAnswer::Result(result) => Ok(result),
            _ => Err(another()),
        }
    }
}
