//! Where the catalog is, and the application's own database.

use secrecy::SecretString;

/// Where the catalog is.
#[derive(Clone, Debug)]
pub enum Catalog {
    /// In our store, filled by import.
    Embedded,
    Postgres(Box<PostgresCatalog>),
}

/// The application's own database.
#[derive(Clone, Debug)]
pub struct PostgresCatalog {
    pub url: SecretString,
    pub names: PostgresNames,
    pub mirror: MirrorNames,
}

/// What is copied into the application's tables, and where; nothing without a word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MirrorNames {
    pub installations: Option<InstallationCopy>,
    pub integrations: Option<IntegrationCopy>,
}

/// The application's table of installations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstallationCopy {
    pub table: String,
    pub id: String,
    pub repositories: String,
    pub account_id: Option<String>,
    pub account_login: Option<String>,
    pub account_type: Option<String>,
    /// Whether rows that are not there are added.
    pub add: bool,
}

/// The application's table of integrations; columns that it does not have are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntegrationCopy {
    pub table: String,
    pub id: String,
    pub kind: Option<String>,
    pub name: Option<String>,
    pub description: Option<String>,
    pub version: Option<String>,
    pub configuration: Option<String>,
    pub operations: Option<String>,
    pub scopes: Option<String>,
    pub tokens: TokenCopy,
}

/// The application's table of tokens, which never gets one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenCopy {
    pub table: String,
    pub id: String,
    pub integration: String,
    pub provider: String,
    pub access: String,
    pub data: String,
    pub user: String,
    pub active: String,
}

/// Table and column names in the application's database, as the database has them, unquoted, 1 to 63 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresNames {
    pub schema: String,
    pub project_table: String,
    pub project_id: String,
    pub project_tenant: String,
    pub project_user: String,
    /// The only two columns that are ever written.
    pub installation: String,
    pub status: String,
    pub repo: RepoNames,
    pub user_tokens: Option<UserTokenNames>,
    pub workflows: WorkflowNames,
}

/// Where a project's repositories are, and what is known of them there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepoNames {
    pub place: RepoPlace,
    pub repo_id: Option<String>,
    pub owner_id: Option<String>,
    pub owner_login: Option<String>,
    pub imported_commit_sha: Option<String>,
    pub imported_tree_sha: Option<String>,
    pub imported_at: Option<String>,
    pub import_method: Option<String>,
}

/// The table with `owner/name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RepoPlace {
    /// A column of the project's table: one repository for each project.
    Project { name: String },
    /// A table of its own: several for each project.
    Table { table: String, project: String, name: String },
}

/// Where the old user tokens are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserTokenNames {
    pub table: String,
    pub id: String,
    pub token: String,
}

/// Where the application keeps its workflows and their triggers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkflowNames {
    pub table: String,
    pub id: String,
    pub name: String,
    pub definition: String,
    pub triggers: String,
    pub trigger_id: String,
    pub trigger_workflow: String,
    pub trigger_type: String,
    pub trigger_config: String,
}
