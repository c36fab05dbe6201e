//! Deliveries, installations and workflows of a made-up gateway, and what its daemon answers about them.

use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::ids::{InstallationId, RepoId};
use cutover_shared::installation::{
    Health, HealthReason, InstallationAnswer, InstallationQuery, InstallationState, InstallationView,
};
use cutover_shared::rpc::{Answer, Query};
use cutover_shared::webhook::{
    DeliveryDetail, DeliveryState, DeliveryView, InboxFigures, Recovery, WebhookAnswer, WebhookQuery,
};
use cutover_shared::window::WindowAsk;
use cutover_shared::workflow::{
    DispatchState, DispatchView, ExplainStep, Explanation, LastMatch, Rule, WorkflowAnswer, WorkflowQuery,
    WorkflowSource, WorkflowView,
};

use crate::daemon::{HOUR, MINUTE, NOW, SECOND, window};

/// What the gateway of the daemon holds.
#[derive(Clone, Debug, Default)]
pub struct Gateway {
    pub figures: InboxFigures,
    pub deliveries: Vec<DeliveryView>,
    pub installations: Vec<InstallationView>,
    pub workflows: Vec<WorkflowView>,
    pub dispatches: Vec<DispatchView>,
}

impl Gateway {
    /// None for a question about anything else.
    pub fn answer(&self, query: &Query) -> Option<Result<Answer, RpcError>> {
        let missing = |what: &str| {
            Err(RpcError::new(ErrorCode::NotFound, format!("there is no such {what}"), "look at the list"))
        };
        Some(Ok(match query {
            Query::Webhook(WebhookQuery::Window { ask }) => {
                Answer::Webhook(WebhookAnswer::Window(window(&self.deliveries, ask)))
            }
            Query::Webhook(WebhookQuery::Show { guid, payload }) => {
                let Some(delivery) = self.deliveries.iter().find(|one| one.guid == *guid) else {
                    return Some(missing("delivery"));
                };
                Answer::Webhook(WebhookAnswer::Show(Box::new(self.detail(delivery, *payload))))
            }
            Query::Webhook(WebhookQuery::Replayable { filter }) => {
                let ask = WindowAsk { filter: filter.clone(), limit: 500, ..WindowAsk::default() };
                let ended = |one: &DeliveryView| one.kept && one.state != DeliveryState::Waiting;
                let ended: Vec<DeliveryView> =
                    self.deliveries.iter().filter(|one| ended(one)).cloned().collect();
                Answer::Webhook(WebhookAnswer::Replayable(window(&ended, &ask).total))
            }
            Query::Webhook(WebhookQuery::Figures) => {
                Answer::Webhook(WebhookAnswer::Figures(Box::new(self.figures.clone())))
            }
            Query::Installation(InstallationQuery::Window { ask }) if ask.filter.starts_with("health:") => {
                let unwell = self.installations.iter().filter(|one| one.health != Health::Healthy);
                let ask = WindowAsk { filter: String::new(), ..ask.clone() };
                let unwell: Vec<InstallationView> = unwell.cloned().collect();
                Answer::Installation(InstallationAnswer::Window(window(&unwell, &ask)))
            }
            Query::Installation(InstallationQuery::Window { ask }) => {
                Answer::Installation(InstallationAnswer::Window(window(&self.installations, ask)))
            }
            Query::Installation(InstallationQuery::Show { id }) => {
                let Some(one) = self.installations.iter().find(|one| one.id == *id) else {
                    return Some(missing("installation"));
                };
                Answer::Installation(InstallationAnswer::Show(Box::new(one.clone())))
            }
            Query::Workflow(WorkflowQuery::Window { ask }) => {
                Answer::Workflow(WorkflowAnswer::Window(window(&self.workflows, ask)))
            }
            Query::Workflow(WorkflowQuery::Show { id }) => {
                let Some(one) = self.workflows.iter().find(|one| one.id == *id) else {
                    return Some(missing("workflow"));
                };
                Answer::Workflow(WorkflowAnswer::Show(Box::new(one.clone())))
            }
            Query::Workflow(WorkflowQuery::Dispatches { ask }) => {
                Answer::Workflow(WorkflowAnswer::Dispatches(self.sent(&ask.filter, ask)))
            }
            Query::Workflow(WorkflowQuery::Test { guid, workflow }) => {
                let Some(delivery) = self.deliveries.iter().find(|one| one.guid == *guid) else {
                    return Some(missing("delivery"));
                };
                let wanted = |one: &&WorkflowView| workflow.as_ref().is_none_or(|id| one.id == *id);
                let mut all: Vec<Explanation> =
                    self.workflows.iter().filter(wanted).map(|one| explain(one, delivery)).collect();
                all.sort_by_key(|one| !one.matched);
                Answer::Workflow(WorkflowAnswer::Test(all))
            }
            _ => return None,
        }))
    }

