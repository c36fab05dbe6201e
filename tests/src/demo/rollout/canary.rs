//! The scenario `canary`: a good target, step by step to all tenants, with a proven claim.

use cutover_shared::verdict::{Claim, Verdict};

use super::super::stage::check;
use super::super::{DemoError, Options};
use super::{Plan, Play};
use cutover_daemon::clock::Clock;

/// 99.9 %.
const CLAIM_PPM: u32 = 999_000;

pub(in super::super) async fn play(options: &Options) -> Result<String, DemoError> {
    let mut play = Play::begin(options, &Plan { consistency_ppm: CLAIM_PPM, git: "off" }).await?;
    play.proofs().await?;
    play.stage.step("The target is written behind, then read beside and compared");
    play.forward(&["dual-write", "shadow"]).await?;
    for share in ["canary-10", "canary-50", "canary-100"] {
        play.stage.step(&format!("{share}: once the judge passes the stage before"));
        play.advance(share).await?;
        play.each_by_its_arm(Clock::system().now()).await?;
    }
    play.until("the judge's pass of all tenants", async |play| {
        Ok(play.show().await?.judgement.is_some_and(|judgement| judgement.verdict == Verdict::Pass))
    })
    .await?;
    let claim = claim(&play).await?;
    play.stage.tell(&claim.to_string());
    check(
        claim.mismatches == 0 && claim.missing == 0 && claim.proven_ppm >= CLAIM_PPM,
        format!("the claim is proven: {claim}"),
    )?;
    let (book, tenants) = (play.traffic.book(), play.tenants.len());
    check(book.bad.is_empty(), format!("no caller saw an error: {:?}", book.bad.first()))?;
    play.end().await?;
    Ok(format!(
        "\ncutover-demo: ok scenario=canary tenants={tenants} stages=10,50,100 compared={} mismatched={} claim=\"{claim}\" \
         errors={} secrets_found=0",
        claim.compared,
        claim.mismatches,
        book.bad.len(),
    ))
}

async fn claim(play: &Play) -> Result<Claim, DemoError> {
    let claim = play.show().await?.judgement.and_then(|judgement| judgement.claim);
    claim.ok_or_else(|| DemoError::Check("the judge claims nothing".to_owned()))
}
