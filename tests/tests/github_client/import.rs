//! Imports and listings through the HTTP door: one contract, whichever credential serves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cutover_daemon::audit::Who;
use cutover_daemon::client::{Answered, Client};
use cutover_daemon::clock::Clock;
use cutover_daemon::doors::http::auth::{Auth, Demands, Users};
use cutover_daemon::doors::http::github::{GithubParts, routes};
use cutover_daemon::doors::http::{Door, GithubApi, Limits as DoorLimits, Listener, Setup};
use cutover_daemon::faults::Faults;
use cutover_daemon::flows::ceiling;
use cutover_daemon::flows::import::{ImportParts, Imports};
use cutover_daemon::gateway::inbox::Inbox;
use cutover_daemon::git::Artifacts;
use cutover_daemon::mapping::kind::MapEmbedded;
use cutover_daemon::mapping::mode;
use cutover_daemon::mapping::planner::Planner;
use cutover_daemon::mapping::sweep::Sweeper;
use cutover_daemon::rollout::book::{RolloutSettings, Rollouts};
use cutover_daemon::rollout::bucket::{ALGORITHM, Bucketing};
use cutover_daemon::rollout::criteria::Rules;
use cutover_daemon::rollout::evidence::Recorded;
use cutover_daemon::rollout::router::Router;
use cutover_daemon::rollout::second::RepairLimits;
use cutover_daemon::rollout::shadow::{Shadow, ShadowParts, ShadowSettings};
use cutover_daemon::rollout::stages::Track;
use cutover_daemon::rollout::tally::{Counted, Outcome};
use cutover_daemon::run::{Brake, Engine, EngineSettings, OpenGate};
use cutover_daemon::seal::Seal;
use cutover_daemon::store::{CatalogOp, Db, Lane, LinkRow, MappingOp, MappingRow, Unit, open};
use cutover_shared::ids::{InstallationId, LinkKey, RepoId, TenantId};
use cutover_shared::mapping::Mode;
use cutover_shared::rollout::{Operation, Percent, Side, Stage};
use cutover_tests::github_sim::{Effect, Fault, RouteKind};
use http::Method;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::fetch::{Bench, LIMITS, git_in, unpacked};
use super::stage::START;

pub(crate) const SERVICE: &str = "service-token-of-the-tests";
const HOUR: Duration = Duration::from_secs(3_600);

/// Users' tokens are signed with it; the claim `org_id` names the tenant.
pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Comparisons as most tests want them.
pub(crate) const SHADOW: ShadowSettings =
    ShadowSettings { timeout: Duration::from_secs(60), parallel: 2, calls_per_hour: 1_000 };

