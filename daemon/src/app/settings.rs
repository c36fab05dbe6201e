//! What the areas are told of the configuration.

use std::collections::HashMap;
use std::time::Duration;

use cutover_shared::ids::OperatorName;
use cutover_shared::rollout::{NamedRoles, RolloutName, Stage};
use cutover_shared::rpc::Role;

use super::Failure;
use super::credentials::Credentials;
use crate::config::{ArmQueries, Catalog, Config};
use crate::gateway::outbox::{OutboxSettings, Service};
use crate::github::{GitHubSettings, OAuthApp};
use crate::mapping::catalog::ddl::DdlNames;
use crate::rollout::book::RolloutSettings;
use crate::rollout::bucket::PER_PERCENT;
use crate::rollout::criteria::{Hours, Rules};
use crate::rollout::judge;
use crate::rollout::metrics::prometheus::{PrometheusSettings, Queries};
use crate::rollout::stages::Track;

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

/// The shares of `canary`, in percent.
const SHARES: [u8; 3] = [10, 50, 100];

pub(super) fn rollout_settings(config: &Config) -> Result<RolloutSettings, Failure> {
    let set = &config.rollout;
    let begin = |live: bool| if live { Stage::Live } else { Stage::Off };
    let minute = |hour: u16| hour * 60;
    Ok(RolloutSettings {
        track: Track::new(&SHARES)?,
        rules: Rules {
            hours: set.hours.map(|(from, to)| Hours { from: minute(from), to: minute(to) }),
            soak_dual_write: set.soak_dual_write,
            soak_shadow: set.soak_shadow,
            soak_canary: set.soak_canary,
            soak_live: set.soak_live,
            reverse_age: set.reverse_age,
            roles: roles(config),
        },
        shadow_buckets: set.shadow_percent * PER_PERCENT,
        initial: [begin(set.github_auth_live), begin(set.git_sandbox_live)],
    })
}

/// A name that is no operator's is kept, and told: somebody may be hired, but a slip of the pen should not stay unseen.
fn roles(config: &Config) -> NamedRoles {
    let known: Vec<OperatorName> = operators(config).into_values().map(|(name, _)| name).collect();
    let names = |of: &[String]| -> Vec<OperatorName> {
        let names: Vec<_> = of.iter().map(|name| OperatorName::from(name.as_str())).collect();
        for name in names.iter().filter(|name| !known.contains(name)) {
            tracing::warn!(%name, "rollout.roles names somebody who is no operator");
        }
        names
    };
    let set = &config.rollout;
    NamedRoles {
        lead: names(&set.migration_lead),
        on_call: names(&set.on_call),
        rollback_authority: names(&set.rollback_authority),
    }
}

/// What a Prometheus server is asked; none: nothing.
pub(super) fn prometheus_settings(config: &Config) -> Result<Option<PrometheusSettings>, Failure> {
    let set = &config.rollout.prometheus;
    let Some(url) = &set.url else { return Ok(None) };
    let queries = |of: &ArmQueries| {
        let (calls, errors) = (of.calls.clone()?, of.errors.clone()?);
        Some(Queries { calls, errors, p95: of.p95.clone() })
    };
    Ok(Some(PrometheusSettings {
        url: url.parse()?,
        token: set.token.clone(),
        every: set.every,
        timeout: set.timeout,
        queries: [queries(&set.legacy), queries(&set.target)],
    }))
}

/// Answers that are compared before differing ones may roll back. The test is sound from the first on; the claim has a floor of its own.
const CONSISTENCY_FROM: u64 = 100;

/// By [`RolloutName::index`].
pub(super) fn judge_settings(config: &Config) -> [judge::Settings; RolloutName::ALL.len()] {
    // A slow call is one that is not given up before: what these cut off counts as failed.
    let longest = |name| match name {
        RolloutName::GithubAuth => config.import.timeout,
        RolloutName::GitSandbox => config.sandbox.wall,
    };
    let micros = |length: Duration| u64::try_from(length.as_micros()).unwrap_or(u64::MAX);
    std::array::from_fn(|index| judge::Settings {
        expected: judge::Expected {
            longest_call_us: micros(longest(RolloutName::ALL[index])),
            ..judge::Expected::default()
        },
        consistency_ppm: config.rollout.consistency_ppm,
        consistency_from: Some(CONSISTENCY_FROM),
        critical_functions: config
            .rollout
            .critical_operations
            .iter()
            .map(|operation| operation.word().to_owned())
            .collect(),
        ..judge::Settings::default()
    })
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
