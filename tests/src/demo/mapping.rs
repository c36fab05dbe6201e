//! The scenario `mapping`: from an imported catalog to an undone run, with a daemon killed in the middle.

use std::collections::BTreeMap;

use cutover_shared::rpc::Topic;
use cutover_shared::run::{Counts, RunView};
use cutover_tui::conn::Conn;
use serde_json::Value;

use super::stage::{Stage, check};
use super::{DemoError, Options, secrets};
use crate::harness::{Daemon, Ended};
use crate::world::Status;

/// The observation time of a canary is a day; a demo has none.
pub(super) const SETTINGS: &str = "[mapping]\ncanary_observation = \"0s\"\nprobe_budget = 1000000\n";

/// The live run is stretched over so many seconds, so that there is a middle to be killed in.
const SECONDS: u32 = 6;

/// Plans that are made at most until no check at GitHub is owed.
const PLANS: usize = 6;

/// Repositories that the spot-check compares.
const SAMPLE: &str = "10";

pub(super) async fn play(options: &Options) -> Result<String, DemoError> {
    let mut stage = Stage::build(options, std::env::current_exe()?, |_| SETTINGS.to_owned()).await?;
    stage.tell(&format!(
        "{} tenants, {} repositories, seed {}; GitHub at {}, everything in {}",
        options.tenants,
        stage.catalog.rows.len(),
        options.seed,
        stage.sim.api_base(),
        stage.home.dir().display()
    ));
    let daemon = look_and_import(&mut stage).await?;
    let before_all = stage.world().await?;
    let (plan, probes) = plan(&mut stage).await?;
    let counts = against_the_truth(&mut stage).await?;
    let canary = canary(&mut stage, options).await?;
    let before = stage.world().await?;
    let live = live_run(&mut stage, &plan, canary.is_none(), daemon).await?;
    verify(&mut stage, options).await?;
    undo(&mut stage, &live.run.id.0, &before, "before the live run").await?;
    if let Some(canary) = &canary {
        undo(&mut stage, canary, &before_all, "before everything").await?;
    }
    doors(&mut stage).await?;
    end(&mut stage, live.daemon).await?;
    let done = &live.run.progress.counts;
    Ok(format!(
        "\ncutover-demo: ok seed={} tenants={} repositories={} mapped={} pending={} unmappable={} probes={probes} \
         applied={} skipped={} stale={} killed_at={}% undone=all secrets_found=0",
        options.seed,
        options.tenants,
        stage.catalog.rows.len(),
        counts.get("mapped").unwrap_or(&0),
        counts.get("pending").unwrap_or(&0),
        counts.get("unmappable").unwrap_or(&0),
        done.done,
        done.skipped,
        done.stale,
        live.killed_at,
    ))
}

async fn look_and_import(stage: &mut Stage) -> Result<Daemon, DemoError> {
    stage.step("A daemon starts and looks at the App");
    let daemon = stage.start_daemon().await?;
    stage.run(&[0], &["doctor"]).await?;
    stage.step("The application's catalog is imported; tokens are sealed on arrival");
    let file = stage.catalog_file.display().to_string();
    let receipt = stage.ask(&[0], &["catalog", "import", &file]).await?;
    check(receipt["added"].as_u64() == Some(stage.catalog.rows.len() as u64), "every row was added")?;
    stage.tell(&format!("{} repositories of {} projects", receipt["repositories"], receipt["projects"]));
    Ok(daemon)
}

async fn plan(stage: &mut Stage) -> Result<(RunView, u64), DemoError> {
    stage.step("A dry-run: GitHub's lists are read once, what is undecided is asked, nothing is changed");
    stage.sim.calls().reset();
    let csv = stage.home.dir().join("plan.csv").display().to_string();
    let mut run = stage.ask(&[0], &["map", "plan", "--all", "--refresh", "--csv", &csv]).await?;
    let mut probes = run["summary"]["probes_made"].as_u64().unwrap_or(0);
    for _ in 0..PLANS {
        if run["summary"]["probes_owed"].as_u64() == Some(0) {
            break;
        }
        stage.tell(&format!("{} checks are still owed: planning again", run["summary"]["probes_owed"]));
        run = stage.ask(&[0], &["map", "plan", "--all", "--csv", &csv]).await?;
        probes += run["summary"]["probes_made"].as_u64().unwrap_or(0);
    }
    check(run["summary"]["probes_owed"].as_u64() == Some(0), "no check is owed any more")?;
    let again = stage.ask(&[0], &["map", "plan", "--all"]).await?;
    check(run["digest"] == again["digest"], "two plans of the same world have the same digest")?;
    let others: Vec<_> = stage.sim.calls().log().into_iter().filter(|call| !call.is_read()).collect();
    check(others.is_empty(), format!("a dry-run makes reads only, but made {others:?}"))?;
    let calls = stage.sim.calls().counts();
    stage.tell(&format!("{} calls to GitHub, reads all of them; {probes} of them probes", calls.total));
    stage.tell(&format!("digest {}", run["digest"].as_str().unwrap_or_default()));
    let view: RunView = serde_json::from_value(again)
        .map_err(|error| DemoError::Check(format!("the plan can't be read: {error}")))?;
    Ok((view, probes))
}

