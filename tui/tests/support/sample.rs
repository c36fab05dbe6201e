//! Answers as a daemon would give them.

use cutover_shared::audit::{AuditCheck, AuditView};
use cutover_shared::catalog::{Link, LinkView, ProjectView, TenantView};
use cutover_shared::ids::{
    AccountId, Digest, InstallationId, LinkKey, OperatorName, ProjectId, RepoId, RunId, TenantId,
};
use cutover_shared::installation::{
    Health as InstallationHealth, HealthReason, InstallationState, InstallationView,
};
use cutover_shared::mapping::{
    Evidence, Mapping, MappingCounts, MappingStatus, Mode, ModeView, PlanSummary, Reason, SpotCheckReport,
    SpotCheckRow, SpotOutcome,
};
use cutover_shared::rpc::{KillReceipt, ReplicaReceipt, ReplicaState};
use cutover_shared::run::{
    Counts, EffectClass, GateView, ItemGroup, ItemState, ItemView, Progress, Reversibility, RunState, RunView,
};
use cutover_shared::status::{Attention, Check, Health, IndexView, NextStep, Status, WayBack};
use cutover_shared::token::{TokenState, TokenView};
use cutover_shared::webhook::{DeliveryDetail, DeliveryState, DeliveryView};
use cutover_shared::workflow::{
    DispatchState, DispatchView, ExplainStep, Explanation, LastMatch, Rule, WorkflowSource, WorkflowView,
};

/// 2026-08-21 14:03:05Z.
pub const NOW: i64 = 1_787_320_985_000;
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

pub const ID: &str = "0198cbd0-6b28-7cc1-9d6e-2f1d8a5b7c3e";
pub const DIGEST: &str = "3f79bb7b435b05321651daefd374cdc681dc06faa65e374e38337b88ca046dea";

pub fn plan_summary() -> PlanSummary {
    PlanSummary {
        counts: MappingCounts { mapped: 1800, pending: 150, unmappable: 50, unplanned: 0 },
        reasons: vec![
            (Reason::IdListed, 1700),
            (Reason::NotInstalled, 50),
            (Reason::RequestPending, 150),
            (Reason::TokenRead, 100),
        ],
        index_epoch: 12,
        index_at: Some(NOW - 3 * MINUTE),
        installations: 50,
        repositories: 3120,
        probes_made: 12,
        probes_stored: 108,
        probes_owed: 3,
        changes: 1950,
    }
}

pub fn run(state: RunState, counts: Counts) -> RunView {
    RunView {
        id: RunId::from(ID),
        kind: "map".into(),
        scope: "all".into(),
        state,
        digest: Digest::from(DIGEST),
        effect: EffectClass::Local,
        reversibility: Reversibility::Reversible,
        author: OperatorName::from("alice"),
        planned_at: NOW - 20 * MINUTE,
        approved_by: None,
        approved_at: None,
        self_approved: false,
        expires_at: NOW + 24 * HOUR,
        started_at: None,
        ended_at: None,
        rate: None,
        progress: Progress { counts, per_second: 0.0, seconds_left: None },
        reason: None,
        summary: serde_json::to_value(plan_summary()).unwrap(),
    }
}

pub fn planned() -> RunView {
    run(RunState::Planned, Counts { pending: 2000, ..Counts::default() })
}

pub fn applying(done: u64) -> RunView {
    let mut view = run(RunState::Applying, Counts { pending: 2000 - done, done, ..Counts::default() });
    view.progress.per_second = 512.4;
    view.progress.seconds_left = Some(3);
    view.approved_by = Some(OperatorName::from("bob"));
    view.approved_at = Some(NOW - 10 * MINUTE);
    view.started_at = Some(NOW - 5 * MINUTE);
    view.rate = Some(500);
    view
}

pub fn done() -> RunView {
    let mut view = applying(2000);
    view.state = RunState::Done;
    view.progress.per_second = 0.0;
    view.progress.seconds_left = None;
    view.ended_at = Some(NOW - MINUTE);
    view
}

pub fn done_with_findings() -> RunView {
    let mut view = done();
    view.progress.counts = Counts { done: 1990, stale: 7, failed: 3, ..Counts::default() };
    view
}

