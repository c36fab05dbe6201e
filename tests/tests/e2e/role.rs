//! Promise 10: a viewer changes nothing, over any door; nobody speaks before hello, and nobody raises a role.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use cutover_shared::app::{AppAct, Code};
use cutover_shared::catalog::{CatalogAct, CatalogFormat, Contents};
use cutover_shared::context::{ContextAct, Place};
use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::fleet::{FleetAct, FleetScope};
use cutover_shared::hooks::HooksAct;
use cutover_shared::ids::{ActKey, InstallationId};
use cutover_shared::import::{ImportAct, Wanted};
use cutover_shared::mapping::{MapAct, MapScope, Mode};
use cutover_shared::rollout::{
    Operation, OutcomeBatch, Ring, RingChange, RolloutAct, RolloutName, Side, Stage as RolloutStage,
    WorthDecision,
};
use cutover_shared::rpc::{Act, ControlClient, Hello, PROTOCOL, Query, Role, Topic, Welcome};
use cutover_shared::run::{RunAct, RunState};
use cutover_shared::token::TokenAct;
use cutover_shared::transport::framed;
use cutover_shared::webhook::WebhookAct;
use cutover_shared::workflow::WorkflowAct;
use cutover_tests::harness::Cli;
use tarpc::client::Config;
use tarpc::context;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

use super::stage::{EXE, Stage, audit, plan, set_going, show, until_audited, until_state};

/// Kinds of acts.
const ACTS: usize = 55;

/// Counts every act. Exhaustive on purpose: whoever adds one adds it to [`every_act`], too.
fn ordinal(act: &Act) -> usize {
    match act {
        Act::Kill { .. } => 0,
        Act::Run(act) => match act {
            RunAct::Approve { .. } => 1,
            RunAct::Apply { .. } => 2,
            RunAct::Pause { .. } => 3,
            RunAct::Resume { .. } => 4,
            RunAct::Cancel { .. } => 5,
            RunAct::Retry { .. } => 6,
            RunAct::Undo { .. } => 7,
            RunAct::Settle { .. } => 8,
        },
        Act::Map(act) => match act {
            MapAct::Plan { .. } => 9,
            MapAct::SetMode { .. } => 10,
            MapAct::SpotCheck { .. } => 11,
        },
        Act::Catalog(act) => match act {
            CatalogAct::Begin { .. } => 12,
            CatalogAct::Chunk { .. } => 13,
            CatalogAct::Commit { .. } => 14,
        },
        Act::Token(act) => match act {
            TokenAct::Refresh { .. } => 15,
            TokenAct::Invalidate { .. } => 16,
        },
        Act::Webhook(act) => match act {
            WebhookAct::ReplayOne { .. } => 17,
            WebhookAct::ReplayAll { .. } => 18,
            WebhookAct::Recover { .. } => 20,
        },
        Act::Hooks(HooksAct::Plan { .. }) => 19,
        Act::Workflow(act) => match act {
            WorkflowAct::Put { .. } => 21,
            WorkflowAct::Remove { .. } => 22,
            WorkflowAct::Replay { .. } => 23,
        },
        Act::App(AppAct::Create { .. }) => 24,
        Act::Import(act) => match act {
            ImportAct::Run { .. } => 25,
            ImportAct::Record { .. } => 26,
        },
        Act::Context(ContextAct::Comment { .. }) => 27,
        Act::Rollout(act) => match act {
            RolloutAct::Stage { .. } => 28,
            RolloutAct::Rollback { .. } => 29,
            RolloutAct::Flag { .. } => 30,
            RolloutAct::Override { .. } => 31,
            RolloutAct::Freeze { .. } => 32,
            RolloutAct::Unfreeze { .. } => 33,
            RolloutAct::Unkill { .. } => 34,
            RolloutAct::Drill { .. } => 35,
            RolloutAct::Preflight { .. } => 36,
            RolloutAct::Declare { .. } => 37,
            RolloutAct::Close { .. } => 38,
            RolloutAct::Repair { .. } => 39,
            RolloutAct::Reconcile { .. } => 40,
            RolloutAct::Baseline { .. } => 41,
            RolloutAct::Outcomes(_) => 42,
            RolloutAct::PlanRecords { .. } => 43,
            RolloutAct::Ring { .. } => 44,
            RolloutAct::Decide { .. } => 45,
        },
        Act::Fleet(act) => match act {
            FleetAct::Plan { .. } => 46,
            FleetAct::Rollback { .. } => 47,
            FleetAct::Add { .. } => 48,
            FleetAct::Remove { .. } => 49,
            FleetAct::Test { .. } => 50,
            FleetAct::Accept { .. } => 51,
            FleetAct::RotateKey => 52,
            FleetAct::FromApplication => 53,
            FleetAct::Retry { .. } => 54,
        },
    }
}

