//! The configured names, checked once.

use crate::config::{PostgresNames, RepoPlace};
use crate::mapping::catalog::ddl::NameError;
use crate::sql_name::SqlName;

#[derive(Debug)]
pub(super) struct Names {
    pub(super) schema: SqlName,
    pub(super) project: SqlName,
    pub(super) id: SqlName,
    pub(super) tenant: SqlName,
    pub(super) installation: SqlName,
    pub(super) status: SqlName,
    /// None: the repository is in the project's table.
    pub(super) repo_table: Option<RepoTable>,
    pub(super) repo_name: SqlName,
    pub(super) repo_id: Option<SqlName>,
    pub(super) repo_owner_id: Option<SqlName>,
    pub(super) repo_owner_login: Option<SqlName>,
    pub(super) repo_commit: Option<SqlName>,
    pub(super) repo_tree: Option<SqlName>,
    pub(super) repo_imported_at: Option<SqlName>,
    pub(super) repo_method: Option<SqlName>,
    pub(super) users: Option<Users>,
    pub(super) workflows: Workflows,
}

#[derive(Debug)]
pub(super) struct RepoTable {
    pub(super) table: SqlName,
    pub(super) project: SqlName,
}

#[derive(Debug)]
pub(super) struct Users {
    pub(super) table: SqlName,
    pub(super) id: SqlName,
    pub(super) token: SqlName,
    /// The project's column that names the user.
    pub(super) user: SqlName,
}

/// Workflows, and their triggers in a table of their own.
#[derive(Debug)]
pub(super) struct Workflows {
    pub(super) table: SqlName,
    pub(super) id: SqlName,
    pub(super) name: SqlName,
    pub(super) definition: SqlName,
    pub(super) triggers: SqlName,
    pub(super) trigger_id: SqlName,
    pub(super) trigger_workflow: SqlName,
    pub(super) trigger_type: SqlName,
    pub(super) trigger_config: SqlName,
}

impl From<crate::sql_name::NameError> for NameError {
    fn from(error: crate::sql_name::NameError) -> Self {
        use crate::sql_name::NameError as E;
        match error {
            E::Empty { what } => Self::Empty { what },
            E::TooLong { what } => Self::TooLong { what },
            E::Control { what } => Self::Control { what },
        }
    }
}

impl Names {
    pub(super) fn check(names: &PostgresNames) -> Result<Self, NameError> {
        if names.installation == names.status {
            return Err(NameError::Same);
        }
        let name = SqlName::new;
        let optional = |what, given: &Option<String>| {
            given.as_deref().map(|given| SqlName::new(what, given)).transpose()
        };
        let (repo_table, repo_name) = match &names.repo.place {
            RepoPlace::Project { name } => (None, name),
            RepoPlace::Table { table, project, name: repo } => {
                let table = name("table of repositories", table)?;
                (Some(RepoTable { table, project: name("project column of a repository", project)? }), repo)
            }
        };
        let users = names.user_tokens.as_ref().map(|users| {
            Ok::<_, NameError>(Users {
                table: name("table of users", &users.table)?,
                id: name("id column of a user", &users.id)?,
                token: name("token column of a user", &users.token)?,
                user: name("user column of a project", &names.project_user)?,
            })
        });
        Ok(Self {
            schema: name("schema", &names.schema)?,
            project: name("table of projects", &names.project_table)?,
            id: name("id column of a project", &names.project_id)?,
            tenant: name("tenant column of a project", &names.project_tenant)?,
            installation: name("installation column", &names.installation)?,
            status: name("status column", &names.status)?,
            repo_table,
            repo_name: name("column of repository names", repo_name)?,
            repo_id: optional("column of repository ids", &names.repo.repo_id)?,
            repo_owner_id: optional("column of owner ids", &names.repo.owner_id)?,
            repo_owner_login: optional("column of owner logins", &names.repo.owner_login)?,
            repo_commit: optional("column of commits", &names.repo.imported_commit_sha)?,
            repo_tree: optional("column of trees", &names.repo.imported_tree_sha)?,
            repo_imported_at: optional("column of import times", &names.repo.imported_at)?,
            repo_method: optional("column of import methods", &names.repo.import_method)?,
            users: users.transpose()?,
            workflows: Workflows {
                table: name("table of workflows", &names.workflows.table)?,
                id: name("id column of a workflow", &names.workflows.id)?,
                name: name("name column of a workflow", &names.workflows.name)?,
                definition: name("definition column of a workflow", &names.workflows.definition)?,
                triggers: name("table of triggers", &names.workflows.triggers)?,
                trigger_id: name("id column of a trigger", &names.workflows.trigger_id)?,
                trigger_workflow: name("workflow column of a trigger", &names.workflows.trigger_workflow)?,
                trigger_type: name("type column of a trigger", &names.workflows.trigger_type)?,
                trigger_config: name("configuration column of a trigger", &names.workflows.trigger_config)?,
            },
        })
    }

    /// The columns that tell of a repository, without the one that names its project.
    pub(super) fn repo_columns(&self) -> Vec<&SqlName> {
        let optional = [
            &self.repo_id,
            &self.repo_owner_id,
            &self.repo_owner_login,
            &self.repo_commit,
            &self.repo_tree,
            &self.repo_imported_at,
            &self.repo_method,
        ];
        std::iter::once(&self.repo_name).chain(optional.into_iter().flatten()).collect()
    }
}
