//! An installation that is half-way: a run moves, things are wrong, somebody waits.

use cutover_shared::audit::AuditView;
use cutover_shared::catalog::{Link, LinkView, TenantView};
use cutover_shared::ids::{
    AccountId, Digest, InstallationId, LinkKey, OperatorName, ProjectId, RepoId, RunId, TenantId,
};
use cutover_shared::mapping::{Evidence, Mapping, MappingCounts, MappingStatus, Mode, Reason};
use cutover_shared::run::{
    Counts, EffectClass, ItemGroup, ItemState, ItemView, Progress, Reversibility, RunState, RunView,
};
use cutover_shared::status::{Attention, Health, IndexView, NextStep, WayBack};
use cutover_shared::token::{TokenState, TokenView};

use crate::daemon::{Fake, HOUR, MINUTE, NOW};

fn run(n: u64, scope: &str, state: RunState, counts: Counts) -> RunView {
    RunView {
        id: RunId(format!("0198cbd0-6b{n:02}-7cc1-9d6e-2f1d8a5b7c3e")),
        kind: "map".into(),
        scope: scope.into(),
        state,
        digest: Digest::from("3f79bb7b435b05321651daefd374cdc681dc06faa65e374e38337b88ca046dea"),
        effect: EffectClass::Local,
        reversibility: Reversibility::Reversible,
        author: OperatorName::from("alice"),
        planned_at: NOW - 20 * MINUTE,
        approved_by: Some(OperatorName::from("bob")),
        approved_at: Some(NOW - 10 * MINUTE),
        self_approved: false,
        expires_at: NOW + 24 * HOUR,
        started_at: Some(NOW - 9 * MINUTE),
        ended_at: None,
        rate: None,
        progress: Progress { counts, per_second: 0.0, seconds_left: None },
        reason: None,
        summary: serde_json::Value::Null,
    }
}

fn applying() -> RunView {
    let counts = Counts { pending: 811, done: 413, stale: 7, failed: 3, ..Counts::default() };
    let mut view = run(28, "all", RunState::Applying, counts);
    view.progress.per_second = 51.2;
    view.progress.seconds_left = Some(16);
    view
}

fn runs() -> Vec<RunView> {
    let mut paused =
        run(27, "tenant:globex", RunState::Paused, Counts { pending: 120, done: 80, ..Counts::default() });
    paused.reason = Some("GitHub's budget is used up until 14:10".into());
    let mut done = run(26, "canary", RunState::Done, Counts { done: 480, ..Counts::default() });
    done.ended_at = Some(NOW - 2 * HOUR);
    let counts = Counts { done: 1_190, stale: 7, failed: 3, ..Counts::default() };
    let mut found = run(25, "tenant:acme", RunState::Done, counts);
    found.ended_at = Some(NOW - 3 * HOUR);
    let planned = RunView {
        approved_by: None,
        approved_at: None,
        started_at: None,
        ..run(24, "tenant:initech", RunState::Planned, Counts { pending: 75, ..Counts::default() })
    };
    let failed = RunView {
        reason: Some("the store is full".into()),
        ..run(23, "canary", RunState::Failed, Counts { pending: 400, done: 80, ..Counts::default() })
    };
    let undone = run(22, "canary", RunState::Undone, Counts { undone: 480, ..Counts::default() });
    let expired = run(21, "all", RunState::Expired, Counts { pending: 12_345, ..Counts::default() });
    vec![applying(), paused, done, found, planned, failed, undone, expired]
}