/// Holds the CSV against what the world knows of each row.
async fn against_the_truth(stage: &mut Stage) -> Result<BTreeMap<&'static str, u64>, DemoError> {
    stage.step("The plan is held against what the made-up world knows of each repository");
    let mut reader = csv::Reader::from_path(stage.home.dir().join("plan.csv"))?;
    let mut planned: BTreeMap<(String, String), Option<i64>> = BTreeMap::new();
    for row in reader.records() {
        let row = row?;
        let cell = |i: usize| row.get(i).unwrap_or_default().to_owned();
        planned.insert((cell(0), cell(1).to_lowercase()), cell(2).parse().ok());
    }
    let (mut counts, mut wrong) = (BTreeMap::new(), Vec::new());
    for (row, truth) in stage.catalog.rows.iter().zip(&stage.catalog.truths) {
        let word = match truth.status {
            Status::Mapped => "mapped",
            Status::Pending => "pending",
            Status::Unmappable => "unmappable",
        };
        *counts.entry(word).or_insert(0) += 1;
        let key = (row.project_id.clone(), row.repo_full_name.to_lowercase());
        if planned.get(&key) != Some(&truth.installation_id) {
            wrong.push(format!("{} {} (rung {})", row.project_id, row.repo_full_name, truth.rung));
        }
    }
    check(planned.len() == stage.catalog.rows.len(), "the CSV has a line for each repository")?;
    check(wrong.is_empty(), format!("{} verdicts are wrong, the first: {:?}", wrong.len(), wrong.first()))?;
    stage.tell(&format!("{} verdicts, every one right: {counts:?}", planned.len()));
    Ok(counts)
}

/// The canary first: a few tenants, verified. A world of fewer than three tenants has none to spare.
async fn canary(stage: &mut Stage, options: &Options) -> Result<Option<String>, DemoError> {
    if options.tenants < 3 {
        return Ok(None);
    }
    stage.step("Canary tenants go first; a plan for all is refused before");
    let mut tenants: Vec<String> = stage.catalog.rows.iter().map(|row| row.tenant_id.clone()).collect();
    tenants.sort();
    tenants.dedup();
    tenants.truncate((tenants.len() / 20).max(1));
    let mut args = vec!["mode", "set", "canary"];
    for tenant in &tenants {
        args.extend(["--add-canary", tenant]);
    }
    stage.run(&[0], &args).await?;
    let all = stage.ask(&[0], &["map", "plan", "--all"]).await?;
    let (id, digest) = names(&all);
    let refused = stage.run(&[3], &["run", "approve", &id, "--digest", &digest]).await?;
    check(refused.stderr.contains("canary"), "the refusal names the canary")?;
    let plan = stage.ask(&[0], &["map", "plan", "--canary"]).await?;
    let (id, digest) = names(&plan);
    stage.run(&[0], &["map", "apply", &id, "--approve", &digest]).await?;
    Ok(Some(id))
}

fn names(run: &Value) -> (String, String) {
    let text = |field: &str| run[field].as_str().unwrap_or_default().to_owned();
    (text("id"), text("digest"))
}

struct Live {
    run: RunView,
    daemon: Daemon,
    killed_at: u64,
}

async fn live_run(
    stage: &mut Stage,
    plan: &RunView,
    override_gate: bool,
    daemon: Daemon,
) -> Result<Live, DemoError> {
    stage.step("The live run: approved by its digest, killed in the middle by SIGKILL, taken up again");
    // The canary changed the world: what is approved is a plan of the world as it is now.
    let (id, digest) = if override_gate {
        (plan.id.0.clone(), plan.digest.0.clone())
    } else {
        names(&stage.ask(&[0], &["map", "plan", "--all"]).await?)
    };
    let rate = (plan.progress.counts.total() / u64::from(SECONDS)).max(1).to_string();
    let mut args = vec!["map", "apply", &id, "--approve", &digest, "--rate", &rate, "--detach"];
    if override_gate {
        args.extend(["--override", "a world of one or two tenants has no canary"]);
    }
    stage.run(&[0], &args).await?;
    let connection = stage.connect().await?;
    let seen = until_the_middle(&connection, &id).await?;
    check(daemon.kill().await? == Ended::Signal(9), "the daemon was killed")?;
    let killed_at = percent(&seen);
    stage.tell(&format!("SIGKILL at {killed_at} % ({} of {} items touched)", touched(&seen), seen.total()));
    check((30..=70).contains(&killed_at), format!("the kill came at {killed_at} %, not in the middle"))?;

    let dead = stage.run(&[4], &["status"]).await?;
    check(dead.stderr.contains("cutoverd"), "the command line says that no daemon is there")?;
    let daemon = stage.start_daemon().await?;
    let said = stage.run(&[0, 1], &["watch", &id]).await?;
    stage.tell(said.stdout.lines().last().unwrap_or_default().trim());
    let run = stage.ask(&[0], &["run", "show", &id]).await?;
    let run: RunView = serde_json::from_value(run)
        .map_err(|error| DemoError::Check(format!("the run can't be read: {error}")))?;
    let counts = &run.progress.counts;
    check(run.state.word() == "done", format!("the run is {}, not done", run.state))?;
    check(
        counts.pending + counts.leased + counts.failed + counts.unknown == 0,
        "every item came to its end",
    )?;
    check(counts.stale == 0, "nothing went stale in a world that stood still")?;
    Ok(Live { run, daemon, killed_at })
}