pub fn mode() -> ModeView {
    ModeView {
        mode: Mode::Canary,
        canary: vec![TenantId::from("acme"), TenantId::from("globex")],
        changed_at: Some(NOW - 2 * HOUR),
        changed_by: Some("alice".into()),
        environment_differs: Some(Mode::Off),
        killed: false,
    }
}

pub fn status() -> Status {
    Status {
        version: "0.1.0".into(),
        environment: "staging".into(),
        github_host: "github.com".into(),
        started_at: NOW - 3 * HOUR - 12 * MINUTE,
        now: NOW,
        mode: mode(),
        counts: MappingCounts { mapped: 10_000, pending: 200, unmappable: 45, unplanned: 2_100 },
        tenants: 50,
        projects: 12_000,
        repositories: 12_345,
        index: IndexView {
            epoch: 12,
            installations: 2000,
            suspended: 3,
            unread: 0,
            repositories: 34_567,
            swept_at: Some(NOW - 5 * MINUTE),
            sweeping: Some((400, 2000)),
        },
        sweeps: cutover_shared::status::SweepView::default(),
        rollouts: super::rollout::briefs(),
        live_runs: vec![applying(600)],
        attention: attention(),
        next: vec![
            NextStep {
                text: "Read the plan for canary, approve it by its digest and apply it".into(),
                command: format!("cutover map apply {ID} --approve {DIGEST}"),
            },
            NextStep {
                text: "Plan for everybody, once the canary run was observed".into(),
                command: "cutover map plan --all".into(),
            },
        ],
        back: WayBack {
            runs: vec![RunId::from(ID)],
            items: 2_000,
            seconds: Some(12),
            basis: format!("measured: 2,000 items in 12 s when run {ID} was applied"),
            blocked: None,
        },
    }
}

fn attention() -> Vec<Attention> {
    let one = |health, text: &str, command: &str| Attention {
        health,
        text: text.into(),
        run: None,
        command: Some(command.into()),
        runbook: None,
        why: "the rule, its inputs and its threshold".into(),
    };
    vec![
        Attention {
            runbook: Some("store_disk_full.md".into()),
            ..one(Health::Bad, "the store can't be written: database or disk is full", "cutover doctor")
        },
        one(
            Health::Warning,
            "run 0198cbd0-6b28-7cc1-9d6e-2f1d8a5b7c3e: 3 items have an unknown outcome, and this goes on in a second line",
            "cutover run items 0198cbd0-6b28-7cc1-9d6e-2f1d8a5b7c3e --state unknown",
        ),
        one(
            Health::Ok,
            "alice planned map for canary (2000 items), and it waits for an approval",
            &format!("cutover run approve {ID} --digest {DIGEST}"),
        ),
    ]
}

pub fn groups() -> Vec<ItemGroup> {
    let group = |state, count, reason: &str, example: &str| ItemGroup {
        state,
        reason: Some(reason.into()),
        count,
        example: example.into(),
    };
    vec![
        group(
            ItemState::Stale,
            7,
            "the mapping was changed by another run since the plan",
            "proj-1:acme/new",
        ),
        group(ItemState::Failed, 3, "the database refuses", "proj-2:acme/api"),
    ]
}

pub fn gate(closed: Option<&str>) -> GateView {
    let facts = if closed.is_some() { vec![] } else { vec![format!("canary run {ID} is done")] };
    GateView { closed: closed.map(Into::into), facts }
}

pub fn checks() -> Vec<Check> {
    let check = |name: &str, health, text: &str, mend: &str| Check {
        name: name.into(),
        health,
        text: text.into(),
        mend: mend.into(),
    };
    vec![
        check("store", Health::Ok, "SQLite at /var/lib/cutover/cutover.db, 12 MB, writable", ""),
        check(
            "clock",
            Health::Warning,
            "12 s behind GitHub's Date header",
            "switch on time synchronisation (NTP)",
        ),
        check(
            "github app",
            Health::Bad,
            "GitHub refuses the App's key: 401 A JSON web token could not be decoded",
            "make a new private key in the App's settings, and name its file in [github] private_key_file",
        ),
    ]
}

