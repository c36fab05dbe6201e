//! The real transport: octocrab over its own kind of hyper client.
//!
//! octocrab's default stack is not used: its retry repeats POST, its cache is keyed by address alone, its
//! authorization is dropped on absolute addresses outside `api.github.com`, its redirects are automatic, and it
//! loads the system's root certificates even for a plain-http base. `with_service` gives the same typed client over
//! a bare connector; addresses are always absolute, so its base-address rewriting has nothing to do.

use std::sync::Arc;

use async_trait::async_trait;
use http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, IF_NONE_MATCH, USER_AGENT,
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use octocrab::{AuthState, OctoBody, Octocrab, OctocrabBuilder};
use rustls::{ClientConfig, RootCertStore};
use secrecy::ExposeSecret;

use super::settings::{Base, GitHubSettings, SetupError};
use super::transport::{Transport, WireAnswer, WireFailure, WireRequest};

/// The API version that the models are written for.
const API_VERSION: &str = "2022-11-28";

pub(crate) struct OctocrabTransport {
    octocrab: Octocrab,
    user_agent: HeaderValue,
}

impl OctocrabTransport {
    /// # Errors
    /// [`SetupError::Tls`] when there are no root certificates; [`SetupError::NoRuntime`] outside tokio, where
    /// octocrab would panic.
    pub(crate) fn new(settings: &GitHubSettings, api: &Base) -> Result<Self, SetupError> {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(SetupError::NoRuntime);
        }
        let client: Client<_, OctoBody> = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(settings.max_in_flight)
            .build(connector(settings, api)?);
        let octocrab =
            match OctocrabBuilder::new_empty().with_service(client).with_auth(AuthState::None).build() {
                Ok(octocrab) => octocrab,
                Err(never) => match never {},
            };
        Ok(Self {
            octocrab,
            user_agent: HeaderValue::from_str(&settings.user_agent).map_err(|_| SetupError::OutOfRange {
                setting: "user_agent",
                why: "must be printable ASCII",
            })?,
        })
    }
}

fn connector(settings: &GitHubSettings, api: &Base) -> Result<HttpsConnector<HttpConnector>, SetupError> {
    let mut roots = RootCertStore::empty();
    if api.is_https() {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err(SetupError::Tls(
                "no root certificates found: install ca-certificates or set SSL_CERT_FILE".to_owned(),
            ));
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| SetupError::Tls(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_connect_timeout(Some(settings.connect_timeout));
    let builder = HttpsConnectorBuilder::new().with_tls_config(tls);
    Ok(if api.is_https() {
        builder.https_only().enable_http1().wrap_connector(http)
    } else {
        builder.https_or_http().enable_http1().wrap_connector(http)
    })
}

#[async_trait]
impl Transport for OctocrabTransport {
    async fn exchange(&self, request: WireRequest) -> Result<WireAnswer, WireFailure> {
        let limit = request.max_body;
        let answer = self
            .octocrab
            .send(self.compose(request)?)
            .await
            .map_err(|error| WireFailure::Broken(innermost(&error)))?;
        let (parts, body) = answer.into_parts();
        let announced =
            parts.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| length > limit as u64) {
            return Err(WireFailure::TooLarge);
        }
        let body = Limited::new(body, limit)
            .collect()
            .await
            .map_err(|error| {
                if error.is::<LengthLimitError>() {
                    WireFailure::TooLarge
                } else {
                    WireFailure::Broken(innermost(&*error))
                }
            })?
            .to_bytes();
        Ok(WireAnswer { status: parts.status, headers: parts.headers, body })
    }
}

impl OctocrabTransport {
    fn compose(&self, request: WireRequest) -> Result<http::Request<OctoBody>, WireFailure> {
        let mut authorization = HeaderValue::from_str(request.authorization.expose_secret())
            .map_err(|_| WireFailure::Unsendable)?;
        authorization.set_sensitive(true);
        let mut builder = http::Request::builder()
            .method(request.method)
            .uri(request.uri)
            .header(AUTHORIZATION, authorization)
            .header(ACCEPT, request.accept)
            .header(USER_AGENT, &self.user_agent)
            .header("x-github-api-version", API_VERSION);
        if let Some(etag) = request.if_none_match {
            builder = builder.header(IF_NONE_MATCH, etag);
        }
        let body = match request.body {
            Some(body) => {
                builder = builder.header(CONTENT_TYPE, "application/json");
                OctoBody::from(body)
            }
            None => OctoBody::empty(),
        };
        builder.body(body).map_err(|_| WireFailure::Unsendable)
    }
}

/// The last cause of a chain, which is the one that says something ("connection refused").
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut at = error;
    while let Some(next) = at.source() {
        at = next;
    }
    at.to_string().chars().take(200).collect()
}

#[cfg(test)]
mod tests;
