//! Where GitHub sends people back after an installation (G5). Anybody may call it with anything.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::{Extension, RawQuery, State};
use axum::http::header::{
    ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use reqwest::Url;
use secrecy::SecretString;
use serde::Serialize;
use url::form_urlencoded;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Refusal, json};
use super::auth::Auth;
use super::integrations::IntegrationView;
use super::{Client, RequestId};
use crate::gateway::integrations::{CallbackError, Integrations, Outcome, Returned};
use crate::gateway::state_token::StateError;

/// What the callback works with.
pub struct Parts {
    pub auth: Auth,
    pub integrations: Arc<Integrations>,
    /// Where people are sent on to; never taken from a request.
    pub after_install: Option<Url>,
}

/// The route, with its state.
pub fn routes(parts: Arc<Parts>) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(answer)).with_state(parts)
}

/// What became of an installation.
#[derive(Serialize, ToSchema)]
struct CallbackAnswer {
    success: bool,
    /// `connected`, `requested` (an owner must approve it) or `noted` (changed at GitHub, for nobody here).
    status: &'static str,
    message: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    integration: Option<IntegrationView>,
    /// Where the App is installed.
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    /// `by_code`: the person proved to see the installation; `by_state_and_app`: it was made while the state was valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    verified: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    continue_at: Option<String>,
}

/// Takes back a person who installed the App.
///
/// A page for people, or JSON with `Accept: application/json`.
#[utoipa::path(get, path = "/api/v1/public/webhooks/github/auth", tag = "integrations",
    params(
        ("installation_id" = Option<String>, Query, description = "As GitHub says; confirmed with GitHub before it counts"),
        ("setup_action" = Option<String>, Query, description = "`install`, `update` or `request`"),
        ("state" = Option<String>, Query, description = "From the install link; good once, for 10 minutes"),
        ("code" = Option<String>, Query, description = "Proves who the person is at GitHub"),
        ("error" = Option<String>, Query, description = "GitHub's word for what went wrong"),
    ),
    responses(
        (status = 200, description = "Connected, requested, or noted", body = CallbackAnswer),
        (status = 400, description = "No state, a forged one, or a request that GitHub does not send"),
        (status = 403, description = "The installation does not exist or is not this person's; the state is used up"),
        (status = 410, description = "The state has expired or was used"),
        (status = 429, description = "Too many calls from this address"),
        (status = 503, description = "GitHub or the store can't confirm it now; the same address may be tried again"),
    ))]
async fn answer(
    State(parts): State<Arc<Parts>>,
    Extension(id): Extension<RequestId>,
    Extension(Client(address)): Extension<Client>,
    method: Method,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    // Whoever only looks whether the address is there must not use its state up.
    if method != Method::GET {
        let what = "this path is for browsers that come back from GitHub";
        let mut answer = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", what).answer(&id);
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
        return answer;
    }
    let as_json = headers
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.to_ascii_lowercase().contains("application/json"));
    let taken = match parts.auth.anybody(address) {
        Ok(()) => {
            let returned = returned(query.as_deref().unwrap_or_default(), format!("http {address}"));
            match returned {
                Ok(returned) => parts.integrations.returned(returned).await.map_err(|error| refusal(&error)),
                Err(refusal) => Err(refusal),
            }
        }
        Err(refusal) => Err(refusal),
    };
    let mut answer = match (taken, as_json) {
        (Ok(outcome), true) => json(StatusCode::OK, &shape(&outcome, parts.after_install.as_ref())),
        (Ok(outcome), false) => {
            let shape = shape(&outcome, parts.after_install.as_ref());
            page(StatusCode::OK, shape.message, "", parts.after_install.as_ref(), true)
        }
        (Err(refusal), true) => refusal.answer(&id),
        (Err(refusal), false) => {
            let reference = format!("Reference: {}", id.as_str());
            let said = refusal.answer(&id);
            let mut page =
                page(refusal.status, &refusal.message, &reference, parts.after_install.as_ref(), false);
            if let Some(after) = said.headers().get("retry-after") {
                page.headers_mut().insert("retry-after", after.clone());
            }
            page
        }
    };
    let headers = answer.headers_mut();
    // The address holds a state and a code: it must not be kept, nor told to where the person goes next.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

