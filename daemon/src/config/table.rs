//! The table of all keys. A key exists when it stands here, and nowhere else.

use std::time::Duration;

use super::key::{Key, Kind, Need, SecretForm, key};
pub use super::section::{SECTIONS, Section};
use super::{alertmanager, fleet, locks, mirror, ofrep, rollout, sandbox, worth};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);
const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

const fn known_as(mut key: Key, variables: &'static [&'static str]) -> Key {
    key.variables = variables;
    key
}

const fn whole(min: i64, max: i64) -> Kind {
    Kind::Whole { min, max }
}

const fn length(min: Duration, max: Duration) -> Kind {
    Kind::Length { min, max }
}

/// All keys; those of one section in the order of the file.
pub static KEYS: &[Key] = &ALL;

/// Parts of the table, in the order in which they are joined.
const PARTS: [&[Key]; 9] = [
    OURS,
    mirror::KEYS,
    locks::KEYS,
    rollout::KEYS,
    ofrep::KEYS,
    sandbox::KEYS,
    fleet::KEYS,
    alertmanager::KEYS,
    worth::KEYS,
];

static ALL: [Key; length_of(&PARTS)] = joined(&PARTS);

const fn length_of(parts: &[&[Key]]) -> usize {
    let (mut length, mut part) = (0, 0);
    while part < parts.len() {
        length += parts[part].len();
        part += 1;
    }
    length
}

const fn joined<const N: usize>(parts: &[&[Key]]) -> [Key; N] {
    let mut all = [parts[0][0]; N];
    let (mut at, mut part) = (0, 0);
    while part < parts.len() {
        let mut i = 0;
        while i < parts[part].len() {
            all[at] = parts[part][i];
            at += 1;
            i += 1;
        }
        part += 1;
    }
    all
}

