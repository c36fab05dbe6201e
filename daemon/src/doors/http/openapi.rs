//! The routes and the document that describes them, made of the same parts.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, Info, OpenApi, OpenApiBuilder, PathItem, Ref, RefOr, Response as Described,
    ResponseBuilder,
};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;

use super::{Door, WEBHOOKS, health, webhook};
use crate::metrics::HttpRoutes;

/// What is known once the routes are put together.
pub(super) struct Served {
    document: Bytes,
    /// Each route's series.
    pub(super) routes: HttpRoutes,
}

/// All routes, and what is served beside them.
pub(super) fn assemble(door: &Arc<Door>) -> (Router, Served) {
    let base = OpenApiBuilder::new().info(info()).build();
    let mut own = OpenApiRouter::with_openapi(base)
        .routes(routes!(health::answer))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(metrics))
        .routes(routes!(document));
    for path in WEBHOOKS {
        own = own.routes(at(path, routes!(webhook::take)));
    }
    let (router, mut document) = own.with_state(door.clone()).merge(door.apis.clone()).split_for_parts();
    complete(&mut document);
    let routes = door.metrics.routes(document.paths.paths.keys().map(String::as_str));
    // Our own document always can be written.
    let document = document.to_json().unwrap_or_default().into();
    (router, Served { document, routes })
}

fn info() -> Info {
    let mut info = Info::new("Cutover", env!("CARGO_PKG_VERSION"));
    info.description = Some(
        "The HTTP door of the migration control plane: webhooks of GitHub, the application's API, health and metrics."
            .to_owned(),
    );
    info
}

/// The same handler at another path, as an operation of its own.
fn at<S>(path: &str, (schemas, paths, router): UtoipaMethodRouter<S>) -> UtoipaMethodRouter<S> {
    let mut moved = utoipa::openapi::path::Paths::new();
    for mut item in paths.paths.into_values() {
        for operation in operations(&mut item) {
            operation.operation_id = Some(path.trim_start_matches('/').replace('/', "_"));
        }
        moved.paths.insert(path.to_owned(), item);
    }
    (schemas, moved, router)
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.options,
        &mut item.head,
        &mut item.patch,
        &mut item.trace,
    ]
    .into_iter()
    .flatten()
}

/// What every operation has: refusals in one shape; and the ways to show who calls.
fn complete(document: &mut OpenApi) {
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        let refusal = || RefOr::T(refusal());
        operation.responses.responses.entry("default".to_owned()).or_insert_with(refusal);
    }
    let bearer = |what: &str| HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(what));
    let scheme = |http: Http| SecurityScheme::Http(http);
    let components = document.components.get_or_insert_default();
    let service =
        bearer("The token that the application's services share (`INTERNAL_SERVICE_TOKEN`)").build();
    let user = bearer("A JSON Web Token of one of the application's users").bearer_format("JWT").build();
    components.add_security_scheme("service", scheme(service));
    components.add_security_scheme("user", scheme(user));
    let what = "A key of `[[ofrep_keys]]`; it may also be shown as bearer token";
    let key = ApiKeyValue::with_description("X-API-Key", what);
    components.add_security_scheme("api_key", SecurityScheme::ApiKey(ApiKey::Header(key)));
}

fn refusal() -> Described {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Error"))).build();
    ResponseBuilder::new().description("Refused, and why").content("application/json", content).build()
}

/// This document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "operation",
    responses((status = 200, description = "OpenAPI 3.1", body = Object, content_type = "application/json")),
)]
pub(super) async fn document(State(door): State<Arc<Door>>) -> Response {
    let document = door.served.get().map(|served| served.document.clone()).unwrap_or_default();
    ([(CONTENT_TYPE, "application/json")], document).into_response()
}

/// What this process counts and measures, for Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "operation",
    responses((status = 200, description = "Prometheus's text format", body = String, content_type = "text/plain")),
)]
pub(super) async fn metrics(State(door): State<Arc<Door>>) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], door.metrics.render()).into_response()
}