    fn sent(&self, filter: &str, ask: &WindowAsk) -> cutover_shared::window::Window<DispatchView> {
        let wanted = filter.split('"').nth(1).unwrap_or_default();
        let dead = filter.contains("state:dead");
        let fits = |one: &&DispatchView| {
            one.workflow.as_ref().is_some_and(|id| id.contains(wanted))
                && (!dead || one.state == DispatchState::Dead)
        };
        let all: Vec<DispatchView> = self.dispatches.iter().filter(fits).cloned().collect();
        window(&all, &WindowAsk { filter: String::new(), ..ask.clone() })
    }

    fn detail(&self, delivery: &DeliveryView, payload: bool) -> DeliveryDetail {
        let text = || {
            let body = serde_json::json!({
                "action": delivery.action, "installation": { "id": delivery.installation },
                "repository": { "full_name": delivery.repository, "private": true }, "ref": "refs/heads/main",
                "hook": { "config": { "secret": "[redacted]" } }, "commits": [{ "message": "Fix\tthe \u{1b}[31mbuild" }],
            });
            serde_json::to_string_pretty(&body).unwrap()
        };
        DeliveryDetail {
            delivery: delivery.clone(),
            digest: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
            payload: (payload && delivery.kept).then(text),
            cut: false,
            dispatches: self
                .dispatches
                .iter()
                .filter(|one| one.guid.as_ref() == Some(&delivery.guid))
                .cloned()
                .collect(),
        }
    }
}

fn explain(workflow: &WorkflowView, delivery: &DeliveryView) -> Explanation {
    let rule = &workflow.trigger;
    let step = |rule: &str, passed: bool, wanted: String, found: &str| ExplainStep {
        rule: rule.into(),
        passed,
        wanted,
        found: found.into(),
    };
    let repository = delivery.repository.as_deref().unwrap_or_default();
    let owner = rule.repository.split('/').next().unwrap_or_default();
    let branch = if delivery.seq % 2 == 0 { "main" } else { "feature/login" };
    let steps = vec![
        step("event", rule.events.contains(&delivery.event), rule.events.join(", "), &delivery.event),
        step("repository", repository.starts_with(owner), rule.repository.clone(), repository),
        step("installation", true, String::new(), ""),
        step(
            "branches",
            rule.branches.is_empty() || rule.branches.iter().any(|one| one == branch),
            rule.branches.join(", "),
            branch,
        ),
        step("paths", true, String::new(), ""),
        step("ignore_bots", true, "no bot".into(), "octocat"),
    ];
    Explanation {
        workflow: workflow.id.clone(),
        name: workflow.name.clone(),
        matched: steps.iter().all(|step| step.passed),
        steps,
    }
}

pub fn guid(n: u64) -> String {
    format!("{:08x}-c65e-11f0-8a5f-{n:012x}", 0x2b79_0000_u64 + n)
}

/// A delivery of this repository; every state, every kind of event.
pub fn delivery(n: u64, repository: &str) -> DeliveryView {
    const EVENTS: [(&str, Option<&str>); 5] = [
        ("push", None),
        ("pull_request", Some("synchronize")),
        ("check_suite", Some("requested")),
        ("installation_repositories", Some("added")),
        ("repository", Some("renamed")),
    ];
    let (event, action) = EVENTS[usize::try_from(n % 5).unwrap()];
    let received_at = NOW - 4 * SECOND - n.cast_signed() * 11 * SECOND;
    let (state, attempts, note) = match n % 13 {
        0 => (DeliveryState::Waiting, 0, None),
        2 => (DeliveryState::Waiting, 2, Some("GitHub answered 502".to_owned())),
        5 => (DeliveryState::Dead, 8, Some("the store refused it 8 times: disk I/O error".to_owned())),
        7 => (DeliveryState::Ignored, 0, None),
        _ if event == "repository" => {
            (DeliveryState::Handled, 0, Some(format!("{repository} has a new name")))
        }
        _ => (DeliveryState::Handled, 0, None),
    };
    let ended = state != DeliveryState::Waiting;
    DeliveryView {
        seq: 1_204_118 - n.cast_signed(),
        guid: guid(n),
        event: event.into(),
        action: action.map(Into::into),
        installation: Some(InstallationId(41_000_001 + (n % 6).cast_signed())),
        repo_id: Some(RepoId(812_345_678)),
        repository: Some(repository.to_owned()),
        received_at,
        bytes: 9_042 + n.cast_signed(),
        state,
        attempts,
        due_at: (attempts > 0 && !ended).then_some(NOW + 20 * SECOND),
        ended_at: ended.then_some(received_at + 42 + i64::from(attempts) * 412),
        note,
        repeats: u32::from(n.is_multiple_of(9)),
        kept: n % 17 != 16,
    }
}

