//! The scenario `kill`: the switch under traffic, with the store gone, through a crash, and again and again.

use std::path::Path;
use std::time::Duration;

use cutover_daemon::clock::Clock;
use cutover_shared::ids::ActKey;
use cutover_shared::paths::kill_marker;
use cutover_shared::rollout::RolloutAct;
use cutover_shared::rpc::{Act, KillReceipt, Receipt, ReplicaState};
use sqlx::{Connection as _, Executor as _, SqliteConnection};

use super::super::stage::check;
use super::super::{DemoError, Options};
use super::gits::{GitTraffic, Rounds};
use super::residue::Residue;
use super::{Plan, Play};
use crate::github_sim::RouteKind;
use crate::harness::Ended;

/// 99 %: what is shown is the switch, and that needs no long way there.
const CLAIM_PPM: u32 = 990_000;

/// Answers that are looked at after a kill.
const AFTER: u64 = 200;

/// Within so long what is held after the last flip must be let go of.
const LEFT: Duration = Duration::from_secs(60);

pub(in super::super) async fn play(options: &Options) -> Result<String, DemoError> {
    let mut play = Play::begin(options, &Plan { consistency_ppm: CLAIM_PPM, git: "live" }).await?;
    play.proofs().await?;
    play.stage.step("Forward to half of the tenants");
    play.forward(&["dual-write", "shadow", "canary-10", "canary-50"]).await?;
    play.each_by_its_arm(Clock::system().now()).await?;

    play.stage.step("The switch is pulled under traffic");
    play.traffic.reset();
    let receipt = kill(&mut play, &[0]).await?;
    check(receipt.stored && receipt.owed.is_empty(), format!("it is stored: {receipt:?}"))?;
    let replicas = receipt.replicas.len();
    quiet(&play, &receipt).await?;
    play.stay().await;
    unkill(&mut play).await?;

    play.stage.step("The store takes nothing; the switch is pulled; the daemon is killed, too");
    let lock = lock_store(&play.stage.home.state()).await?;
    let receipt = kill(&mut play, &[1]).await?;
    let marker = kill_marker(&play.stage.home.state());
    check(receipt.marker && !receipt.stored && marker.exists(), format!("the marker holds it: {receipt:?}"))?;
    play.stage.tell(&format!("owed: {}", receipt.owed));
    play.each_by_legacy(receipt.at).await?;
    check(play.traffic.book().bad.is_empty(), "no caller saw that the store is gone")?;
    play.stay().await;
    let daemon = play.daemon.take().ok_or_else(|| DemoError::Check("no daemon runs".to_owned()))?;
    check(daemon.kill().await? == Ended::Signal(9), "the daemon was killed")?;
    lock.close().await.map_err(|error| DemoError::Check(error.to_string()))?;
    play.daemon = Some(play.stage.start_daemon().await?);
    play.conn = play.stage.connect().await?;
    play.traffic.reset();
    let started = Clock::system().now();
    play.each_by_legacy(started).await?;
    let mode = play.stage.ask(&[0], &["mode", "get"]).await?;
    check(mode["killed"] == true, format!("it is still killed after the start: {mode}"))?;
    play.until("the kill in the store", async |_| Ok(!marker.exists())).await?;
    unkill(&mut play).await?;

    let (flips, every) = (options.flips, Duration::from_secs(options.every));
    play.stage
        .step(&format!("{flips} times killed and let go, one every {} s, under traffic", every.as_secs()));
    let rounds = flip(&mut play, flips, every).await?;
    let tenants = play.tenants.len();
    play.end().await?;
    Ok(format!(
        "\ncutover-demo: ok scenario=kill tenants={tenants} replicas={replicas} targets_after=0 flips={flips} git={} errors=0 \
         leaked=0 secrets_found=0",
        rounds.whole
    ))
}

async fn kill(play: &mut Play, codes: &[i32]) -> Result<KillReceipt, DemoError> {
    let receipt = play.stage.ask(codes, &["kill", "--all", "--reason", "demo"]).await?;
    let receipt: KillReceipt = serde_json::from_value(receipt)
        .map_err(|error| DemoError::Check(format!("the receipt can't be read: {error}")))?;
    check(!receipt.replicas.is_empty(), "there is a receipt of each replica")?;
    for replica in &receipt.replicas {
        let held = replica.state == ReplicaState::Confirmed && replica.targets_after == Some(0);
        check(held, format!("{} is on legacy: {replica:?}", replica.name))?;
        play.stage.tell(&format!("{}: confirmed, 0 calls took the target afterwards", replica.name));
    }
    Ok(receipt)
}

