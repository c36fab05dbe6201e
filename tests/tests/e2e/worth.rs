//! Whether to migrate at all, by the command line: evidence, the decision that closes the phases, its review, a restart.

use cutover_shared::ids::ActKey;
use cutover_shared::rollout::{Operation, OutcomeBatch, OutcomeReport, RolloutAct, Side};
use cutover_shared::rpc::{Act, Topic};
use serde_json::Value;

use super::stage::{Stage, in_time};

const WORTH: &str = "\n[worth]\nevery = \"1s\"\nlong_enough = \"3s\"\nreview = \"5s\"\np95 = \"2s\"\ncost_per_call_micros = 50000\n";

/// Calls of the legacy arm that took 20 s each.
async fn slow_calls(stage: &Stage) {
    let one = OutcomeReport {
        flag: None,
        operation: Some(Operation::Import),
        tenant: "acme".into(),
        side: Side::Legacy,
        ok: true,
        gross: false,
        duration_ms: 20_000,
        at: None,
        id: None,
    };
    let batch = OutcomeBatch { id: "slow".into(), outcomes: vec![one; 50] };
    let act = Act::Rollout(RolloutAct::Outcomes(batch));
    stage.connect().await.act(ActKey::fresh(), act).await.unwrap();
}

/// Asks at each change of a rollout until the answer is as wanted.
async fn until(stage: &Stage, args: &[&str], wanted: impl Fn(&Value) -> bool) -> Value {
    let conn = stage.connect().await;
    let asking = async {
        let mut changes = conn.changes(0, Vec::new()).await.unwrap();
        loop {
            let found = stage.ask(&[0], args).await;
            if wanted(&found) {
                return found;
            }
            let seen = changes.versions.into_iter().filter(|(topic, _)| *topic == Topic::Rollouts).collect();
            changes = conn.changes(changes.epoch, seen).await.unwrap();
        }
    };
    in_time("the answer", asking).await
}

fn reading<'a>(worth: &'a Value, measure: &str) -> &'a Value {
    let readings = worth["rows"][0]["worth"]["readings"].as_array().unwrap();
    readings.iter().find(|one| one["measure"] == measure).unwrap()
}

fn criterion(step: &Value) -> &Value {
    step["criteria"].as_array().unwrap().iter().find(|one| one["name"] == "worth").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn not_needed_closes_the_phases_is_reviewed_and_outlives_a_restart() {
    const LOOK: &[&str] = &["rollout", "worth", "github-auth"];
    const STEP: &[&str] = &["rollout", "stage", "github-auth"];
    let stage = Stage::of(20, None, WORTH).await;
    let daemon = stage.daemon().await;
    stage.import().await;
    slow_calls(&stage).await;
    let worth = until(&stage, LOOK, |worth| worth["rows"][0]["worth"]["outcome"] == "migrate").await;
    let p95 = reading(&worth, "p95");
    assert!(p95["exceeded"]["samples"].as_u64().unwrap() >= 3, "{p95}");
    assert_eq!((&p95["missing_ms"], p95["threshold"].as_u64()), (&0.into(), Some(2_000)));
    assert_eq!(reading(&worth, "cost_per_call")["value"], 50_000);
    let text = stage.say(&[0], &["rollout", "worth"]).await.stdout;
    assert!(text.contains("no source"), "sandboxes have no queue: {text}");

    // An operator's word is not enough.
    let decide = ["rollout", "decide", "github-auth", "not-needed", "--reason", "soon gone"];
    stage.say(&[3], &[&["--role", "operator"], &decide[..]].concat()).await;
    stage.say(&[0], &decide).await;
    let step = stage.ask(&[0], STEP).await;
    assert_eq!(
        (&criterion(&step)["state"], &criterion(&step)["may_override"]),
        (&"fails".into(), &false.into())
    );
    let digest = step["digest"].as_str().unwrap();
    let take = ["rollout", "stage", "github-auth", "--approve", digest, "--override", "e2e"];
    let refused = stage.say(&[3], &take).await;
    assert!(refused.stderr.contains("closed as not needed"), "{}", refused.stderr);

    let overdue = |status: &Value| {
        let all = status["attention"].as_array().unwrap();
        all.iter().any(|one| one["text"].as_str().unwrap().contains("whether to migrate github-auth"))
    };
    until(&stage, &["status"], overdue).await;
    daemon.stop().await.unwrap();
    let _daemon = stage.daemon().await;
    let again = until(&stage, LOOK, |worth| worth["rows"][0]["worth"]["outcome"] == "migrate").await;
    let began = |worth: &Value| reading(worth, "p95")["exceeded"]["since_ms"].as_i64().unwrap();
    assert_eq!(began(&again), began(&worth), "the evidence goes on");
    assert_eq!(again["rows"][0]["decided"]["reason"], "soon gone");
    assert_eq!(criterion(&stage.ask(&[0], STEP).await)["state"], "fails");

    stage.say(&[0], &["rollout", "decide", "github-auth", "migrate", "--reason", "it grew"]).await;
    assert_eq!(criterion(&stage.ask(&[0], STEP).await)["state"], "holds");
    assert!(!overdue(&stage.ask(&[0], &["status"]).await), "who migrates has no review");
}