fn mapping(status: MappingStatus, reason: Reason, installation: Option<i64>, confidence: u8) -> Mapping {
    Mapping {
        status,
        reason,
        installation: installation.map(InstallationId),
        repo_id: Some(RepoId(812_345_678)),
        confidence,
        evidence: Evidence {
            rung: 1,
            current_name: Some("acme/api-v2".into()),
            owner_id: Some(AccountId(9001)),
            owner_login: Some("acme".into()),
            considered: Some(InstallationId(41_000_001)),
            facts: vec!["stored id 812345678 is in the listing of installation 41000001".into()],
        },
        next_steps: String::new(),
    }
}

pub fn links() -> Vec<LinkView> {
    let link = |project: &str, repo: &str| Link {
        key: LinkKey::new(&ProjectId::from(project), repo),
        project: ProjectId::from(project),
        tenant: TenantId::from("acme"),
        repo_full_name: repo.into(),
        repo_id: Some(RepoId(812_345_678)),
        owner_id: None,
        owner_login: None,
        token: Some("fp:1234".into()),
        imported_commit_sha: Some("9fceb02d0ae598e95dc970b74767f19372d61af8".into()),
        imported_tree_sha: None,
        imported_at: Some(NOW - 48 * HOUR),
        import_method: Some("oauth".into()),
    };
    let mut unmappable = mapping(MappingStatus::Unmappable, Reason::NotInstalled, None, 0);
    unmappable.next_steps =
        "Ask the owner to install the App: https://github.com/apps/cutover/installations/new?target_id=9001"
            .into();
    vec![
        LinkView {
            link: link("proj-1", "Acme/API"),
            mapping: Some(mapping(MappingStatus::Mapped, Reason::IdListedRenamed, Some(41_000_001), 100)),
        },
        LinkView {
            link: link("proj-1", "acme/a-repository-with-quite-a-long-name"),
            mapping: Some(unmappable),
        },
        LinkView { link: link("proj-1", "acme/new"), mapping: None },
    ]
}

pub fn project() -> ProjectView {
    ProjectView { id: ProjectId::from("proj-1"), tenant: TenantId::from("acme"), links: links() }
}

pub fn tenant() -> TenantView {
    TenantView {
        id: TenantId::from("acme"),
        projects: 120,
        repositories: 1_234,
        canary: true,
        counts: MappingCounts { mapped: 1_200, pending: 20, unmappable: 4, unplanned: 10 },
    }
}

pub fn items() -> Vec<ItemView> {
    let item = |ord, key: &str, state, reason: Option<&str>| ItemView {
        ord,
        key: key.into(),
        state,
        body: serde_json::json!({"to": "mapped"}),
        reason: reason.map(Into::into),
        attempts: 1,
        updated_at: NOW,
    };
    vec![
        item(0, "proj-1:acme/api", ItemState::Done, None),
        item(
            1,
            "proj-1:acme/new",
            ItemState::Stale,
            Some("the mapping was changed by another run since the plan"),
        ),
    ]
}

pub fn tokens() -> Vec<TokenView> {
    vec![
        TokenView {
            installation: InstallationId(41_000_001),
            account: Some("acme".into()),
            state: TokenState::Fresh,
            minted_at: Some(NOW - 10 * MINUTE),
            expires_at: Some(NOW + 50 * MINUTE),
            generation: 3,
            error: None,
            remaining: Some(4_900),
            limit: Some(5_000),
        },
        TokenView {
            installation: InstallationId(41_000_002),
            account: None,
            state: TokenState::Failing,
            minted_at: None,
            expires_at: None,
            generation: 0,
            error: Some("GitHub answered 500".into()),
            remaining: None,
            limit: None,
        },
    ]
}

pub fn delivery(seq: i64, state: DeliveryState) -> DeliveryView {
    let ended = state != DeliveryState::Waiting;
    DeliveryView {
        seq,
        guid: format!("72d3162e-cc78-11e3-81ab-{seq:012}"),
        event: "installation_repositories".into(),
        action: Some("removed".into()),
        installation: Some(InstallationId(41_000_001)),
        repo_id: Some(RepoId(9_001)),
        repository: Some("acme/widgets".into()),
        received_at: NOW - 20 * MINUTE,
        bytes: 7_321,
        state,
        attempts: if state == DeliveryState::Handled { 0 } else { 3 },
        due_at: (!ended).then_some(NOW + 2 * MINUTE),
        ended_at: ended.then_some(NOW - 10 * MINUTE),
        note: (state != DeliveryState::Handled).then(|| "the store can't be written: disk full".into()),
        repeats: u32::from(!ended),
        kept: state != DeliveryState::Handled,
    }
}

