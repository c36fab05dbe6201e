//! A small random store, and its rows as memory knows them.

use std::collections::{BTreeMap, BTreeSet};

use cutover_shared::ids::{InstallationId, LinkKey, TenantId};
use cutover_shared::run::{ItemState, RunState};
use proptest::prelude::*;
use serde_json::json;

use crate::faults::Faults;
use crate::store::{
    AuditDraft, CatalogOp, Db, ItemChange, Lane, LinkRow, MappingOp, MappingRow, NewItem, NewRun, RunOp,
    RunPatch, Unit, Value, open, sample,
};

pub(super) const NOW: i64 = 10_000;
pub(super) const RUN: &str = "run-1";

/// A row's key and what it holds in each field.
pub(super) struct Row {
    pub key: String,
    pub values: Vec<(&'static str, Owned)>,
}

#[derive(Clone, Debug)]
pub(super) enum Owned {
    Text(Option<String>),
    Number(Option<i64>),
    Moment(i64),
    Flag(bool),
}

impl Row {
    pub fn value(&self, field: &str) -> Value<'_> {
        let (_, value) =
            self.values.iter().find(|(name, _)| *name == field).unwrap_or_else(|| panic!("{field}"));
        match value {
            Owned::Text(text) => Value::Text(text.as_deref()),
            Owned::Number(number) => Value::Number(*number),
            Owned::Moment(at) => Value::Moment(*at),
            Owned::Flag(is) => Value::Flag(*is),
        }
    }
}

fn text(text: &str) -> Owned {
    Owned::Text(Some(text.to_owned()))
}

fn number(n: usize) -> Owned {
    Owned::Number(Some(i64::try_from(n).unwrap()))
}

#[derive(Clone, Debug)]
struct Place {
    project: String,
    tenant: String,
    repo: String,
    /// Status, reason, confidence, installation.
    mapping: Option<(&'static str, &'static str, i64, Option<i64>)>,
    /// Written before the link is, as an undo after a removal leaves it.
    mapping_first: bool,
    /// Written and taken away again.
    gone: bool,
}

#[derive(Clone, Debug)]
struct Item {
    key: String,
    to: Option<ItemState>,
    reason: Option<String>,
}

/// What is in the store.
#[derive(Clone, Debug)]
pub(super) struct World {
    places: Vec<Place>,
    items: Vec<Item>,
    /// Kind, scope, author, planned at; the first is the run with items.
    runs: Vec<(String, String, String, i64, RunState)>,
    records: Vec<(String, String, i64)>,
    pub canary: BTreeSet<TenantId>,
}

fn name() -> impl Strategy<Value = String> {
    "[abA%_é\\\\']{1,4}"
}

fn place() -> impl Strategy<Value = Place> {
    let mapping = (
        prop::sample::select(vec!["mapped", "pending", "unmappable"]),
        prop::sample::select(vec!["id_listed", "gone", "not_granted"]),
        0_i64..4,
        prop::option::of(0_i64..4),
    );
    (
        name(),
        0..4_u8,
        "[a-c]/[a-cA-C]{1,3}",
        prop::option::of(mapping),
        any::<bool>(),
        prop::bool::weighted(0.1),
    )
        .prop_map(|(project, tenant, repo, mapping, mapping_first, gone)| Place {
            project,
            tenant: format!("t{tenant}"),
            repo,
            mapping,
            mapping_first,
            gone,
        })
}

pub(super) fn worlds() -> impl Strategy<Value = World> {
    let item = (
        name(),
        prop::option::of(prop::sample::select(vec![
            ItemState::Done,
            ItemState::Stale,
            ItemState::Skipped,
            ItemState::Failed,
        ])),
        prop::option::of(name()),
    )
        .prop_map(|(key, to, reason)| Item { key, to, reason });
    let run = (name(), name(), name(), 4_000..NOW, prop::sample::select(RunState::ALL));
    let record = (name(), name(), 4_000..NOW);
    (
        prop::collection::vec(place(), 0..25),
        prop::collection::vec(item, 1..25),
        prop::collection::vec(run, 1..8),
        prop::collection::vec(record, 0..15),
        prop::collection::btree_set((0..5_u8).prop_map(|n| TenantId(format!("t{n}"))), 0..3),
    )
        .prop_map(|(mut places, items, runs, records, canary)| {
            let mut seen = BTreeSet::new();
            places.retain(|place| seen.insert((place.project.clone(), place.repo.to_lowercase())));
            World { places, items, runs, records, canary }
        })
}

