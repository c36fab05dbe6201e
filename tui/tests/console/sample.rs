//! States of the console that come to be by events: empty, loading, normal, stale, error, a hundred thousand rows.

use cutover_shared::audit::{AuditAnswer, AuditQuery, AuditView};
use cutover_shared::catalog::{CatalogAnswer, CatalogQuery, Link, LinkView, TenantView};
use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::fleet::{FleetAnswer, FleetQuery, InstanceView};
use cutover_shared::ids::{
    Digest, InstallationId, LinkKey, OperatorName, ProjectId, RepoId, RunId, TenantId,
};
use cutover_shared::installation::{InstallationAnswer, InstallationQuery};
use cutover_shared::mapping::{Evidence, Mapping, MappingCounts, MappingStatus, Mode, PlanSummary, Reason};
use cutover_shared::rpc::{Answer, Query};
use cutover_shared::run::{
    Counts, EffectClass, GateView, ItemGroup, ItemState, ItemView, Progress, Reversibility, RunAnswer,
    RunQuery, RunState, RunView,
};
use cutover_shared::status::{Attention, Health, IndexView, NextStep, Status, WayBack};
use cutover_shared::token::{TokenAnswer, TokenQuery, TokenState, TokenView};
use cutover_shared::webhook::{WebhookAnswer, WebhookQuery};
use cutover_shared::window::{Window, WindowAsk};
use cutover_shared::workflow::{WorkflowAnswer, WorkflowQuery};
use cutover_tui::keymap::Action;
use cutover_tui::state::{ListId, Screen};

use crate::daemon::{Console, Fake, HOUR, MINUTE, NOW, SECOND};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sample {
    Empty,
    Loading,
    Normal,
    Stale,
    Error,
    HundredThousand,
}

impl Sample {
    pub const ALL: &[Self] =
        &[Self::Empty, Self::Loading, Self::Normal, Self::Stale, Self::Error, Self::HundredThousand];

    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Loading => "loading",
            Self::Normal => "normal",
            Self::Stale => "stale",
            Self::Error => "error",
            Self::HundredThousand => "hundred_thousand",
        }
    }

    pub fn console(self, size: (u16, u16), screen: Screen) -> Console {
        let fake = match self {
            Self::Empty => Fake::empty(),
            Self::Loading => {
                let mut fake = normal();
                fake.mute = true;
                fake
            }
            Self::Normal | Self::Stale => normal(),
            Self::Error => {
                let error = RpcError::new(
                    ErrorCode::Store,
                    "the store can't be read: disk I/O error",
                    "look at the disk",
                );
                let mut fake = normal();
                fake.refusal = Some(error.with_runbook("store_disk_full.md"));
                fake
            }
            Self::HundredThousand => hundred_thousand(),
        };
        let mut console = Console::open(fake, size, Screen::Overview);
        go(&mut console, screen);
        if self == Self::Stale {
            let gone = || {
                RpcError::new(
                    ErrorCode::NotReached,
                    "the daemon can't be reached: connection refused",
                    "start it",
                )
            };
            console.wait(6 * SECOND);
            console.lose(gone());
            console.wait(8 * SECOND);
            console.fail(gone());
        }
        console
    }
}

/// Shows a screen; for that of a run the newest is opened.
pub fn go(console: &mut Console, screen: Screen) {
    if screen != Screen::Run {
        return console.act(cutover_tui::keymap::Action::of_screen(screen));
    }
    console.act(Action::Runs);
    console.act(Action::Open);
    if console.state.screen != Screen::Run {
        // There is no row to open, but a run may have been open before its daemon fell silent.
        console.state.tables.get_mut(&ListId::Items).unwrap().show_of(id(0));
        console.state.screen = Screen::Run;
        console.wait(0);
    }
}

pub fn id(n: u64) -> RunId {
    RunId(format!("0198cbd0-6b28-7cc1-9d6e-{n:012x}"))
}

/// Names as they are, and as somebody who means harm would choose them.
const NAMES: &[&str] = &[
    "acme",
    "globex-international-holdings-and-subsidiaries-emea",
    "Ünïcode-Straße",
    "株式会社テスト",
    "e\u{301}clair-🚀-👩‍👩‍👧",
    "esc\u{1b}[2J\u{1b}]0;owned\u{7}",
    "rtl\u{202e}gnp.exe\u{2066}",
    "tab\tnew\nline\r\u{0}",
    "o'brien & sons",
    "",
];

/// Longer than any terminal is wide.
fn endless() -> String {
    "very-long-".repeat(80)
}

fn name(n: u64) -> String {
    let at = usize::try_from(n).unwrap() % (NAMES.len() + 1);
    NAMES
        .get(at)
        .map_or_else(endless, |name| format!("{name}{}", if n < 11 { String::new() } else { n.to_string() }))
}

