//! The scenarios of a rollout: tenants go from users' tokens to installations under traffic, and come back.

pub(super) mod bad;
pub(super) mod canary;
pub(super) mod kill;

mod gits;
mod residue;
mod traffic;
mod world;

use std::collections::BTreeSet;
use std::time::Duration;

use cutover_daemon::clock::Clock;
use cutover_shared::ids::ActKey;
use cutover_shared::page::PageAsk;
use cutover_shared::rollout::{
    ChangeView, Criterion, CriterionState, RolloutAct, RolloutAnswer, RolloutName, RolloutQuery,
    RolloutReceipt, RolloutView, Side, StepView,
};
use cutover_shared::rpc::{Act, Answer, Query, Receipt};
use cutover_tui::conn::Conn;

use self::traffic::Traffic;
use self::world::Tenant;
use super::console::second_terminal;
use super::stage::{Stage, check};
use super::{DemoError, Options, secrets};
use crate::github_sim::Sim;
use crate::harness::{Daemon, Ended};

const SERVICE_TOKEN: &str = "planted-service-token-of-the-demo";

const WEBHOOK_SECRET: &str = "planted-webhook-secret-of-the-demo";

const NAME: RolloutName = RolloutName::GithubAuth;

/// What takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(240);

/// Between two looks at the daemon's own figures, which it makes once a second at most.
const LOOK: Duration = Duration::from_millis(200);

/// Calls a second.
const RATE: u32 = 100;

/// Sandboxes that stand ready.
const WARM: usize = 3;

/// Calls of the legacy arm that the baseline stands on at least.
const BASELINE_LEAST: u64 = 400;

/// A rollout on its stage.
struct Play {
    stage: Stage,
    tenants: Vec<Tenant>,
    traffic: Traffic,
    daemon: Option<Daemon>,
    conn: Conn,
    /// How long each step stays to be looked at.
    pace: Duration,
}

/// What a scenario sets.
struct Plan {
    consistency_ppm: u32,
    /// The stage of `git-sandbox`.
    git: &'static str,
}

fn settings(plan: &Plan) -> String {
    let Plan { consistency_ppm, git } = plan;
    format!(
        "webhook_secret = {WEBHOOK_SECRET:?}\nmax_in_flight = 100\nbackground_reserve_permille = 0\n\n\
         [http]\nlisten = \"127.0.0.1:0\"\napi_per_minute = 1000000\n\n\
         [api]\nservice_token = {SERVICE_TOKEN:?}\n\n\
         [mapping]\ncanary_observation = \"0s\"\nprobe_budget = 1000000\n\n\
         [sandbox]\nwarm = {WARM}\n\n\
         [rollout]\ngithub_auth = \"off\"\ngit_sandbox = {git:?}\nhours_from = 0\nhours_to = 0\nsoak_dual_write = \"1s\"\nsoak_shadow = \"1s\"\n\
         soak_canary = \"1s\"\nsoak_live = \"1s\"\nshadow_percent = 100\nshadow_parallel = 64\n\
         shadow_calls_per_hour = 1000000\nconsistency_ppm = {consistency_ppm}\nreconcile_every = \"10s\"\n\
         repair_age = \"2m\"\n"
    )
}

impl Play {
    /// Everything up to a rollout that is `off` and under traffic.
    async fn begin(options: &Options, plan: &Plan) -> Result<Self, DemoError> {
        let made = world::make(options.seed, options.tenants)?;
        let (exe, tenants) = (std::env::current_exe()?, made.tenants);
        let settings = |_: &Sim| settings(plan);
        let mut stage = Stage::of(options, exe, made.world, made.catalog, world::github(), settings).await?;
        stage.tell(&format!("{} tenants, GitHub at {}", tenants.len(), stage.sim.api_base()));
        stage
            .step("A daemon starts; the catalog is imported and every repository mapped to its installation");
        let daemon = stage.start_daemon().await?;
        let file = stage.catalog_file.display().to_string();
        stage.ask(&[0], &["catalog", "import", &file]).await?;
        let plan = stage.ask(&[0], &["map", "plan", "--all", "--refresh"]).await?;
        let text = |field: &str| plan[field].as_str().unwrap_or_default().to_owned();
        let (id, digest) = (text("id"), text("digest"));
        let why = "a world of its own has no canary of the mapping";
        stage.run(&[0], &["map", "apply", &id, "--approve", &digest, "--override", why]).await?;
        stage.run(&[0], &["mode", "set", "on"]).await?;
        stage.step("The application's traffic: lists of repositories, all of them by users' tokens");
        let projects = tenants.iter().map(|tenant| tenant.project.clone()).collect();
        let traffic = Traffic::start(&stage.home, SERVICE_TOKEN, projects, RATE)?;
        let conn = stage.connect().await?;
        let pace = Duration::from_secs(options.pace);
        let second = second_terminal(&stage.exe, &stage.home.socket(), "--screen rollouts");
        stage.tell(&format!("the console beside it, as a viewer, in another terminal:\n      {second}"));
        Ok(Self { stage, tenants, traffic, daemon: Some(daemon), conn, pace })
    }