fn link(n: usize) -> LinkView {
    const TENANTS: [&str; 4] = ["acme", "globex", "initech", "umbrella-holding"];
    const REPOS: [&str; 6] = ["api", "web-frontend", "billing", "docs", "infrastructure", "mobile-app"];
    let tenant = TENANTS[n / 6 % 4];
    let repo = format!("{tenant}/{}", REPOS[n % 6]);
    let project = ProjectId(format!("proj-{:04}", n / 2 + 1));
    let (status, reason, confidence) = match n % 9 {
        3 => (MappingStatus::Pending, Reason::RequestPending, 70),
        5 => (MappingStatus::Unmappable, Reason::NotInstalled, 0),
        7 => (MappingStatus::Mapped, Reason::IdListedRenamed, 98),
        _ => (MappingStatus::Mapped, Reason::IdListed, 100),
    };
    let mapped = status == MappingStatus::Mapped;
    let evidence = Evidence {
        rung: if mapped { 1 } else { 12 },
        current_name: None,
        owner_id: Some(AccountId(9_001)),
        owner_login: Some(tenant.into()),
        considered: None,
        facts: vec![match mapped {
            true => "stored id 812345678 is in the listing of installation 41000001".into(),
            false => format!("no installation of the App on {tenant}"),
        }],
    };
    let next_steps = match status {
        MappingStatus::Mapped => String::new(),
        MappingStatus::Pending => "Ask the owner to approve the request for the App".into(),
        MappingStatus::Unmappable => {
            "Ask the owner to install the App: https://github.com/apps/cutover/installations/new".into()
        }
    };
    let mapping = Mapping {
        status,
        reason,
        installation: mapped.then_some(InstallationId(41_000_001)),
        repo_id: Some(RepoId(812_345_678)),
        confidence,
        evidence,
        next_steps,
    };
    LinkView {
        link: Link {
            key: LinkKey::new(&project, &repo),
            project,
            tenant: TenantId::from(tenant),
            repo_full_name: repo,
            repo_id: Some(RepoId(812_345_678)),
            owner_id: None,
            owner_login: None,
            token: Some("sealed".into()),
            imported_commit_sha: Some("9fceb02d0ae598e95dc970b74767f19372d61af8".into()),
            imported_tree_sha: None,
            imported_at: Some(NOW - 48 * HOUR),
            import_method: Some("oauth".into()),
        },
        mapping: (n % 9 != 8).then_some(mapping),
    }
}

fn tenant(id: &str, canary: bool, [mapped, pending, unmappable, unplanned]: [u64; 4]) -> TenantView {
    let repositories = mapped + pending + unmappable + unplanned;
    let counts = MappingCounts { mapped, pending, unmappable, unplanned };
    TenantView { id: TenantId::from(id), projects: repositories.div_ceil(2), repositories, canary, counts }
}

fn item(ord: u64) -> ItemView {
    let link = link(usize::try_from(ord).unwrap());
    let (state, reason) = match ord {
        2 => (ItemState::Stale, Some("the mapping was changed by another run since the plan")),
        5 => (ItemState::Failed, Some("GitHub answered 502")),
        ..=8 => (ItemState::Done, None),
        9 | 10 => (ItemState::Leased, None),
        _ => (ItemState::Pending, None),
    };
    let to = link.mapping.map_or(serde_json::Value::Null, |mapping| serde_json::to_value(mapping).unwrap());
    ItemView {
        ord,
        key: link.link.key.0,
        state,
        body: serde_json::json!({ "to": to, "tenant": link.link.tenant }),
        reason: reason.map(Into::into),
        attempts: u32::from(ord < 11),
        updated_at: NOW - MINUTE,
    }
}

fn token(n: i64, account: &str, state: TokenState, remaining: i64, error: Option<&str>) -> TokenView {
    let fresh = state == TokenState::Fresh;
    TokenView {
        installation: InstallationId(41_000_000 + n),
        account: Some(account.into()),
        state,
        minted_at: fresh.then_some(NOW - 10 * MINUTE),
        expires_at: fresh.then_some(NOW + (50 - n) * MINUTE),
        generation: 3,
        error: error.map(Into::into),
        remaining: fresh.then_some(remaining),
        limit: fresh.then_some(5_000),
    }
}

fn record(seq: i64) -> AuditView {
    const ACTS: [(&str, &str); 6] = [
        ("run.apply", "daemon"),
        ("run.approve", "bob"),
        ("map.plan", "alice"),
        ("refused", "carol"),
        ("mode.set", "alice"),
        ("run.undo", "bob"),
    ];
    let (act, actor) = ACTS[usize::try_from(seq).unwrap() % 6];
    AuditView {
        seq,
        at: NOW - (50 - seq) * MINUTE,
        actor: actor.into(),
        origin: if actor == "daemon" { "daemon".into() } else { "rpc uid 1000".into() },
        act: act.into(),
        subject: if act == "mode.set" { "canary".into() } else { runs()[0].id.0.clone() },
        detail: serde_json::json!({ "digest": "3f79bb7b435b" }),
        prev: "00".repeat(32),
        hash: "11".repeat(32),
    }
}

