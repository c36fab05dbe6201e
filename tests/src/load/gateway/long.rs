//! Memory over very many deliveries.

use std::sync::Arc;

use super::client::{Drive, Until, drive, float};
use super::server::{self, Server};
use super::{GatewayLoad, payload};
use crate::load::mapping::LoadError;
use crate::load::{Bar, Report};

/// Memory is looked at after each of these parts.
const PARTS: u64 = 20;

/// The part after which nothing should grow any more: caches are full, the log of the store has its size.
const WARM: u64 = 4;

/// What is not growth, in MiB.
const SLACK: f64 = 16.0;

pub(super) async fn run(load: &GatewayLoad, deliveries: u64) -> Result<Report, LoadError> {
    let payloads = Arc::new(payload::pushes(load.seed)?);
    let folder = tempfile::Builder::new().prefix("cutover-gateway-").tempdir_in(&load.folder)?;
    let home = server::home(&load.program, &folder.path().join("home")).await?;
    let server = Server::daemon(&load.program, &home).await?;
    let (mut taken, mut errors, mut seconds, mut held) = (0, 0, 0.0, Vec::new());
    for part in 0..PARTS {
        let outcome = drive(Drive {
            target: server.target.clone(),
            payloads: payloads.clone(),
            connections: load.connections,
            until: Until::Count(deliveries.div_ceil(PARTS)),
            pace: None,
            run: 10 + part,
        })
        .await?;
        taken += outcome.taken;
        errors += outcome.errors();
        seconds += outcome.took.as_secs_f64();
        held.push(server.process().memory_mib().unwrap_or(f64::INFINITY));
    }
    let peak = server.process().peak_mib().unwrap_or(f64::INFINITY);
    server.kill().await?;
    let at = |part: u64| usize::try_from(part).ok().and_then(|at| held.get(at)).copied();
    let before = at(WARM - 1).unwrap_or(f64::NAN);
    let after = held.iter().skip(held.len() - 4).copied().fold(0.0, f64::max);
    let mut report = Report::default();
    report.add("deliveries taken", float(taken), "", Bar::None);
    report.add("not answered with 2xx", float(errors), "", Bar::Is(0.0));
    report.add("taken", float(taken) / seconds, "/s", Bar::None);
    report.add("memory after a fifth of them", before, "MiB", Bar::None);
    report.add("memory in the last fifth, at most", after, "MiB", Bar::Below(before * 1.1 + SLACK));
    report.add("memory at most", peak, "MiB", Bar::None);
    Ok(report)
}
