//! Calls of rollouts' arms that were made elsewhere, reported by the application's services (C12).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use cutover_shared::rollout::OutcomeReport;
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Refusal, json};
use super::auth::Auth;
use super::{Client, RequestId};
use crate::rollout::metrics::outside::{Outcomes, OutcomesError};

/// The longest body, in bytes: a thousand reports of half a kilobyte.
const LONGEST: usize = 512 * 1024;

/// What these routes need.
pub struct OutcomeParts {
    pub auth: Auth,
    pub outcomes: Outcomes,
}

/// The route `/api/v1/outcomes`.
pub fn routes(parts: Arc<OutcomeParts>) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(report)).with_state(parts)
}

/// Each report is read by itself: one that is broken must not take the others with it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    id: String,
    outcomes: Vec<Box<RawValue>>,
}

/// Counts calls that were made elsewhere, as those that are routed here. The same batch counts once in 24 h.
#[utoipa::path(post, path = "/api/v1/outcomes", tag = "rollouts",
    request_body(content = String, content_type = "application/json",
        description = "{id, outcomes: [{flag or operation, tenant, side, ok, gross?, duration_ms, at?, id?}]}, at most 1,000; see docs/rollout-metrics.md"),
    responses((status = 200, description = "{id, counted, rejected: [{index, id?, reason}], repeated}"),
        (status = 400, description = "No batch"), (status = 401, description = "No service token"),
        (status = 409, description = "The id was used for another batch"), (status = 413, description = "Longer than 512 KiB"),
        (status = 429, description = "Too many calls"), (status = 503, description = "The store does not answer; nothing was counted")))]
async fn report(
    State(parts): State<Arc<OutcomeParts>>,
    Extension(request): Extension<RequestId>,
    Extension(Client(address)): Extension<Client>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let answer = async {
        parts.auth.service_within_limits(&headers, address)?;
        let body = axum::body::to_bytes(body, LONGEST).await.map_err(|_| {
            let what = format!("the body broke off, or has more than {LONGEST} bytes");
            Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", what)
        })?;
        let batch: Batch = serde_json::from_slice(&body).map_err(|error| bad(error.to_string()))?;
        let reports: Vec<Result<OutcomeReport, String>> = batch
            .outcomes
            .iter()
            .map(|raw| serde_json::from_str(raw.get()).map_err(|error| error.to_string()))
            .collect();
        let receipt = parts.outcomes.take(&batch.id, reports).await.map_err(refused)?;
        Ok(json(StatusCode::OK, &receipt))
    };
    answer.await.unwrap_or_else(|refusal: Refusal| refusal.answer(&request))
}

fn bad(what: String) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "bad_batch", what)
}

fn refused(error: OutcomesError) -> Refusal {
    match error {
        OutcomesError::Size | OutcomesError::Id => bad(error.to_string()),
        OutcomesError::OtherBatch(_) => Refusal::new(StatusCode::CONFLICT, "other_batch", error.to_string()),
        OutcomesError::Read(_) | OutcomesError::Write(_) => {
            tracing::error!(%error, "the store failed a batch of outcomes");
            let what = "the store does not answer; nothing was counted";
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "store", what)
        }
    }
}

#[cfg(test)]
mod tests;
