//! Probes (B11): calls of services downstream, recorded before the move and held against that record after an import.

pub mod address;
mod call;
pub mod rule;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cutover_shared::import::{ProbeCheck, ProbeView};
use futures::StreamExt as _;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use self::call::Sent;
use self::rule::{Rule, Seen};
use crate::audit::Who;
use crate::client::Client;
use crate::clock::Clock;
use crate::hex::hex;
use crate::store::{Db, DownstreamOp, DownstreamRow, Lane, LinkRow, ReadError, Unit, WriteError};

/// Probes that are called at once.
const PARALLEL: usize = 4;

/// Records of one repository that are read: more than probes can be configured.
const MOST_RECORDS: u32 = 256;

/// A call of a service downstream.
#[derive(Clone, Debug)]
pub struct Probe {
    pub name: String,
    /// With `{project}`, `{tenant}` and `{repository}` in path or query.
    pub url: String,
    /// None: a GET.
    pub post: Option<Post>,
    /// Shown as bearer token.
    pub token: Option<SecretString>,
    /// A rule with an end event reads a stream of events.
    pub rule: Rule,
    /// For the whole answer.
    pub timeout: Duration,
}

/// A call by POST: each record and each comparison makes it.
#[derive(Clone, Debug)]
pub struct Post {
    /// JSON with the same names in its texts; none: an empty body.
    pub body: Option<String>,
}

/// What probes need.
pub struct ProbeParts {
    pub db: Db,
    pub clock: Clock,
    pub client: Client,
    pub probes: Vec<Probe>,
}

/// The configured probes. Cheap to clone.
#[derive(Clone)]
pub struct Probes(Arc<ProbeParts>);

/// A record as it is stored.
#[derive(Serialize, Deserialize)]
struct Record {
    /// Which call it was: another one has another answer.
    call: String,
    seen: Seen,
}

/// One answer, or why there is none.
struct Called {
    outcome: Result<Seen, String>,
    ms: u64,
}

impl Probes {
    /// Calls nothing.
    pub fn new(parts: ProbeParts) -> Self {
        Self(Arc::new(parts))
    }

    /// None is configured.
    pub fn is_empty(&self) -> bool {
        self.0.probes.is_empty()
    }

    /// Calls each probe, and keeps the answers that are good. The audit record is written with them.
    ///
    /// # Errors
    /// [`WriteError`]: nothing was kept.
    pub async fn record(&self, link: &LinkRow, who: &Who) -> Result<Vec<ProbeView>, WriteError> {
        let calls: Vec<_> = self.0.probes.iter().map(|probe| self.call(probe, link)).collect();
        let called: Vec<Called> = futures::stream::iter(calls).buffered(PARALLEL).collect().await;
        let (mut views, mut rows) = (Vec::new(), Vec::new());
        for (probe, called) in self.0.probes.iter().zip(called) {
            let checks =
                called.outcome.as_ref().map_or_else(|_| Vec::new(), |seen| rule::fit(&probe.rule, seen));
            let view = view(probe, &called, checks);
            if let (Ok(seen), Some(true)) = (called.outcome, view.passed) {
                rows.push(DownstreamRow {
                    probe: probe.name.clone(),
                    project: link.project.clone(),
                    repo_lname: link.repo_lname.clone(),
                    body: json!(Record { call: call_of(probe, link), seen }).to_string(),
                });
            }
            views.push(view);
        }
        let at = self.0.clock.now();
        let names: Vec<&str> = rows.iter().map(|row| row.probe.as_str()).collect();
        let detail = json!({ "repository": link.repo_full_name, "recorded": names, "called": views.len() });
        let record = who.did(at, "import.record", link.project.0.clone(), detail);
        let put = DownstreamOp::Put { rows, at, by: who.operator.0.clone() };
        self.0.db.write(Lane::Handler, Unit::new().with(put).with(record)).await?;
        Ok(views)
    }

    /// Calls each probe and compares. One without a record of the same call is not called, and has not passed.
    ///
    /// # Errors
    /// [`ReadError`]: nothing was called.
    pub async fn compare(&self, link: &LinkRow) -> Result<Vec<ProbeView>, ReadError> {
        let rows = self.0.db.downstream_records(&link.project, &link.repo_lname, MOST_RECORDS).await?;
        let records: BTreeMap<String, String> = rows.into_iter().map(|row| (row.probe, row.body)).collect();
        let calls = self.0.probes.iter().map(|probe| self.compared(probe, link, records.get(&probe.name)));
        let calls: Vec<_> = calls.collect();
        Ok(futures::stream::iter(calls).buffered(PARALLEL).collect().await)
    }

    async fn compared(&self, probe: &Probe, link: &LinkRow, record: Option<&String>) -> ProbeView {
        let record = match recorded(record, &call_of(probe, link)) {
            Ok(record) => record,
            Err(why) => {
                let (name, error) = (probe.name.clone(), Some(why.to_owned()));
                return ProbeView { name, passed: None, checks: Vec::new(), ms: 0, error };
            }
        };
        let called = self.call(probe, link).await;
        let checks = match &called.outcome {
            Ok(now) => rule::compare(&probe.rule, &record, now),
            Err(_) => Vec::new(),
        };
        view(probe, &called, checks)
    }

    async fn call(&self, probe: &Probe, link: &LinkRow) -> Called {
        let started = self.0.clock.monotonic();
        let outcome = match sent(probe, link) {
            Some(sent) => call::call(&self.0.client, &self.0.clock, probe, sent).await,
            None => Err("its names make no address for this repository".to_owned()),
        };
        let took = self.0.clock.monotonic().saturating_sub(started);
        Called { outcome, ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX) }
    }
}

fn sent(probe: &Probe, link: &LinkRow) -> Option<Sent> {
    let values =
        [("project", &*link.project.0), ("tenant", &*link.tenant.0), ("repository", &*link.repo_full_name)];
    let url = address::address(&probe.url, &values)?.parse().ok()?;
    let post = match &probe.post {
        None => None,
        Some(Post { body: None }) => Some(String::new()),
        Some(Post { body: Some(template) }) => Some(address::body(template, &values)?),
    };
    Some(Sent { url, post })
}

/// Names a call without holding it: its query may be secret.
fn call_of(probe: &Probe, link: &LinkRow) -> String {
    let (url, post) =
        sent(probe, link).map_or_else(Default::default, |sent| (String::from(sent.url), sent.post));
    let end = &probe.rule.end_event;
    // What was recorded of a GET before there was another way stays comparable.
    let call = match post {
        None => json!([url, end]),
        Some(body) => json!([url, end, "POST", body]),
    };
    hex(&Sha256::digest(call.to_string().as_bytes()))
}

fn recorded(body: Option<&String>, call: &str) -> Result<Seen, &'static str> {
    let body = body.ok_or(
        "not comparable: nothing was recorded; `cutover import PROJECT --probe record`, before the move",
    )?;
    match serde_json::from_str::<Record>(body) {
        Ok(record) if record.call == call => Ok(record.seen),
        Ok(_) => Err(
            "not comparable: another call was recorded; its address, method, body or end event was changed since",
        ),
        Err(_) => Err("not comparable: this version can't read the record; record again"),
    }
}

fn view(probe: &Probe, called: &Called, checks: Vec<ProbeCheck>) -> ProbeView {
    let passed = called.outcome.is_ok() && checks.iter().all(|check| check.passed);
    let (name, error) = (probe.name.clone(), called.outcome.as_ref().err().cloned());
    ProbeView { name, passed: Some(passed), checks, ms: called.ms, error }
}

#[cfg(test)]
mod tests;