    /// Leaves what was reached as it is for a while. The traffic goes on.
    async fn stay(&self) {
        if !self.pace.is_zero() {
            self.stage.tell(&format!("stays so for {} s", self.pace.as_secs()));
            Clock::system().sleep(self.pace).await;
        }
    }

    async fn act(&self, act: RolloutAct) -> Result<RolloutReceipt, DemoError> {
        match self.conn.act(ActKey::fresh(), Act::Rollout(act)).await? {
            Receipt::Rollout(receipt) => Ok(*receipt),
            _ => Err(DemoError::Check("another receipt than a rollout's".to_owned())),
        }
    }

    async fn query(&self, query: RolloutQuery) -> Result<RolloutAnswer, DemoError> {
        match self.conn.query(Query::Rollout(query)).await? {
            Answer::Rollout(answer) => Ok(answer),
            _ => Err(DemoError::Check("another answer than a rollout's".to_owned())),
        }
    }

    async fn show(&self) -> Result<RolloutView, DemoError> {
        match self.query(RolloutQuery::Show { name: NAME }).await? {
            RolloutAnswer::Show(view) => Ok(*view),
            _ => Err(DemoError::Check("another answer than a rollout".to_owned())),
        }
    }

    async fn next_step(&self) -> Result<StepView, DemoError> {
        match self.query(RolloutQuery::Step { name: NAME, to: None, exact: None, ring: None }).await? {
            RolloutAnswer::Step(step) => Ok(*step),
            _ => Err(DemoError::Check("another answer than a step".to_owned())),
        }
    }

    /// Tenants that the target answers for, by the daemon's own word.
    async fn inside(&self) -> Result<BTreeSet<String>, DemoError> {
        let (mut names, mut page) = (BTreeSet::new(), PageAsk::first(500));
        loop {
            let query = RolloutQuery::Members { name: NAME, side: Some(Side::Target), page: page.clone() };
            let RolloutAnswer::Members(members) = self.query(query).await? else {
                return Err(DemoError::Check("another answer than members".to_owned()));
            };
            names.extend(members.rows.into_iter().map(|member| member.tenant.0));
            match members.next {
                Some(next) => page.after = Some(next),
                None => return Ok(names),
            }
        }
    }

    /// What is recorded of the legacy arm, the way back, and the credentials of the target.
    async fn proofs(&mut self) -> Result<(), DemoError> {
        self.stage.step(
            "Before anything moves: the legacy arm's figures, the way back, and every tenant's credential",
        );
        let since_ms = Clock::system().now();
        let least = self.traffic.book().answers() + BASELINE_LEAST * 3;
        self.until("traffic for a baseline", async |play| Ok(play.traffic.book().answers() >= least)).await?;
        let receipt = self.act(RolloutAct::Baseline { name: NAME, since_ms }).await?;
        let all = receipt
            .baseline
            .and_then(|baseline| baseline.operations.into_iter().next())
            .map(|one| one.figures);
        let all = all.ok_or_else(|| DemoError::Check("no baseline was recorded".to_owned()))?;
        check(all.calls >= BASELINE_LEAST, format!("the baseline stands on {} calls", all.calls))?;
        let ms = |us: Option<u64>| us.unwrap_or_default() / 1_000;
        self.stage.tell(&format!(
            "baseline: {} calls, {} errors, P50 {} ms, P95 {} ms",
            all.calls,
            all.errors,
            ms(all.p50_us),
            ms(all.p95_us)
        ));
        for act in [RolloutAct::Drill { name: NAME }, RolloutAct::Preflight { name: NAME }] {
            let proof = self.act(act).await?.proof;
            let proof = proof.ok_or_else(|| DemoError::Check("no proof came".to_owned()))?;
            check(proof.ok, proof.text.clone())?;
            self.stage.tell(&proof.text);
        }
        Ok(())
    }

    /// One step forward: waits until its criteria hold, looks, and approves what was seen.
    async fn advance(&mut self, to: &str) -> Result<StepView, DemoError> {
        let what = format!("the step to {to}");
        self.until(&what, async |play| {
            let step = play.next_step().await?;
            let stale =
                step.criteria.iter().any(|one| one.name == "reconcile" && one.state != CriterionState::Holds);
            if stale {
                play.act(RolloutAct::Reconcile { name: NAME }).await?;
            }
            let failed = |one: &Criterion| one.name == "verdict" && one.state == CriterionState::Fails;
            if let Some(one) = step.criteria.iter().find(|one| failed(one)) {
                check(false, format!("the judge lets it go on: {}", one.text))?;
            }
            Ok(step.open)
        })
        .await?;
        let step = self.stage.ask(&[0], &["rollout", "stage", NAME.word()]).await?;
        let step: StepView = serde_json::from_value(step)
            .map_err(|error| DemoError::Check(format!("the step can't be read: {error}")))?;
        check(step.to.to_string() == to, format!("the next stage is {}, not {to}", step.to))?;
        let digest = step.digest.as_str();
        self.stage.run(&[0], &["rollout", "stage", NAME.word(), "--approve", digest]).await?;
        self.stage.tell(&format!("{to}: {} of {} tenants on the target", step.inside, step.tenants));
        self.stay().await;
        Ok(step)
    }

