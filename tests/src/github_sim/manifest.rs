//! Making an App from a manifest: the page that the browser posts to, and the code that works once.

use std::collections::HashMap;

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use super::answer::Answer;
use super::server::Shared;

/// Codes that were handed out and not used: the manifest of each.
pub(super) type Codes = HashMap<String, Value>;

/// Sent to every App by itself; GitHub refuses a manifest that asks for them.
const AUTOMATIC: [&str; 3] = ["installation", "installation_repositories", "github_app_authorization"];

/// The permission that an event needs, of those that a manifest here may hold.
fn needed(event: &str) -> &'static str {
    match event {
        "push" => "contents",
        "pull_request" | "pull_request_review" => "pull_requests",
        "issues" | "issue_comment" => "issues",
        "release" => "contents",
        "deployment" | "deployment_status" => "deployments",
        "workflow_run" => "actions",
        "check_run" | "check_suite" => "checks",
        _ => "metadata",
    }
}

/// What the button of the page leads to: the browser is sent back with a code, or sees why not.
pub(super) fn posted(shared: &Shared, query: Option<&str>, body: &Bytes) -> Answer {
    let field = |of: &[u8], name: &str| {
        form_urlencoded::parse(of).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    let state = field(query.unwrap_or_default().as_bytes(), "state").unwrap_or_default();
    let manifest = field(body, "manifest").and_then(|text| serde_json::from_str::<Value>(&text).ok());
    let Some(manifest) = manifest else { return Answer::unprocessable("Invalid GitHub App configuration") };
    let granted = &manifest["default_permissions"];
    for event in manifest["default_events"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if AUTOMATIC.contains(&event) {
            return Answer::unprocessable(&format!("Default events unsupported: {event}"));
        }
        if granted[needed(event)].is_null() {
            return Answer::unprocessable(&format!(
                "Default events are not supported by permissions: {event}"
            ));
        }
    }
    let Some(back) = manifest["redirect_url"].as_str() else {
        return Answer::unprocessable("Redirect URL can't be blank");
    };
    let code = format!("{:040x}", rand::random::<u128>());
    let to = format!(
        "{back}?code={code}&state={}",
        form_urlencoded::byte_serialize(state.as_bytes()).collect::<String>()
    );
    shared.app_codes().insert(code, manifest);
    Answer { status: StatusCode::FOUND, ..Answer::moved(to) }
}

/// Turns a code into the App, once.
pub(super) fn converted(shared: &Shared, code: &str) -> Answer {
    let Some(manifest) = shared.app_codes().remove(code) else { return Answer::not_found() };
    let name = manifest["name"].as_str().unwrap_or_default().to_owned();
    let slug: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    Answer::json(
        StatusCode::CREATED,
        json!({
            "id": shared.settings.app_id,
            "slug": slug,
            "name": name,
            "owner": { "login": "octo-org", "id": 1, "type": "Organization" },
            "html_url": format!("{}/apps/{slug}", shared.base),
            "client_id": "Iv1.created0created0",
            "client_secret": "planted-client-secret",
            "webhook_secret": WEBHOOK_SECRET,
            "pem": super::TestKey::First.private_pem(),
            "permissions": manifest["default_permissions"],
            "events": manifest["default_events"],
        }),
    )
}

/// The webhook secret of every App that is made here.
pub const WEBHOOK_SECRET: &str = "planted-webhook-secret";