pub fn link(n: u64) -> LinkView {
    let tenant = name(n / 3);
    let (project, repo) = (ProjectId(format!("web-{n}-{}", name(n))), format!("{tenant}/{}-{n}", name(n)));
    let reason = Reason::ALL[usize::try_from(n).unwrap() % Reason::ALL.len()];
    let (status, confidence) = match reason {
        Reason::IdListed | Reason::IdListedRenamed | Reason::TokenRead | Reason::Redirected => {
            (MappingStatus::Mapped, 99)
        }
        Reason::Gone | Reason::NotInstalled | Reason::OwnerUnknown => (MappingStatus::Unmappable, 0),
        _ => (MappingStatus::Pending, 60),
    };
    let mapping = (n % 7 != 6).then(|| Mapping {
        status,
        reason,
        installation: (status == MappingStatus::Mapped)
            .then_some(InstallationId(4_000_000 + n.cast_signed())),
        repo_id: Some(RepoId(812_345_678)),
        confidence,
        evidence: Evidence {
            rung: 1,
            current_name: Some(format!("{repo}-v2")),
            facts: vec!["the stored id 812345678 is listed".into(), format!("the owner is {tenant}")],
            ..Evidence::default()
        },
        next_steps: "ask the owner to install the App".into(),
    });
    LinkView {
        link: Link {
            key: LinkKey::new(&project, &repo),
            project,
            tenant: TenantId(tenant),
            repo_full_name: repo,
            repo_id: Some(RepoId(812_345_678)),
            owner_id: None,
            owner_login: None,
            token: Some("a1b2".into()),
            imported_commit_sha: Some("1f0c".repeat(10)),
            imported_tree_sha: None,
            imported_at: Some(NOW - 30 * 24 * HOUR),
            import_method: Some("clone".into()),
        },
        mapping,
    }
}

pub fn tenant(n: u64) -> TenantView {
    TenantView {
        id: TenantId(if n < 11 { name(n) } else { format!("{}-{n}", name(n)) }),
        projects: n * 7 + 1,
        repositories: n * 11 + 4,
        canary: n.is_multiple_of(3),
        counts: MappingCounts {
            mapped: n * 11,
            pending: n % 3,
            unmappable: n % 2,
            unplanned: 4 - n % 3 - n % 2,
        },
    }
}

pub fn run(n: u64, scope: &str, state: RunState) -> RunView {
    let done = match state {
        RunState::Planned | RunState::Approved | RunState::Expired => 0,
        RunState::Done => 1_990,
        _ => 600,
    };
    let (findings, undone) =
        if done == 0 { (0, 0) } else { (10, if state == RunState::Undone { done } else { 0 }) };
    let done = done - undone;
    let moving = state.is_moving();
    let summary = PlanSummary {
        counts: MappingCounts { mapped: 1_800, pending: 150, unmappable: 50, unplanned: 0 },
        changes: 1_950,
        probes_owed: 3,
        ..PlanSummary::default()
    };
    RunView {
        id: id(n),
        kind: "map".into(),
        scope: scope.into(),
        state,
        digest: Digest::from("3f79bb7b435b05321651daefd374cdc681dc06faa65e374e38337b88ca046dea"),
        effect: EffectClass::Local,
        reversibility: Reversibility::Reversible,
        author: OperatorName::from("bob"),
        planned_at: NOW - (20 + n.cast_signed() * 3) * MINUTE,
        approved_by: (state != RunState::Planned).then(|| OperatorName::from("alice")),
        approved_at: (state != RunState::Planned).then_some(NOW - 18 * MINUTE),
        self_approved: n.is_multiple_of(2),
        expires_at: NOW + 24 * HOUR,
        started_at: (done > 0).then_some(NOW - 10 * MINUTE),
        ended_at: matches!(state, RunState::Done | RunState::Failed | RunState::Undone)
            .then_some(NOW - MINUTE),
        rate: Some(500),
        progress: Progress {
            counts: Counts {
                pending: 2_000 - done - findings - undone,
                done,
                undone,
                stale: findings * 6 / 10,
                failed: findings * 3 / 10,
                unknown: findings / 10,
                ..Counts::default()
            },
            per_second: if moving { 512.4 } else { 0.0 },
            seconds_left: moving.then_some(3),
        },
        reason: (state == RunState::Failed).then(|| "GitHub answered 503 for 10 minutes".into()),
        summary: serde_json::to_value(summary).unwrap(),
    }
}

