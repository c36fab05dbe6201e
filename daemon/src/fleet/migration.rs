//! A migration as the registry understands it.

use std::time::Duration;

use cutover_shared::fleet::DriverKind;

/// One migration: its ways up and down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    pub version: u32,
    /// `0002_add_tags`: what its files are called before `.up.sql`.
    pub id: String,
    /// `add tags`.
    pub name: String,
    /// The first comment line, or what the TOML says; may be empty.
    pub description: String,
    pub up: Ways,
    pub down: Ways,
    /// The id of the earlier migration that it stands for: a tenant without that one does not get it any more.
    pub replaces: Option<String>,
    /// SHA-256 over the ways up.
    pub checksum: String,
}

impl Migration {
    /// What is run on an instance of this driver, if there is anything.
    pub fn step(&self, way: cutover_shared::fleet::Way, driver: DriverKind) -> Option<Step<'_>> {
        let ways = match way {
            cutover_shared::fleet::Way::Up => &self.up,
            cutover_shared::fleet::Way::Down => &self.down,
        };
        match driver {
            DriverKind::Http => ways.http.as_ref().map(Step::Http),
            DriverKind::Postgres | DriverKind::Sqlite => {
                ways.sql.as_ref().map(Step::Sql).or(ways.http.as_ref().map(Step::Http))
            }
        }
    }
}

/// What one way does, on SQL databases and over HTTP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ways {
    pub sql: Option<Script>,
    pub http: Option<HttpStep>,
}

/// What is run on one instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    Sql(&'a Script),
    Http(&'a HttpStep),
}

impl Step<'_> {
    /// SHA-256 of its file.
    pub fn checksum(&self) -> &str {
        match self {
            Self::Sql(script) => &script.checksum,
            Self::Http(step) => &step.checksum,
        }
    }

    /// The whole text of its file.
    pub fn text(&self) -> &str {
        match self {
            Self::Sql(script) => &script.text,
            Self::Http(step) => &step.text,
        }
    }
}

/// A file of SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// `0002_add_tags.up.sql`
    pub file: String,
    pub text: String,
    pub checksum: String,
    /// Without comments around them and without the semicolon, in order.
    pub statements: Vec<Statement>,
    /// False: each statement is run by itself, outside a transaction (`transaction: none`).
    pub transaction: bool,
    /// `timeout`: what one statement may take. None: what the configuration says.
    pub timeout: Option<Duration>,
    /// `lock_timeout`: how long one statement may wait for a lock.
    pub lock_timeout: Option<Duration>,
    pub chunk: Option<Chunk>,
    /// A query whose single value must be true, asked before the commit.
    pub verify: Option<String>,
}

/// One statement of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    pub text: String,
    /// From 1, in the file.
    pub line: u32,
}

/// A data step that goes in chunks: the script runs again and again, each time with `:cursor` and `:chunk` put in. Its last statement
/// answers with one value, the next cursor; NULL or no row ends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    pub rows: u32,
    /// The first cursor: a whole number or text, as the front matter says (`cursor`, 0 by default).
    pub start: String,
}

/// A step over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpStep {
    /// `0002_add_tags.up.toml`
    pub file: String,
    pub text: String,
    pub checksum: String,
    /// Deploy first.
    pub deploy: bool,
    pub timeout: Option<Duration>,
    /// In order.
    pub calls: Vec<Call>,
    /// Asked at the end, and after a crash to find out whether the step was done.
    pub verify: Option<Verify>,
    /// It may be called again after a crash without harm.
    pub idempotent: bool,
}

impl HttpStep {
    /// Its calls must not be made a second time unasked.
    pub fn is_once(&self) -> bool {
        !self.idempotent && !self.calls.is_empty()
    }
}

/// One call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub to: CallTo,
    /// JSON object; `tenantId`, `externalUserId`, `migrationId` and `idempotencyKey` are added.
    pub args: serde_json::Value,
    /// Called again with the `cursor` of the answer until it says `isDone: true`.
    pub paged: bool,
}

/// What is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallTo {
    /// A function of the deployment: `query`, `mutation` or `action`, and its path (`migrations:addTags`).
    Function { kind: FunctionKind, path: String },
    /// Any address, by POST.
    Url(String),
}

/// Kinds of functions of a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionKind {
    Query,
    Mutation,
    Action,
}

impl FunctionKind {
    /// The word in the address.
    pub fn word(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Mutation => "mutation",
            Self::Action => "action",
        }
    }
}

/// A question whose answer must hold these values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verify {
    pub call: Call,
    /// Each field of it must be equal in the answer.
    pub expect: serde_json::Value,
}