/// Hears of progress until the run is in its middle.
async fn until_the_middle(connection: &Conn, id: &str) -> Result<Counts, DemoError> {
    let mut changes = connection.changes(0, Vec::new()).await?;
    loop {
        let run = changes.moving.iter().find(|run| run.id.as_str() == id);
        let Some(run) = run else {
            return Err(DemoError::Check("the run had ended before it could be killed".to_owned()));
        };
        let counts = run.progress.counts.clone();
        if percent(&counts) >= 30 {
            return Ok(counts);
        }
        let seen: Vec<(Topic, u64)> =
            changes.versions.iter().copied().filter(|(topic, _)| *topic == Topic::Runs).collect();
        changes = connection.changes(changes.epoch, seen).await?;
    }
}

fn touched(counts: &Counts) -> u64 {
    counts.total() - counts.pending
}

fn percent(counts: &Counts) -> u64 {
    touched(counts) * 100 / counts.total().max(1)
}

async fn verify(stage: &mut Stage, options: &Options) -> Result<(), DemoError> {
    stage.step("Verified: counts, a spot-check against GitHub, the audit chain");
    let status = stage.ask(&[0], &["status"]).await?;
    let mapped = stage.catalog.truths.iter().filter(|truth| truth.status == Status::Mapped).count() as u64;
    check(status["counts"]["mapped"].as_u64() == Some(mapped), "as many are mapped as the world says")?;
    check(status["counts"]["unplanned"].as_u64() == Some(0), "none was left out")?;
    let seed = options.seed.to_string();
    if mapped >= 20 {
        let report = stage.ask(&[0], &["map", "spot-check", "--sample", SAMPLE, "--seed", &seed]).await?;
        stage.tell(report["verdict"].as_str().unwrap_or_default());
    }
    stage.run(&[0], &["audit", "verify"]).await?;
    Ok(())
}

async fn undo(stage: &mut Stage, id: &str, before: &str, what: &str) -> Result<(), DemoError> {
    stage.step(&format!("Undone, and compared with the world {what}"));
    stage.run(&[0], &["run", "undo", id]).await?;
    let after = stage.world().await?;
    check(after == before, "the world is byte for byte what it was before")?;
    stage.tell(&format!("{} bytes, the same", after.len()));
    Ok(())
}

async fn doors(stage: &mut Stage) -> Result<(), DemoError> {
    stage.step("A viewer changes nothing; the kill switch stops everything; a mode lets go");
    let refused = stage.run(&[3], &["--role", "viewer", "mode", "set", "on"]).await?;
    check(refused.stderr.contains("operator"), "the refusal names the role that is needed")?;
    stage.run(&[0], &["kill", "--reason", "demo"]).await?;
    let mode = stage.ask(&[0], &["mode", "get"]).await?;
    check(mode["killed"] == true && mode["mode"] == "off", "the switch holds everything on legacy")?;
    stage.run(&[0], &["mode", "set", "canary"]).await?;
    Ok(())
}

async fn end(stage: &mut Stage, daemon: Daemon) -> Result<(), DemoError> {
    stage.step("The daemon stops; no planted secret is found in logs, answers, plans, CSV or store");
    stage
        .run(&[0], &["audit", "export", &stage.home.dir().join("audit.jsonl").display().to_string()])
        .await?;
    check(daemon.stop().await? == Ended::Code(0), "the daemon stopped gracefully")?;
    let (state, csv, audit) =
        (stage.home.state(), stage.home.dir().join("plan.csv"), stage.home.dir().join("audit.jsonl"));
    let found = secrets::search(
        &stage.catalog,
        stage.sim.private_key_pem(),
        &stage.printed,
        &[&state, &csv, &audit],
    )?;
    let places: Vec<_> = found.iter().map(|found| found.place.as_str()).collect();
    check(places.is_empty(), format!("a planted secret was found in {}", places.join(", ")))?;
    Ok(())
}