pub fn item(n: u64) -> ItemView {
    let view = link(n);
    let state = ItemState::ALL[usize::try_from(n).unwrap() % ItemState::ALL.len()];
    let finding =
        matches!(state, ItemState::Stale | ItemState::Failed | ItemState::Unknown | ItemState::Superseded);
    ItemView {
        ord: n,
        key: view.link.key.0.clone(),
        state,
        body: serde_json::json!({
            "tenant": view.link.tenant, "repo_full_name": view.link.repo_full_name, "to": view.mapping,
        }),
        reason: finding.then(|| format!("the value was changed by somebody else ({})", name(n))),
        attempts: 1,
        updated_at: NOW - 5 * SECOND,
    }
}

/// Names and errors as somebody who means harm would choose them.
pub fn instance(n: u64) -> InstanceView {
    let view = crate::fleet::instance(n % 40);
    let error = view.error.clone().map(|error| format!("{error} {}", name(n)));
    InstanceView { tenant: TenantId(format!("{}-{n}", name(n))), server: name(n), error, ..view }
}

pub fn token(n: u64) -> TokenView {
    let state = TokenState::ALL[usize::try_from(n).unwrap() % TokenState::ALL.len()];
    let fresh = state == TokenState::Fresh;
    TokenView {
        installation: InstallationId(4_000_000 + n.cast_signed()),
        account: (n % 4 != 3).then(|| name(n)),
        state,
        minted_at: fresh.then_some(NOW - 12 * MINUTE),
        expires_at: fresh.then_some(NOW + 48 * MINUTE),
        generation: n + 1,
        error: (state == TokenState::Failing).then(|| "401 A JSON web token could not be decoded".into()),
        remaining: fresh.then_some(if n.is_multiple_of(2) { 4_100 } else { 12 }),
        limit: fresh.then_some(5_000),
    }
}

pub fn record(n: u64) -> AuditView {
    let acts = ["run.approve", "run.apply", "mode.set", "refused", "kill", "map.plan", "chunk"];
    AuditView {
        seq: 100_000 - n.cast_signed(),
        at: NOW - n.cast_signed() * 37 * SECOND,
        actor: if n.is_multiple_of(3) { "daemon".into() } else { "alice".into() },
        origin: "rpc uid 1000".into(),
        act: acts[usize::try_from(n).unwrap() % acts.len()].into(),
        subject: if n.is_multiple_of(2) { id(n).0 } else { name(n) },
        detail: serde_json::json!({ "reason": name(n), "count": n }),
        prev: "ab".repeat(32),
        hash: "cd".repeat(32),
    }
}

fn status(runs: &[RunView]) -> Status {
    let notice = |health, text: &str, run: Option<RunId>| Attention {
        health,
        text: text.into(),
        run,
        command: Some("cutover run show 0198cbd0-6b28".into()),
        runbook: Some("undo_mapping.md".into()),
        why: "an item is unknown when its effect can't be asked for; limit 0".into(),
    };
    Status {
        counts: MappingCounts { mapped: 10_000, pending: 200, unmappable: 45, unplanned: 2_100 },
        tenants: 50,
        projects: 12_000,
        repositories: 12_345,
        index: IndexView {
            epoch: 12,
            installations: 2_000,
            suspended: 3,
            unread: 1,
            repositories: 34_567,
            swept_at: Some(NOW - 5 * MINUTE),
            sweeping: Some((400, 2_000)),
        },
        sweeps: cutover_shared::status::SweepView::default(),
        live_runs: runs.iter().filter(|run| run.state.is_live()).take(20).cloned().collect(),
        attention: vec![
            notice(
                Health::Bad,
                "run 0198cbd0-6b28 has 1 unknown item: look at GitHub, then settle it",
                Some(id(3)),
            ),
            notice(Health::Warning, "GITHUB_APP_MIGRATION_MODE differs from the stored mode", None),
            notice(
                Health::Ok,
                "esc\u{1b}[31m and \u{202e}rtl in a notice; a plan waits for an approval",
                Some(id(0)),
            ),
        ],
        next: vec![NextStep {
            text: "2,100 repositories have no plan yet".into(),
            command: "cutover map plan --all".into(),
        }],
        back: WayBack {
            runs: vec![id(6)],
            items: 10_245,
            seconds: Some(21),
            basis: "512 effects a second, as the last run did".into(),
            blocked: None,
        },
        ..Fake::empty().status
    }
}

