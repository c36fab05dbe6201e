//! An application with its database: tables by the configured names, a trigger that counts what is written.

use std::collections::BTreeMap;

use cutover_daemon::config::{
    MirrorNames, PostgresCatalog, PostgresNames, RepoNames, RepoPlace, UserTokenNames, WorkflowNames,
};
use cutover_daemon::mapping::catalog::app_database::{AppDatabase, Held};
use cutover_daemon::mapping::catalog::ddl::{DdlNames, ddl, quoted};
use cutover_shared::catalog::{Ddl, DdlFormat};
use cutover_tests::services::{Database, Postgres};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

pub struct App {
    pub database: Database,
    pub names: PostgresNames,
    connection: PgConnection,
}

/// Prisma's names, everything in the project's table.
pub fn prisma() -> PostgresNames {
    PostgresNames {
        schema: "public".into(),
        project_table: "Project".into(),
        project_id: "id".into(),
        project_tenant: "tenantId".into(),
        project_user: "userId".into(),
        installation: "githubInstallationId".into(),
        status: "migrationStatus".into(),
        repo: RepoNames {
            place: RepoPlace::Project { name: "repoFullName".into() },
            repo_id: Some("repoId".into()),
            owner_id: None,
            owner_login: None,
            imported_commit_sha: Some("commit".into()),
            imported_tree_sha: None,
            imported_at: Some("importedAt".into()),
            import_method: None,
        },
        user_tokens: Some(UserTokenNames {
            table: "User".into(),
            id: "id".into(),
            token: "githubAccessToken".into(),
        }),
        workflows: WorkflowNames {
            table: "workflows".into(),
            id: "id".into(),
            name: "name".into(),
            definition: "definition".into(),
            triggers: "workflow_triggers".into(),
            trigger_id: "id".into(),
            trigger_workflow: "workflow_id".into(),
            trigger_type: "trigger_type".into(),
            trigger_config: "trigger_config".into(),
        },
    }
}

/// The same with the repositories in a table of their own.
pub fn with_repo_table() -> PostgresNames {
    let mut names = prisma();
    names.repo.place =
        RepoPlace::Table { table: "Repo".into(), project: "projectId".into(), name: "fullName".into() };
    names
}

/// Names that do not survive careless quoting.
pub fn hostile() -> PostgresNames {
    let mut names = with_repo_table();
    names.schema = "my \"app\"; --".into();
    names.project_table = "table".into();
    names.project_id = "SELECT".into();
    names.project_tenant = "tenant's id".into();
    names.project_user = "user".into();
    names.installation = "Installation\"Id".into();
    names.status = "{} $1 stätus".into();
    names.repo.place =
        RepoPlace::Table { table: "Order by".into(), project: "from".into(), name: "NULL".into() };
    names.repo.repo_id = Some("$$".into());
    names.user_tokens =
        Some(UserTokenNames { table: "user".into(), id: "\\".into(), token: "'); DROP TABLE x".into() });
    names
}

impl App {
    /// Fresh tables in the shared cluster, with our columns.
    pub async fn new(names: PostgresNames, id_type: &str) -> Self {
        Self::on(Postgres::shared().await.unwrap(), names, id_type).await
    }

    pub async fn on(postgres: &Postgres, names: PostgresNames, id_type: &str) -> Self {
        let mut app = Self::bare(postgres, names, id_type).await;
        let up = app.ddl().up;
        app.database.psql(&up).await.unwrap();
        app.sql(&format!(
            "CREATE TABLE public.touched (id TEXT);
             CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN INSERT INTO public.touched VALUES (to_jsonb(NEW)->>'{id}'); RETURN NEW; END $$;
             CREATE TRIGGER touch AFTER UPDATE ON {project} FOR EACH ROW EXECUTE FUNCTION public.touch();",
            id = app.names.project_id,
            project = app.project(),
        ))
        .await;
        app
    }

    /// Fresh tables as the application has them before our migration.
    pub async fn bare(postgres: &Postgres, names: PostgresNames, id_type: &str) -> Self {
        let database = postgres.database().await.unwrap();
        let connection = database.connect().await.unwrap();
        let mut app = Self { database, names, connection };
        let q = quoted;
        let n = app.names.clone();
        let users = n.user_tokens.clone().unwrap();
        let known = format!(
            "{} BIGINT, {} TEXT, {} TIMESTAMP(3)",
            q(n.repo.repo_id.as_ref().unwrap()),
            q(n.repo.imported_commit_sha.as_ref().unwrap()),
            q(n.repo.imported_at.as_ref().unwrap()),
        );
        let (own, other) = match &n.repo.place {
            RepoPlace::Project { name } => (format!(", {} TEXT, {known}", q(name)), String::new()),
            RepoPlace::Table { table, project, name } => (
                String::new(),
                format!(
                    "CREATE TABLE {}.{} (key BIGSERIAL PRIMARY KEY, {} {id_type}, {} TEXT, {known});",
                    q(&n.schema),
                    q(table),
                    q(project),
                    q(name)
                ),
            ),
        };
        let sql = format!(
            "CREATE SCHEMA IF NOT EXISTS {schema};
             CREATE TABLE {project} ({id} {id_type} PRIMARY KEY, {tenant} TEXT, {user} INTEGER,
                                     title TEXT DEFAULT 'a title', blob BYTEA DEFAULT '\\xdeadbeef'{own});
             {other}
             CREATE TABLE {schema}.{users} ({uid} INTEGER PRIMARY KEY, {token} TEXT);",
            schema = q(&n.schema),
            project = app.project(),
            id = q(&n.project_id),
            tenant = q(&n.project_tenant),
            user = q(&n.project_user),
            users = q(&users.table),
            uid = q(&users.id),
            token = q(&users.token),
        );
        app.sql(&sql).await;
        app
    }

