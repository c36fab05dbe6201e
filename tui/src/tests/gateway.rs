//! For tests of the rules: what a made-up daemon says of deliveries, installations and workflows.

use cutover_shared::ids::InstallationId;
use cutover_shared::installation::{
    Health, HealthReason, InstallationAnswer, InstallationQuery, InstallationState, InstallationView,
};
use cutover_shared::rpc::{Answer, Query};
use cutover_shared::webhook::{
    DeliveryDetail, DeliveryState, DeliveryView, InboxFigures, Recovery, WebhookAnswer, WebhookQuery,
};
use cutover_shared::workflow::{
    DispatchState, DispatchView, ExplainStep, Explanation, LastMatch, Rule, WorkflowAnswer, WorkflowQuery,
    WorkflowSource, WorkflowView,
};

use crate::bench::{NOW, window};

/// What a filter takes, whichever it is.
pub const COUNT: u64 = 3;

pub fn delivery(guid: &str, state: DeliveryState) -> DeliveryView {
    let ended = state != DeliveryState::Waiting;
    DeliveryView {
        seq: 7,
        guid: guid.into(),
        event: "push".into(),
        action: Some("created".into()),
        installation: Some(InstallationId(1)),
        repo_id: None,
        repository: Some("acme/web".into()),
        received_at: NOW - 60_000,
        bytes: 9_000,
        state,
        attempts: u32::from(state == DeliveryState::Dead) * 8,
        due_at: None,
        ended_at: ended.then_some(NOW - 59_000),
        note: (state == DeliveryState::Dead).then(|| "it's broken".into()),
        repeats: 1,
        kept: true,
    }
}

pub fn deliveries() -> Vec<DeliveryView> {
    let mut all: Vec<DeliveryView> =
        DeliveryState::ALL.iter().zip(0..).map(|(state, n)| delivery(&format!("guid-{n}"), *state)).collect();
    all.push(DeliveryView { kept: false, ..delivery("guid-gone", DeliveryState::Handled) });
    all.push(delivery("-x y'z", DeliveryState::Dead));
    all
}

pub fn installation(id: i64, health: Health) -> InstallationView {
    let reasons = match health {
        Health::Healthy => Vec::new(),
        Health::Attention | Health::Failing => vec![HealthReason {
            code: "token_failing".into(),
            text: "the last mint failed".into(),
            mend: Some("cutover token refresh 1".into()),
        }],
    };
    InstallationView {
        id: InstallationId(id),
        account: "acme".into(),
        account_id: 9,
        account_type: "Organization".into(),
        state: InstallationState::Active,
        health,
        reasons,
        selection: "all".into(),
        repositories: 12,
        mapped: 10,
        unmapped: 2,
        permissions: vec![("contents".into(), "read".into())],
        missing: vec![("checks".into(), "write".into())],
        budget: Some((10, 5_000)),
        token_minted_at: Some(NOW),
        token_error: None,
        last_delivery_at: Some(NOW),
        last_event: Some("push".into()),
        waiting_deliveries: 1,
        dead_deliveries: 1,
        read_at: Some(NOW),
        suspended_at: None,
    }
}

pub fn workflow(id: &str, dead: u64) -> WorkflowView {
    WorkflowView {
        id: id.into(),
        name: "Deploy".into(),
        trigger: Rule {
            repository: "acme/*".into(),
            events: vec!["push".into()],
            branches: vec!["main".into()],
            paths: Vec::new(),
            action_filter: Vec::new(),
            author_filter: Vec::new(),
            label_filter: vec!["deploy".into()],
            ignore_bots: true,
            github_app_installation_id: Some(1),
        },
        attach_context: false,
        source: WorkflowSource::Registered,
        trouble: None,
        updated_at: NOW,
        updated_by: "http".into(),
        matches: 7,
        last_match: (dead > 0).then(|| LastMatch { guid: "guid-1".into(), at: NOW }),
        waiting: 1,
        dead,
    }
}

pub fn workflows() -> Vec<WorkflowView> {
    vec![
        workflow("deploy", COUNT),
        workflow("never", 0),
        workflow("o'brien & sons", 1),
        workflow("-rf", COUNT),
    ]
}

pub fn dispatch(workflow: &str, state: DispatchState) -> DispatchView {
    DispatchView {
        seq: 1,
        workflow: Some(workflow.into()),
        guid: Some("guid-1".into()),
        event: "push".into(),
        repository: Some("acme/web".into()),
        state,
        attempts: u32::from(state != DispatchState::Sent),
        created_at: NOW,
        due_at: None,
        ended_at: None,
        execution_id: Some("exec-1".into()),
        note: None,
    }
}

pub fn recovery(logged: u64, here: u64) -> Recovery {
    Recovery {
        at: NOW,
        since: NOW - 3_600_000,
        horizon: NOW - 72 * 3_600_000,
        logged,
        here,
        unwanted: 1,
        pulled: 0,
        redelivered: 0,
        lost: 0,
        gap: false,
        statement: format!("{here} of {logged} deliveries are here"),
    }
}

pub fn explanations() -> Vec<Explanation> {
    let step = |rule: &str, passed| ExplainStep {
        rule: rule.into(),
        passed,
        wanted: format!("the {rule} wanted"),
        found: format!("the {rule} found"),
    };
    let one = |id: &str, matched| Explanation {
        workflow: id.into(),
        name: String::new(),
        matched,
        steps: vec![step("event", true), step("branches", matched)],
    };
    vec![one("deploy", true), one("never", false)]
}

/// None for a question about anything else.
pub fn answer(query: &Query) -> Option<Answer> {
    Some(match query {
        Query::Webhook(query) => Answer::Webhook(match query {
            WebhookQuery::Window { ask } => WebhookAnswer::Window(window(ask, &deliveries())),
            WebhookQuery::Show { guid, payload } => WebhookAnswer::Show(Box::new(DeliveryDetail {
                delivery: deliveries().into_iter().find(|one| one.guid == *guid)?,
                digest: "3f79".into(),
                payload: payload.then(|| "{\n  \"ref\": \"main\"\n}".into()),
                cut: false,
                dispatches: vec![
                    dispatch("deploy", DispatchState::Sent),
                    dispatch("never", DispatchState::Dead),
                ],
            })),
            WebhookQuery::Replayable { .. } => WebhookAnswer::Replayable(COUNT),
            WebhookQuery::Figures => WebhookAnswer::Figures(Box::new(InboxFigures {
                received: vec![3; 60],
                failed: vec![0; 60],
                recovery: Some(recovery(12, 11)),
                ..InboxFigures::default()
            })),
        }),
        Query::Installation(InstallationQuery::Window { ask }) => {
            let all: Vec<InstallationView> =
                Health::ALL.iter().rev().zip(1..).map(|(health, id)| installation(id, *health)).collect();
            Answer::Installation(InstallationAnswer::Window(window(ask, &all)))
        }
        Query::Workflow(query) => Answer::Workflow(match query {
            WorkflowQuery::Window { ask } => WorkflowAnswer::Window(window(ask, &workflows())),
            WorkflowQuery::Test { .. } => WorkflowAnswer::Test(explanations()),
            WorkflowQuery::Dispatches { ask } => {
                let wanted = ask.filter.split('"').nth(1).unwrap_or_default();
                let all = vec![dispatch(wanted, DispatchState::Dead); usize::try_from(COUNT).unwrap()];
                WorkflowAnswer::Dispatches(window(ask, &all))
            }
            WorkflowQuery::Show { .. } | WorkflowQuery::Replayable { .. } => return None,
        }),
        _ => return None,
    })
}