/// A migration under way.
pub fn normal() -> Fake {
    let mut fake = Fake::empty();
    let scopes = ["all", "canary", "tenant:acme", "tenant:株式会社テスト"];
    fake.runs = RunState::ALL
        .iter()
        .zip(scopes.iter().cycle())
        .zip(0..)
        .map(|((state, scope), n)| run(n, scope, *state))
        .collect();
    fake.status = status(&fake.runs);
    fake.status.mode.mode = Mode::Canary;
    fake.status.mode.canary = vec![TenantId::from("acme"), TenantId::from("globex")];
    fake.links = (0..60).map(link).collect();
    fake.tenants = (0..30).map(tenant).collect();
    fake.items = (0..45).map(item).collect();
    fake.groups = [ItemState::Stale, ItemState::Failed, ItemState::Unknown]
        .iter()
        .zip(1..)
        .map(|(state, count)| ItemGroup {
            state: *state,
            reason: Some(format!("reason {count} {}", name(count + 3))),
            count,
            example: link(count).link.key.0,
        })
        .collect();
    fake.gate = GateView { closed: None, facts: vec!["the spot-check passed 12 min ago".into()] };
    fake.tokens = (0..25).map(token).collect();
    fake.audit = (0..50).map(record).collect();
    fake.gateway = crate::gateway::busy(60, |n| format!("{}/{}-{n}", name(n / 2), name(n)), name);
    fake.rollouts = Some(true);
    fake.fleet = Some(60);
    fake.status.rollouts = crate::rollout::briefs();
    fake.moving = fake.runs.iter().filter(|run| run.state.is_moving()).cloned().collect();
    fake
}

/// What a comparison found, where so many were missing.
pub fn recovery(lacking: u64) -> cutover_shared::webhook::Recovery {
    let found = crate::gateway::figures().recovery.unwrap();
    let logged = found.here + lacking;
    let statement = format!("{} of {logged} deliveries since 2026-08-20 14:03:05Z are here", found.here);
    cutover_shared::webhook::Recovery { logged, pulled: 0, redelivered: 0, statement, ..found }
}

pub const MANY: u64 = 100_000;

/// The rows of a window, made when they are asked for.
fn window<T>(ask: &WindowAsk, row: fn(u64) -> T) -> Window<T> {
    let from = ask.offset.min(MANY);
    let to = (from + u64::from(ask.rows())).min(MANY);
    Window { rows: (from..to).map(row).collect(), offset: from, total: MANY }
}

/// Lists as long as the largest that there are. None of them is ever whole in memory.
pub fn hundred_thousand() -> Fake {
    let mut fake = normal();
    fake.status.repositories = MANY;
    fake.made = |query| {
        Some(match query {
            Query::Catalog(CatalogQuery::LinkWindow { ask }) => {
                Answer::Catalog(CatalogAnswer::LinkWindow(window(ask, link)))
            }
            Query::Catalog(CatalogQuery::TenantWindow { ask }) => {
                Answer::Catalog(CatalogAnswer::TenantWindow(window(ask, tenant)))
            }
            Query::Run(RunQuery::Window { ask }) if ask.filter.is_empty() => {
                let made =
                    |n| run(n, "all", RunState::ALL[usize::try_from(n).unwrap() % RunState::ALL.len()]);
                Answer::Run(RunAnswer::Window(window(ask, made)))
            }
            Query::Run(RunQuery::ItemWindow { ask, .. }) => {
                Answer::Run(RunAnswer::ItemWindow(window(ask, item)))
            }
            Query::Token(TokenQuery::Window { ask }) => {
                Answer::Token(TokenAnswer::Window(window(ask, token)))
            }
            Query::Audit(AuditQuery::Window { ask }) => {
                Answer::Audit(AuditAnswer::Window(window(ask, record)))
            }
            Query::Webhook(WebhookQuery::Window { ask }) => {
                let made = |n| crate::gateway::delivery(n, &format!("{}/{}", name(n / 2), name(n)));
                Answer::Webhook(WebhookAnswer::Window(window(ask, made)))
            }
            Query::Installation(InstallationQuery::Window { ask }) => {
                Answer::Installation(InstallationAnswer::Window(window(ask, |n| {
                    crate::gateway::installation(n, &name(n))
                })))
            }
            Query::Fleet(FleetQuery::Instances { ask }) => {
                Answer::Fleet(FleetAnswer::Instances(window(ask, instance)))
            }
            Query::Workflow(WorkflowQuery::Window { ask }) => {
                let made = |n| crate::gateway::workflow(n, &format!("w-{n}-{}", name(n)), &name(n));
                Answer::Workflow(WorkflowAnswer::Window(window(ask, made)))
            }
            _ => return None,
        })
    };
    fake
}

pub fn import() -> cutover_shared::import::ImportView {
    cutover_shared::import::ImportView {
        project_id: "p1".into(),
        tenant_id: "acme".into(),
        repository: "acme/web".into(),
        repository_id: 7,
        reference: "main".into(),
        commit_sha: "1".repeat(40),
        tree_sha: "2".repeat(40),
        bytes: 1_234,
        files: 5,
        digest: "3".repeat(64),
        artifact: "4".into(),
        artifact_expires_at: NOW + 60 * MINUTE,
        method: cutover_shared::import::Method::Installation,
        installation_id: Some(InstallationId(4_000_001)),
        reason: "mapped to installation 4000001".into(),
        fallback_reason: None,
        duration_ms: 420,
        probes: Vec::new(),
    }
}