#[rustfmt::skip]
const OURS: &[Key] = &[
    key("environment", Kind::Label, Need::Required,
        "What this daemon works on; shown everywhere. Plain http to other machines is refused in `staging` and `production`.",
        r#""staging""#),
    key("state_dir", Kind::Path, Need::Derived("`$STATE_DIRECTORY`, else `$XDG_STATE_HOME/cutover`"),
        "Folder for store, keys, kill marker and logs; one daemon holds it at a time.",
        r#""/var/lib/cutover""#),
    key("stop_timeout", length(SECOND, HOUR), Need::Default(r#""30s""#),
        "How long a graceful stop waits for work under way; what is left then goes on at the next start.",
        r#""30s""#),

    key("store.url", Kind::Secret(SecretForm::DatabaseUrl), Need::Derived("`sqlite:cutover.db` in `state_dir`"),
        "The daemon's own store, `sqlite:PATH`; a relative path starts in `state_dir`. Must not be the application's database.",
        r#""sqlite:/var/lib/cutover/cutover.db""#),

    known_as(key("rpc.socket", Kind::Path,
        Need::Derived("`cutoverd.sock` in `$RUNTIME_DIRECTORY`, else in `$XDG_RUNTIME_DIR/cutover`, else in `$XDG_STATE_HOME/cutover/run`"),
        "The Unix socket. Its folder gets mode 0750.",
        r#""/run/cutover/cutoverd.sock""#), &["CUTOVER_SOCKET"]),
    key("rpc.group", Kind::Text, Need::Optional,
        "Group that may open the socket (mode 0660). Without it only the daemon's own user can (0600).",
        r#""cutover""#),

    key("operators[].uid", whole(0, 4_294_967_294), Need::Required,
        "The person's user id on this machine.", "1000"),
    key("operators[].name", Kind::Label, Need::Required,
        "The person's name, as the audit log writes it.", r#""ana""#),
    key("operators[].role", Kind::Word(&["viewer", "operator", "approver", "admin"]), Need::Required,
        "What the person may do; each role may do what those before it may.", r#""operator""#),

    key("http.listen", Kind::Text, Need::Optional,
        "Where webhooks are taken, `ADDR:PORT`; port 0 takes any that is free. Without it there is no HTTP door.",
        r#""127.0.0.1:8080""#),
    key("http.trusted_proxies", Kind::List, Need::Default("[]"),
        "Addresses or networks of the proxies in front; only they are believed about who calls (`X-Forwarded-For`).",
        r#"["10.0.0.0/8"]"#),
    key("http.max_connections", whole(1, 65_536), Need::Default("512"),
        "Most connections at the same time; others wait to be taken.", "512"),
    key("http.failed_signatures_per_minute", whole(1, 1_000_000), Need::Default("1000"),
        "Webhooks with a bad signature that one address may send in a minute; deliveries with a good one are never limited.", "1000"),
    key("http.auth_per_minute", whole(1, 1_000_000), Need::Default("100"),
        "Calls of the installation callback, of the old OAuth callback, and with a bad token, that one address may make in a minute.", "100"),
    key("http.api_per_minute", whole(1, 1_000_000), Need::Default("500"),
        "Calls of the application's API that one user, or the service, may make in a minute.", "500"),

    known_as(key("api.jwt_secret", Kind::Secret(SecretForm::Opaque), Need::Optional,
        "The secret of users' JSON Web Tokens (HS256); taken beside `jwks_url` where both are set. With neither no user may call.",
        r#""0123456789abcdef0123456789abcdef""#), &["JWT_SECRET"]),
    key("api.jwks_url", Kind::Address, Need::Optional,
        "Where the public keys of users' tokens are (RS256, ES256); with it `jwt_issuer` or `jwt_audience` is needed.",
        r#""https://auth.example.com/.well-known/jwks.json""#),
    key("api.jwt_audience", Kind::Text, Need::Optional,
        "What tokens must be meant for (`aud`).", r#""cutover""#),
    key("api.jwt_issuer", Kind::Text, Need::Optional,
        "Who must have issued tokens (`iss`), to the letter.", r#""https://auth.example.com""#),
    key("api.jwt_leeway", length(Duration::ZERO, Duration::from_secs(300)), Need::Default(r#""30s""#),
        "How far the issuer's clock may be off.", r#""30s""#),
    key("api.tenant_claim", Kind::Text, Need::Default(r#""org_id""#),
        "The claim that names the user's tenant; a user whose token lacks it is a tenant of its own.", r#""tenant""#),
    known_as(key("api.service_token", Kind::Secret(SecretForm::Opaque), Need::Optional,
        "What the application's other services show as bearer token; without it no service may call.",
        r#""0123456789abcdef0123456789abcdef""#), &["INTERNAL_SERVICE_TOKEN"]),
    key("api.after_install_url", Kind::Address, Need::Optional,
        "Where people are sent on to after an installation; without it the page only says that it is done.",
        r#""https://app.example.com/settings/github""#),

    key("http.tls_certificate", Kind::Path, Need::Optional,
        "The door's certificate and its chain, in PEM: with it the door speaks TLS. Changed files are taken while it serves.",
        r#""/etc/cutover/tls/cert.pem""#),
    key("http.tls_key", Kind::Path, Need::Optional,
        "The certificate's private key, in PEM; goes with `tls_certificate`.",
        r#""/etc/cutover/tls/key.pem""#),
    key("http.only_github_addresses", Kind::Flag, Need::Default("false"),
        "Take webhooks only from the networks that GitHub publishes (`GET /meta`, `hooks`), asked for each hour.", "true"),
    key("http.allowed_networks", Kind::List, Need::Default("[]"),
        "Networks that may deliver webhooks besides GitHub's, used when `only_github_addresses` is on; needed for a server that publishes none.",
        r#"["192.0.2.0/24"]"#),

    known_as(key("github.api_base_url", Kind::Address, Need::Default(r#""https://api.github.com""#),
        "GitHub's REST API; of a GitHub Enterprise Server `https://HOST/api/v3`.",
        r#""https://ghe.example.com/api/v3""#), &["GITHUB_API_BASE_URL"]),
    key("github.web_base_url", Kind::Address, Need::Derived("from `github.api_base_url`"),
        "Where people click: install links start with it.",
        r#""https://ghe.example.com""#),
    known_as(key("github.app_id", whole(1, i64::MAX), Need::Optional,
        "The App's numeric id. Without it and `private_key` the daemon waits for `cutover app create`, or uses the App that it made.", "123456"), &["GITHUB_APP_ID"]),
    known_as(key("github.app_slug", Kind::Label, Need::Optional,
        "The App's name in addresses, as in `https://github.com/apps/SLUG`; GitHub is asked when it is not set.",
        r#""my-migration-app""#), &["GITHUB_APP_SLUG", "GITHUB_APP_NAME"]),
    known_as(key("github.private_key", Kind::Secret(SecretForm::PrivateKey), Need::Optional,
        "The App's private key, RSA in PEM; goes with `app_id`; `\\n` may stand for a line end.",
        r#""-----BEGIN RSA PRIVATE KEY-----\n...""#), &["GITHUB_APP_PRIVATE_KEY"]),
    key("github.second_private_key", Kind::Secret(SecretForm::PrivateKey), Need::Optional,
        "The other private key while keys are being rotated; taken when GitHub refuses the first.",
        r#""-----BEGIN RSA PRIVATE KEY-----\n...""#),
    known_as(key("github.webhook_secret", Kind::Secret(SecretForm::Opaque), Need::Optional,
        "The App's webhook secret; needed with `http.listen` and `app_id`. Without it the one that `cutover app create` stored is used.",
        r#""0123456789abcdef""#), &["GITHUB_WEBHOOK_SECRET"]),
    key("github.second_webhook_secret", Kind::Secret(SecretForm::Opaque), Need::Optional,
        "The other webhook secret while it is being changed; deliveries signed with either are taken.",
        r#""0123456789abcdef""#),
    known_as(key("github.oauth_client_id", Kind::Text, Need::Optional,
        "Client id of the app that issued the old user tokens, so that GitHub can be asked about them.",
        r#""Iv1.0123456789abcdef""#), &["GITHUB_APP_CLIENT_ID"]),
    known_as(key("github.oauth_client_secret", Kind::Secret(SecretForm::Opaque), Need::Optional,
        "Its client secret; goes with `oauth_client_id`.",
        r#""0123456789abcdef""#), &["GITHUB_APP_CLIENT_SECRET"]),
    key("github.client_id", Kind::Text, Need::Optional,
        "The App's own client id: with it a person who installs the App proves who they are. Switch on \"Request user authorization (OAuth) during installation\" at GitHub.",
        r#""Iv23li0123456789abcd""#),
    key("github.client_secret", Kind::Secret(SecretForm::Opaque), Need::Optional,
        "Its client secret; goes with `client_id`.",
        r#""0123456789abcdef""#),
    key("github.max_in_flight", whole(1, 100), Need::Default("32"),
        "Most requests to GitHub at the same time; GitHub itself allows 100.", "32"),
    key("github.background_reserve_permille", whole(0, 900), Need::Default("200"),
        "Share of each installation's hourly budget, in thousandths, that sweeps and plans leave to live traffic.", "200"),
    key("github.points_per_minute", whole(60, 1_000_000), Need::Default("900"),
        "Points that one credential may spend in a minute: a read costs 1, a token 5. GitHub allows 900; raise it only for a server that has no such limit.", "900"),
    key("github.request_timeout", length(SECOND, Duration::from_secs(600)), Need::Default(r#""30s""#),
        "Longest time for one request, body included.", r#""30s""#),
    key("github.delivery_horizon", length(HOUR, MONTH), Need::Default(r#""3d""#),
        "How long GitHub keeps deliveries of webhooks: 3 days at github.com, 7 at a GitHub Enterprise Server of 3.16. Older ones can't be looked for.",
        r#""7d""#),

    known_as(key("migration.mode", Kind::Word(&["off", "canary", "on"]), Need::Default(r#""off""#),
        "The mode before anybody has set one; afterwards the store's mode stands and a difference is shown.",
        r#""canary""#), &["GITHUB_APP_MIGRATION_MODE"]),
    key("migration.canary_tenants", Kind::List, Need::Default("[]"),
        "The canary list before anybody has set one.", r#"["tenant-1", "tenant-2"]"#),
    key("migration.grace_until", Kind::Text, Need::Optional,
        "End of the grace period, in UTC: from then on a repository that is not mapped is not imported with a user's token any more. Without it there is no end.",
        r#""2027-01-31""#),

    key("migration.oauth_callback_url", Kind::Address, Need::Optional,
        "The application's own handler of the old OAuth callback; `/api/github/callback` sends people on to it while it is kept. Must not lead back here.",
        r#""https://app.example.com/internal/oauth/callback""#),
    key("migration.oauth_deprecated", Kind::Text, Need::Default(r#""2026-11-01""#),
        "Since when the old OAuth callback is deprecated, `YYYY-MM-DD` or RFC 3339.", r#""2027-01-01""#),
    key("migration.oauth_sunset", Kind::Text, Need::Optional,
        "Until when the old OAuth callback answers, `YYYY-MM-DD` or RFC 3339; it goes on while repositories are unmapped. Without it, it never ends.",
        r#""2027-06-30""#),

    key("migration.old_hook_urls", Kind::List, Need::Default("[]"),
        "What the addresses of the old OAuth app's webhooks at repositories begin with, each with host and path; `cutover hooks plan` looks for these and no others.",
        r#"["https://app.example.com/api/github/webhook"]"#),
    key("migration.old_hook_secret", Kind::Secret(SecretForm::Opaque), Need::Optional,
        "Their secret, which GitHub never tells: with it an undo can bring back a webhook that had one.",
        r#""0123456789abcdef""#),

    key("catalog.source", Kind::Word(&["embedded", "postgres"]), Need::Default(r#""embedded""#),
        "`embedded`: filled by `cutover catalog import`; `postgres`: the application's own database.",
        r#""postgres""#),
    known_as(key("catalog.database_url", Kind::Secret(SecretForm::DatabaseUrl), Need::Optional,
        "The application's database, `postgres://USER:PASSWORD@HOST/NAME`; needed when the source is \"postgres\".",
        r#""postgres://app:secret@db.example.com/app""#), &["DATABASE_URL"]),

    key("catalog.postgres.schema", Kind::SqlName, Need::Default(r#""public""#),
        "Schema of the tables below.", r#""app""#),
    key("catalog.postgres.project_table", Kind::SqlName, Need::Default(r#""Project""#),
        "Table with one row for each project.", r#""projects""#),
    key("catalog.postgres.project_id", Kind::SqlName, Need::Default(r#""id""#),
        "Its primary key.", r#""project_id""#),
    key("catalog.postgres.project_tenant", Kind::SqlName, Need::Default(r#""tenantId""#),
        "Its column that names the tenant; where each user is a tenant, the same as `project_user`.", r#""userId""#),
    key("catalog.postgres.project_repo", Kind::SqlName, Need::Default(r#""repoFullName""#),
        "Its column with `owner/name`; not read when `repo_table` is set.", r#""github_repo""#),
    key("catalog.postgres.project_user", Kind::SqlName, Need::Default(r#""userId""#),
        "Its column that names the user whose token imported it.", r#""owner_id""#),
    key("catalog.postgres.installation", Kind::SqlName, Need::Default(r#""githubInstallationId""#),
        "Its `bigint` column that a live run writes.", r#""github_installation_id""#),
    key("catalog.postgres.status", Kind::SqlName, Need::Default(r#""migrationStatus""#),
        "Its text column that a live run writes.", r#""migration_status""#),
    key("catalog.postgres.repo_table", Kind::SqlName, Need::Optional,
        "Table with one row for each repository of a project, where projects have several.", r#""ProjectRepo""#),
    key("catalog.postgres.repo_project", Kind::SqlName, Need::Derived("`projectId` when `repo_table` is set"),
        "Its column that names the project; only with `repo_table`.", r#""project_id""#),
    key("catalog.postgres.repo_name", Kind::SqlName, Need::Derived("`fullName` when `repo_table` is set"),
        "Its column with `owner/name`; only with `repo_table`.", r#""full_name""#),
    key("catalog.postgres.repo_id", Kind::SqlName, Need::Optional,
        "Column with the numeric repository id, in the table that holds the name, as all of the following.", r#""repoId""#),
    key("catalog.postgres.owner_id", Kind::SqlName, Need::Optional,
        "Column with the numeric account id of the owner.", r#""ownerId""#),
    key("catalog.postgres.owner_login", Kind::SqlName, Need::Optional,
        "Column with the login of the owner.", r#""ownerLogin""#),
    key("catalog.postgres.imported_commit_sha", Kind::SqlName, Need::Optional,
        "Column with the commit that was imported; the spot-check compares it.", r#""importedCommitSha""#),
    key("catalog.postgres.imported_tree_sha", Kind::SqlName, Need::Optional,
        "Column with the tree that was imported; the spot-check compares it.", r#""importedTreeSha""#),
    key("catalog.postgres.imported_at", Kind::SqlName, Need::Optional,
        "Column with the time of the import, which tells a re-used name.", r#""importedAt""#),
    key("catalog.postgres.import_method", Kind::SqlName, Need::Optional,
        "Column that says how it was imported.", r#""importMethod""#),
    key("catalog.postgres.user_table", Kind::SqlName, Need::Default(r#""User""#),
        "Table of the users.", r#""users""#),
    key("catalog.postgres.user_id", Kind::SqlName, Need::Default(r#""id""#),
        "Its primary key.", r#""user_id""#),
    key("catalog.postgres.user_token", Kind::SqlNameOrNone, Need::Default(r#""githubAccessToken""#),
        "Its column with the old user token; \"\" when the application keeps none.", r#""github_token""#),

    key("catalog.postgres.workflow_table", Kind::SqlName, Need::Default(r#""workflows""#),
        "Table of the workflows, read when `workflows.source` is \"application\", as all of the following.", r#""Workflow""#),
    key("catalog.postgres.workflow_id", Kind::SqlName, Need::Default(r#""id""#),
        "Its primary key.", r#""workflow_id""#),
    key("catalog.postgres.workflow_name", Kind::SqlName, Need::Default(r#""name""#),
        "Its column with the name.", r#""title""#),
    key("catalog.postgres.workflow_definition", Kind::SqlName, Need::Default(r#""definition""#),
        "Its column with the definition: JSON that the engine is handed.", r#""workflow_data""#),
    key("catalog.postgres.trigger_table", Kind::SqlName, Need::Default(r#""workflow_triggers""#),
        "Table of the workflows' triggers.", r#""WorkflowTrigger""#),
    key("catalog.postgres.trigger_id", Kind::SqlName, Need::Default(r#""id""#),
        "Its primary key.", r#""trigger_id""#),
    key("catalog.postgres.trigger_workflow", Kind::SqlName, Need::Default(r#""workflow_id""#),
        "Its column that names the workflow.", r#""workflowId""#),
    key("catalog.postgres.trigger_type", Kind::SqlName, Need::Default(r#""trigger_type""#),
        "Its column with the type; only rows with `TRIGGER_GITHUB` are read.", r#""type""#),
    key("catalog.postgres.trigger_config", Kind::SqlName, Need::Default(r#""trigger_config""#),
        "Its column with the rule, in JSON.", r#""config""#),

    key("mapping.probe_budget", whole(0, 1_000_000), Need::Default("5000"),
        "Most single checks at GitHub that one plan may make; what is left over is `probe_owed`.", "5000"),
    key("mapping.sweep_parallel", whole(1, 64), Need::Default("8"),
        "Installations that are read at the same time.", "8"),
    key("mapping.index_max_age", length(MINUTE, MONTH), Need::Default(r#""24h""#),
        "A plan on an older index reads GitHub's lists again first.", r#""24h""#),
    key("mapping.sweep_every", length(Duration::ZERO, MONTH), Need::Default(r#""6h""#),
        "How often GitHub's lists are read again whole, whatever events told; up to a tenth later, so that daemons don't sweep together. `0s`: never.", r#""12h""#),
    key("mapping.auto_map", Kind::Word(&["off", "on"]), Need::Default(r#""off""#),
        "Whether a pending repository is mapped without a plan when an event or a sweep shows where it belongs. Only with the embedded catalog, never while killed.", r#""on""#),
    key("mapping.auto_map_confidence", whole(90, 100), Need::Default("100"),
        "From which confidence on, in percent, `auto_map` maps. A name alone never maps.", "95"),
    key("mapping.canary_observation", length(Duration::ZERO, MONTH), Need::Default(r#""24h""#),
        "How long a verified canary run is watched before a plan for all tenants can be approved without an override.", r#""24h""#),

    key("inbox.parallel", whole(1, 64), Need::Default("8"),
        "Installations whose deliveries are handled at the same time.", "8"),
    key("inbox.tries", whole(1, 100), Need::Default("8"),
        "Tries before a delivery is given up (dead); the wait between them doubles up to 5 minutes.", "8"),
    key("inbox.keep_payloads", length(HOUR, YEAR), Need::Default(r#""14d""#),
        "How long the body of a handled delivery is kept, for replays; what it was is kept 30 days longer, so that a late double is known.", r#""14d""#),
    key("inbox.recover_every", length(SECOND, DAY), Need::Default(r#""15m""#),
        "How often GitHub's own list of deliveries is compared with the inbox, and what is missing fetched; only with `http.listen`.", r#""15m""#),

    known_as(key("engine.url", Kind::Address, Need::Optional,
        "Where workflows are started: `POST /workflows/execute` below it. Without it nothing that matches can be sent.",
        r#""https://engine.example.com""#), &["WORKFLOW_ENGINE_URL"]),
    key("engine.token", Kind::Secret(SecretForm::Opaque), Need::Optional,
        "Bearer token for the engine and the scheduler; without it `api.service_token` is shown to them.",
        r#""0123456789abcdef""#),
    key("engine.parallel", whole(1, 64), Need::Default("8"),
        "Workflows whose dispatches are sent at the same time.", "8"),
    key("engine.tries", whole(1, 100), Need::Default("8"),
        "Tries before a dispatch is given up (dead); the wait between them doubles up to 5 minutes.", "8"),
    key("engine.timeout", length(SECOND, Duration::from_secs(600)), Need::Default(r#""30s""#),
        "Longest time for one call, answer included.", r#""30s""#),
    known_as(key("scheduler.url", Kind::Address, Need::Optional,
        "Where every event is forwarded, `POST /api/v1/triggers/github/events` below it, and every installation that a user \
         connects, `POST /api/v1/auth/github/callback`. Without it none is.",
        r#""https://scheduler.example.com""#), &["WORKFLOW_SCHEDULER_URL"]),

    key("workflows.source", Kind::Word(&["registered", "application"]), Need::Default(r#""registered""#),
        "`application`: besides those that are registered here, the application's own tables are read; only with the catalog in PostgreSQL.",
        r#""application""#),
    key("workflows.read_every", length(SECOND, DAY), Need::Default(r#""1m""#),
        "How often the application's workflows are read again.", r#""5m""#),
    key("workflows.notify_channel", Kind::SqlName, Need::Optional,
        "Channel on which the application says NOTIFY when its workflows have changed: they are read at once.",
        r#""workflows_changed""#),

    key("import.parallel", whole(1, 64), Need::Default("4"),
        "Imports that are fetched at the same time; others wait.", "4"),
    key("import.timeout", length(SECOND, HOUR), Need::Default(r#""2m""#),
        "Longest time for one import, the wait for its turn included.", r#""5m""#),
    key("import.max_bytes", whole(1, 1_099_511_627_776), Need::Default("1073741824"),
        "Most bytes of one import: over the wire, and of all its files together.", "1073741824"),
    key("import.max_files", whole(1, 10_000_000), Need::Default("500000"),
        "Most files of one import.", "500000"),
    key("import.keep_artifacts", length(MINUTE, MONTH), Need::Default(r#""1h""#),
        "How long the files of an import can be taken away.", r#""1h""#),

    key("probes[].name", Kind::Label, Need::Required,
        "Names the probe in answers; what was recorded belongs to it.", r#""docs""#),
    key("probes[].kind", Kind::Word(&["http", "sse"]), Need::Required,
        "`http`: a plain answer; `sse`: a stream of server-sent events.", r#""sse""#),
    key("probes[].url", Kind::Text, Need::Required,
        "What is called. `{project}`, `{tenant}` and `{repository}` may stand in its path and query, and are escaped.",
        r#""https://app.example.com/generate-docs-stream?project={project}""#),
    key("probes[].method", Kind::Word(&["GET", "POST"]), Need::Default(r#""GET""#),
        "How it is called. `POST` is for a call that changes nothing of worth: each `record` and each `compare` makes it.",
        r#""POST""#),
    key("probes[].body", Kind::Text, Need::Optional,
        "JSON that a POST sends; the names of `url` may stand in its texts, and are escaped.",
        r#"'{"project_id": "{project}"}'"#),
    key("probes[].token", Kind::Secret(SecretForm::Opaque), Need::Optional,
        "Bearer token for the service.", r#""0123456789abcdef""#),
    key("probes[].end_event", Kind::Text, Need::Default(r#""done""#),
        "The event that ends a stream; without it the stream was cut off. For `sse` only.", r#""end""#),
    key("probes[].contains", Kind::Text, Need::Optional,
        "A text that the content must hold.", r#""Overview""#),
    key("probes[].digest", Kind::Flag, Need::Default("false"),
        "Whether the content must be the same, byte for byte.", "true"),
    key("probes[].length_permille", whole(0, 10_000), Need::Default("500"),
        "How far the content's length may be off, in thousandths of the recorded one.", "100"),
    key("probes[].timeout", length(SECOND, Duration::from_secs(600)), Need::Default(r#""60s""#),
        "Longest time for the whole answer.", r#""2m""#),

    key("run.plan_ttl", length(MINUTE, MONTH), Need::Default(r#""24h""#),
        "A plan that nobody has approved by then expires.", r#""24h""#),
    key("run.chunk", whole(1, 256), Need::Default("256"),
        "Items that one unit of a run holds.", "256"),
    key("run.lease", length(SECOND, HOUR), Need::Default(r#""30s""#),
        "How long a daemon that went silent keeps its items.", r#""30s""#),

    key("log.level", Kind::Filter, Need::Default(r#""info""#),
        "`error`, `warn`, `info`, `debug`, `trace`, or directives for parts; read again on SIGHUP.",
        r#""info,cutover_daemon::github=debug""#),
    key("log.dir", Kind::Path, Need::Derived("`$LOGS_DIRECTORY`, else `log` in `state_dir`"),
        "Folder of the log files.", r#""/var/log/cutover""#),
    key("log.keep_days", whole(1, 3650), Need::Default("14"),
        "Days of log files that are kept.", "14"),
    key("log.stderr", Kind::Word(&["auto", "text", "json", "off"]), Need::Default(r#""auto""#),
        "What also goes to standard error: `auto` is text when it is a terminal, `json` suits containers.",
        r#""json""#),
];
