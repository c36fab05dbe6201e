//! The configured names of the copies, checked once.

use crate::config::{InstallationCopy, IntegrationCopy};
use crate::mapping::catalog::ddl::NameError;

use crate::sql_name::SqlName;

#[derive(Debug)]
pub(super) struct Installations {
    pub(super) table: SqlName,
    pub(super) id: SqlName,
    pub(super) repositories: SqlName,
    pub(super) account_id: Option<SqlName>,
    pub(super) account_login: Option<SqlName>,
    pub(super) account_type: Option<SqlName>,
    pub(super) add: bool,
}

impl Installations {
    pub(super) fn check(names: &InstallationCopy) -> Result<Self, NameError> {
        Ok(Self {
            table: SqlName::new("table of installations", &names.table)?,
            id: SqlName::new("id column of an installation", &names.id)?,
            repositories: SqlName::new("column of an installation's repositories", &names.repositories)?,
            account_id: optional("column of account ids", names.account_id.as_ref())?,
            account_login: optional("column of account logins", names.account_login.as_ref())?,
            account_type: optional("column of account types", names.account_type.as_ref())?,
            add: names.add,
        })
    }

    /// All that is written.
    pub(super) fn written(&self) -> Vec<&SqlName> {
        let optional = [&self.account_id, &self.account_login, &self.account_type];
        std::iter::once(&self.repositories).chain(optional.into_iter().flatten()).collect()
    }
}

#[derive(Debug)]
pub(super) struct Integrations {
    pub(super) table: SqlName,
    pub(super) id: SqlName,
    pub(super) kind: Option<SqlName>,
    pub(super) name: Option<SqlName>,
    pub(super) description: Option<SqlName>,
    pub(super) version: Option<SqlName>,
    pub(super) configuration: Option<SqlName>,
    pub(super) operations: Option<SqlName>,
    pub(super) scopes: Option<SqlName>,
    pub(super) tokens: Tokens,
}

#[derive(Debug)]
pub(super) struct Tokens {
    pub(super) table: SqlName,
    pub(super) id: SqlName,
    pub(super) integration: SqlName,
    pub(super) provider: SqlName,
    pub(super) access: SqlName,
    pub(super) data: SqlName,
    pub(super) user: SqlName,
    pub(super) active: SqlName,
}

impl Integrations {
    pub(super) fn check(names: &IntegrationCopy) -> Result<Self, NameError> {
        let tokens = &names.tokens;
        Ok(Self {
            table: SqlName::new("table of integrations", &names.table)?,
            id: SqlName::new("id column of an integration", &names.id)?,
            kind: optional("type column of an integration", names.kind.as_ref())?,
            name: optional("name column of an integration", names.name.as_ref())?,
            description: optional("description column of an integration", names.description.as_ref())?,
            version: optional("version column of an integration", names.version.as_ref())?,
            configuration: optional("configuration column of an integration", names.configuration.as_ref())?,
            operations: optional("operations column of an integration", names.operations.as_ref())?,
            scopes: optional("scopes column of an integration", names.scopes.as_ref())?,
            tokens: Tokens {
                table: SqlName::new("table of tokens", &tokens.table)?,
                id: SqlName::new("id column of a token", &tokens.id)?,
                integration: SqlName::new("integration column of a token", &tokens.integration)?,
                provider: SqlName::new("provider column of a token", &tokens.provider)?,
                access: SqlName::new("column of tokens", &tokens.access)?,
                data: SqlName::new("data column of a token", &tokens.data)?,
                user: SqlName::new("user column of a token", &tokens.user)?,
                active: SqlName::new("active column of a token", &tokens.active)?,
            },
        })
    }
}

impl Tokens {
    /// All that is written, without the id.
    pub(super) fn written(&self) -> [&SqlName; 6] {
        [&self.integration, &self.provider, &self.access, &self.data, &self.user, &self.active]
    }
}

fn optional(what: &'static str, name: Option<&String>) -> Result<Option<SqlName>, NameError> {
    Ok(name.map(|name| SqlName::new(what, name)).transpose()?)
}
