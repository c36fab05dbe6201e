//! Which column holds which field of which list.

use cutover_shared::filter::{self, Fields};

/// How a field is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    /// An expression over the list's rows.
    Plain(&'static str),
    /// A moment; the youngest comes first.
    Moment(&'static str),
    /// Whether the tenant in this column is on the canary list.
    Canary(&'static str),
    /// Whether this expression is true.
    Flag(&'static str),
}

/// A list as SQL sees it.
#[derive(Clone, Copy)]
pub(super) struct List {
    pub fields: &'static Fields,
    /// The column of a field's name.
    pub column: fn(&str) -> Option<Column>,
    /// The list's own order: columns, and whether they go down. Together they name one row.
    pub own: &'static [(&'static str, bool)],
}

pub(super) const LINKS: List = List {
    fields: &filter::LINKS,
    column: |field| {
        Some(match field {
            "project" => Column::Plain("project_id"),
            "tenant" => Column::Plain("tenant_id"),
            "repo" => Column::Plain("repo_lname"),
            "status" => Column::Plain("status"),
            "reason" => Column::Plain("reason"),
            "confidence" => Column::Plain("confidence"),
            "installation" => Column::Plain("installation"),
            "canary" => Column::Canary("tenant_id"),
            _ => return None,
        })
    },
    own: &[("project_id", false), ("repo_lname", false)],
};

pub(super) const TENANTS: List = List {
    fields: &filter::TENANTS,
    column: |field| {
        Some(match field {
            "tenant" => Column::Plain("tenant_id"),
            "canary" => Column::Canary("tenant_id"),
            "projects" => Column::Plain("projects"),
            "repos" => Column::Plain("repositories"),
            "mapped" => Column::Plain("mapped"),
            "pending" => Column::Plain("pending"),
            "unmappable" => Column::Plain("unmappable"),
            "unplanned" => Column::Plain("unplanned"),
            _ => return None,
        })
    },
    own: &[("tenant_id", false)],
};

pub(super) const RUNS: List = List {
    fields: &filter::RUNS,
    column: |field| {
        Some(match field {
            "id" => Column::Plain("runs.id"),
            "kind" => Column::Plain("runs.kind"),
            "scope" => Column::Plain("runs.scope"),
            "state" => Column::Plain("runs.state"),
            "author" => Column::Plain("runs.author"),
            "age" => Column::Moment("runs.planned_at"),
            "items" => Column::Plain("coalesce(counted.items, 0)"),
            "findings" => Column::Plain("coalesce(counted.findings, 0)"),
            _ => return None,
        })
    },
    own: &[("runs.id", true)],
};

pub(super) const ITEMS: List = List {
    fields: &filter::ITEMS,
    column: |field| {
        Some(match field {
            "ord" => Column::Plain("ord"),
            "key" => Column::Plain("key"),
            "state" => Column::Plain("state"),
            "reason" => Column::Plain("reason"),
            "tries" => Column::Plain("attempts"),
            _ => return None,
        })
    },
    own: &[("ord", false)],
};

pub(super) const DELIVERIES: List = List {
    fields: &filter::DELIVERIES,
    column: |field| {
        Some(match field {
            "seq" => Column::Plain("seq"),
            "guid" => Column::Plain("guid"),
            "event" => Column::Plain("event"),
            "action" => Column::Plain("action"),
            "installation" => Column::Plain("installation"),
            "repo" => Column::Plain("repository"),
            "state" => Column::Plain("state"),
            "age" => Column::Moment("received_at"),
            "bytes" => Column::Plain("bytes"),
            "tries" => Column::Plain("attempts"),
            "repeats" => Column::Plain("repeats"),
            "note" => Column::Plain("note"),
            _ => return None,
        })
    },
    own: &[("seq", true)],
};

pub(super) const WORKFLOWS: List = List {
    fields: &filter::WORKFLOWS,
    column: |field| {
        Some(match field {
            "id" => Column::Plain("id"),
            "name" => Column::Plain("name"),
            "repo" => Column::Plain("repository"),
            "event" => Column::Plain("events"),
            "source" => Column::Plain("source"),
            "trouble" => Column::Plain("trouble"),
            "matches" => Column::Plain("matches"),
            "matched" => Column::Moment("last_at"),
            "waiting" => Column::Plain(
                "(SELECT count(*) FROM dispatches WHERE queue = coalesce(workflows.workflow, workflows.id) AND state = 'waiting')",
            ),
            "dead" => Column::Plain(
                "(SELECT count(*) FROM dispatches WHERE queue = coalesce(workflows.workflow, workflows.id) AND state = 'dead')",
            ),
            _ => return None,
        })
    },
    own: &[("id", false)],
};

pub(super) const DISPATCHES: List = List {
    fields: &filter::DISPATCHES,
    column: |field| {
        Some(match field {
            "seq" => Column::Plain("seq"),
            "workflow" => Column::Plain("workflow"),
            "guid" => Column::Plain("guid"),
            "event" => Column::Plain("event"),
            "repo" => Column::Plain("repository"),
            "state" => Column::Plain("state"),
            "age" => Column::Moment("created_at"),
            "tries" => Column::Plain("attempts"),
            "note" => Column::Plain("note"),
            _ => return None,
        })
    },
    own: &[("seq", true)],
};

pub(super) const INSTANCES: List = List {
    fields: &filter::INSTANCES,
    column: |field| {
        Some(match field {
            "tenant" => Column::Plain("tenant"),
            "server" => Column::Plain("server"),
            "driver" => Column::Plain("driver"),
            "state" => Column::Plain("state"),
            "version" => Column::Plain("version"),
            "pending" => Column::Plain("pending"),
            "status" => Column::Plain("status"),
            "failed" => Column::Plain("failed"),
            "error" => Column::Plain("error"),
            "drifted" => Column::Flag("drifted"),
            "wave" => Column::Plain("wave"),
            "checked" => Column::Moment("checked"),
            _ => return None,
        })
    },
    own: &[("tenant", false)],
};

pub(super) const AUDIT: List = List {
    fields: &filter::AUDIT,
    column: |field| {
        Some(match field {
            "seq" => Column::Plain("seq"),
            "who" => Column::Plain("actor"),
            "from" => Column::Plain("origin"),
            "act" => Column::Plain("act"),
            "subject" => Column::Plain("subject"),
            "age" => Column::Moment("at"),
            _ => return None,
        })
    },
    own: &[("seq", true)],
};
