//! Decision (and, where there is one, record) of other flag engines, in process and without a network. Prints one JSON object:
//! name of the case to its nanoseconds for each call, the median and the 99th of 100, over batches of 100 calls.
//!
//! LaunchDarkly's events go to its null processor: building and handing over an event is measured, keeping it is not.

use std::collections::HashMap;
use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, FutureExt as _};
use launchdarkly_server_sdk::{
    Client, ConfigBuilder, Context, ContextBuilder, ExecutionOrder, Flag, MigratorBuilder, NullEventProcessorBuilder, Stage,
    TestData,
};
use serde_json::{Value, json};
use unleash_types::client_features::ClientFeatures;
use unleash_yggdrasil::EngineState;

const BATCH: usize = 100;
const WARM: usize = 300;
const BATCHES: usize = 4_000;
const TENANTS: usize = 1_000;

type Failed = Box<dyn Error>;

fn figures(mut times: Vec<f64>) -> Value {
    times.sort_by(f64::total_cmp);
    let at = |permille: usize| times[(times.len() * permille / 1_000).min(times.len() - 1)];
    json!({ "p50": at(500), "p99": at(990) })
}

fn measure(mut call: impl FnMut(usize)) -> Value {
    let mut times = Vec::with_capacity(BATCHES);
    for batch in 0..WARM + BATCHES {
        let start = Instant::now();
        for at in 0..BATCH {
            call((batch * BATCH + at) % TENANTS);
        }
        if batch >= WARM {
            times.push(start.elapsed().as_secs_f64() * 1e9 / BATCH as f64);
        }
    }
    figures(times)
}

fn flag(key: &str, variations: Value, fallthrough: Value) -> Result<Flag, Failed> {
    Ok(serde_json::from_value(json!({
        "key": key, "version": 1, "on": true, "targets": [], "rules": [], "prerequisites": [], "offVariation": 0,
        "fallthrough": fallthrough, "variations": variations, "salt": "salt", "trackEvents": false,
        "clientSideAvailability": { "usingMobileKey": false, "usingEnvironmentId": false },
    }))?)
}

fn old(_: &u64) -> BoxFuture<'_, Result<u64, String>> {
    async { Ok(1) }.boxed()
}

fn new(_: &u64) -> BoxFuture<'_, Result<u64, String>> {
    async { Ok(2) }.boxed()
}

async fn launchdarkly(out: &mut HashMap<String, Value>) -> Result<(), Failed> {
    let data = TestData::new();
    let share = json!({ "rollout": { "variations": [{ "variation": 0, "weight": 10_000 }, { "variation": 1, "weight": 90_000 }] } });
    data.use_preconfigured_flag(flag("share", json!([true, false]), share)?);
    data.use_preconfigured_flag(flag("stage-off", json!(["off"]), json!({ "variation": 0 }))?);
    data.use_preconfigured_flag(flag("stage-shadow", json!(["shadow"]), json!({ "variation": 0 }))?);
    let config = ConfigBuilder::new("sdk-key")
        .data_source(&data)
        .event_processor(&NullEventProcessorBuilder::new())
        .build()?;
    let client = Arc::new(Client::build(config)?);
    client.start_with_default_executor();
    if client.wait_for_initialization(Duration::from_secs(10)).await != Some(true) {
        return Err("the client did not start".into());
    }
    let contexts: Vec<Context> = (0..TENANTS)
        .map(|at| ContextBuilder::new(format!("tenant-{at}")).build())
        .collect::<Result<_, _>>()?;
    let shared = (0..TENANTS).filter(|at| client.bool_variation(&contexts[*at], "share", false)).count();
    if !(50..150).contains(&shared) {
        return Err(format!("{shared} of {TENANTS} tenants are in a share of a tenth").into());
    }
    out.insert(
        "launchdarkly bool_variation, share of 10 %".into(),
        measure(|at| {
            black_box(client.bool_variation(&contexts[at], "share", false));
        }),
    );
    for (case, key, expected) in [("off", "stage-off", 1), ("shadow", "stage-shadow", 1)] {
        let mut migrator = MigratorBuilder::new(client.clone())
            .read_execution_order(ExecutionOrder::Serial)
            .track_latency(true)
            .track_errors(true)
            .read(old, new, Some(|one, other| one == other))
            .write(old, new)
            .build()?;
        let mut times = Vec::with_capacity(BATCHES);
        for batch in 0..WARM + BATCHES {
            let start = Instant::now();
            for at in 0..BATCH {
                let context = &contexts[(batch * BATCH + at) % TENANTS];
                let read = migrator.read(context, key.to_owned(), Stage::Off, 7).await;
                if black_box(read.result) != Ok(expected) {
                    return Err(format!("{case}: the old side did not answer").into());
                }
            }
            if batch >= WARM {
                times.push(start.elapsed().as_secs_f64() * 1e9 / BATCH as f64);
            }
        }
        out.insert(format!("launchdarkly Migrator.read, {case}"), figures(times));
    }
    client.close();
    Ok(())
}

fn unleash(out: &mut HashMap<String, Value>) -> Result<(), Failed> {
    let features: ClientFeatures = serde_json::from_value(json!({
        "version": 2,
        "features": [{
            "name": "share", "enabled": true, "strategies": [{
                "name": "flexibleRollout",
                "parameters": { "rollout": "10", "stickiness": "userId", "groupId": "share" },
            }],
        }],
    }))?;
    let engine = EngineState::default();
    engine.apply_client_features(features);
    let contexts: Vec<unleash_yggdrasil::Context> = (0..TENANTS)
        .map(|at| unleash_yggdrasil::Context {
            user_id: Some(format!("tenant-{at}")),
            session_id: None,
            environment: None,
            app_name: None,
            current_time: None,
            remote_address: None,
            properties: None,
        })
        .collect();
    let shared = (0..TENANTS).filter(|at| engine.is_enabled("share", &contexts[*at], &None)).count();
    if !(50..150).contains(&shared) {
        return Err(format!("{shared} of {TENANTS} users are in a share of a tenth").into());
    }
    out.insert(
        "unleash-yggdrasil is_enabled, share of 10 %".into(),
        measure(|at| {
            black_box(engine.is_enabled("share", &contexts[at], &None));
        }),
    );
    out.insert(
        "unleash-yggdrasil is_enabled and count_toggle".into(),
        measure(|at| {
            let enabled = engine.is_enabled("share", &contexts[at], &None);
            engine.count_toggle("share", black_box(enabled));
        }),
    );
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let mut out = HashMap::new();
    launchdarkly(&mut out).await?;
    unleash(&mut out)?;
    println!("{}", serde_json::to_string(&out)?);
    Ok(())
}