/// What the query says. A name that stands twice could mean one thing here and another at GitHub.
fn returned(query: &str, origin: String) -> Result<Returned, Refusal> {
    let mut returned = Returned { origin, ..Returned::default() };
    let mut code = None;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let place = match &*name {
            "installation_id" => &mut returned.installation_id,
            "setup_action" => &mut returned.setup_action,
            "state" => &mut returned.state,
            "error" => &mut returned.error,
            "code" => &mut code,
            _ => continue,
        };
        if place.replace(value.into_owned()).is_some() {
            let what = format!("`{name}` stands in the address twice");
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "bad_request", what));
        }
    }
    returned.code = code.map(SecretString::from);
    Ok(returned)
}

fn refusal(error: &CallbackError) -> Refusal {
    let (status, code) = match error {
        CallbackError::NoState | CallbackError::State(StateError::Forged) => {
            (StatusCode::BAD_REQUEST, "bad_state")
        }
        CallbackError::State(StateError::Expired) => (StatusCode::GONE, "state_expired"),
        CallbackError::Used => (StatusCode::GONE, "state_used"),
        CallbackError::BadInput(_) => (StatusCode::BAD_REQUEST, "bad_request"),
        CallbackError::Declined => (StatusCode::BAD_REQUEST, "not_completed"),
        CallbackError::NoCode => (StatusCode::BAD_REQUEST, "code_missing"),
        CallbackError::BadCode => (StatusCode::BAD_REQUEST, "bad_code"),
        CallbackError::NotYours => (StatusCode::FORBIDDEN, "installation_not_yours"),
        CallbackError::GitHub(_) => (StatusCode::SERVICE_UNAVAILABLE, "github_unavailable"),
        CallbackError::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
    };
    // Causes stay in the log: this door is open to everybody.
    let message = match error {
        CallbackError::GitHub(_) => "GitHub can't confirm the installation now; try again".to_owned(),
        CallbackError::Store(_) => "this can't be stored now; try again".to_owned(),
        other => other.to_string(),
    };
    if status == StatusCode::SERVICE_UNAVAILABLE {
        tracing::error!(%error, "an installation can't be taken");
        return Refusal::new(status, code, message).retry_after(std::time::Duration::from_secs(5));
    }
    Refusal::new(status, code, message)
}

fn shape(outcome: &Outcome, after: Option<&Url>) -> CallbackAnswer {
    let (status, message, row) = match outcome {
        Outcome::Connected(row) => ("connected", "GitHub is connected.", Some(row)),
        Outcome::Requested(row) => {
            ("requested", "An owner was asked at GitHub; it is connected when they approve.", Some(row))
        }
        Outcome::Noted => ("noted", "The change at GitHub was noted.", None),
    };
    CallbackAnswer {
        success: true,
        status,
        message,
        account: row.and_then(|row| row.account_login.clone()),
        verified: row.and_then(|row| match row.proof {
            crate::store::Proof::Code => Some("by_code"),
            crate::store::Proof::App => Some("by_state_and_app"),
            crate::store::Proof::Event | crate::store::Proof::None => None,
        }),
        integration: row.map(|row| IntegrationView::of(row)),
        continue_at: after.map(Url::to_string),
    }
}

/// A page without a script, a picture or anything else from elsewhere.
fn page(status: StatusCode, text: &str, small: &str, after: Option<&Url>, goes_on: bool) -> Response {
    let text = escaped(text);
    let mut body = String::from("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">");
    let link = after.map(|after| escaped(after.as_str()));
    if let (Some(link), true) = (&link, goes_on) {
        let _ = write!(body, "<meta http-equiv=\"refresh\" content=\"1;url={link}\">");
    }
    let _ = write!(body, "<title>GitHub</title></head><body><p>{text}</p>");
    if let Some(link) = &link {
        let _ = write!(body, "<p><a rel=\"noreferrer\" href=\"{link}\">Go on</a></p>");
    }
    if !small.is_empty() {
        let _ = write!(body, "<p><small>{}</small></p>", escaped(small));
    }
    body.push_str("</body></html>\n");
    const POLICY: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    let mut answer = (status, body).into_response();
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    answer
}

/// Text in a page or in a quoted attribute.
fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
        out
    })
}

#[cfg(test)]
mod tests;