    pub fn ddl(&self) -> Ddl {
        let names = DdlNames {
            schema: Some(self.names.schema.clone()),
            table: self.names.project_table.clone(),
            installation_column: self.names.installation.clone(),
            status_column: self.names.status.clone(),
        };
        ddl(DdlFormat::Sql, &names).unwrap()
    }

    pub fn project(&self) -> String {
        format!("{}.{}", quoted(&self.names.schema), quoted(&self.names.project_table))
    }

    pub fn catalog(&self) -> PostgresCatalog {
        PostgresCatalog {
            url: self.database.url.clone().into(),
            names: self.names.clone(),
            mirror: MirrorNames::default(),
        }
    }

    pub fn open(&self) -> AppDatabase {
        AppDatabase::new(&self.catalog()).unwrap()
    }

    pub async fn sql(&mut self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut self.connection).await.unwrap();
    }

    /// A new connection, after the server went away.
    pub async fn reconnect(&mut self) {
        self.connection = self.database.connect().await.unwrap();
    }

    pub async fn texts(&mut self, sql: &str) -> Vec<String> {
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_all(&mut self.connection).await.unwrap()
    }

    /// A project, with its repositories where those are in the table that the names say.
    pub async fn add(&mut self, id: &str, tenant: Option<&str>, repos: &[&str]) {
        let (q, n) = (quoted, self.names.clone());
        let text = |text: &str| format!("'{}'", text.replace('\'', "''"));
        let tenant = tenant.map_or("NULL".to_owned(), text);
        let (id_, tenant_) = (q(&n.project_id), q(&n.project_tenant));
        let sql = match &n.repo.place {
            RepoPlace::Project { name } => {
                let repo = repos.first().map_or("NULL".to_owned(), |repo| text(repo));
                format!(
                    "INSERT INTO {} ({id_}, {tenant_}, {}) VALUES ({}, {tenant}, {repo});",
                    self.project(),
                    q(name),
                    text(id)
                )
            }
            RepoPlace::Table { table, project, name } => {
                let mut sql = format!(
                    "INSERT INTO {} ({id_}, {tenant_}) VALUES ({}, {tenant});",
                    self.project(),
                    text(id)
                );
                for repo in repos {
                    sql += &format!(
                        "INSERT INTO {}.{} ({}, {}) VALUES ({}, {});",
                        q(&n.schema),
                        q(table),
                        q(project),
                        q(name),
                        text(id),
                        text(repo)
                    );
                }
                sql
            }
        };
        self.sql(&sql).await;
    }

    /// Sets our two columns as somebody else would.
    pub async fn set(&mut self, id: &str, installation: &str, status: &str) {
        let n = self.names.clone();
        let sql = format!(
            "ALTER TABLE {p} DISABLE TRIGGER touch; UPDATE {p} SET {} = {installation}, {} = {status}
              WHERE {} = '{id}'; ALTER TABLE {p} ENABLE TRIGGER touch",
            quoted(&n.installation),
            quoted(&n.status),
            quoted(&n.project_id),
            p = self.project()
        );
        self.sql(&sql).await;
    }

    pub async fn held(&mut self, id: &str) -> Held {
        let n = self.names.clone();
        let sql = format!(
            "SELECT {}, {} FROM {} WHERE {} = '{id}'",
            quoted(&n.installation),
            quoted(&n.status),
            self.project(),
            quoted(&n.project_id)
        );
        let (installation, status) =
            sqlx::query_as(AssertSqlSafe(sql)).fetch_one(&mut self.connection).await.unwrap();
        Held { installation, status }
    }

    /// Every row of the project's table, with every column.
    pub async fn dump(&mut self) -> Vec<String> {
        let sql = format!("SELECT to_jsonb(t)::text FROM {} AS t ORDER BY 1", self.project());
        self.texts(&sql).await
    }

    /// Every row of every table of the application, without our two columns.
    pub async fn rest(&mut self) -> Vec<String> {
        let n = self.names.clone();
        let e = |name: &str| name.replace('\'', "''");
        let mut sql = format!(
            "SELECT (to_jsonb(t) - '{}' - '{}')::text FROM {} AS t UNION ALL SELECT to_jsonb(u)::text FROM {}.{} AS u",
            e(&n.installation),
            e(&n.status),
            self.project(),
            quoted(&n.schema),
            quoted(&n.user_tokens.as_ref().unwrap().table)
        );
        if let RepoPlace::Table { table, .. } = &n.repo.place {
            sql += &format!(
                " UNION ALL SELECT to_jsonb(r)::text FROM {}.{} AS r",
                quoted(&n.schema),
                quoted(table)
            );
        }
        self.texts(&(sql + " ORDER BY 1")).await
    }

    /// How often each project was written since the start, by its trigger.
    pub async fn touched(&mut self) -> BTreeMap<String, usize> {
        let mut touched = BTreeMap::new();
        for id in self.texts("SELECT id FROM public.touched").await {
            *touched.entry(id).or_default() += 1;
        }
        touched
    }

    pub async fn close(self) {
        let _ = self.connection.close().await;
    }
}

pub fn held(installation: Option<i64>, status: Option<&str>) -> Held {
    Held { installation, status: status.map(str::to_owned) }
}
