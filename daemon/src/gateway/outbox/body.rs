//! What is sent: bodies as DETAILS G9 and the application's reference give them. The payload goes on byte for byte.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// The parts of a payload that are sent on their own, too, as they are.
#[derive(Default, Deserialize)]
pub(super) struct Parts<'a> {
    #[serde(borrow, default)]
    action: Option<&'a RawValue>,
    #[serde(borrow, default)]
    repository: Option<&'a RawValue>,
    #[serde(borrow, default)]
    sender: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Execute<'a> {
    workflow_definition: &'a RawValue,
    execution_context: ExecutionContext<'a>,
    priority: &'static str,
}

#[derive(Serialize)]
struct ExecutionContext<'a> {
    workflow_id: &'a str,
    trigger_type: &'static str,
    trigger_data: TriggerData<'a>,
}

#[derive(Serialize)]
struct TriggerData<'a> {
    event: &'a str,
    action: Option<&'a RawValue>,
    repository: Option<&'a RawValue>,
    sender: Option<&'a RawValue>,
    payload: &'a RawValue,
    timestamp: String,
    delivery_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pr_context: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit_contexts: Option<&'a Value>,
}

#[derive(Serialize)]
struct Forwarded<'a> {
    event_type: &'a str,
    delivery_id: &'a str,
    payload: &'a RawValue,
    installation_id: Option<i64>,
    repository_name: Option<&'a str>,
    timestamp: String,
}

#[derive(Serialize)]
struct CameBack<'a> {
    installation_id: i64,
    setup_action: &'a str,
    /// The user, as in the reference; the signed state that stood in the address is used up, and is nobody else's.
    state: &'a str,
    /// Always null: whoever takes a code here has used it.
    code: Option<&'a str>,
}

/// What every dispatch says of its delivery.
pub(super) struct Delivered<'a> {
    pub(super) guid: &'a str,
    pub(super) event: &'a str,
    pub(super) installation: Option<i64>,
    pub(super) repository: Option<&'a str>,
    pub(super) received_at: i64,
    pub(super) payload: &'a [u8],
}

/// What is sent to the engine.
///
/// # Errors
/// Definition or payload are not JSON.
pub(super) fn execute(
    delivered: &Delivered<'_>,
    workflow: &str,
    definition: &str,
    context: &Map<String, Value>,
) -> Result<Vec<u8>, serde_json::Error> {
    let parts: Parts<'_> = serde_json::from_slice(delivered.payload)?;
    let execute = Execute {
        workflow_definition: serde_json::from_str(definition)?,
        execution_context: ExecutionContext {
            workflow_id: workflow,
            trigger_type: "github",
            trigger_data: TriggerData {
                event: delivered.event,
                action: parts.action,
                repository: parts.repository,
                sender: parts.sender,
                payload: serde_json::from_slice(delivered.payload)?,
                timestamp: moment(delivered.received_at),
                delivery_id: delivered.guid,
                pr_context: context.get("pr_context"),
                commit_contexts: context.get("commit_contexts"),
            },
        },
        priority: "normal",
    };
    serde_json::to_vec(&execute)
}

/// What is sent to the scheduler.
///
/// # Errors
/// The payload is not JSON.
pub(super) fn forward(delivered: &Delivered<'_>) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&Forwarded {
        event_type: delivered.event,
        delivery_id: delivered.guid,
        payload: serde_json::from_slice(delivered.payload)?,
        installation_id: delivered.installation,
        repository_name: delivered.repository,
        timestamp: moment(delivered.received_at),
    })
}

/// What is sent to the scheduler of a person who came back from GitHub.
///
/// # Errors
/// None is known: numbers and texts can be written as JSON.
pub(super) fn callback(
    installation: i64,
    setup_action: &str,
    user: &str,
) -> Result<String, serde_json::Error> {
    serde_json::to_string(&CameBack { installation_id: installation, setup_action, state: user, code: None })
}

/// `2026-11-21T10:00:00.000Z`.
fn moment(at: i64) -> String {
    chrono::DateTime::from_timestamp_millis(at)
        .map_or_else(String::new, |at| at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
}
