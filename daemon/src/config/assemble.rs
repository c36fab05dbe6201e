//! From checked values to the typed configuration. Returns none where a value is missing, which was said before.

use std::collections::BTreeSet;

use cutover_shared::ids::TenantId;
use cutover_shared::mapping::Mode;

use super::alertmanager::alertmanager;
use super::application;
use super::crosscheck;
use super::fleet::{self, fleet};
use super::gather::Values;
use super::locks;
use super::mirror;
use super::mistake::Mistakes;
use super::ofrep::ofrep_keys;
use super::probe;
use super::rollout::{self, rollout};
use super::sandbox::{self, sandbox};
use super::settings::{
    Api, AppWorkflows, Catalog, Config, Engine, GitHub, Import, Inbox, Log, Mapping, Migration, OauthApp,
    PostgresCatalog, PostgresNames, RepoNames, RepoPlace, Rpc, Run, StderrLog, UserTokenNames, WorkflowNames,
};
use super::worth::{self, worth};

/// Makes every cross-check, then the configuration.
pub(super) fn assemble(values: &Values, mistakes: &mut Mistakes) -> Option<Config> {
    let store = crosscheck::store(values, mistakes);
    let access = crosscheck::socket(values, mistakes);
    let operators = crosscheck::operators(values, mistakes);
    crosscheck::catalog(values, mistakes);
    crosscheck::columns(values, mistakes);
    application::workflows(values, mistakes);
    mirror::check(values, mistakes);
    rollout::check(values, mistakes);
    sandbox::check(values, mistakes);
    fleet::check(values, mistakes);
    worth::check(values, mistakes);
    crosscheck::github(values, mistakes);
    let http = crosscheck::http(values, mistakes);
    application::api(values, mistakes);
    let probes = probe::probes(values, mistakes);
    let locks = locks::locks(values, mistakes);
    let ofrep_keys = ofrep_keys(values, mistakes);
    let mut day = |key| application::day(values, mistakes, key);
    let (deprecated, sunset) = (day("migration.oauth_deprecated"), day("migration.oauth_sunset"));
    let grace_until = day("migration.grace_until");
    let old_hook_urls = application::old_hook_urls(values, mistakes);
    Some(Config {
        environment: text(values, "environment")?,
        state_dir: values.path("state_dir")?.to_owned(),
        stop_timeout: values.length("stop_timeout")?,
        store: store?,
        rpc: Rpc { socket: values.path("rpc.socket")?.to_owned(), access: access? },
        operators,
        http: http?,
        api: api(values)?,
        github: github(values)?,
        migration: migration(values, Days { deprecated: deprecated?, sunset, grace_until }, old_hook_urls?)?,
        catalog: catalog(values)?,
        mapping: Mapping {
            probe_budget: number(values, "mapping.probe_budget")?,
            sweep_parallel: number(values, "mapping.sweep_parallel")?,
            index_max_age: values.length("mapping.index_max_age")?,
            sweep_every: values.length("mapping.sweep_every")?,
            auto_map: auto_map(values)?,
            canary_observation: values.length("mapping.canary_observation")?,
        },
        inbox: Inbox {
            parallel: number(values, "inbox.parallel")?,
            tries: number(values, "inbox.tries")?,
            keep_payloads: values.length("inbox.keep_payloads")?,
            recover_every: values.length("inbox.recover_every")?,
        },
        engine: Engine {
            url: text(values, "engine.url"),
            token: values.secret("engine.token").or_else(|| values.secret("api.service_token")).cloned(),
            scheduler_url: text(values, "scheduler.url"),
            parallel: number(values, "engine.parallel")?,
            tries: number(values, "engine.tries")?,
            timeout: values.length("engine.timeout")?,
        },
        workflows: workflows(values)?,
        import: Import {
            parallel: number(values, "import.parallel")?,
            timeout: values.length("import.timeout")?,
            max_bytes: number(values, "import.max_bytes")?,
            max_files: number(values, "import.max_files")?,
            keep_artifacts: values.length("import.keep_artifacts")?,
        },
        probes,
        rollout: rollout(values)?,
        sandbox: sandbox(values)?,
        fleet: fleet(values)?,
        alertmanager: alertmanager(values)?,
        worth: worth(values)?,
        ofrep_keys,
        run: Run {
            plan_ttl: values.length("run.plan_ttl")?,
            chunk: number(values, "run.chunk")?,
            lease: values.length("run.lease")?,
        },
        locks: locks?,
        log: Log {
            level: text(values, "log.level")?,
            dir: values.path("log.dir")?.to_owned(),
            keep_days: number(values, "log.keep_days")?,
            stderr: stderr(values)?,
        },
    })
}

fn auto_map(values: &Values) -> Option<Option<u8>> {
    let from = number(values, "mapping.auto_map_confidence")?;
    Some((values.text("mapping.auto_map")? == "on").then_some(from))
}

fn workflows(values: &Values) -> Option<Option<AppWorkflows>> {
    let (every, channel) = (values.length("workflows.read_every")?, text(values, "workflows.notify_channel"));
    Some((values.text("workflows.source")? == "application").then_some(AppWorkflows { every, channel }))
}

fn text(values: &Values, name: &str) -> Option<String> {
    values.text(name).map(str::to_owned)
}