    /// Forward through these stages.
    async fn forward(&mut self, stages: &[&str]) -> Result<(), DemoError> {
        for to in stages {
            self.advance(to).await?;
        }
        Ok(())
    }

    /// Every tenant was answered after `since`, by the arm that the daemon says.
    async fn each_by_its_arm(&self, since: i64) -> Result<(), DemoError> {
        let inside = self.inside().await?;
        self.until("an answer for each tenant", async |play| {
            let last = play.traffic.book().last;
            Ok(last.iter().all(|seen| seen.as_ref().is_some_and(|seen| seen.began > since)))
        })
        .await?;
        for (tenant, seen) in self.tenants.iter().zip(self.traffic.book().last) {
            let wanted = if inside.contains(&tenant.name) { "installation" } else { "oauth" };
            let held = seen.as_ref().is_some_and(|seen| seen.status == 200 && seen.method == wanted);
            check(held, format!("{} is answered by {wanted}: {seen:?}", tenant.name))?;
        }
        Ok(())
    }

    /// Waits until it holds; when that takes too long, says what the daemon says stands in the way.
    async fn until(
        &self,
        what: &str,
        holds: impl AsyncFn(&Self) -> Result<bool, DemoError>,
    ) -> Result<(), DemoError> {
        let clock = Clock::system();
        let waiting = async {
            while !holds(self).await? {
                clock.sleep(LOOK).await;
            }
            Ok(())
        };
        match clock.timeout(PATIENCE, waiting).await {
            Ok(done) => done,
            Err(_) => {
                let seconds = PATIENCE.as_secs();
                Err(DemoError::Check(format!(
                    "{what} did not come in {seconds} s: {}",
                    self.standing().await?
                )))
            }
        }
    }

    /// Stage, criteria and figures in words.
    async fn standing(&self) -> Result<String, DemoError> {
        let view = self.show().await?;
        let criteria: Vec<_> = view
            .criteria
            .iter()
            .filter(|one| one.state != CriterionState::Holds)
            .map(|one| format!("{} {}: {}", one.name, one.state.word(), one.text))
            .collect();
        let readings = view.judgement.map(|judgement| format!("{:?}", judgement.readings));
        let book = self.traffic.book().line();
        Ok(format!(
            "in {}; {}; {}; {book}",
            view.line.stage,
            criteria.join("; "),
            readings.unwrap_or_default()
        ))
    }

    /// The newest change with this act.
    async fn newest(&self, act: &str) -> Result<Option<ChangeView>, DemoError> {
        let page = PageAsk::first(500);
        match self.query(RolloutQuery::Changes { name: NAME, page }).await? {
            RolloutAnswer::Changes(page) => Ok(page.rows.into_iter().find(|change| change.act == act)),
            _ => Err(DemoError::Check("another answer than changes".to_owned())),
        }
    }

    /// Every tenant was answered by legacy after `since`.
    async fn each_by_legacy(&self, since: i64) -> Result<(), DemoError> {
        self.until("an answer for each tenant", async |play| {
            let last = play.traffic.book().last;
            Ok(last.iter().all(|seen| seen.as_ref().is_some_and(|seen| seen.began > since)))
        })
        .await?;
        let last = self.traffic.book().last;
        let other = last.iter().flatten().find(|seen| seen.status != 200 || seen.method != "oauth");
        check(other.is_none(), format!("every tenant is answered by legacy, and not {other:?}"))
    }

    /// The daemon stops, and nothing that is secret is anywhere.
    async fn end(mut self) -> Result<(), DemoError> {
        self.stage.step("The end state: the audit is whole, no secret is found");
        let book = self.traffic.stop().await;
        self.stage.tell(&book.line());
        self.stage.run(&[0], &["audit", "verify"]).await?;
        if let Some(daemon) = self.daemon.take() {
            check(daemon.stop().await? == Ended::Code(0), "the daemon stopped gracefully")?;
        }
        let (stage, state) = (&self.stage, self.stage.home.state());
        let pem = stage.sim.private_key_pem();
        let found = secrets::search(&stage.catalog, pem, &stage.printed, &[&state])?;
        let planted = secrets::search_for(&[SERVICE_TOKEN, WEBHOOK_SECRET], &stage.printed, &[&state])?;
        let places: Vec<_> = found.iter().chain(&planted).map(|found| found.place.as_str()).collect();
        check(places.is_empty(), format!("a planted secret was found in {}", places.join(", ")))
    }
}