/// A door with imports behind it. `p-mapped` and `p-solo` are mapped, `p-free` is not; `p-bare` has no user token. `p-in` is of a
/// tenant of the first tenth, `p-out` of one of the second half; `p-some` is on an installation that was granted one of two.
pub(crate) struct World {
    pub(crate) bench: Bench,
    pub(crate) db: Db,
    pub(crate) brake: Brake,
    pub(crate) rollouts: Rollouts,
    pub(crate) shadow: Shadow,
    pub(crate) counted: Arc<Counted>,
    pub(crate) imports: Imports,
    at: String,
    client: Client,
    stop: CancellationToken,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(None).await
    }

    async fn with(grace_until: Option<i64>) -> Self {
        Self::made(Stage::Live, 0, SHADOW, grace_until).await
    }

    /// In a stage, with every read compared where the stage compares.
    pub(crate) async fn at(stage: Stage, shadow: ShadowSettings) -> Self {
        Self::made(stage, 10_000, shadow, None).await
    }

    async fn made(
        stage: Stage,
        shadow_buckets: u16,
        settings: ShadowSettings,
        grace_until: Option<i64>,
    ) -> Self {
        let bench = Bench::new().await;
        let clock = bench.stage.clock.clone();
        let url = format!("sqlite:{}", bench.dir.path().join("cutover.db").display());
        let db = open(&url, Faults::none()).await.unwrap();
        let seal = Arc::new(Seal::new(vec![("k1".to_owned(), Box::new([7; 32]).into())]).unwrap());
        let github = bench.stage.client();
        let brake = Brake::pulled();
        brake.release(brake.newest().unwrap());
        mode::initialise(&db, Mode::On, &[], START).await.unwrap();
        fill(&bench, &db, &seal).await;
        let artifacts =
            Artifacts::new(bench.dir.path().join("artifacts"), HOUR, u64::MAX, clock.clone()).unwrap();
        let router = Router::new(brake.clone());
        let rollouts = Rollouts::new(
            db.clone(),
            clock.clone(),
            router.clone(),
            RolloutSettings {
                track: Track::new(&[10, 50, 100]).unwrap(),
                rules: Rules::default(),
                shadow_buckets,
                initial: [stage, Stage::Off],
            },
            Arc::new(Recorded {
                db: db.clone(),
                clock: clock.clone(),
                limits: RepairLimits { age: HOUR, most: 1_000 },
            }),
            bench.dir.path(),
        );
        rollouts.load(|_| stage).await.unwrap();
        ceiling::follow(&db, &rollouts, &Who::daemon()).await.unwrap();
        let counted = Arc::new(Counted::default());
        let shadow = Shadow::new(ShadowParts {
            router: router.clone(),
            clock: clock.clone(),
            db: db.clone(),
            tally: counted.clone(),
            settings,
        });
        let imports = Imports::new(ImportParts {
            second: std::sync::OnceLock::new(),
            db: db.clone(),
            github: github.clone(),
            seal: seal.clone(),
            clock: clock.clone(),
            router,
            shadow: shadow.clone(),
            tally: counted.clone(),
            git: bench.git.clone(),
            shadow_git: git_in(&bench.dir.path().join("git-shadow")),
            artifacts,
            limits: LIMITS,
            grace_until,
            app_slug: Some("the-app".to_owned()),
        });
        let settings = EngineSettings { chunk: 16, plan_ttl: HOUR, lease: HOUR, parallel: 1 };
        let kinds: Vec<Arc<dyn cutover_daemon::run::Kind>> =
            vec![Arc::new(MapEmbedded::new(db.clone(), seal.clone()))];
        let engine = Engine::new(
            db.clone(),
            clock.clone(),
            Faults::none(),
            brake.clone(),
            settings,
            Arc::new(OpenGate),
            kinds,
        );
        let planner = Planner {
            db: db.clone(),
            sweeper: Sweeper::new(db.clone(), github.clone(), clock.clone(), 4),
            github,
            seal,
            clock: clock.clone(),
            engine,
            app_database: None,
            probe_budget: 100,
            index_max_age: HOUR,
            app_slug: Some("the-app".to_owned()),
        };
        let demands = Demands { tenant_claim: "org_id".into(), ..Demands::default() };
        let users = Users::new(Clock::system(), demands, Some(&SECRET.to_owned().into()), None);
        let (service_token, users) = (Some(SERVICE.to_owned().into()), Some(Arc::new(users)));
        let auth = Auth { service_token, users, rates: None };
        let door = Door::new(Setup {
            tls: None,
            allow: None,
            metrics: cutover_daemon::metrics::Metrics::new(),
            inbox: Inbox::new(db.clone(), clock.clone()),
            db: db.clone(),
            // Its connections are real, and so is their time.
            clock: Clock::system(),
            secrets: Vec::new(),
            app_id: 1,
            trusted: Vec::new(),
            github_api: Box::new(|| GithubApi::NotAsked),
            redis: Box::new(|| cutover_daemon::doors::http::RedisCheck::NotConfigured),
            apis: routes(Arc::new(GithubParts { auth, imports: imports.clone(), planner })),
            limits: DoorLimits::default(),
        });
        let listener = Listener::open("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let at = format!("http://{}", listener.address());
        let stop = CancellationToken::new();
        tokio::spawn(listener.serve(door, stop.clone()));
        let client = Client::new().unwrap();
        Self { bench, db, brake, rollouts, shadow, counted, imports, at, client, stop }
    }

    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: Option<Value>,
    ) -> Answered {
        let url = format!("{}{path}", self.at).parse().unwrap();
        let mut request = self.client.request(method, url).header("authorization", format!("Bearer {token}"));
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        self.client.send(request, Duration::from_secs(60)).await.unwrap()
    }

    /// An import's status and answer.
    pub(crate) async fn import(&self, body: Value) -> (u16, Value) {
        let answer = self.call(Method::POST, "/api/v1/github/import", SERVICE, Some(body)).await;
        (answer.status, serde_json::from_slice(&answer.body).unwrap())
    }

    pub(crate) async fn of(&self, project: &str) -> (u16, Value) {
        self.import(json!({ "project_id": project })).await
    }

    pub(crate) async fn repos(&self, query: &str) -> (u16, Value) {
        let answer = self.call(Method::GET, &format!("/api/v1/github/repos?{query}"), SERVICE, None).await;
        (answer.status, serde_json::from_slice(&answer.body).unwrap())
    }

    async fn set_mode(&self, mode: Mode, canary: &[&str]) {
        let who = Who::daemon();
        let canary: Vec<TenantId> = canary.iter().map(|tenant| TenantId::from(*tenant)).collect();
        mode::set(&self.db, Some(mode), Some(canary), START, &who).await.unwrap();
        ceiling::follow(&self.db, &self.rollouts, &who).await.unwrap();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A tenant whose bucket in `github-auth` is between these.
fn tenant_in(buckets: std::ops::Range<u16>) -> String {
    let bucketing = Bucketing::new(ALGORITHM, "github-auth").unwrap();
    let names = (0..).map(|n| format!("t-{n}"));
    names.into_iter().find(|name| buckets.contains(&bucketing.bucket(name))).unwrap()
}

fn link(project: &str, tenant: &str, name: &str, repo: Option<i64>, token: Option<&str>) -> LinkRow {
    LinkRow {
        project: project.into(),
        repo_lname: name.to_lowercase(),
        key: LinkKey::new(&project.into(), name),
        tenant: tenant.into(),
        repo_full_name: name.to_owned(),
        repo_id: repo,
        owner_id: None,
        owner_login: None,
        token: token.map(str::to_owned),
        imported_commit_sha: None,
        imported_tree_sha: None,
        imported_at: None,
        import_method: None,
        app_installation: None,
        app_status: None,
        fingerprint: format!("{project} {name}"),
    }
}

async fn fill(bench: &Bench, db: &Db, seal: &Seal) {
    let stage = &bench.stage;
    let token: &SecretString = &stage.user_token;
    let sealed = {
        use secrecy::ExposeSecret as _;
        seal.seal("user-token:fp", token.expose_secret().as_bytes()).unwrap()
    };
    let links = vec![
        link("p-mapped", "t1", "Acme/repo-0", Some(stage.repos[0]), Some("fp")),
        link("p-free", "t1", "Acme/repo-1", Some(stage.repos[1]), Some("fp")),
        link("p-bare", "t2", "Acme/repo-2", Some(stage.repos[2]), None),
        link("p-solo", "t2", "solo/a", Some(stage.solo_repos[0]), None),
        link("p-two", "t2", "Acme/repo-3", None, Some("fp")),
        link("p-two", "t2", "Acme/repo-4", None, Some("fp")),
        link("p-in", &tenant_in(0..1_000), "Acme/repo-5", Some(stage.repos[5]), Some("fp")),
        link("p-out", &tenant_in(5_000..10_000), "Acme/repo-6", Some(stage.repos[6]), Some("fp")),
        link("p-some", &tenant_in(5_000..10_000), "solo/a", Some(stage.solo_repos[0]), Some("fp")),
    ];
    let mapping = |link: &LinkRow, installation: i64| MappingRow {
        key: link.key.clone(),
        tenant: link.tenant.clone(),
        status: "mapped".to_owned(),
        installation: Some(InstallationId(installation)),
        repo_id: link.repo_id.map(RepoId),
        confidence: 100,
        body: json!({
            "status": "mapped", "reason": "id_listed", "installation": installation, "repo_id": link.repo_id,
            "confidence": 100, "evidence": { "rung": 1 }, "next_steps": "",
        })
        .to_string(),
        fingerprint: "m".to_owned(),
        run: "r".to_owned().into(),
    };
    let (acme, solo) = (stage.on_acme, stage.on_solo);
    let of = [(0, acme), (3, solo), (6, acme), (7, acme), (8, solo)];
    let rows = of.map(|(link, on): (usize, i64)| mapping(&links[link], on)).to_vec();
    let unit = Unit::new()
        .with(CatalogOp::PutTokens { rows: vec![("fp".to_owned(), sealed)], at: START })
        .with(CatalogOp::PutLinks { rows: links })
        .with(CatalogOp::Bump { at: START, by: "test".to_owned() });
    db.write(Lane::Handler, unit).await.unwrap();
    db.write(Lane::Handler, Unit::new().with(MappingOp::Put { rows, at: START })).await.unwrap();
}

/// What must not differ between the arms.
fn content(view: &Value) -> Value {
    let names = ["repository", "repository_id", "ref", "commit_sha", "tree_sha", "bytes", "files", "digest"];
    names.iter().map(|name| ((*name).to_owned(), view[name].clone())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_contract_whichever_credential_serves() {
    let world = World::new().await;
    let (status, by_installation) = world.of("p-mapped").await;
    assert_eq!((status, &by_installation["method"]), (200, &json!("installation")), "{by_installation}");
    assert_eq!(by_installation["installation_id"], world.bench.stage.on_acme);
    world.set_mode(Mode::Off, &[]).await;
    let (status, by_oauth) = world.of("p-mapped").await;
    assert_eq!((status, &by_oauth["method"]), (200, &json!("oauth")), "{by_oauth}");
    assert_eq!(content(&by_oauth), content(&by_installation));
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&by_oauth), names(&by_installation));

    // Both artifacts can be taken away, and are equal.
    let mut archives = Vec::new();
    for view in [&by_installation, &by_oauth] {
        let path = format!("/api/v1/github/artifacts/{}", view["artifact"].as_str().unwrap());
        assert_eq!(world.call(Method::GET, &path, "guess", None).await.status, 401);
        let answer = world.call(Method::GET, &path, SERVICE, None).await;
        assert_eq!(answer.status, 200);
        archives.push(answer.body);
    }
    assert_eq!(archives[0], archives[1]);
    let files: BTreeMap<_, _> = unpacked(&archives[0][..]);
    assert_eq!(files.len() as u64, by_oauth["files"].as_u64().unwrap());
    world.bench.stage.clock.advance(HOUR);
    let path = format!("/api/v1/github/artifacts/{}", by_oauth["artifact"].as_str().unwrap());
    assert_eq!(world.call(Method::GET, &path, SERVICE, None).await.status, 404);

    // The application's own path, a branch, a tenant's repository by its name.
    let body = json!({ "tenantId": "t1", "repoFullName": "ACME/repo-0", "ref": "release" });
    let answer = world.call(Method::POST, "/api/github/import", SERVICE, Some(body)).await;
    let release: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((answer.status, &release["ref"]), (200, &json!("release")), "{release}");
    assert_ne!(release["commit_sha"], by_oauth["commit_sha"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn mode_list_switch_and_grace_decide() {
    let world = World::with(Some(START + 7_200_000)).await;
    let method = async |project: &str| {
        let (status, view) = world.of(project).await;
        if status == 200 { view["method"].clone() } else { view["error"]["code"].clone() }
    };
    assert_eq!(method("p-mapped").await, "installation");
    assert_eq!(method("p-free").await, "oauth");
    let (status, refused) = world.of("p-bare").await;
    let message = refused["error"]["message"].as_str().unwrap().to_owned();
    assert!(status == 409 && message.contains("github-apps/the-app/installations/new"), "{refused}");
    world.set_mode(Mode::Canary, &["t2"]).await;
    assert_eq!(method("p-mapped").await, "oauth");
    assert_eq!(method("p-solo").await, "installation");
    world.set_mode(Mode::On, &[]).await;
    world.brake.pull();
    assert_eq!(method("p-mapped").await, "oauth");
    world.brake.release(world.brake.newest().unwrap());
    world.bench.stage.clock.advance(3 * HOUR);
    assert_eq!(method("p-mapped").await, "installation");
    assert_eq!(method("p-free").await, "no_credential");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_stage_has_its_arm_and_says_why() {
    let share = |percent| Stage::Canary(Percent::new(percent).unwrap());
    for (stage, inside, outside, why) in [
        (Stage::Off, "oauth", "oauth", "the stage lets nobody on the target"),
        (Stage::DualWrite, "oauth", "oauth", "the stage lets nobody on the target"),
        (Stage::Shadow, "oauth", "oauth", "the stage lets nobody on the target"),
        (share(10), "installation", "oauth", "the tenant's bucket against the share"),
        // Who is in stays in.
        (share(50), "installation", "oauth", "the tenant's bucket against the share"),
        (Stage::Live, "installation", "installation", "the target answers for all"),
        (Stage::Complete, "installation", "installation", "the target answers for all"),
    ] {
        let world = World::made(stage, 0, SHADOW, None).await;
        for (project, method) in [("p-in", inside), ("p-out", outside), ("p-in", inside)] {
            let (status, view) = world.of(project).await;
            assert_eq!((status, &view["method"]), (200, &json!(method)), "{stage} {project} {view}");
            assert!(view["reason"].as_str().unwrap().ends_with(why), "{stage} {view}");
            let (status, page) = world.repos(&format!("projectId={project}")).await;
            assert_eq!((status, &page["method"]), (200, &json!(method)), "{stage} {project} {page}");
            assert!(page["reason"].as_str().unwrap().ends_with(why), "{stage} {page}");
        }
        for operation in [Operation::Import, Operation::List] {
            assert_eq!(world.counted.answered(operation), 3, "{stage}: each call once");
            assert_eq!(world.counted.beside(operation), 0);
        }
        // By its number an installation serves its tenant where the tenant is on it, and nobody's only where all are.
        let on_acme = world.bench.stage.on_acme;
        let (_, page) = world.repos(&format!("installationId={on_acme}&tenantId=t1")).await;
        let of_t1 = world.rollouts.router().decide(Operation::List, "t1").side;
        let expected = if of_t1 == Side::Target { "installation" } else { "oauth" };
        assert_eq!(page["method"], expected, "{stage} {page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_that_cannot_serve_falls_back_once_while_the_grace_lasts() {
    let world = World::with(Some(START + 7_200_000)).await;
    let at = world.bench.stage.sim.world();
    at.suspend(world.bench.stage.on_acme).unwrap();
    let (status, view) = world.of("p-mapped").await;
    assert_eq!((status, &view["method"]), (200, &json!("oauth")), "{view}");
    assert!(view["fallback_reason"].as_str().unwrap().contains("suspended"), "{view}");
    // The arm whose place another took is counted beside the one that answered.
    let calls = |side, outcome, answered| world.counted.calls(Operation::Import, side, outcome, answered);
    assert_eq!(calls(Side::Target, Outcome::Error, false), 1);
    assert_eq!((calls(Side::Legacy, Outcome::Ok, true), world.counted.answered(Operation::Import)), (1, 1));
    world.bench.stage.clock.advance(3 * HOUR);
    let (status, view) = world.of("p-mapped").await;
    assert_eq!(calls(Side::Target, Outcome::Error, true), 1);
    assert_eq!((status, &view["error"]["code"]), (403, &json!("no_access")), "{view}");
    at.unsuspend(world.bench.stage.on_acme).unwrap();
    // A token that is older than GitHub's replicas: its refusal is believed at once.
    assert_eq!(world.repos("projectId=p-solo").await.0, 200);
    world.bench.stage.clock.advance(Duration::from_secs(60));
    // The repository is taken out of the selection, then the installation goes.
    at.revoke_grant(world.bench.stage.on_solo, world.bench.stage.solo_repos[0]).unwrap();
    let (status, view) = world.of("p-solo").await;
    assert_eq!((status, &view["error"]["code"]), (404, &json!("not_found")), "{view}");
    at.uninstall(world.bench.stage.on_solo).unwrap();
    let (status, view) = world.of("p-solo").await;
    assert_eq!((status, &view["error"]["code"]), (403, &json!("no_access")), "{view}");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_arms_fail_with_the_same_words_for_programs() {
    let world = World::new().await;
    let faults = world.bench.stage.sim.faults();
    for mode in [Mode::On, Mode::Off] {
        world.set_mode(mode, &[]).await;
        let code = async |body: Value| {
            let (status, view) = world.import(body).await;
            (status, view["error"]["code"].as_str().unwrap_or("ok").to_owned())
        };
        let mapped = json!({ "project_id": "p-mapped" });
        let expect = |status: u16, code: &str| (status, code.to_owned());
        assert_eq!(
            code(json!({ "project_id": "p-mapped", "ref": "nowhere" })).await,
            expect(404, "not_found")
        );
        assert_eq!(
            code(json!({ "project_id": "p-mapped", "ref": "--upload-pack=id" })).await,
            expect(400, "bad_request")
        );
        assert_eq!(code(json!({ "project_id": "p-none" })).await, expect(404, "not_found"));
        assert_eq!(code(json!({ "project_id": "p-two" })).await, expect(400, "ambiguous"));
        assert_eq!(code(json!({})).await, expect(400, "bad_request"));
        faults.add(Fault::status(RouteKind::GitRefs, 503));
        assert_eq!(code(mapped.clone()).await, expect(503, "github_unavailable"));
        faults.add(Fault::on(RouteKind::GitRefs, Effect::Status { status: 429, retry_after: None }));
        assert_eq!(code(mapped.clone()).await, expect(429, "rate_limited"));
        assert_eq!(code(mapped).await, expect(200, "ok"));
    }
    // The name stands for another repository now: nobody gets that one instead.
    let stage = &world.bench.stage;
    stage.sim.world().recreate_repo(stage.repos[0]).unwrap();
    let (status, view) = world.of("p-mapped").await;
    assert_eq!((status, &view["error"]["code"]), (404, &json!("not_found")), "{view}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_repository_is_found_by_both() {
    let world = World::new().await;
    let stage = &world.bench.stage;
    stage.sim.world().rename_repo(stage.repos[0], "other").unwrap();
    for (mode, method) in [(Mode::On, "installation"), (Mode::Off, "oauth")] {
        world.set_mode(mode, &[]).await;
        let (status, view) = world.of("p-mapped").await;
        assert_eq!(
            (status, &view["method"], &view["repository"]),
            (200, &json!(method), &json!("Acme/other")),
            "{view}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn repositories_come_in_pages_with_the_same_rows() {
    let world = World::new().await;
    let all = async |query: &str| {
        let (mut rows, mut cursor, mut methods) = (BTreeMap::new(), String::new(), Vec::new());
        loop {
            let (status, page) = world.repos(&format!("{query}{cursor}")).await;
            assert_eq!(status, 200, "{page}");
            for row in page["repositories"].as_array().unwrap() {
                rows.insert(row["id"].as_i64().unwrap(), row.clone());
            }
            methods.push(page["method"].clone());
            match page["cursor"].as_str() {
                Some(next) => {
                    let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
                    cursor = format!("&cursor={next}");
                }
                None => return (rows, methods),
            }
        }
    };
    let (by_installation, methods) = all("projectId=p-mapped").await;
    assert_eq!(methods, vec![json!("installation"); 3]);
    assert_eq!(by_installation.len(), 250);
    let by_number = format!("installationId={}", world.bench.stage.on_acme);
    assert_eq!(all(&by_number).await.0, by_installation);
    let (_, page) = world.repos("projectId=p-mapped").await;
    let first = page["cursor"].as_str().unwrap().to_owned();
    world.set_mode(Mode::Off, &[]).await;
    let (by_oauth, methods) = all("tenantId=t1").await;
    assert_eq!(methods[0], json!("oauth"));
    assert_eq!(by_oauth, by_installation);
    // A page of one credential is never asked with another, and nobody else makes one.
    let sealed: String = form_urlencoded::byte_serialize(first.as_bytes()).collect();
    for cursor in [sealed.as_str(), "oauth%20https://evil.example/user/repos"] {
        let (status, page) = world.repos(&format!("projectId=p-mapped&cursor={cursor}")).await;
        assert_eq!((status, &page["error"]["code"]), (400, &json!("bad_request")), "{page}");
    }
    assert_eq!(world.repos("").await.0, 400);
    assert_eq!(world.repos("tenantId=nobody").await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bridge_plans_and_applies_nothing() {
    let world = World::new().await;
    let call = async |body: Value| {
        let answer = world.call(Method::POST, "/api/github/import/bridge", SERVICE, Some(body)).await;
        (answer.status, serde_json::from_slice::<Value>(&answer.body).unwrap())
    };
    let (status, refused) = call(json!({ "tenant_id": "t1", "dry_run": false })).await;
    assert_eq!((status, &refused["error"]["code"]), (403, &json!("dry_run_only")));
    let (status, planned) = call(json!({ "tenant_id": "t1", "dry_run": true })).await;
    assert_eq!((status, &planned["scope"]), (200, &json!("tenant:t1")), "{planned}");
    let run = world.db.run(&planned["run_id"].as_str().unwrap().to_owned().into()).await.unwrap().unwrap();
    assert_eq!(run.state, cutover_shared::run::RunState::Planned);
    let free = LinkKey::new(&"p-free".into(), "Acme/repo-1");
    assert!(world.db.mappings(&[free]).await.unwrap().is_empty(), "planned, not applied");
    assert_eq!(call(json!({ "tenant_id": "nobody" })).await.0, 404);
    assert_eq!(call(json!({})).await.0, 400);
    let answer = world.call(Method::POST, "/api/github/import/bridge", "guess", Some(json!({}))).await;
    assert_eq!(answer.status, 401);
}

/// Neither the credential nor its encoded form is in the store's files, the archive or an answer.
#[tokio::test(flavor = "multi_thread")]
async fn no_credential_stays_behind() {
    use secrecy::ExposeSecret as _;
    let world = World::new().await;
    let planted = world.bench.stage.user_token.expose_secret().to_owned();
    world.set_mode(Mode::Off, &[]).await;
    let (_, view) = world.of("p-mapped").await;
    world.bench.stage.sim.world().revoke_user_token(&planted).unwrap();
    let (status, refused) = world.of("p-mapped").await;
    assert_eq!((status, &refused["error"]["code"]), (403, &json!("no_access")), "{refused}");
    assert!(!format!("{view}{refused}").contains(&planted));
    let mut folders = vec![world.bench.dir.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = std::fs::read(&path).unwrap();
                let found = bytes.windows(planted.len()).any(|part| part == planted.as_bytes());
                assert!(!found, "{}", path.display());
            }
        }
    }
}