/// All of it.
pub fn world() -> Fake {
    let mut fake = Fake::empty();
    let notice = |health, text: &str, command: &str| Attention {
        health,
        text: text.into(),
        run: None,
        command: Some(command.into()),
        runbook: None,
        why: "a run ended with items that need a person".into(),
    };
    let runs = runs();
    let status = &mut fake.status;
    status.mode.mode = Mode::Canary;
    status.mode.canary = vec![TenantId::from("acme"), TenantId::from("globex")];
    status.counts = MappingCounts { mapped: 10_000, pending: 200, unmappable: 45, unplanned: 2_100 };
    (status.tenants, status.projects, status.repositories) = (50, 12_000, 12_345);
    status.index = IndexView {
        epoch: 12,
        installations: 2_000,
        suspended: 3,
        unread: 0,
        repositories: 34_567,
        swept_at: Some(NOW - 5 * MINUTE),
        sweeping: None,
    };
    status.live_runs = runs[..2].to_vec();
    status.attention = vec![
        notice(
            Health::Bad,
            "the App's key is refused by GitHub: 401 A JSON web token could not be decoded",
            "cutover doctor",
        ),
        notice(Health::Bad, "run 0198cbd0-6b25 has 3 failed items", "cutover run show 0198cbd0-6b25"),
        notice(
            Health::Warning,
            "GITHUB_APP_MIGRATION_MODE says off, and the stored mode is canary",
            "cutover mode get",
        ),
        notice(
            Health::Ok,
            "a plan of tenant:initech waits for an approval",
            "cutover run approve 0198cbd0-6b24",
        ),
    ];
    let step = |text: &str, command: &str| NextStep { text: text.into(), command: command.into() };
    status.next = vec![
        step("apply the plan for the canary list", "cutover map apply --canary"),
        step("check a sample of what was mapped", "cutover map spot-check"),
        step("plan everybody", "cutover map plan --all"),
    ];
    status.back = WayBack {
        runs: vec![runs[2].id.clone(), runs[3].id.clone()],
        items: 2_083,
        seconds: Some(41),
        basis: "51 items a second, as run 0198cbd0-6b28 does now".into(),
        blocked: None,
    };
    fake.moving = vec![runs[0].clone()];
    fake.runs = runs;
    fake.links = (0..240).map(link).collect();
    fake.tenants = vec![
        tenant("acme", true, [1_200, 20, 4, 10]),
        tenant("globex", true, [480, 0, 0, 0]),
        tenant("hooli", false, [310, 12, 0, 0]),
        tenant("initech", false, [0, 0, 0, 75]),
        tenant("soylent", false, [40, 0, 0, 60]),
        tenant("umbrella-holding", false, [7_970, 168, 41, 1_955]),
    ];
    fake.items = (0..1_234).map(item).collect();
    let group = |state, count, reason: &str| ItemGroup {
        state,
        reason: Some(reason.into()),
        count,
        example: "proj-0001:acme/api".into(),
    };
    fake.groups = vec![
        group(ItemState::Stale, 7, "the mapping was changed by another run since the plan"),
        group(ItemState::Failed, 3, "GitHub answered 502"),
    ];
    fake.tokens = vec![
        token(1, "acme", TokenState::Fresh, 4_900, None),
        token(2, "globex", TokenState::Fresh, 310, None),
        token(3, "hooli", TokenState::Absent, 0, None),
        token(4, "initech", TokenState::Suspended, 0, None),
        token(
            5,
            "umbrella-holding",
            TokenState::Failing,
            0,
            Some("GitHub answered 500 Internal Server Error"),
        ),
        token(6, "vandelay", TokenState::Gone, 0, None),
    ];
    fake.audit = (1..=48).rev().map(record).collect();
    const ACCOUNTS: [&str; 8] =
        ["umbrella-holding", "initech", "acme", "globex", "hooli", "vandelay", "soylent", "stark"];
    let account = |n: u64| ACCOUNTS[usize::try_from(n).unwrap() % 8].to_owned();
    const REPOS: [&str; 6] = ["api", "web-frontend", "billing", "docs", "infrastructure", "mobile-app"];
    let repository =
        |n: u64| format!("{}/{}", account(n / 2), REPOS[usize::try_from(n).unwrap() % REPOS.len()]);
    fake.rollouts = Some(true);
    fake.fleet = Some(crate::fleet::TENANTS);
    fake.status.rollouts = crate::rollout::briefs();
    fake.gateway = crate::gateway::busy(240, repository, account);
    fake
}
