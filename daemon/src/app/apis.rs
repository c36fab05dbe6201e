//! Puts together what the HTTP door answers the application and its services.

use std::sync::Arc;

use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;

use super::Failure;
use super::credentials::Credentials;
use crate::client::Client;
use crate::clock::Clock;
use crate::config::{Config, DefaultRollout, KeyScope};
use crate::doors::http::alerts::{self, AlertParts, Credentials as AlertCredentials, Selection};
use crate::doors::http::auth::scope::{ApiKey, ApiKeys, Scope};
use crate::doors::http::auth::{Auth, Demands, Users};
use crate::doors::http::context::ContextParts;
use crate::doors::http::flags::FlagParts;
use crate::doors::http::git::GitParts;
use crate::doors::http::github::GithubParts;
use crate::doors::http::ofrep::OfrepParts;
use crate::doors::http::outcomes::OutcomeParts;
use crate::doors::http::workflow::WorkflowParts;
use crate::doors::http::{
    Rates, callback, context, flags, git, github, integrations, migration, migrations, oauth, ofrep,
    outcomes, workflow,
};
use crate::doors::rpc::Parts;
use crate::flows::alert::Alerts;
use crate::flows::gits::Gits;
use crate::gateway::context::RepositoryContext;
use crate::gateway::integrations::{Integrations, Setup as IntegrationSetup};

/// One in so many connections may be a stream of flag changes: evaluations and deliveries need the others.
const STREAMS_SHARE: usize = 2;

/// Who may evaluate, read and switch flags.
fn api_keys(config: &Config) -> ApiKeys {
    let key = |key: &crate::config::OfrepKey| ApiKey {
        name: key.name.clone(),
        key: key.key.clone(),
        scope: match key.scope {
            KeyScope::Evaluate => Scope::Evaluate,
            KeyScope::FlagsRead => Scope::FlagsRead,
            KeyScope::FlagsWrite => Scope::FlagsWrite,
        },
        tenants: key.tenants.clone(),
    };
    let keys: Vec<_> = config.ofrep_keys.iter().map(key).collect();
    ApiKeys::new(config.api.service_token.as_ref(), &keys)
}

/// Who may call the application's API.
fn auth(config: &Config, clock: &Clock, client: &Client) -> Result<Auth, Failure> {
    let api = &config.api;
    let demands = Demands {
        audience: api.jwt_audience.clone(),
        issuer: api.jwt_issuer.clone(),
        leeway: i64::try_from(api.jwt_leeway.as_secs()).unwrap_or(0),
        tenant_claim: api.tenant_claim.clone(),
    };
    let keys = match &api.jwks_url {
        Some(url) => Some((client.clone(), Url::parse(url)?)),
        None => None,
    };
    let users = (api.jwt_secret.is_some() || keys.is_some())
        .then(|| Arc::new(Users::new(clock.clone(), demands, api.jwt_secret.as_ref(), keys)));
    let rates = Rates::new(clock.clone(), config.http.auth_per_minute, config.http.api_per_minute);
    Ok(Auth { service_token: api.service_token.clone(), users, rates: Some(Arc::new(rates)) })
}

/// What Alertmanager delivers.
fn alert_parts(config: &Config, parts: &Parts, auth: Auth) -> AlertParts {
    let set = &config.alertmanager;
    let basic = set
        .password
        .as_ref()
        .map(|password| SecretString::from(format!("{}:{}", set.user, password.expose_secret())));
    AlertParts {
        auth,
        credentials: AlertCredentials { token: set.token.clone(), basic },
        selection: Selection {
            severity_label: set.severity_label.clone(),
            severity: set.severity.clone(),
            rollout_label: set.rollout_label.clone(),
            default: match set.default_rollout {
                DefaultRollout::None => None,
                DefaultRollout::All => Some(None),
                DefaultRollout::One(name) => Some(Some(name)),
            },
        },
        alerts: Alerts::new(parts.incidents.clone()),
    }
}

/// The application's API: each area's routes.
pub(super) fn build(
    config: &Config,
    credentials: &Credentials,
    (parts, gits): (&Parts, &Gits),
    stop: &CancellationToken,
) -> Result<OpenApiRouter, Failure> {
    let client = Client::new()?;
    let auth = auth(config, &parts.clock, &client)?;
    let integrations = Arc::new(Integrations::new(IntegrationSetup {
        db: parts.db.clone(),
        github: parts.github.clone(),
        client,
        seal: parts.seal.clone(),
        clock: parts.clock.clone(),
        app: credentials.client.clone(),
        outbox: parts.outbox.clone(),
        slug: credentials.slug.clone(),
    }));
    if auth.users.is_some() && !integrations.asks_for_code() {
        tracing::warn!(
            "without github.client_id whoever comes back from GitHub first has a new installation"
        );
    }
    let keys = Arc::new(api_keys(config));
    let streams = (config.http.max_connections / STREAMS_SHARE).max(1);
    let address = |text: &Option<String>| text.as_deref().map(Url::parse).transpose();
    Ok(callback::routes(Arc::new(callback::Parts {
        auth: auth.clone(),
        integrations: integrations.clone(),
        after_install: address(&config.api.after_install_url)?,
    }))
    .merge(integrations::routes(Arc::new(integrations::Parts {
        auth: auth.clone(),
        integrations: integrations.clone(),
    })))
    .merge(migration::routes(Arc::new(migration::Parts {
        auth: auth.clone(),
        integrations: integrations.clone(),
        db: parts.db.clone(),
        clock: parts.clock.clone(),
    })))
    .merge(migrations::routes(Arc::new(migrations::Parts { auth: auth.clone(), fleet: parts.fleet.clone() })))
    .merge(workflow::routes(Arc::new(WorkflowParts {
        triggers: parts.triggers.clone(),
        db: parts.db.clone(),
        clock: parts.clock.clone(),
        auth: auth.clone(),
    })))
    .merge(context::routes(Arc::new(ContextParts {
        auth: auth.clone(),
        db: parts.db.clone(),
        context: RepositoryContext::new(parts.github.clone()),
    })))
    .merge(github::routes(Arc::new(GithubParts {
        auth: auth.clone(),
        imports: parts.imports.clone(),
        planner: parts.planner.clone(),
    })))
    .merge(git::routes(Arc::new(GitParts::new(auth.clone(), Arc::new(gits.clone()), parts.clock.clone()))))
    .merge(ofrep::routes(Arc::new(OfrepParts::new(
        parts.rollouts.router().clone(),
        keys.clone(),
        parts.clock.clone(),
        stop.clone(),
        streams,
    ))))
    .merge(flags::routes(Arc::new(FlagParts { rollouts: parts.rollouts.clone(), keys, auth: auth.clone() })))
    .merge(alerts::routes(Arc::new(alert_parts(config, parts, auth.clone()))))
    .merge(outcomes::routes(Arc::new(OutcomeParts { auth: auth.clone(), outcomes: parts.outcomes.clone() })))
    .merge(oauth::routes(Arc::new(oauth::Parts {
        auth,
        integrations,
        db: parts.db.clone(),
        clock: parts.clock.clone(),
        target: address(&config.migration.oauth_callback_url)?,
        deprecated: config.migration.oauth_deprecated,
        sunset: config.migration.oauth_sunset,
        callers: std::sync::atomic::AtomicU64::default(),
    }))))
}
