//! The fleet: tenants' own databases, how fast they are migrated, and when that halts.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use cutover_shared::ids::TenantId;
use secrecy::SecretString;

use super::gather::Values;
use super::key::{Key, Kind, Need, SecretForm, key, optional, usual};
use super::mistake::{Mistake, MistakeKind, Mistakes};

const AT_ONCE: Kind = Kind::Whole { min: 1, max: 1_024 };

const fn length(min: Duration, max: Duration) -> Kind {
    Kind::Length { min, max }
}

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Their keys, in the order of the file.
#[rustfmt::skip]
pub(super) const KEYS: &[Key] = &[
    optional("fleet.folder", Kind::Path,
        "Where the migrations are: `NNNN_name.up.sql`, `.down.sql`, `.up.toml`. Without it there is no fleet.", r#""/etc/cutover/migrations""#),
    usual("fleet.canary", Kind::List,
        "Tenants of the first wave.", "[]", r#"["tenant-0001"]"#),
    usual("fleet.waves", Kind::List,
        "The waves after it, each up to this share of all tenants; rising, the last is all.", r#"["1%", "10%", "100%"]"#, r#"["5%", "100%"]"#),
    usual("fleet.parallel", AT_ONCE,
        "Tenants that are migrated at once, in all.", "16", "32"),
    usual("fleet.per_host", AT_ONCE,
        "Of those, on one host.", "16", "12"),
    usual("fleet.per_server", AT_ONCE,
        "Of those, on one database server; a SQLite file is on none.", "8", "4"),
    usual("fleet.halt_failures", Kind::Whole { min: 0, max: 1_000_000 },
        "A wave halts when more tenants than this have failed in it; 0 halts at the first.", "5", "0"),
    usual("fleet.halt_share", Kind::Text,
        "And when more than this share of its tenants has failed.", r#""5%""#, r#""0.5%""#),
    usual("fleet.halt_unreachable", Kind::Text,
        "A run halts when more than this share of a wave can't be reached: then it is rather the network.", r#""50%""#, r#""20%""#),
    usual("fleet.timeout", length(SECOND, DAY),
        "What one statement or call may take, where a migration says nothing.", r#""1m""#, r#""5m""#),
    usual("fleet.lock_timeout", length(MILLISECOND, HOUR),
        "How long one statement may wait for a lock, where a migration says nothing. Less than `timeout`.", r#""2s""#, r#""500ms""#),
    usual("fleet.lock_tries", Kind::Whole { min: 1, max: 100 },
        "Tries of a step that does not get its lock.", "5", "10"),
    usual("fleet.connect_timeout", length(Duration::from_millis(100), Duration::from_secs(60)),
        "How long a connection to a tenant's database may take to stand; a deployment has at least 20 s.", r#""5s""#, r#""10s""#),
    usual("fleet.fresh", length(Duration::ZERO, DAY),
        "A plan takes what was seen of a database so long ago, and asks the others.", r#""5m""#, r#""0s""#),
    usual("fleet.retest_every", length(SECOND, DAY),
        "How often databases that could not be reached are asked again.", r#""1m""#, r#""10m""#),
    optional("fleet.load_query", Kind::Text,
        "A query with one number, asked of each PostgreSQL server; goes with `load_most`.",
        r#""SELECT count(*) FROM pg_stat_activity WHERE state = 'active'""#),
    optional("fleet.load_most", Kind::Whole { min: 0, max: 1_000_000_000 },
        "While it answers more than this, no further tenant of that server is begun.", "40"),
    usual("fleet.load_every", length(SECOND, HOUR),
        "How often it is asked.", r#""5s""#, r#""15s""#),
    usual("fleet.ping", Kind::Text,
        "The function of a deployment that answers `{version}`.", r#""functions:ping""#, r#""health:version""#),
    usual("fleet.deploy_command", Kind::List,
        "The program that deploys the schema to a deployment, and its arguments; address and key are in its environment only.",
        "[]", r#"["/usr/local/bin/deploy-schema"]"#),
    optional("fleet.deploy_url", Kind::Address,
        "A service that does it instead, called by POST.", r#""https://deploy.example.com/schema""#),
    key("fleet.deploy_token", Kind::Secret(SecretForm::Opaque), Need::Optional,
        "Bearer token for that service.", r#""0123456789abcdef""#),
    optional("fleet.notify_url", Kind::Address,
        "Told once, by POST, when a tenant's database can't be reached: it tells the owner.", r#""https://app.example.com/internal/unreachable""#),
    key("fleet.notify_token", Kind::Secret(SecretForm::Opaque), Need::Optional,
        "Bearer token for that.", r#""0123456789abcdef""#),

    key("fleet.application.key", Kind::Secret(SecretForm::Opaque), Need::Optional,
        "The key that the application seals with (AES-256-GCM); with it instances can be taken from the table.", r#""0123456789abcdef""#),
    usual("fleet.application.table", Kind::SqlName,
        "The table.", r#""userDatabaseConfig""#, r#""tenant_databases""#),
    usual("fleet.application.tenant", Kind::SqlName,
        "The tenant's id.", r#""userId""#, r#""tenant_id""#),
    usual("fleet.application.external_user", Kind::SqlNameOrNone,
        "The user's id outside.", r#""""#, r#""clerkId""#),
    usual("fleet.application.url", Kind::SqlName,
        "The sealed address.", r#""encryptedDeploymentUrl""#, r#""sealed_url""#),
    usual("fleet.application.deploy_key", Kind::SqlNameOrNone,
        "The sealed deploy key.", r#""encryptedDeployKey""#, r#""sealed_key""#),
    usual("fleet.application.iv", Kind::SqlName,
        "Nonces of both, with a colon between.", r#""encryptionIV""#, r#""nonces""#),
    usual("fleet.application.tags", Kind::SqlName,
        "Tags of both, likewise.", r#""authTags""#, r#""tags""#),
    usual("fleet.application.status", Kind::SqlName,
        "Whether it is `connected`; others are not taken.", r#""connectionStatus""#, r#""status""#),
    usual("fleet.application.schema_version", Kind::SqlName,
        "The version that it has: read, and written after the steps of a tenant.", r#""schemaVersion""#, r#""version""#),
    usual("fleet.application.updated_at", Kind::SqlNameOrNone,
        "When it was changed, in milliseconds; written with the version.", r#""updatedAt""#, r#""changed_at""#),
];

/// The fleet.
#[derive(Clone, Debug)]
pub struct Fleet {
    /// None: there is no fleet.
    pub folder: Option<PathBuf>,
    /// Each once, as written.
    pub canary: Vec<TenantId>,
    /// Permille of all tenants, rising, the last 1,000.
    pub waves: Vec<u32>,
    pub parallel: usize,
    pub per_host: usize,
    pub per_server: usize,
    pub halt_failures: u32,
    pub halt_permille: u32,
    pub halt_unreachable_permille: u32,
    pub timeout: Duration,
    /// Less than `timeout`.
    pub lock_timeout: Duration,
    pub lock_tries: u32,
    pub connect_timeout: Duration,
    pub fresh: Duration,
    pub retest_every: Duration,
    pub load: Option<FleetLoad>,
    pub ping: String,
    pub deploy: Option<FleetDeploy>,
    pub notify_url: Option<String>,
    pub notify_token: Option<SecretString>,
    pub application: Option<FleetApplication>,
}

/// What a server's load is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FleetLoad {
    pub query: String,
    pub most: u32,
    pub every: Duration,
}

/// How the schema of an HTTP deployment is deployed.
#[derive(Clone, Debug)]
pub enum FleetDeploy {
    /// The program and its arguments.
    Command(Vec<String>),
    Call {
        url: String,
        token: Option<SecretString>,
    },
}

/// The application's table of tenants' databases, in the database that the catalog is read from.
#[derive(Clone, Debug)]
pub struct FleetApplication {
    pub database: SecretString,
    pub key: SecretString,
    pub table: String,
    pub tenant: String,
    pub external_user: Option<String>,
    pub url: String,
    pub deploy_key: Option<String>,
    pub iv: String,
    pub tags: String,
    pub status: String,
    pub schema_version: String,
    pub updated_at: Option<String>,
}

/// A share such as `10%` or `0.5%` in permille; none where it is no such thing.
fn permille(text: &str) -> Option<u32> {
    let number = text.trim().strip_suffix('%')?.trim_end();
    let (whole, tenth) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |part: &str, most: usize| {
        let is_number = (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| part.parse::<u32>().ok()).flatten()
    };
    let permille = digits(whole, 3)? * 10 + digits(tenth, 1)?;
    (permille <= 1_000).then_some(permille)
}

const SHARE: &str = "write a share from \"0%\" to \"100%\", with one digit after the point at most: \"0.5%\"";

/// The waves in permille, or what is wrong with them.
fn waves(words: &[String]) -> Result<Vec<u32>, (String, &'static str)> {
    let mend = "write shares that rise to \"100%\": [\"1%\", \"10%\", \"100%\"]";
    let mut waves: Vec<u32> = Vec::with_capacity(words.len());
    for word in words {
        let Some(share) = permille(word).filter(|share| *share > 0) else {
            return Err((format!("has `{word}`, which is no share"), SHARE));
        };
        if waves.last().is_some_and(|last| *last >= share) {
            return Err((format!("does not rise: `{word}` is no more than the share before it"), mend));
        }
        waves.push(share);
    }
    if waves.last() != Some(&1_000) {
        return Err(("does not end with all tenants".to_owned(), mend));
    }
    Ok(waves)
}

/// What can't stand together, and shares that are none.
pub(super) fn check(values: &Values, mistakes: &mut Mistakes) {
    let mut wrong = |kind, name: &str, what: &str, mend: &str| {
        mistakes.push(Mistake::new(kind, name, values.place(name), what, mend));
    };
    let contradiction = MistakeKind::Contradiction;
    if let Some(Err((what, mend))) = values.list("fleet.waves").map(waves) {
        wrong(contradiction, "fleet.waves", &what, mend);
    }
    for name in ["fleet.halt_share", "fleet.halt_unreachable"] {
        if let Some(text) = values.text(name).filter(|text| permille(text).is_none()) {
            wrong(MistakeKind::WrongType, name, &format!("expected a share, found `{text}`"), SHARE);
        }
    }
    let mut seen = BTreeSet::new();
    let canary = values.list("fleet.canary").unwrap_or_default();
    if let Some(tenant) = canary.iter().find(|tenant| !seen.insert(tenant.as_str())) {
        wrong(contradiction, "fleet.canary", &format!("names {tenant} twice"), "take one out");
    }
    if let (Some(statement), Some(lock)) =
        (values.length("fleet.timeout"), values.length("fleet.lock_timeout"))
        && lock >= statement
    {
        let name =
            if values.is_written("fleet.lock_timeout") { "fleet.lock_timeout" } else { "fleet.timeout" };
        let what = "a wait for a lock (fleet.lock_timeout) may take as long as its statement (fleet.timeout): it would look \
                    like a slow one, and not be tried again";
        wrong(contradiction, name, what, "make the wait for a lock shorter than the statement");
    }
    let (query, most) = ("fleet.load_query", "fleet.load_most");
    match (values.text(query), values.whole_number(most)) {
        (Some(_), None) => {
            wrong(
                contradiction,
                query,
                "stands alone: nothing says what is too much",
                "write `load_most`, too",
            );
        }
        (None, Some(_)) => {
            wrong(contradiction, most, "stands alone: nothing is asked", "write `load_query`, too");
        }
        (Some(_), Some(_)) | (None, None) => {}
    }
    let (command, url) = ("fleet.deploy_command", "fleet.deploy_url");
    let has_command = values.list(command).is_some_and(|argv| !argv.is_empty());
    if has_command && values.text(url).is_some() {
        wrong(contradiction, url, "is set beside `deploy_command`: only one of them deploys", "take one out");
    }
    for (token, url) in [("fleet.deploy_token", url), ("fleet.notify_token", "fleet.notify_url")] {
        if values.secret(token).is_some() && values.text(url).is_none() {
            let mend = format!("write `{}`, or take the token out", url.trim_start_matches("fleet."));
            wrong(contradiction, token, "is shown to nobody", &mend);
        }
    }
    application(values, mistakes);
}

/// The table needs the key that opens it, and the database that it is in.
fn application(values: &Values, mistakes: &mut Mistakes) {
    const NAME: &str = "fleet.application.key";
    let mut wrong = |kind, name: &str, what: &str, mend: &str| {
        mistakes.push(Mistake::new(kind, name, values.place(name), what, mend));
    };
    if values.secret(NAME).is_none() {
        let written = KEYS.iter().find(|key| {
            key.section() == "fleet.application" && key.name != NAME && values.is_written(key.name)
        });
        if let Some(key) = written {
            let what = "says a name of the application's table, and nothing opens what is sealed there";
            let mend = "write the application's key into a file of mode 0600 and its path into `key_file` under \
                        [fleet.application]";
            wrong(MistakeKind::Contradiction, key.name, what, mend);
        }
    } else if values.text("catalog.source").is_some_and(|source| source != "postgres") {
        let what = "opens a table of the application's database, which is not read: catalog.source is not \"postgres\"";
        let mend = "set `source = \"postgres\"` under [catalog], with `database_url`; or take the key out";
        wrong(MistakeKind::Contradiction, NAME, what, mend);
    }
}

pub(super) fn fleet(values: &Values) -> Option<Fleet> {
    let text = |name: &str| values.text(name).map(str::to_owned);
    let share = |name| permille(values.text(name)?);
    let count = |name| usize::try_from(values.whole_number(name)?).ok();
    let number = |name| u32::try_from(values.whole_number(name)?).ok();
    let every = values.length("fleet.load_every")?;
    let load = text("fleet.load_query").zip(number("fleet.load_most"));
    let argv = values.list("fleet.deploy_command")?;
    let call = |url| FleetDeploy::Call { url, token: values.secret("fleet.deploy_token").cloned() };
    let command = (!argv.is_empty()).then(|| FleetDeploy::Command(argv.to_vec()));
    Some(Fleet {
        folder: values.path("fleet.folder").map(std::path::Path::to_owned),
        canary: values.list("fleet.canary")?.iter().map(|tenant| TenantId(tenant.clone())).collect(),
        waves: waves(values.list("fleet.waves")?).ok()?,
        parallel: count("fleet.parallel")?,
        per_host: count("fleet.per_host")?,
        per_server: count("fleet.per_server")?,
        halt_failures: number("fleet.halt_failures")?,
        halt_permille: share("fleet.halt_share")?,
        halt_unreachable_permille: share("fleet.halt_unreachable")?,
        timeout: values.length("fleet.timeout")?,
        lock_timeout: values.length("fleet.lock_timeout")?,
        lock_tries: number("fleet.lock_tries")?,
        connect_timeout: values.length("fleet.connect_timeout")?,
        fresh: values.length("fleet.fresh")?,
        retest_every: values.length("fleet.retest_every")?,
        load: load.map(|(query, most)| FleetLoad { query, most, every }),
        ping: text("fleet.ping")?,
        deploy: command.or_else(|| text("fleet.deploy_url").map(call)),
        notify_url: text("fleet.notify_url"),
        notify_token: values.secret("fleet.notify_token").cloned(),
        application: table(values),
    })
}

/// None where there is no key, or where the database is missing, which was said before.
fn table(values: &Values) -> Option<FleetApplication> {
    let of = |field: &str| values.text(&format!("fleet.application.{field}")).map(str::to_owned);
    let some = |field: &str| of(field).map(|name| Some(name).filter(|name| !name.is_empty()));
    Some(FleetApplication {
        key: values.secret("fleet.application.key")?.clone(),
        database: values.secret("catalog.database_url")?.clone(),
        table: of("table")?,
        tenant: of("tenant")?,
        external_user: some("external_user")?,
        url: of("url")?,
        deploy_key: some("deploy_key")?,
        iv: of("iv")?,
        tags: of("tags")?,
        status: of("status")?,
        schema_version: of("schema_version")?,
        updated_at: some("updated_at")?,
    })
}

#[cfg(test)]
mod tests;
