//! An application with tables for copies, a store that facts are written to, and whoever carries them over.

use std::path::Path;

use cutover_daemon::clock::Clock;
use cutover_daemon::config::{InstallationCopy, IntegrationCopy, MirrorNames, PostgresCatalog, TokenCopy};
use cutover_daemon::faults::Faults;
use cutover_daemon::mapping::catalog::app_database::AppDatabase;
use cutover_daemon::mapping::mirror::Mirror;
use cutover_daemon::store::{
    Db, IndexOp, InstallationRow, IntegrationOp, IntegrationRow, IntegrationState, Lane, Learned, Proof,
    RepositoryRow, Unit, Version, open,
};
use cutover_tests::services::{Database, Postgres};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::world::prisma;

pub const HOST: &str = "github.com";

/// The reference's tables, and what counts the writes to them.
pub const TABLES: &str = r#"
    CREATE TABLE "GitHubAppInstallation" (id BIGSERIAL PRIMARY KEY, "installationId" BIGINT NOT NULL UNIQUE,
        repositories JSONB, "accountId" BIGINT, "accountLogin" TEXT, "accountType" TEXT, note TEXT DEFAULT 'theirs');
    CREATE TABLE integrations (integration_id TEXT PRIMARY KEY, integration_type TEXT NOT NULL, name TEXT NOT NULL,
        description TEXT, version TEXT NOT NULL, configuration JSONB NOT NULL, supported_operations TEXT[] NOT NULL,
        required_scopes TEXT[] NOT NULL, created_at TIMESTAMPTZ NOT NULL DEFAULT now());
    CREATE TABLE oauth_tokens (id UUID PRIMARY KEY DEFAULT gen_random_uuid(), user_id TEXT NOT NULL,
        integration_id TEXT NOT NULL REFERENCES integrations, provider TEXT NOT NULL, access_token TEXT NOT NULL,
        credential_data JSONB DEFAULT '{}', is_active BOOLEAN DEFAULT true, created_at TIMESTAMPTZ DEFAULT now());
    CREATE TABLE touched (id BIGSERIAL PRIMARY KEY);
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
        'BEGIN INSERT INTO public.touched DEFAULT VALUES; RETURN NEW; END';
    CREATE TRIGGER touch AFTER INSERT OR UPDATE ON "GitHubAppInstallation" FOR EACH ROW EXECUTE FUNCTION touch();
    CREATE TRIGGER touch AFTER INSERT OR UPDATE ON oauth_tokens FOR EACH ROW EXECUTE FUNCTION touch();
    CREATE TRIGGER touch AFTER INSERT OR UPDATE ON integrations FOR EACH ROW EXECUTE FUNCTION touch();"#;

pub fn installations() -> InstallationCopy {
    InstallationCopy {
        table: "GitHubAppInstallation".into(),
        id: "installationId".into(),
        repositories: "repositories".into(),
        account_id: Some("accountId".into()),
        account_login: Some("accountLogin".into()),
        account_type: Some("accountType".into()),
        add: false,
    }
}

pub fn integrations() -> IntegrationCopy {
    IntegrationCopy {
        table: "integrations".into(),
        id: "integration_id".into(),
        kind: Some("integration_type".into()),
        name: Some("name".into()),
        description: Some("description".into()),
        version: Some("version".into()),
        configuration: Some("configuration".into()),
        operations: Some("supported_operations".into()),
        scopes: Some("required_scopes".into()),
        tokens: TokenCopy {
            table: "oauth_tokens".into(),
            id: "id".into(),
            integration: "integration_id".into(),
            provider: "provider".into(),
            access: "access_token".into(),
            data: "credential_data".into(),
            user: "user_id".into(),
            active: "is_active".into(),
        },
    }
}

pub fn both() -> MirrorNames {
    MirrorNames { installations: Some(installations()), integrations: Some(integrations()) }
}

/// The application's side.
pub struct Theirs {
    pub database: Database,
    pub names: MirrorNames,
    pub connection: PgConnection,
}

impl Theirs {
    pub async fn new(names: MirrorNames, tables: &str) -> Self {
        Self::on(Postgres::shared().await.unwrap(), names, tables).await
    }

    pub async fn on(postgres: &Postgres, names: MirrorNames, tables: &str) -> Self {
        let database = postgres.database().await.unwrap();
        let connection = database.connect().await.unwrap();
        let mut theirs = Self { database, names, connection };
        theirs.sql(tables).await;
        theirs
    }