/// Nobody takes the target: by what callers were told, and by what GitHub was asked.
async fn quiet(play: &Play, receipt: &KillReceipt) -> Result<(), DemoError> {
    play.each_by_legacy(receipt.at).await?;
    let calls = play.stage.sim.calls();
    calls.reset();
    let until = play.traffic.book().answers() + AFTER;
    play.until("more answers", async |play| Ok(play.traffic.book().answers() >= until)).await?;
    let asked = calls.count(RouteKind::InstallationRepositories);
    check(asked == 0, format!("GitHub is asked nothing by installations, and not {asked} times"))?;
    let book = play.traffic.book();
    check(book.target_began <= receipt.at, "no call that began afterwards took the target")?;
    check(book.bad.is_empty(), format!("no caller saw an error: {:?}", book.bad.first()))?;
    play.stage.tell(&book.line());
    Ok(())
}

async fn unkill(play: &mut Play) -> Result<(), DemoError> {
    play.stage.run(&[0], &["unkill", "--all", "--reason", "demo"]).await?;
    check(!play.inside().await?.is_empty(), "tenants are on the target again")?;
    play.each_by_its_arm(Clock::system().now()).await
}

/// Holds the one writer's lock of the store, so that no commit of the daemon can begin.
async fn lock_store(state: &Path) -> Result<SqliteConnection, DemoError> {
    let failed = |error: sqlx::Error| DemoError::Check(format!("the store can't be locked: {error}"));
    let url = format!("sqlite:{}", state.join("cutover.db").display());
    let mut connection = SqliteConnection::connect(&url).await.map_err(failed)?;
    connection.execute("BEGIN IMMEDIATE").await.map_err(failed)?;
    Ok(connection)
}

async fn flip(play: &mut Play, flips: u32, every: Duration) -> Result<Rounds, DemoError> {
    let (clock, state) = (Clock::system(), play.stage.home.state());
    let pid = play.daemon.as_ref().map_or(0, crate::harness::Daemon::pid);
    // What stands ready is no leak; it is made again after the daemon was killed.
    play.until("warm sandboxes", async |_| Ok(Residue::of(pid, &state).await?.rooms >= super::WARM)).await?;
    let before = Residue::of(pid, &state).await?;
    play.stage.tell(&format!("before: {before}"));
    let projects = play.tenants.iter().map(|tenant| tenant.project.clone()).collect();
    let gits = GitTraffic::start(&play.stage.home, super::SERVICE_TOKEN, projects)?;
    play.until("git by the target", async |_| Ok(gits.rounds().by_arm.contains_key("target"))).await?;
    let busy = Residue::of(pid, &state).await?;
    play.stage.tell(&format!("with git at work: {busy}"));
    play.traffic.reset();
    let mut due = clock.monotonic();
    for n in 0..flips {
        let act = Act::Kill { reason: "demo".to_owned(), rollout: None };
        let Receipt::Kill(receipt) = play.conn.act(ActKey::fresh(), act).await? else {
            return Err(DemoError::Check("another receipt than a kill's".to_owned()));
        };
        let after = receipt.replicas.iter().map(|replica| replica.targets_after).collect::<Vec<_>>();
        check(after.iter().all(|after| *after == Some(0)), format!("kill {n}: {receipt:?}"))?;
        clock.sleep_until(due + every / 2).await;
        let began = play.traffic.book().target_began;
        check(
            began <= receipt.at,
            format!("kill {n}: a call took the target {} ms later", began - receipt.at),
        )?;
        play.act(RolloutAct::Unkill { name: None, reason: "demo".to_owned() }).await?;
        due += every;
        clock.sleep_until(due).await;
    }
    play.each_by_its_arm(Clock::system().now()).await?;
    let book = play.traffic.book();
    check(book.bad.is_empty(), format!("no caller saw an error: {:?}", book.bad.first()))?;
    play.stage.tell(&book.line());
    let rounds = gits.stop().await;
    play.stage.tell(&rounds.line());
    check(rounds.bad.is_empty(), format!("no caller of git saw an error: {:?}", rounds.bad.first()))?;
    let both = ["legacy", "target"].iter().all(|arm| rounds.by_arm.contains_key(*arm));
    check(both, format!("git was answered by both arms: {}", rounds.line()))?;
    // Whoever holds a lock of the rollouts for ever would stop these two.
    play.stage.run(&[0], &["rollout", "freeze", super::NAME.word(), "--reason", "demo"]).await?;
    play.stage.run(&[0], &["rollout", "unfreeze", super::NAME.word()]).await?;
    // Calls are under way, so what they hold comes and goes; what is leaked never goes.
    let look = async {
        loop {
            let now = Residue::of(pid, &state).await?;
            if now.leaked(&before).is_none() {
                return Ok::<_, DemoError>(now);
            }
            clock.sleep(super::LOOK).await;
        }
    };
    let now = match clock.timeout(LEFT, look).await {
        Ok(now) => now?,
        Err(_) => {
            let now = Residue::of(pid, &state).await?;
            return Err(DemoError::Check(format!("left over: {}", now.leaked(&before).unwrap_or_default())));
        }
    };
    play.stage.tell(&format!("after {flips} flips: {now}"));
    Ok(rounds)
}
