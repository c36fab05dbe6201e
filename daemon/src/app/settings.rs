//! What the areas are told of the configuration.

use std::collections::HashMap;

use cutover_shared::ids::OperatorName;
use cutover_shared::rpc::Role;

use super::Failure;
use super::credentials::Credentials;
use crate::config::{Catalog, Config};
use crate::gateway::outbox::{OutboxSettings, Service};
use crate::github::{GitHubSettings, OAuthApp};
use crate::mapping::catalog::ddl::DdlNames;

pub(super) fn github_settings(config: &Config, credentials: &Credentials) -> GitHubSettings {
    let github = &config.github;
    let mut settings =
        GitHubSettings::new(github.api_base.clone(), credentials.app_id, credentials.keys.clone());
    settings.web_base = Some(github.web_base.clone());
    settings.oauth = github
        .oauth
        .as_ref()
        .map(|app| OAuthApp { client_id: app.client_id.clone(), client_secret: app.client_secret.clone() });
    settings.max_in_flight = github.max_in_flight;
    settings.background_reserve = github.background_reserve;
    settings.points_per_minute = github.points_per_minute;
    settings.request_timeout = github.request_timeout;
    settings
}

pub(super) fn outbox_settings(config: &Config) -> Result<OutboxSettings, Failure> {
    let engine = &config.engine;
    let service = |url: &Option<String>| -> Result<Option<Service>, Failure> {
        let Some(url) = url else { return Ok(None) };
        Ok(Some(Service { url: url.parse()?, token: engine.token.clone() }))
    };
    Ok(OutboxSettings {
        engine: service(&engine.url)?,
        scheduler: service(&engine.scheduler_url)?,
        parallel: engine.parallel,
        tries: engine.tries,
        patience: engine.timeout,
    })
}

/// The daemon's own user is admin, unless the configuration gives that uid another name or role.
pub(super) fn operators(config: &Config) -> HashMap<u32, (OperatorName, Role)> {
    let own = nix::unistd::getuid();
    let name =
        nix::unistd::User::from_uid(own).ok().flatten().map_or_else(|| own.to_string(), |user| user.name);
    let mut operators = HashMap::from([(own.as_raw(), (OperatorName(name), Role::Admin))]);
    operators.extend(config.operators.iter().map(|o| (o.uid, (o.name.clone(), o.role))));
    operators
}

pub(super) fn ddl_names(config: &Config) -> DdlNames {
    match &config.catalog {
        Catalog::Embedded => DdlNames::default(),
        Catalog::Postgres(catalog) => DdlNames {
            schema: Some(catalog.names.schema.clone()),
            table: catalog.names.project_table.clone(),
            installation_column: catalog.names.installation.clone(),
            status_column: catalog.names.status.clone(),
        },
    }
}