/// The table's range is inside the type, so this fails for a missing value only.
fn number<N: TryFrom<i64>>(values: &Values, name: &str) -> Option<N> {
    N::try_from(values.whole_number(name)?).ok()
}

fn api(values: &Values) -> Option<Api> {
    Some(Api {
        jwt_secret: values.secret("api.jwt_secret").cloned(),
        jwks_url: text(values, "api.jwks_url"),
        jwt_audience: text(values, "api.jwt_audience"),
        jwt_issuer: text(values, "api.jwt_issuer"),
        jwt_leeway: values.length("api.jwt_leeway")?,
        tenant_claim: text(values, "api.tenant_claim")?,
        service_token: values.secret("api.service_token").cloned(),
        after_install_url: text(values, "api.after_install_url"),
    })
}

/// A client id with its secret; one without the other was said before.
fn client(values: &Values, id: &str, secret: &str) -> Option<OauthApp> {
    let (client_id, client_secret) = (text(values, id)?, values.secret(secret)?.clone());
    Some(OauthApp { client_id, client_secret })
}

fn github(values: &Values) -> Option<GitHub> {
    let keys = [values.secret("github.private_key"), values.secret("github.second_private_key")];
    let webhook = [values.secret("github.webhook_secret"), values.secret("github.second_webhook_secret")];
    Some(GitHub {
        api_base: text(values, "github.api_base_url")?,
        web_base: text(values, "github.web_base_url")?,
        app_id: values.whole_number("github.app_id"),
        app_slug: text(values, "github.app_slug"),
        keys: keys.into_iter().flatten().cloned().collect(),
        webhook_secrets: webhook.into_iter().flatten().cloned().collect(),
        oauth: client(values, "github.oauth_client_id", "github.oauth_client_secret"),
        client: client(values, "github.client_id", "github.client_secret"),
        max_in_flight: number(values, "github.max_in_flight")?,
        background_reserve: number(values, "github.background_reserve_permille")?,
        points_per_minute: number(values, "github.points_per_minute")?,
        request_timeout: values.length("github.request_timeout")?,
        delivery_horizon: values.length("github.delivery_horizon")?,
    })
}

/// Days of the migration, in milliseconds since the epoch.
struct Days {
    deprecated: i64,
    sunset: Option<i64>,
    grace_until: Option<i64>,
}

fn migration(values: &Values, days: Days, old_hook_urls: Vec<String>) -> Option<Migration> {
    let canary: BTreeSet<TenantId> =
        values.list("migration.canary_tenants")?.iter().map(|tenant| TenantId(tenant.clone())).collect();
    Some(Migration {
        mode: Mode::from_word(values.text("migration.mode")?)?,
        canary: canary.into_iter().collect(),
        oauth_callback_url: text(values, "migration.oauth_callback_url"),
        oauth_deprecated: days.deprecated,
        oauth_sunset: days.sunset,
        grace_until: days.grace_until,
        old_hook_urls,
        old_hook_secret: values.secret("migration.old_hook_secret").cloned(),
    })
}

fn catalog(values: &Values) -> Option<Catalog> {
    if values.text("catalog.source")? == "embedded" {
        return Some(Catalog::Embedded);
    }
    let url = values.secret("catalog.database_url")?.clone();
    Some(Catalog::Postgres(Box::new(PostgresCatalog {
        url,
        names: names(values)?,
        mirror: mirror::names(values)?,
    })))
}

fn names(values: &Values) -> Option<PostgresNames> {
    let of = |field: &str| text(values, &format!("catalog.postgres.{field}"));
    let token = of("user_token")?;
    let user_tokens = if token.is_empty() {
        None
    } else {
        Some(UserTokenNames { table: of("user_table")?, id: of("user_id")?, token })
    };
    let place = match of("repo_table") {
        Some(table) => RepoPlace::Table { table, project: of("repo_project")?, name: of("repo_name")? },
        None => RepoPlace::Project { name: of("project_repo")? },
    };
    Some(PostgresNames {
        schema: of("schema")?,
        project_table: of("project_table")?,
        project_id: of("project_id")?,
        project_tenant: of("project_tenant")?,
        project_user: of("project_user")?,
        installation: of("installation")?,
        status: of("status")?,
        repo: RepoNames {
            place,
            repo_id: of("repo_id"),
            owner_id: of("owner_id"),
            owner_login: of("owner_login"),
            imported_commit_sha: of("imported_commit_sha"),
            imported_tree_sha: of("imported_tree_sha"),
            imported_at: of("imported_at"),
            import_method: of("import_method"),
        },
        user_tokens,
        workflows: WorkflowNames {
            table: of("workflow_table")?,
            id: of("workflow_id")?,
            name: of("workflow_name")?,
            definition: of("workflow_definition")?,
            triggers: of("trigger_table")?,
            trigger_id: of("trigger_id")?,
            trigger_workflow: of("trigger_workflow")?,
            trigger_type: of("trigger_type")?,
            trigger_config: of("trigger_config")?,
        },
    })
}

fn stderr(values: &Values) -> Option<StderrLog> {
    match values.text("log.stderr")? {
        "auto" => Some(StderrLog::Auto),
        "text" => Some(StderrLog::Text),
        "json" => Some(StderrLog::Json),
        "off" => Some(StderrLog::Off),
        _ => None,
    }
}