pub fn deliveries() -> Vec<DeliveryView> {
    vec![
        delivery(1_203, DeliveryState::Waiting),
        delivery(1_202, DeliveryState::Dead),
        delivery(1_201, DeliveryState::Handled),
    ]
}

pub fn installations() -> Vec<InstallationView> {
    let well = InstallationView {
        id: InstallationId(41_000_002),
        account: "zeta".into(),
        account_id: 8_002,
        account_type: "User".into(),
        state: InstallationState::Active,
        health: InstallationHealth::Healthy,
        reasons: Vec::new(),
        selection: "all".into(),
        repositories: 1_204,
        mapped: 1_204,
        unmapped: 0,
        permissions: vec![("contents".into(), "read".into()), ("metadata".into(), "read".into())],
        missing: Vec::new(),
        budget: Some((4_900, 5_000)),
        token_minted_at: Some(NOW - 20 * MINUTE),
        token_error: None,
        last_delivery_at: Some(NOW - 2 * MINUTE),
        last_event: Some("push".into()),
        waiting_deliveries: 0,
        dead_deliveries: 0,
        read_at: Some(NOW - 60 * MINUTE),
        suspended_at: None,
    };
    let reason = |code: &str, text: &str, mend: Option<&str>| HealthReason {
        code: code.into(),
        text: text.into(),
        mend: mend.map(str::to_owned),
    };
    let worst = InstallationView {
        id: InstallationId(41_000_001),
        account: "acme\u{1b}[2J".into(),
        account_id: 8_001,
        account_type: "Organization".into(),
        state: InstallationState::Suspended,
        health: InstallationHealth::Failing,
        reasons: vec![
            reason("suspended", "acme suspended the App: no token can be had", None),
            reason("unmapped", "12 repositories of acme not mapped", Some("cutover map plan --all")),
        ],
        selection: "selected".into(),
        repositories: 13,
        mapped: 1,
        unmapped: 12,
        missing: vec![("issues".into(), "read".into())],
        budget: None,
        token_minted_at: None,
        dead_deliveries: 3,
        suspended_at: Some(NOW - 10 * MINUTE),
        ..well.clone()
    };
    vec![worst, well]
}

pub fn delivery_detail(payload: bool) -> DeliveryDetail {
    DeliveryDetail {
        delivery: delivery(1_202, DeliveryState::Dead),
        digest: "ab".repeat(32),
        payload: payload.then(|| "{\n  \"action\": \"removed\u{1b}[2J\",\n  \"sender\": {".into()),
        cut: payload,
        dispatches: if payload { Vec::new() } else { dispatches() },
    }
}

pub fn workflow(id: &str) -> WorkflowView {
    WorkflowView {
        id: id.into(),
        name: "Review pull requests".into(),
        trigger: Rule {
            repository: "acme/*".into(),
            events: vec!["push".into(), "pull_request".into()],
            branches: vec!["main".into(), "!release/**".into()],
            paths: vec!["src/**".into()],
            action_filter: Vec::new(),
            author_filter: Vec::new(),
            label_filter: vec!["bug".into()],
            ignore_bots: true,
            github_app_installation_id: Some(41_000_001),
        },
        attach_context: false,
        source: WorkflowSource::Registered,
        trouble: None,
        updated_at: NOW - 60 * MINUTE,
        updated_by: "alice".into(),
        matches: 1_204,
        last_match: Some(LastMatch { guid: "72d3162e-cc78-11e3-81ab-000000001202".into(), at: NOW - MINUTE }),
        waiting: 1,
        dead: 2,
    }
}