    pub async fn sql(&mut self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut self.connection).await.unwrap();
    }

    pub async fn texts(&mut self, sql: &str) -> Vec<String> {
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_all(&mut self.connection).await.unwrap()
    }

    pub fn open(&self) -> AppDatabase {
        self.open_at(&self.database.url)
    }

    pub fn open_at(&self, url: &str) -> AppDatabase {
        let (names, mirror) = (prisma(), self.names.clone());
        AppDatabase::new(&PostgresCatalog { url: url.to_owned().into(), names, mirror }).unwrap()
    }

    /// `id: login [names]` of each row, in order.
    pub async fn lists(&mut self) -> Vec<String> {
        let sql = r#"SELECT "installationId" || ': ' || coalesce("accountLogin", '-') || ' ' || coalesce(repositories::text, '-')
                       FROM "GitHubAppInstallation" ORDER BY "installationId""#;
        self.texts(sql).await
    }

    /// `user installation state` of each row that has our integration.
    pub async fn tokens(&mut self) -> Vec<String> {
        let sql = "SELECT user_id || ' ' || (credential_data->>'installation_id') || ' ' || is_active FROM oauth_tokens
                    WHERE integration_id = 'github_app' AND provider = 'github' ORDER BY 1";
        self.texts(sql).await
    }

    /// Rows written so far.
    pub async fn touched(&mut self) -> usize {
        self.texts("SELECT id::text FROM touched").await.len()
    }

    /// Rows of the application for these installations, empty.
    pub async fn knows(&mut self, ids: &[i64]) {
        for id in ids {
            self.sql(&format!(r#"INSERT INTO "GitHubAppInstallation" ("installationId") VALUES ({id})"#))
                .await;
        }
        self.sql("TRUNCATE touched").await;
    }

    pub async fn reconnect(&mut self) {
        self.connection = PgConnection::connect(&self.database.url).await.unwrap();
    }
}

/// Our side.
pub struct Ours {
    pub db: Db,
    pub clock: Clock,
    pub mirror: Mirror,
}

impl Ours {
    pub async fn new(dir: &Path, app: AppDatabase, faults: Faults) -> Self {
        let db = open(&format!("sqlite:{}/cutover.db", dir.display()), Faults::none()).await.unwrap();
        let clock = Clock::manual(1_700_000_000_000);
        let mirror = Mirror::new(db.clone(), app, HOST, clock.clone(), faults).unwrap();
        Self { db, clock, mirror }
    }

    pub async fn pay(&self) {
        while self.mirror.pay().await.unwrap() {}
    }

    pub async fn write(&self, unit: Unit) {
        self.db.write(Lane::Handler, unit).await.unwrap();
    }

    /// A whole sweep that saw these installations with these repositories.
    pub async fn sweep(&self, at: i64, found: &[(i64, &str, &[&str])]) {
        let (sweep, host) = (format!("sweep-{at:04}"), HOST.to_owned());
        let rows = found.iter().map(|(id, login, _)| row(*id, login)).collect();
        self.write(Unit::new().with(IndexOp::Begin { sweep: sweep.clone(), host: host.clone(), at })).await;
        let listed = IndexOp::Installations {
            sweep: sweep.clone(),
            host: host.clone(),
            rows,
            cursor: None,
            done: true,
        };
        self.write(Unit::new().with(listed)).await;
        for (id, login, names) in found {
            let rows = names.iter().map(|name| repository(*id, login, name)).collect();
            let unit = Unit::new()
                .with(IndexOp::Repositories { sweep: sweep.clone(), host: host.clone(), rows })
                .with(IndexOp::Listed { sweep: sweep.clone(), host: host.clone(), installation: *id });
            self.write(unit).await;
        }
        self.write(Unit::new().with(IndexOp::End { sweep, host, at })).await;
    }

    pub async fn learn(&self, fact: Learned) {
        let op = IndexOp::Learned { host: HOST.to_owned(), fact: Box::new(fact), at: 1 };
        self.write(Unit::new().with(op)).await;
    }

    pub async fn integration(&self, op: IntegrationOp) {
        self.write(Unit::new().with(op)).await;
    }
}

pub fn row(id: i64, login: &str) -> InstallationRow {
    InstallationRow {
        id,
        account_id: id + 1_000,
        account_login: login.into(),
        account_type: "Organization".into(),
        selection: "selected".into(),
        suspended_at: None,
        permissions: "{}".into(),
    }
}

pub fn repository(installation: i64, login: &str, name: &str) -> RepositoryRow {
    // The same name is the same repository.
    let id = name.bytes().fold(installation, |id, byte| (id * 31 + i64::from(byte)) % 1_000_000_007);
    RepositoryRow {
        installation,
        id,
        full_name: format!("{login}/{name}"),
        owner_id: installation + 1_000,
        owner_login: login.into(),
        created_at: Some(1),
        private: true,
        fork: false,
    }
}

pub fn at(received: i64) -> Version {
    Version { at: received, received }
}

pub fn id(n: u32) -> String {
    format!("01a1fd0c-b0b0-7212-b2b6-{n:012}")
}

pub fn bind(n: u32, user: &str, installation: i64) -> IntegrationOp {
    IntegrationOp::Bind(Box::new(IntegrationRow {
        id: id(n),
        user: user.into(),
        tenant: None,
        host: HOST.into(),
        installation: Some(installation),
        account_login: Some("acme".into()),
        requester: None,
        setup_action: "install".into(),
        proof: Proof::Code,
        state: IntegrationState::Active,
        created_at: 5,
        callback_at: 1_736_764_200_000,
        ended_at: None,
    }))
}
