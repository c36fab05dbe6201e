//! What each list can be filtered and sorted by.

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    Number,
    /// A moment; filters say how long ago, `age>2h`.
    Age,
    Flag,
}

/// A field of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    pub name: &'static str,
    pub kind: Kind,
    /// A term without a field looks here too.
    pub is_name: bool,
    /// For help.
    pub about: &'static str,
}

/// The fields of one list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fields {
    /// What the list holds: `repositories`.
    pub noun: &'static str,
    pub all: &'static [Field],
}

impl Fields {
    /// The field of this name.
    pub fn find(&self, name: &str) -> Option<&'static Field> {
        self.all.iter().find(|field| field.name == name)
    }
}

const fn name(name: &'static str, about: &'static str) -> Field {
    Field { name, kind: Kind::Text, is_name: true, about }
}

const fn field(name: &'static str, kind: Kind, about: &'static str) -> Field {
    Field { name, kind, is_name: false, about }
}

/// Repositories of projects with their mapping.
pub const LINKS: Fields = Fields {
    noun: "repositories",
    all: &[
        name("project", "the application's id of the project"),
        name("tenant", "the application's id of the tenant"),
        name("repo", "owner/name"),
        field("status", Kind::Word(&["mapped", "pending", "unmappable", "unplanned"]), "how it is mapped"),
        field("reason", Kind::Word(REASONS), "why it is mapped or not"),
        field("confidence", Kind::Number, "in percent"),
        field("installation", Kind::Number, "number of the installation that serves it"),
        field("canary", Kind::Flag, "its tenant is on the canary list"),
    ],
};

const REASONS: &[&str] = &[
    "id_listed",
    "id_listed_renamed",
    "token_read",
    "redirected",
    "commit_found",
    "redirect_not_listed",
    "name_only",
    "name_reused",
    "not_granted",
    "suspended",
    "request_pending",
    "not_installed",
    "ambiguous",
    "owner_mismatch",
    "gone",
    "owner_unknown",
    "not_listed",
    "probe_owed",
    "ready_to_map",
];

/// Tenants with the progress of their repositories.
pub const TENANTS: Fields = Fields {
    noun: "tenants",
    all: &[
        name("tenant", "the application's id of the tenant"),
        field("canary", Kind::Flag, "on the canary list"),
        field("projects", Kind::Number, "how many projects"),
        field("repos", Kind::Number, "how many repositories"),
        field("mapped", Kind::Number, "how many are mapped"),
        field("pending", Kind::Number, "how many are pending"),
        field("unmappable", Kind::Number, "how many are unmappable"),
        field("unplanned", Kind::Number, "how many no plan was applied to"),
    ],
};

/// Runs.
pub const RUNS: Fields = Fields {
    noun: "runs",
    all: &[
        name("id", "the run's id"),
        name("kind", "what it does: map"),
        name("scope", "what it covers: all, canary, tenant:acme"),
        field(
            "state",
            Kind::Word(&[
                "planned",
                "approved",
                "applying",
                "pausing",
                "paused",
                "verifying",
                "done",
                "cancelled",
                "failed",
                "undoing",
                "undone",
                "expired",
            ]),
            "where it stands",
        ),
        name("author", "who planned it"),
        field("age", Kind::Age, "how long ago it was planned"),
        field("items", Kind::Number, "how many items"),
        field("findings", Kind::Number, "stale, failed, unknown and superseded items"),
    ],
};

/// Items of one run.
pub const ITEMS: Fields = Fields {
    noun: "items",
    all: &[
        field("ord", Kind::Number, "place in the plan, from 0"),
        name("key", "project:owner/name"),
        field(
            "state",
            Kind::Word(&[
                "pending",
                "leased",
                "done",
                "stale",
                "skipped",
                "failed",
                "unknown",
                "undone",
                "superseded",
            ]),
            "where it stands",
        ),
        name("reason", "why it is stale, failed, unknown or superseded"),
        field("tries", Kind::Number, "how often it was tried"),
    ],
};

/// Installation tokens.
pub const TOKENS: Fields = Fields {
    noun: "tokens",
    all: &[
        field("installation", Kind::Number, "number of the installation"),
        name("account", "login of the account"),
        field(
            "state",
            Kind::Word(&["fresh", "absent", "suspended", "gone", "failing"]),
            "how minting stands",
        ),
        field("left", Kind::Number, "calls left of the hour, where GitHub has said it"),
        field("mints", Kind::Number, "tokens minted since the daemon started"),
    ],
};

