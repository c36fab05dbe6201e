//! The scenario `bad-canary`: a target that fails, then one that is slow, then one that is wrong. Each is rolled back by itself.

use std::time::Duration;

use cutover_daemon::clock::Clock;
use cutover_shared::rollout::Stage as At;

use super::super::stage::check;
use super::super::{DemoError, Options};
use super::{NAME, Plan, Play};
use crate::github_sim::{Effect, Fault, RouteKind};

/// 99 %: what is shown is how it goes back, and that needs no long way there.
const CLAIM_PPM: u32 = 990_000;

/// Added to each answer of the slow target; twice the baseline's P95 is far below.
const SLOW: Duration = Duration::from_millis(600);

pub(in super::super) async fn play(options: &Options) -> Result<String, DemoError> {
    let mut play = Play::begin(options, &Plan { consistency_ppm: CLAIM_PPM, git: "off" }).await?;
    play.proofs().await?;
    play.stage.step("Forward to a share of the tenants, all is well");
    play.forward(&["dual-write", "shadow", "canary-10"]).await?;
    play.each_by_its_arm(Clock::system().now()).await?;

    play.stage.step("GitHub answers installations with 500");
    let fails = Effect::Status { status: 500, retry_after: None };
    let errors = breach(&mut play, &["gross failures", "error rate"], |play| {
        play.stage.sim.faults().add(Fault::on(RouteKind::InstallationRepositories, fails).always());
    })
    .await?;
    again(&mut play).await?;

    play.stage.step("GitHub is slow for installations");
    let slow = breach(&mut play, &["latency p95"], |play| {
        let slow = Fault::on(RouteKind::InstallationRepositories, Effect::Latency(SLOW));
        play.stage.sim.faults().add(slow.always());
    })
    .await?;
    again(&mut play).await?;

    play.stage.step("Every installation's list lacks a repository");
    let mut revoked = Ok(());
    let wrong = breach(&mut play, &["wrong data", "consistency"], |play| {
        revoked = play.tenants.iter().try_for_each(|tenant| {
            let last = tenant.repos.last().copied().unwrap_or_default();
            play.stage.sim.world().revoke_grant(tenant.installation, last)
        });
    })
    .await?;
    revoked?;
    let short = play.traffic.book().last;
    let short = short.iter().flatten().find(|seen| play.tenants[seen.project].repos.len() != seen.rows);
    check(short.is_none(), format!("every list is whole again, and not {short:?}"))?;
    let tenants = play.tenants.len();
    play.end().await?;
    Ok(format!(
        "\ncutover-demo: ok scenario=bad-canary tenants={tenants} rolled_back=3 errors_s={errors:.1} slow_s={slow:.1} \
         wrong_s={wrong:.1} errors_after=0 secrets_found=0"
    ))
}

/// Breaks the target and waits for the rollback; seconds from the first call that met it, or from when it was broken, until it was
/// in effect.
async fn breach(play: &mut Play, reasons: &[&str], breaks: impl FnOnce(&Play)) -> Result<f64, DemoError> {
    let inside = play.inside().await?;
    play.traffic.reset();
    let broken = Clock::system().now();
    breaks(play);
    let rolled_back = async |play: &Play| {
        let change = play.newest("auto-rollback").await?;
        Ok::<_, DemoError>(change.filter(|change| change.at >= broken))
    };
    play.until("the rollback", async |play| Ok(rolled_back(play).await?.is_some())).await?;
    let change = rolled_back(play).await?;
    let change = change.ok_or_else(|| DemoError::Check("the rollback is gone".to_owned()))?;
    let effective = change.detail["effective_at"].as_i64().unwrap_or(change.at);
    check(
        reasons.iter().any(|reason| change.reason.contains(reason)),
        format!("the reason is {}, and says {}", reasons.join(" or "), change.reason),
    )?;
    check(change.to == At::Shadow, format!("it went back to shadow, not to {}", change.to))?;
    play.each_by_legacy(effective).await?;
    let book = play.traffic.book();
    let first = book.bad.iter().map(|seen| seen.began).min().unwrap_or(broken);
    let seconds = (effective - first) as f64 / 1_000.0;
    play.stage.tell(&format!("rolled back: {}", change.reason));
    play.stage
        .tell(&format!("{seconds:.1} s from the first bad answer until it was in effect; {}", book.line()));
    check(book.target_began <= effective, "no call that began afterwards took the target")?;
    let theirs = |seen: &super::traffic::Seen| {
        seen.began <= effective && inside.contains(&play.tenants[seen.project].name)
    };
    let other = book.bad.iter().find(|seen| !theirs(seen));
    check(other.is_none(), format!("only tenants on the target saw errors, and only before: {other:?}"))?;
    play.stay().await;
    Ok(seconds)
}

/// The target is mended; what it did while nobody was on it counts, so shadow begins anew.
async fn again(play: &mut Play) -> Result<(), DemoError> {
    play.stage.step("Mended; shadow begins anew, and the same share of the tenants after it");
    play.stage.sim.faults().clear();
    let args = ["rollback", NAME.word(), "--to", "dual-write", "--reason", "the target was mended"];
    play.stage.run(&[0], &args).await?;
    play.forward(&["shadow", "canary-10"]).await?;
    play.each_by_its_arm(Clock::system().now()).await
}