pub fn dispatches() -> Vec<DispatchView> {
    let dispatch = |seq, state, workflow: Option<&str>, note: Option<&str>| DispatchView {
        seq,
        workflow: workflow.map(str::to_owned),
        guid: Some("72d3162e-cc78-11e3-81ab-000000001202".into()),
        event: "push".into(),
        repository: Some("acme/widgets".into()),
        state,
        attempts: if state == DispatchState::Sent { 0 } else { 3 },
        created_at: NOW - 5 * MINUTE,
        due_at: (state == DispatchState::Waiting).then_some(NOW + MINUTE),
        ended_at: (state != DispatchState::Waiting).then_some(NOW - MINUTE),
        execution_id: (state == DispatchState::Sent).then(|| "exec-77".into()),
        note: note.map(str::to_owned),
    };
    vec![
        dispatch(9, DispatchState::Waiting, Some("wf-review"), Some("the engine answered 502\u{1b}[2J")),
        dispatch(8, DispatchState::Sent, Some("wf-deploy"), None),
        dispatch(7, DispatchState::Dead, None, Some("the scheduler answered 400: no such repository")),
    ]
}

/// One that follows from no delivery.
pub fn connected() -> DispatchView {
    let [.., dead] = &dispatches()[..] else { unreachable!() };
    DispatchView {
        seq: 6,
        guid: None,
        event: "installation_callback".into(),
        repository: None,
        state: DispatchState::Sent,
        note: None,
        ..dead.clone()
    }
}

pub fn explanations() -> Vec<Explanation> {
    let step = |rule: &str, passed, wanted: &str, found: &str| ExplainStep {
        rule: rule.into(),
        passed,
        wanted: wanted.into(),
        found: found.into(),
    };
    let explanation = |id: &str, steps: Vec<ExplainStep>| Explanation {
        workflow: id.into(),
        name: "Review".into(),
        matched: steps.iter().all(|step| step.passed),
        steps,
    };
    vec![
        explanation("wf-review", vec![step("event", true, "push, pull_request", "push")]),
        explanation(
            "wf-deploy",
            vec![
                step("event", true, "push", "push"),
                step("branches", false, "main, !release/**", "topic/a-long-name"),
            ],
        ),
    ]
}

pub fn record(seq: i64) -> AuditView {
    AuditView {
        seq,
        at: NOW - seq * MINUTE,
        actor: "alice".into(),
        origin: "rpc uid 1000".into(),
        act: "run.approve".into(),
        subject: ID.into(),
        detail: serde_json::json!({"digest": DIGEST}),
        prev: "00".repeat(32),
        hash: "11".repeat(32),
    }
}

pub fn audit_check(intact: bool) -> AuditCheck {
    AuditCheck {
        records: 1_234,
        intact,
        problem: (!intact).then(|| "record 77: its hash is not that of its content".into()),
        signed_head_seq: Some(1_230),
        head: "11".repeat(32),
    }
}

pub fn spot_check(passed: bool) -> SpotCheckReport {
    let row = |repo: &str, outcome, detail: &str| SpotCheckRow {
        key: LinkKey::new(&ProjectId::from("proj-1"), repo),
        tenant: TenantId::from("acme"),
        installation: InstallationId(41_000_001),
        confidence: 100,
        outcome,
        detail: detail.into(),
    };
    let mut rows: Vec<SpotCheckRow> =
        (0..5).map(|i| row(&format!("acme/r{i}"), SpotOutcome::Match, "commit 9fceb02 is there")).collect();
    if !passed {
        let odd = "imported tree 4b825dc, the commit now has tree 9fceb02";
        rows.push(row("acme/odd", SpotOutcome::Mismatch, odd));
    }
    SpotCheckReport {
        seed: 7,
        at: NOW,
        population: 1_800,
        passed,
        verdict: if passed { String::new() } else { "1 of 6 does not match".into() },
        rows,
    }
}

pub fn kill(owed: &str) -> KillReceipt {
    let state = ReplicaState::Confirmed;
    let local = ReplicaReceipt { name: "local".into(), state, at: NOW, targets_after: Some(0) };
    KillReceipt {
        at: NOW,
        marker: true,
        stored: owed.is_empty(),
        paused: vec![RunId::from(ID)],
        owed: owed.into(),
        replicas: vec![local],
    }
}

pub fn health_ok() -> Vec<Check> {
    checks().into_iter().take(2).collect()
}