/// Records of the audit log.
pub const AUDIT: Fields = Fields {
    noun: "records",
    all: &[
        field("seq", Kind::Number, "number of the record"),
        name("who", "operator, or daemon"),
        name("from", "from where"),
        name("act", "what was done"),
        name("subject", "what it was done to"),
        field("age", Kind::Age, "how long ago"),
    ],
};

/// Deliveries of webhooks.
pub const DELIVERIES: Fields = Fields {
    noun: "deliveries",
    all: &[
        field("seq", Kind::Number, "place in the inbox"),
        name("guid", "GitHub's id of the delivery"),
        name("event", "push, installation"),
        name("action", "created, renamed"),
        field("installation", Kind::Number, "number of the installation"),
        name("repo", "owner/name"),
        field("state", Kind::Word(&["waiting", "handled", "ignored", "dead"]), "where it stands"),
        field("age", Kind::Age, "how long ago it was received"),
        field("bytes", Kind::Number, "size of its body"),
        field("tries", Kind::Number, "tries that failed"),
        field("repeats", Kind::Number, "how often it came again"),
        name("note", "what was done, or why it failed"),
    ],
};

/// Installations.
pub const INSTALLATIONS: Fields = Fields {
    noun: "installations",
    all: &[
        field("id", Kind::Number, "number of the installation"),
        name("account", "login of the account"),
        field("state", Kind::Word(&["active", "suspended", "gone"]), "where it stands at GitHub"),
        field(
            "health",
            Kind::Word(&["healthy", "attention", "failing"]),
            "whether somebody has to do something",
        ),
        name("reason", "permission_missing, budget_low"),
        field("selection", Kind::Word(&["all", "selected"]), "which repositories it was granted"),
        field("repositories", Kind::Number, "how many it lists"),
        field("unmapped", Kind::Number, "links of its account that are not mapped"),
        field("dead", Kind::Number, "deliveries that were given up"),
        field("delivery", Kind::Age, "how long ago the last delivery came"),
    ],
};

/// Tenants' own databases.
pub const INSTANCES: Fields = Fields {
    noun: "instances",
    all: &[
        name("tenant", "the application's id of the tenant"),
        name("server", "host and port of its database server"),
        field("driver", Kind::Word(&["postgres", "sqlite", "http"]), "what it is"),
        field("state", Kind::Word(&["new", "connected", "error"]), "whether it can be reached"),
        field("version", Kind::Number, "the newest migration that it has"),
        field("pending", Kind::Number, "migrations between its version and the target"),
        field(
            "status",
            Kind::Word(&["pending", "running", "completed", "failed", "skipped"]),
            "its worst status among the migrations",
        ),
        name("failed", "the migration that failed: 0002_add_tags"),
        name("error", "the error of the failed migration, or why it can't be reached"),
        field("drifted", Kind::Flag, "its schema was changed by hand"),
        field("wave", Kind::Number, "its wave, from 1"),
        field("checked", Kind::Age, "how long ago it was asked"),
    ],
};

/// Workflows.
pub const WORKFLOWS: Fields = Fields {
    noun: "workflows",
    all: &[
        name("id", "its id"),
        name("name", "its name"),
        name("repo", "the repository or glob that it waits for"),
        name("event", "push, pull_request"),
        field("source", Kind::Word(&["registered", "application"]), "where it comes from"),
        field("trouble", Kind::Text, "why it matches nothing"),
        field("matches", Kind::Number, "deliveries that matched"),
        field("matched", Kind::Age, "how long ago the last one matched"),
        field("waiting", Kind::Number, "dispatches that wait"),
        field("dead", Kind::Number, "dispatches that were given up"),
    ],
};

/// Dispatches to the engine.
pub const DISPATCHES: Fields = Fields {
    noun: "dispatches",
    all: &[
        field("seq", Kind::Number, "place in the outbox"),
        name("workflow", "id of the workflow"),
        name("guid", "the delivery that it follows from"),
        name("event", "push, pull_request"),
        name("repo", "owner/name"),
        field("state", Kind::Word(&["waiting", "sent", "dead"]), "where it stands"),
        field("age", Kind::Age, "how long ago it was made"),
        field("tries", Kind::Number, "tries that failed"),
        name("note", "why the last try failed"),
    ],
};