/// An installation of this account; the worst first.
pub fn installation(n: u64, account: &str) -> InstallationView {
    let reason = |code: &str, text: &str, mend: Option<&str>| HealthReason {
        code: code.into(),
        text: text.into(),
        mend: mend.map(Into::into),
    };
    let id = InstallationId(41_000_001 + n.cast_signed());
    let (health, state, reasons) = match n {
        0 => (
            Health::Failing,
            InstallationState::Active,
            vec![
                reason(
                    "token_failing",
                    "the last 3 mints failed: GitHub answered 500",
                    Some("cutover token refresh 41000001"),
                ),
                reason(
                    "dead_deliveries",
                    "4 deliveries were given up",
                    Some("cutover webhook replay --filter 'installation:41000001 state:dead'"),
                ),
            ],
        ),
        1 => (
            Health::Failing,
            InstallationState::Suspended,
            vec![reason("suspended", "its owner suspended it 3 d ago", None)],
        ),
        2 => (
            Health::Attention,
            InstallationState::Active,
            vec![
                reason(
                    "permission_missing",
                    "checks: write was not granted",
                    Some("ask the owner to accept the new permissions"),
                ),
                reason(
                    "unmapped",
                    "41 of its repositories in the catalog are not mapped",
                    Some("cutover map plan --all"),
                ),
            ],
        ),
        _ => (Health::Healthy, InstallationState::Active, Vec::new()),
    };
    InstallationView {
        id,
        account: account.to_owned(),
        account_id: 9_001 + n.cast_signed(),
        account_type: if n % 4 == 3 { "User".into() } else { "Organization".into() },
        state,
        health,
        reasons,
        selection: if n.is_multiple_of(2) { "all".into() } else { "selected".into() },
        repositories: 1_204 - (n * 17).min(1_200),
        mapped: 1_100 - (n * 13).min(1_100),
        unmapped: if n == 2 { 41 } else { 0 },
        permissions: vec![("contents".into(), "read".into()), ("metadata".into(), "read".into())],
        missing: if n == 2 { vec![("checks".into(), "write".into())] } else { Vec::new() },
        budget: (state == InstallationState::Active).then_some((if n == 4 { 310 } else { 4_900 }, 5_000)),
        token_minted_at: (state == InstallationState::Active && n != 0).then_some(NOW - 12 * MINUTE),
        token_error: (n == 0).then(|| "GitHub answered 500 Internal Server Error".into()),
        last_delivery_at: (n != 5).then_some(NOW - n.cast_signed() * 7 * MINUTE - 4 * SECOND),
        last_event: (n != 5).then(|| "push".into()),
        waiting_deliveries: u64::from(n == 0) * 2,
        dead_deliveries: u64::from(n == 0) * 4,
        read_at: Some(NOW - 5 * MINUTE),
        suspended_at: (state == InstallationState::Suspended).then_some(NOW - 72 * HOUR),
    }
}