impl World {
    /// A world of so many links, a few tenants and one run.
    pub fn of(links: usize) -> Self {
        let place = |n: usize| Place {
            project: format!("p{n:03}"),
            tenant: format!("t{}", n % 3),
            repo: format!("o/r{n}"),
            mapping: None,
            mapping_first: false,
            gone: false,
        };
        Self {
            places: (0..links).map(place).collect(),
            items: Vec::new(),
            runs: vec![("map".into(), "all".into(), "ana".into(), 1, RunState::Planned)],
            records: Vec::new(),
            canary: BTreeSet::new(),
        }
    }

    /// A store that holds it.
    pub async fn store(&self) -> (tempfile::TempDir, Db) {
        let dir = tempfile::tempdir().unwrap();
        let db = open(&format!("sqlite:{}/cutover.db", dir.path().display()), Faults::none()).await.unwrap();
        let mut unit = Unit::new();
        for place in &self.places {
            let (link, mapping) = (link(place), mapping(place));
            let key = link.key.clone();
            let put = |unit: Unit, mapping: Option<MappingRow>| match mapping {
                Some(row) => unit.with(MappingOp::Put { rows: vec![row], at: 1 }),
                None => unit,
            };
            if place.mapping_first {
                unit = put(unit, mapping);
                unit = unit.with(CatalogOp::PutLinks { rows: vec![link] });
            } else {
                // First another tenant's and mapped otherwise, so that changes are seen too.
                let before = LinkRow { tenant: "elsewhere".into(), ..link.clone() };
                unit = unit.with(CatalogOp::PutLinks { rows: vec![before] });
                let was = Place { mapping: Some(("pending", "ambiguous", 1, None)), ..place.clone() };
                // Some are mapped once, others twice or no more.
                let is_rewritten = mapping.is_none() || place.repo.len().is_multiple_of(2);
                let other = self::mapping(&was).filter(|_| is_rewritten);
                unit = put(unit, other);
                unit = put(unit, mapping).with(CatalogOp::PutLinks { rows: vec![link] });
                if place.mapping.is_none() {
                    unit = unit.with(MappingOp::Drop { keys: vec![key.clone()] });
                }
            }
            if place.gone {
                unit = unit.with(CatalogOp::DropLinks { keys: vec![key] });
            }
        }
        for (n, (kind, scope, author, at, state)) in self.runs.iter().enumerate() {
            let id = format!("run-{}", n + 1);
            if n == 0 {
                unit = unit.with(RunOp::AddItems { run: id.clone().into(), rows: self.new_items() });
            }
            let run = NewRun {
                id: id.clone().into(),
                kind: kind.clone(),
                scope: scope.clone(),
                digest: "d".into(),
                basis: "{}".into(),
                effect: "local".into(),
                reversibility: "{}".into(),
                author: author.clone(),
                planned_at: *at,
                expires_at: 100,
                summary: "{}".into(),
            };
            unit = unit.with(RunOp::Create(Box::new(run)));
            let patch = RunPatch::default();
            // One live run of a kind and scope; others stay planned.
            if !state.is_live() {
                let (run, from, to) = (id.into(), vec![RunState::Planned], *state);
                unit = unit.with(RunOp::Move { run, from, to, patch });
            }
        }
        let changes: Vec<ItemChange> = (0_i64..)
            .zip(&self.items)
            .filter_map(|(ord, item)| {
                let (from, to, reason) = (ItemState::Pending, item.to?, item.reason.clone());
                Some(ItemChange { ord, from, to, before: None, reason })
            })
            .collect();
        unit = unit.with(RunOp::Items { run: RUN.into(), at: 1, rows: changes });
        for (actor, subject, at) in &self.records {
            unit = unit.with(AuditDraft {
                at: *at,
                actor: actor.clone(),
                origin: "rpc".into(),
                act: "run.plan".into(),
                subject: subject.clone(),
                detail: json!({}),
            });
        }
        db.write(Lane::Handler, unit).await.unwrap();
        (dir, db)
    }

    fn new_items(&self) -> Vec<NewItem> {
        let items = (0_i64..).zip(&self.items);
        items.map(|(ord, item)| NewItem { ord, key: key_of(ord, item), body: "{}".into() }).collect()
    }

    fn there(&self) -> impl Iterator<Item = &Place> {
        self.places.iter().filter(|place| !place.gone)
    }

    /// The stored mapping of a link.
    pub fn body(&self, key: &LinkKey) -> Option<String> {
        self.places.iter().find(|place| link(place).key == *key).and_then(mapping).map(|row| row.body)
    }