/// Each act once, on things that are there and would let it be done.
fn every_act(run: &cutover_shared::run::RunView, installation: InstallationId) -> Vec<Act> {
    let id = || run.id.clone();
    let upload = || "an upload".to_owned();
    vec![
        Act::Kill { reason: "e2e".into(), rollout: None },
        Act::Run(RunAct::Approve {
            id: id(),
            digest: run.digest.clone(),
            override_reason: Some("e2e".into()),
        }),
        Act::Run(RunAct::Apply { id: id(), rate: None }),
        Act::Run(RunAct::Pause { id: id() }),
        Act::Run(RunAct::Resume { id: id(), rate: None }),
        Act::Run(RunAct::Cancel { id: id() }),
        Act::Run(RunAct::Retry { id: id() }),
        Act::Run(RunAct::Undo { id: id(), rate: None }),
        Act::Run(RunAct::Settle { id: id(), key: "a:b/c".into(), happened: true }),
        Act::Map(MapAct::Plan { scope: MapScope::All, refresh: true }),
        Act::Map(MapAct::SetMode { mode: Some(Mode::On), canary: Some(Vec::new()) }),
        Act::Map(MapAct::SpotCheck { sample: 5, seed: 1 }),
        Act::Catalog(CatalogAct::Begin { format: CatalogFormat::Csv, of: Contents::SandboxRecords }),
        Act::Catalog(CatalogAct::Chunk { upload: upload(), part: 0, text: "projectId".into() }),
        Act::Catalog(CatalogAct::Commit { upload: upload(), skip_bad: true }),
        Act::Token(TokenAct::Refresh { installation }),
        Act::Token(TokenAct::Invalidate { installation }),
        Act::Webhook(WebhookAct::ReplayOne { guid: "72d3162e".into() }),
        Act::Webhook(WebhookAct::ReplayAll { filter: "state:dead".into(), expected: 0 }),
        Act::Webhook(WebhookAct::Recover { since: None, events: Vec::new(), look: true }),
        Act::Workflow(WorkflowAct::Put {
            id: "wf".into(),
            workflow: Box::new(super::workflow::any("wf", "a/b")),
        }),
        Act::Workflow(WorkflowAct::Remove { id: "wf".into() }),
        Act::Workflow(WorkflowAct::Replay { filter: "state:dead".into(), expected: 0 }),
        Act::App(AppAct::Create { code: Code("0123456789".into()) }),
        Act::Hooks(HooksAct::Plan { scope: MapScope::All }),
        Act::Import(ImportAct::Run {
            project: "a".into(),
            repository: None,
            reference: None,
            method: Wanted::Auto,
            probe: true,
        }),
        Act::Import(ImportAct::Record { project: "a".into(), repository: None }),
        Act::Context(ContextAct::Comment {
            place: Place { repository: "a/b".into(), installation: Some(installation) },
            number: 1,
            text: "e2e".into(),
        }),
        Act::Rollout(RolloutAct::Stage {
            name: RolloutName::GithubAuth,
            to: RolloutStage::DualWrite,
            exact: None,
            ring: None,
            digest: "0".into(),
            override_reason: None,
        }),
        Act::Rollout(RolloutAct::Rollback { name: RolloutName::GithubAuth, to: None, reason: "e2e".into() }),
        Act::Rollout(RolloutAct::Flag { operation: Operation::Import, on: false, reason: "e2e".into() }),
        Act::Rollout(RolloutAct::Override {
            name: RolloutName::GithubAuth,
            tenant: "acme".into(),
            side: Some(Side::Target),
            reason: "e2e".into(),
        }),
        Act::Rollout(RolloutAct::Freeze { name: RolloutName::GithubAuth, reason: "e2e".into() }),
        Act::Rollout(RolloutAct::Unfreeze { name: RolloutName::GithubAuth }),
        Act::Rollout(RolloutAct::Unkill { name: None, reason: "e2e".into() }),
        Act::Rollout(RolloutAct::Drill { name: RolloutName::GithubAuth }),
        Act::Rollout(RolloutAct::Preflight { name: RolloutName::GithubAuth }),
        Act::Rollout(RolloutAct::Declare { name: None, text: "e2e".into() }),
        Act::Rollout(RolloutAct::Close { id: "e2e".into() }),
        Act::Rollout(RolloutAct::Repair { name: RolloutName::GithubAuth, seq: None, drop: None }),
        Act::Rollout(RolloutAct::Reconcile { name: RolloutName::GithubAuth }),
        Act::Rollout(RolloutAct::Baseline { name: RolloutName::GithubAuth, since_ms: 0 }),
        Act::Rollout(RolloutAct::Ring {
            ring: Ring::Internal,
            change: RingChange::Add,
            tenants: vec!["acme".into()],
        }),
        Act::Rollout(RolloutAct::Decide {
            name: RolloutName::GithubAuth,
            decision: WorthDecision::Migrate,
            reason: "e2e".into(),
        }),
        Act::Rollout(RolloutAct::Outcomes(OutcomeBatch { id: "e2e".into(), outcomes: Vec::new() })),
        Act::Rollout(RolloutAct::PlanRecords { scope: MapScope::All }),
        Act::Fleet(FleetAct::Plan { scope: FleetScope::All, to: Some(1), refresh: true }),
        Act::Fleet(FleetAct::Rollback { scope: FleetScope::All, to: 0, refresh: true }),
        Act::Fleet(FleetAct::Add { rows: Vec::new() }),
        Act::Fleet(FleetAct::Remove { tenant: "acme".into() }),
        Act::Fleet(FleetAct::Test { tenant: None }),
        Act::Fleet(FleetAct::Accept { tenant: "acme".into() }),
        Act::Fleet(FleetAct::RotateKey),
        Act::Fleet(FleetAct::FromApplication),
        Act::Fleet(FleetAct::Retry { run: id(), group: "e2e".into() }),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_is_refused_every_act_and_each_refusal_is_recorded() {
    let stage = Stage::new().await;
    let _daemon = stage.daemon().await;
    stage.import().await;
    let conn = stage.connect().await;
    let run = plan(&conn).await;
    let installation =
        InstallationId(stage.sim.world().read(|world| world.installations().next().unwrap().id));
    let acts = every_act(&run, installation);
    let seen: BTreeSet<_> = acts.iter().map(ordinal).collect();
    assert_eq!(seen, (0..ACTS).collect(), "every kind of act is tried");

    let (world, calls, before) = (stage.world().await, stage.sim.calls().total(), audit(&conn).await.len());
    let viewer = stage.connect_as(Some(Role::Viewer)).await;
    assert_eq!(viewer.welcome().role, Role::Viewer);
    for act in &acts {
        let error = viewer.act(ActKey::fresh(), act.clone()).await.unwrap_err();
        assert_eq!((error.code, error.code.exit()), (ErrorCode::Role, 3), "{}: {error}", act.name());
        assert!(error.message.contains(act.name()) && error.message.contains("viewer"), "{error}");
    }
    let records = audit(&conn).await.split_off(before);
    let refused: Vec<_> =
        records.iter().map(|record| (record.act.as_str(), record.subject.as_str())).collect();
    assert_eq!(refused, acts.iter().map(|act| ("refused", act.name())).collect::<Vec<_>>());
    assert!(records.iter().all(|record| record.detail["role"] == "viewer"));

    // Everything that a viewer may ask is answered still, and nothing has moved.
    viewer.query(Query::Status).await.unwrap();
    viewer.query(Query::Doctor).await.unwrap();
    assert_eq!(show(&viewer, &run.id).await, run);
    assert!(!super::stage::mode(&viewer).await.killed);
    assert_eq!(stage.world().await, world);
    assert_eq!(stage.sim.calls().total(), calls + 1, "doctor asks for the App, and nothing else was called");
}

/// Verbs that only look, and verbs that need no daemon. `app create` asks first, and is refused where there is an App.
const LOOKS: &[&str] = &[
    "app create",
    "app show",
    "status",
    "doctor",
    "catalog list",
    "catalog ddl",
    "tenant list",
    "tenant show",
    "project list",
    "project show",
    "mode get",
    "run list",
    "run show",
    "run items",
    "watch",
    "token list",
    "installation list",
    "installation show",
    "webhook list",
    "webhook show",
    "app show",
    "workflow list",
    "workflow show",
    "workflow test",
    "workflow dispatches",
    "fleet status",
    "fleet history",
    "fleet lint",
    "fleet registry",
    "rollout list",
    "rollout show",
    "rollout members",
    "rollout changes",
    "rollout timeline",
    "rollout overrides",
    "rollout explain",
    "rollout mismatches",
    "rollout repairs",
    "rollout reconciliation",
    "rollout worth",
    "incident list",
    "audit list",
    "audit verify",
    "audit export",
    "completions",
    "man",
    "replay",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_refuses_a_viewer_every_verb_that_changes_something() {
    let stage = Stage::new().await;
    let _daemon = stage.daemon().await;
    stage.import().await;
    let conn = stage.connect().await;
    let run = plan(&conn).await;
    let (id, digest) = (run.id.as_str(), run.digest.as_str());
    let file = stage.file.display().to_string();
    let workflow = serde_json::to_vec(&super::workflow::any("wf", "a/b")).unwrap();
    let workflow = stage.home.write("wf.json", &workflow).unwrap().display().to_string();
    let acts: &[&[&str]] = &[
        &["catalog", "import", &file],
        &["map", "plan", "--all"],
        &["map", "apply", id, "--approve", digest, "--override", "e2e"],
        &["map", "spot-check"],
        &["hooks", "plan", "--all"],
        &["hooks", "apply", id, "--approve", digest, "--override", "e2e"],
        &["fleet", "plan", "--to", "1"],
        &["fleet", "apply", id, "--approve", digest, "--override", "e2e"],
        &["fleet", "rollback", "--to", "0", "--all"],
        &["fleet", "retry", id, "--group", "e2e"],
        &["fleet", "instance", "test"],
        &["fleet", "instance", "accept", "acme"],
        &["fleet", "instance", "remove", "acme"],
        &["fleet", "instance", "rotate-key"],
        &["fleet", "instance", "from-application"],
        &["mode", "set", "on"],
        &["run", "approve", id, "--digest", digest, "--override", "e2e"],
        &["run", "pause", id],
        &["run", "resume", id],
        &["run", "cancel", id],
        &["run", "retry", id],
        &["run", "undo", id],
        &["run", "settle", id, "a:b/c", "--happened", "yes"],
        &["token", "refresh", "1"],
        &["token", "invalidate", "1"],
        &["webhook", "replay", "72d3162e"],
        &["webhook", "recover"],
        &["workflow", "add", "wf", "--file", &workflow],
        &["workflow", "remove", "wf"],
        &["workflow", "replay", "--filter", "state:dead", "--yes", "0"],
        &["import", "p1"],
        &["import", "p1", "--probe", "record"],
        // They look, at tenants' code.
        &["context", "pr", "a/b", "1"],
        &["context", "commit", "a/b", "main"],
        &["context", "file", "a/b", "README.md"],
        &["context", "compare", "a/b", "main", "topic"],
        &["context", "branches", "a/b"],
        &["context", "issue", "a/b", "1"],
        &["context", "comment", "a/b", "1", "--body-file", &file],
        &["rollout", "stage", "github-auth", "--to", "dual-write", "--approve", "0"],
        &["rollout", "flag", "import", "off", "--reason", "e2e"],
        &["rollout", "override", "github-auth", "acme", "target", "--reason", "e2e"],
        &["rollout", "ring", "internal", "add", "acme"],
        &["rollout", "freeze", "github-auth", "--reason", "e2e"],
        &["rollout", "unfreeze", "github-auth"],
        &["rollout", "repair", "github-auth"],
        &["rollout", "reconcile", "github-auth"],
        &["rollout", "records", "plan", "--all"],
        &["rollout", "baseline", "github-auth"],
        &["rollout", "decide", "github-auth", "not-needed", "--reason", "e2e"],
        &["rollout", "drill", "github-auth"],
        &["rollout", "preflight", "github-auth"],
        &["incident", "declare", "--all", "--text", "e2e"],
        &["incident", "close", "0"],
        &["rollback", "github-auth", "--reason", "e2e"],
        &["kill"],
        &["kill", "github-auth"],
        &["unkill", "--all", "--reason", "e2e"],
    ];
    let mut verbs = BTreeSet::new();
    for verb in cutover_tui::grammar().get_subcommands() {
        let leaves: Vec<_> = verb.get_subcommands().map(|leaf| leaf.get_name().to_owned()).collect();
        if leaves.is_empty() {
            verbs.insert(verb.get_name().to_owned());
        }
        verbs.extend(leaves.iter().map(|leaf| format!("{} {leaf}", verb.get_name())));
    }
    let tried = acts.iter().map(|act| {
        if matches!(act[0], "kill" | "import" | "rollback" | "unkill") {
            act[0].to_owned()
        } else {
            act[..2].join(" ")
        }
    });
    // `app create` looks first, and a daemon that has an App says so to everybody; its act is tried above and in `app`.
    let others = LOOKS.iter().chain(&["app create"]).map(|verb| (*verb).to_owned());
    let known: BTreeSet<String> = tried.chain(others).collect();
    assert_eq!(verbs, known, "a new verb is listed here as one that looks or one that changes");

    let world = stage.world().await;
    for (i, act) in acts.iter().enumerate() {
        // Both ways to be a viewer, in turns.
        let power: &[&str] = if i % 2 == 0 { &["--role", "viewer"] } else { &["--read-only"] };
        let args: Vec<&str> = power.iter().chain(*act).copied().chain(["--json"]).collect();
        let said = stage.say(&[3], &args).await;
        assert!(said.stdout.is_empty(), "{args:?} printed {}", said.stdout);
        let error: serde_json::Value = serde_json::from_str(&said.stderr).unwrap();
        assert_eq!(error["error"]["code"], "role", "{args:?}: {}", said.stderr);
    }
    stage.say(&[3], &["kill", "--local", "--read-only"]).await;
    stage.say(&[3], &["kill", "--local", "--role", "viewer"]).await;
    assert_eq!(stage.world().await, world);
    assert_eq!(show(&conn, &run.id).await, run);
    let refused = audit(&conn).await.into_iter().filter(|record| record.act == "refused").count();
    assert_eq!(refused, acts.len(), "each refusal of the daemon is recorded");
    // The same call with its role does it.
    set_going(&conn, &run, None).await;
    until_state(&conn, &run.id, RunState::Done).await;
}

fn hello(role: Option<Role>) -> Hello {
    Hello { protocol: PROTOCOL, version: "0".into(), purpose: "e2e".into(), role }
}

async fn raw(stage: &Stage) -> ControlClient {
    let stream = UnixStream::connect(stage.home.socket()).await.unwrap();
    ControlClient::new(Config::default(), framed(stream)).spawn()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_answered_before_hello_and_a_second_hello_raises_no_role() {
    let stage = Stage::new().await;
    let _daemon = stage.daemon().await;
    let client = raw(&stage).await;
    let kill = || Act::Kill { reason: "e2e".into(), rollout: None };
    let usage = |error: RpcError| assert_eq!(error.code, ErrorCode::Usage, "{error}");
    usage(client.query(context::current(), Query::Status).await.unwrap().unwrap_err());
    usage(client.act(context::current(), ActKey::fresh(), kill()).await.unwrap().unwrap_err());
    usage(client.changes(context::current(), 0, vec![(Topic::Runs, 0)]).await.unwrap().unwrap_err());

    let greeted = client.hello(context::current(), hello(Some(Role::Viewer))).await.unwrap().unwrap();
    assert_eq!(greeted.role, Role::Viewer);
    for role in [Some(Role::Admin), None] {
        let again = client.hello(context::current(), hello(role)).await.unwrap();
        assert_eq!(again.map(|welcome| welcome.role).ok(), Some(Role::Viewer));
        let error = client.act(context::current(), ActKey::fresh(), kill()).await.unwrap().unwrap_err();
        assert_eq!(error.code, ErrorCode::Role);
    }
    let other = raw(&stage).await;
    let old = Hello { protocol: PROTOCOL + 1, ..hello(None) };
    let error = other.hello(context::current(), old).await.unwrap().unwrap_err();
    assert_eq!((error.code, error.code.exit()), (ErrorCode::Version, 4));
    assert!(error.message.contains(&format!("protocol {PROTOCOL}")), "{error}");
    usage(other.query(context::current(), Query::Status).await.unwrap().unwrap_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configured_viewer_can_not_ask_for_more() {
    let stage = Stage::of(20, None, "\n[[operators]]\nuid = 0\nname = \"eve\"\nrole = \"viewer\"\n").await;
    if !nix::unistd::getuid().is_root() {
        eprintln!("left out: the daemon's own uid is configured as 0 here");
        return;
    }
    let _daemon = stage.daemon().await;
    let said = stage.say(&[3], &["--role", "admin", "status"]).await;
    assert!(said.stderr.contains("viewer"), "{}", said.stderr);
    stage.say(&[3], &["kill"]).await;
    stage.say(&[0], &["status"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_uid_that_is_no_operator_is_refused_and_recorded() {
    let nobody = nix::unistd::User::from_name("nobody").unwrap();
    let (Some(nobody), true) = (nobody, nix::unistd::getuid().is_root()) else {
        eprintln!("left out: only root can play another user");
        return;
    };
    let group = nix::unistd::Group::from_gid(nobody.gid).unwrap().unwrap().name;
    let stage = Stage::of(20, None, "").await;
    stage.reconfigure("[rpc]\n", &format!("[rpc]\ngroup = \"{group}\"\n"));
    let open = |path: &Path| std::fs::set_permissions(path, PermissionsExt::from_mode(0o711)).unwrap();
    open(stage.home.dir());
    let _daemon = stage.daemon().await;
    let socket = std::fs::metadata(stage.home.socket()).unwrap().permissions().mode();
    assert_eq!(socket & 0o777, 0o660);

    // The program may lie in a folder that nobody may enter.
    let exe = stage.home.dir().join("cutover");
    std::fs::copy(EXE, &exe).unwrap();
    std::fs::set_permissions(&exe, PermissionsExt::from_mode(0o755)).unwrap();
    for args in [&["status", "--json"][..], &["kill", "--json"]] {
        let mut command = Cli::new(&exe, &stage.home).command(args);
        command.uid(nobody.uid.as_raw()).gid(nobody.gid.as_raw()).current_dir("/");
        let said = Cli::heard(command, &[]).await.unwrap();
        assert_eq!(said.code, 3, "{}", said.stderr);
        assert!(said.stderr.contains(&format!("uid {}", nobody.uid)), "{}", said.stderr);
    }
    let conn = stage.connect().await;
    let refused = until_audited(&conn, "refused").await;
    assert_eq!(refused.len(), 2);
    assert_eq!(
        (refused[0].subject.as_str(), refused[0].origin.clone()),
        ("hello", format!("rpc uid {}", nobody.uid))
    );
    assert!(!super::stage::mode(&conn).await.killed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_of_another_protocol_is_told_apart_from_one_that_is_not_there() {
    let stage = Stage::of(20, None, "").await;
    let listener = UnixListener::bind(stage.home.socket()).unwrap();
    let newer = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let length = stream.read_u32().await.unwrap();
        let mut frame = vec![0; length as usize];
        stream.read_exact(&mut frame).await.unwrap();
        let welcome = Welcome {
            protocol: PROTOCOL + 1,
            version: "9.9.9".into(),
            environment: "demo".into(),
            operator: "ana".into(),
            role: Role::Admin,
        };
        let answer =
            serde_json::json!({ "request_id": 0, "message": { "Ok": { "Hello": { "Ok": welcome } } } });
        let bytes = answer.to_string().into_bytes();
        stream.write_u32(u32::try_from(bytes.len()).unwrap()).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        stream
    };
    let (said, _stream) = tokio::join!(stage.say(&[4], &["status"]), newer);
    assert!(said.stderr.contains("9.9.9") && said.stderr.contains("protocol"), "{}", said.stderr);
}
