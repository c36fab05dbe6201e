//! The sections of the file.

/// A section and what stands over it in the commented file and the document.
#[derive(Debug)]
pub struct Section {
    /// `github`; `operators[]` when it is repeated; empty at the top.
    pub name: &'static str,
    pub doc: &'static str,
}

/// All sections, in the order of the file.
pub static SECTIONS: &[Section] = &[
    Section { name: "", doc: "What this daemon is." },
    Section { name: "store", doc: "The daemon's own store. Never the application's database." },
    Section { name: "rpc", doc: "The door for `cutover`: a Unix socket." },
    Section {
        name: "operators[]",
        doc: "Who may speak to the daemon: one section for each person. The daemon's own user is admin without one; any other uid is refused.",
    },
    Section { name: "http", doc: "The door for GitHub: webhooks and health over HTTP." },
    Section {
        name: "api",
        doc: "The application's API at the HTTP door: who may call it, and where people go after an installation.",
    },
    Section { name: "github", doc: "GitHub and the App." },
    Section { name: "migration", doc: "Where the migration starts." },
    Section { name: "catalog", doc: "Where tenants, projects and their repositories are listed." },
    Section {
        name: "catalog.postgres",
        doc: "Names in the application's PostgreSQL database, used when `catalog.source` is \"postgres\".",
    },
    Section {
        name: "catalog.postgres.mirror",
        doc: "Copies that are kept true in that database; each is off unless it is switched on. `docs/application-database.md` has the grants.",
    },
    Section { name: "mapping", doc: "Matching repositories to installations." },
    Section {
        name: "inbox",
        doc: "What GitHub delivered: kept, and handled in the order of each installation.",
    },
    Section { name: "engine", doc: "The workflow engine that runs what an event triggers." },
    Section {
        name: "scheduler",
        doc: "An outside scheduler that is told of every event and every installation that a user connects.",
    },
    Section {
        name: "workflows",
        doc: "Workflows with a GitHub trigger: those that are registered here, and the application's own.",
    },
    Section { name: "import", doc: "Imports: what is fetched from GitHub by git, for the application." },
    Section {
        name: "probes[]",
        doc: "Calls of services downstream, recorded before the move and compared after an import: one section for each, at most 32.",
    },
    Section {
        name: "rollout",
        doc: "Rollouts: where they begin, how fast they may go on. `docs/rollouts.md` explains them.",
    },
    Section {
        name: "ofrep_keys[]",
        doc: "Keys of flag clients (OpenFeature) and of who may read and switch flags over HTTP: one section for each. `docs/flags.md` explains them.",
    },
    Section {
        name: "rollout.roles",
        doc: "Who answers for what, by the names of operators. They give no right: those are the operators' roles.",
    },
    Section {
        name: "rollout.prometheus",
        doc: "A Prometheus server that knows of calls that were made elsewhere; they count like those that are routed here. `docs/rollout-metrics.md` explains it.",
    },
    Section {
        name: "sandbox",
        doc: "Git for tenants: sandboxes, and what one operation may use. `docs/sandboxes.md` explains them.",
    },
    Section {
        name: "fleet",
        doc: "Tenants' own databases and their migrations: waves, limits, and when a run halts. `docs/fleet.md` explains them.",
    },
    Section {
        name: "fleet.application",
        doc: "The application's table of tenants' databases, in its own PostgreSQL database (`catalog.database_url`).",
    },
    Section {
        name: "alertmanager",
        doc: "Alerts of Prometheus' Alertmanager that are critical incidents: `POST /api/v1/alerts/alertmanager`. `docs/rollouts.md` explains them.",
    },
    Section {
        name: "worth",
        doc: "Whether to migrate at all: thresholds of the legacy arm that are watched. `docs/rollouts.md` explains them.",
    },
    Section { name: "run", doc: "Runs: whatever is planned, approved and applied." },
    Section { name: "locks", doc: "Locks between the tasks of a daemon, and between daemons." },
    Section { name: "log", doc: "Logs: JSON lines in one file a day." },
];