    pub fn links(&self) -> Vec<Row> {
        let mut all: Vec<(LinkRow, &Place)> = self.there().map(|place| (link(place), place)).collect();
        all.sort_by(|(a, _), (b, _)| (&a.project, &a.repo_lname).cmp(&(&b.project, &b.repo_lname)));
        all.into_iter()
            .map(|(link, place)| {
                let mapping = place.mapping;
                let reason = Owned::Text(mapping.map(|(_, reason, ..)| reason.to_owned()));
                Row {
                    values: vec![
                        ("project", text(&place.project)),
                        ("tenant", text(&place.tenant)),
                        ("repo", text(&link.repo_lname)),
                        ("status", text(mapping.map_or("unplanned", |(status, ..)| status))),
                        ("reason", reason),
                        ("confidence", Owned::Number(mapping.map(|(_, _, confidence, _)| confidence))),
                        ("installation", Owned::Number(mapping.and_then(|(.., installation)| installation))),
                        ("canary", Owned::Flag(self.canary.contains(&link.tenant))),
                    ],
                    key: link.key.0,
                }
            })
            .collect()
    }

    pub fn tenants(&self) -> Vec<Row> {
        let mut tenants: BTreeMap<&str, Vec<&Place>> = BTreeMap::new();
        for place in self.there() {
            tenants.entry(&place.tenant).or_default().push(place);
        }
        tenants
            .into_iter()
            .map(|(tenant, places)| {
                let of = |status: Option<&str>| {
                    number(places.iter().filter(|p| p.mapping.map(|(status, ..)| status) == status).count())
                };
                let projects: BTreeSet<_> = places.iter().map(|place| &place.project).collect();
                Row {
                    key: tenant.to_owned(),
                    values: vec![
                        ("tenant", text(tenant)),
                        ("canary", Owned::Flag(self.canary.contains(&tenant.into()))),
                        ("projects", number(projects.len())),
                        ("repos", number(places.len())),
                        ("mapped", of(Some("mapped"))),
                        ("pending", of(Some("pending"))),
                        ("unmappable", of(Some("unmappable"))),
                        ("unplanned", of(None)),
                    ],
                }
            })
            .collect()
    }

    pub fn runs(&self) -> Vec<Row> {
        let rows = self.runs.iter().enumerate().map(|(n, (kind, scope, author, at, state))| {
            let id = format!("run-{}", n + 1);
            let items: &[Item] = if n == 0 { &self.items } else { &[] };
            let is_finding = |item: &&Item| matches!(item.to, Some(ItemState::Stale | ItemState::Failed));
            let state = if state.is_live() { RunState::Planned } else { *state };
            Row {
                values: vec![
                    ("id", text(&id)),
                    ("kind", text(kind)),
                    ("scope", text(scope)),
                    ("state", text(state.word())),
                    ("author", text(author)),
                    ("age", Owned::Moment(*at)),
                    ("items", number(items.len())),
                    ("findings", number(items.iter().filter(is_finding).count())),
                ],
                key: id,
            }
        });
        let mut rows: Vec<Row> = rows.collect();
        rows.reverse();
        rows
    }

    pub fn items(&self) -> Vec<Row> {
        let items = (0_i64..).zip(&self.items);
        items
            .map(|(ord, item)| Row {
                key: key_of(ord, item),
                values: vec![
                    ("ord", Owned::Number(Some(ord))),
                    ("key", text(&key_of(ord, item))),
                    ("state", text(item.to.unwrap_or(ItemState::Pending).word())),
                    ("reason", Owned::Text(item.reason.clone().filter(|_| item.to.is_some()))),
                    ("tries", number(usize::from(item.to.is_some()))),
                ],
            })
            .collect()
    }

    pub fn audit(&self) -> Vec<Row> {
        let records = (1_i64..).zip(&self.records);
        let mut rows: Vec<Row> = records
            .map(|(seq, (actor, subject, at))| Row {
                key: seq.to_string(),
                values: vec![
                    ("seq", Owned::Number(Some(seq))),
                    ("who", text(actor)),
                    ("from", text("rpc")),
                    ("act", text("run.plan")),
                    ("subject", text(subject)),
                    ("age", Owned::Moment(*at)),
                ],
            })
            .collect();
        rows.reverse();
        rows
    }
}

fn key_of(ord: i64, item: &Item) -> String {
    format!("{}:{ord}", item.key)
}

fn link(place: &Place) -> LinkRow {
    sample::link(&place.project, &place.tenant, &place.repo)
}

fn mapping(place: &Place) -> Option<MappingRow> {
    let (status, reason, confidence, installation) = place.mapping?;
    Some(MappingRow {
        key: link(place).key,
        tenant: TenantId(place.tenant.clone()),
        status: status.to_owned(),
        installation: installation.map(InstallationId),
        repo_id: None,
        confidence,
        body: json!({ "reason": reason }).to_string(),
        fingerprint: "f".into(),
        run: RUN.into(),
    })
}