pub fn workflow(n: u64, id: &str, repository: &str) -> WorkflowView {
    let events: &[&str] = if n.is_multiple_of(2) { &["push"] } else { &["pull_request", "check_suite"] };
    let list = |wanted: bool, all: &[&str]| -> Vec<String> {
        if wanted { all.iter().map(|text| (*text).to_owned()).collect() } else { Vec::new() }
    };
    WorkflowView {
        id: id.to_owned(),
        name: format!("Workflow {n}"),
        trigger: Rule {
            repository: repository.to_owned(),
            events: events.iter().map(|event| (*event).to_owned()).collect(),
            branches: list(n % 3 == 1, &["main", "release/*", "!release/old"]),
            paths: list(n % 4 == 2, &["src/**", "!**/*.md"]),
            action_filter: list(n % 2 == 1, &["opened", "synchronize"]),
            author_filter: Vec::new(),
            label_filter: list(n % 5 == 3, &["deploy"]),
            ignore_bots: true,
            github_app_installation_id: (n == 2).then_some(41_000_001),
        },
        attach_context: n.is_multiple_of(2),
        source: WorkflowSource::Registered,
        trouble: None,
        updated_at: NOW - (n.cast_signed() + 2) * 24 * HOUR,
        updated_by: "application".into(),
        matches: if n == 3 { 0 } else { 1_204 + n * 31 },
        last_match: (n != 3)
            .then(|| LastMatch { guid: guid(n), at: NOW - n.cast_signed() * 5 * MINUTE - 4 * SECOND }),
        waiting: n % 3,
        dead: if n == 0 { 2 } else { 0 },
    }
}

pub fn dispatch(n: u64, workflow: &str, delivery: &DeliveryView, state: DispatchState) -> DispatchView {
    let failed = match state {
        DispatchState::Sent => 0,
        DispatchState::Waiting => 2,
        DispatchState::Dead => 8,
    };
    DispatchView {
        seq: 88_120 - n.cast_signed(),
        workflow: Some(workflow.to_owned()),
        guid: Some(delivery.guid.clone()),
        event: delivery.event.clone(),
        repository: delivery.repository.clone(),
        state,
        attempts: failed,
        created_at: delivery.received_at + 40,
        due_at: (state == DispatchState::Waiting).then_some(NOW + 30 * SECOND),
        ended_at: (state != DispatchState::Waiting).then_some(delivery.received_at + 310),
        execution_id: (state == DispatchState::Sent).then(|| format!("exec-{:06}", 4_711 + n)),
        note: (failed > 0).then(|| "the engine answered 503 Service Unavailable".into()),
    }
}

/// An hour that looks like one.
pub fn figures() -> InboxFigures {
    let received: Vec<u32> =
        (0..60_u32).map(|i| 90 + i * 37 % 61 + if i % 20 > 15 { 80 } else { 0 }).collect();
    let failed = (0..60_u32).map(|i| if (31..35).contains(&i) { 3 * (i - 29) } else { 0 }).collect();
    InboxFigures {
        received,
        failed,
        waiting: 12,
        dead: 4,
        lag_ms: 1_840,
        dispatches_waiting: 3,
        dispatches_dead: 2,
        recovery: Some(Recovery {
            at: NOW - 22 * MINUTE,
            since: NOW - 24 * HOUR,
            horizon: NOW - 72 * HOUR,
            logged: 1_203,
            here: 1_203,
            unwanted: 0,
            pulled: 2,
            redelivered: 1,
            lost: 0,
            gap: false,
            statement: "1,203 of 1,203 deliveries since 2026-08-20 14:03:05Z are here".into(),
        }),
    }
}

/// A gateway at work: `repository(n)` and `account(n)` name things, so that they may be as people name them or as somebody
/// does who means harm.
pub fn busy(count: u64, repository: impl Fn(u64) -> String, account: impl Fn(u64) -> String) -> Gateway {
    let deliveries: Vec<DeliveryView> = (0..count).map(|n| delivery(n, &repository(n))).collect();
    let ids = ["deploy-api", "review-bot", "deploy", "nightly", "docs", "release-notes"];
    let workflows: Vec<WorkflowView> =
        ids.iter().zip(0..).map(|(id, n)| workflow(n, id, &format!("{}/*", account(n)))).collect();
    let states = [DispatchState::Sent, DispatchState::Dead, DispatchState::Sent, DispatchState::Waiting];
    let handled = deliveries.iter().filter(|one| one.state == DeliveryState::Handled);
    let dispatches = handled.take(24).zip(0..).map(|(delivery, n)| {
        let at = usize::try_from(n).unwrap();
        dispatch(n, ids[at / 2 % ids.len()], delivery, states[at % states.len()])
    });
    Gateway {
        figures: figures(),
        dispatches: dispatches.collect(),
        installations: (0..8).map(|n| installation(n, &account(n))).collect(),
        workflows,
        deliveries,
    }
}
