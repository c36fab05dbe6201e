//! The scenario `gateway`: a person connects GitHub, events keep the index true, what was missed is recovered, and a trigger
//! reaches an engine that fails twice.

mod payload;

use std::time::Duration;

use cutover_daemon::client::{Client, ClientError};
use cutover_daemon::clock::Clock;
use cutover_shared::rpc::{Answer, Query, Topic};
use cutover_shared::webhook::{InboxFigures, WebhookAnswer, WebhookQuery};
use cutover_shared::window::WindowAsk;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};

use super::stage::{Stage, check};
use super::{DemoError, Options, secrets};
use crate::engine_sim::{EngineSim, Fault};
use crate::github_sim::{Hooks, Sim};
use crate::harness::{Daemon, Ended, Hook};
use crate::world::{AccountKind, Selection};

const WEBHOOK_SECRET: &str = "planted-webhook-secret-of-the-demo";
const JWT_SECRET: &str = "planted-jwt-secret-of-the-demo-which-is-long";
const ENGINE_TOKEN: &str = "planted-engine-token-of-the-demo";

/// What takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Events that are made while no daemon is there.
const MISSED: u64 = 12;

/// Who and what the scenario is about, by numbers.
struct Cast {
    dana: i64,
    erin: i64,
    /// Installations on their accounts.
    of_dana: i64,
    of_erin: i64,
    /// Repositories of dana's.
    api: i64,
    web: i64,
}

pub(super) async fn play(options: &Options) -> Result<String, DemoError> {
    let engine = EngineSim::start(ENGINE_TOKEN).await?;
    let settings = |sim: &Sim| settings(sim, &engine.url());
    let mut stage = Stage::build(options, std::env::current_exe()?, settings).await?;
    stage.tell(&format!("GitHub at {}, an engine at {}", stage.sim.api_base(), engine.url()));
    let hooks = stage.sim.hooks();
    let daemon = begin(&mut stage, &hooks).await?;
    let cast = connect(&mut stage, &hooks).await?;
    events(&mut stage, &hooks, &cast).await?;
    let (daemon, statement) = missed(&mut stage, &hooks, &cast, daemon).await?;
    trigger(&mut stage, &hooks, &cast, &engine).await?;
    let deliveries = end(&mut stage, daemon).await?;
    Ok(format!(
        "\ncutover-demo: ok scenario=gateway deliveries={deliveries} recovered={MISSED} dead=0 executions={} \
         engine_calls={} statement=\"{statement}\" secrets_found=0",
        engine.taken().len(),
        engine.calls().len(),
    ))
}

/// The section of GitHub goes on where the stage's ends.
fn settings(sim: &Sim, engine: &str) -> String {
    format!(
        "webhook_secret = {WEBHOOK_SECRET:?}\nclient_id = {:?}\nclient_secret = {:?}\napp_slug = \"cutover-demo\"\n\n\
         [http]\nlisten = \"127.0.0.1:0\"\n\n[api]\njwt_secret = {JWT_SECRET:?}\n\n\
         [engine]\nurl = {engine:?}\ntoken = {ENGINE_TOKEN:?}\n\n[inbox]\nrecover_every = \"1h\"\n",
        sim.client_id(),
        sim.client_secret(),
    )
}

async fn begin(stage: &mut Stage, hooks: &Hooks) -> Result<Daemon, DemoError> {
    stage.step("A daemon starts with its HTTP door");
    let daemon = stage.start_daemon().await?;
    hooks.set_sender(Some(Hook::new(&stage.home, WEBHOOK_SECRET, stage.sim.app_id())));
    let (status, health) = get(stage, "/health/ready", None).await?;
    check(status == 200, format!("it is ready: {health}"))?;
    Ok(daemon)
}

async fn connect(stage: &mut Stage, hooks: &Hooks) -> Result<Cast, DemoError> {
    stage.step("A person installs the App and comes back through the callback");
    let world = stage.sim.world();
    let dana = world.add_account("dana", AccountKind::User)?;
    let erin = world.add_account("erin", AccountKind::User)?;
    let (api, web) = (world.add_repo(dana, "api")?, world.add_repo(dana, "web")?);
    let (user, other) = (token("user-dana")?, token("user-mallory")?);
    let (status, link) = get(stage, "/api/v1/app/integrations/github/install", Some(&user)).await?;
    check(status == 200, format!("the application gets a link: {link}"))?;
    let link = link["install_url"].as_str().unwrap_or_default().to_owned();
    let (of_dana, query) = stage.sim.person(dana).install(&link, dana, Selection::All)?;
    let forged = query.replace(&of_dana.to_string(), "1");
    let (status, answer) = get(stage, &format!("{CALLBACK}?{forged}"), None).await?;
    check(status == 403, format!("a forged installation is refused: {answer}"))?;
    // The refusal has used the state up; the person begins again.
    let (_, link) = get(stage, "/api/v1/app/integrations/github/install", Some(&user)).await?;
    let link = link["install_url"].as_str().unwrap_or_default().to_owned();
    let query = stage.sim.person(dana).come_back(&link, of_dana);
    let (status, answer) = get(stage, &format!("{CALLBACK}?{query}"), None).await?;
    check(status == 200 && answer["status"] == "connected", format!("the true one is connected: {answer}"))?;
    let count = async |token: &str| -> Result<u64, DemoError> {
        let (_, list) = get(stage, "/api/v1/app/integrations", Some(token)).await?;
        Ok(list["total_count"].as_u64().unwrap_or(0))
    };
    check(count(&user).await? == 1 && count(&other).await? == 0, "only its owner sees the integration")?;
    let of_erin = world.install(erin, Selection::All)?;
    let cast = Cast { dana, erin, of_dana, of_erin, api, web };
    deliver(hooks, "installation", &payload::created(of_dana, dana, "dana", &[(api, "api"), (web, "web")]))
        .await?;
    deliver(hooks, "installation", &payload::created(of_erin, erin, "erin", &[])).await?;
    settled(stage).await?;
    repositories(stage, &cast, 2, 0).await?;
    Ok(cast)
}

const CALLBACK: &str = "/api/v1/public/webhooks/github/auth";

async fn events(stage: &mut Stage, hooks: &Hooks, cast: &Cast) -> Result<(), DemoError> {
    stage.step("A rename, a transfer and a suspension: events keep the index true, in any order");
    let world = stage.sim.world();
    world.rename_repo(cast.api, "api-v2")?;
    let renamed = payload::renamed(cast.of_dana, (cast.dana, "dana"), cast.api, "api", "api-v2");
    let guid = deliver(hooks, "repository", &renamed).await?;
    world.transfer_repo(cast.web, cast.erin)?;
    let moved = payload::transferred(cast.of_erin, (cast.erin, "erin"), cast.web, "web", "dana");
    deliver(hooks, "repository", &moved).await?;
    settled(stage).await?;
    let shown = stage.ask(&[0], &["webhook", "show", &guid]).await?;
    let note = shown["delivery"]["note"].as_str().unwrap_or_default().to_owned();
    check(note.contains("api-v2"), format!("the rename is handled: {note}"))?;
    repositories(stage, cast, 1, 1).await?;
    world.suspend(cast.of_dana)?;
    deliver(hooks, "installation", &payload::suspension(cast.of_dana, cast.dana, "dana", true)).await?;
    settled(stage).await?;
    let shown = installation(stage, cast.of_dana).await?;
    check(
        shown["state"] == "suspended" && shown["health"] == "failing",
        "a suspended installation is seen at once",
    )?;
    world.unsuspend(cast.of_dana)?;
    deliver(hooks, "installation", &payload::suspension(cast.of_dana, cast.dana, "dana", false)).await?;
    settled(stage).await?;
    check(installation(stage, cast.of_dana).await?["state"] == "active", "and let go again")
}

async fn missed(
    stage: &mut Stage,
    hooks: &Hooks,
    cast: &Cast,
    daemon: Daemon,
) -> Result<(Daemon, String), DemoError> {
    stage.step("SIGKILL; GitHub delivers to nobody; the next start fetches what it missed");
    check(daemon.kill().await? == Ended::Signal(9), "the daemon was killed")?;
    for n in 0..MISSED {
        let suspended = n % 2 == 0;
        let event = payload::suspension(cast.of_erin, cast.erin, "erin", suspended);
        let (_, answer) = hooks.send("installation", &event.to_string()).await;
        check(answer.is_none(), "nobody answers GitHub")?;
    }
    let daemon = stage.start_daemon().await?;
    // The daemon compares by itself at its start; another comparison has to wait for it.
    let args = ["webhook", "recover", "--json"];
    let recovery = Clock::system()
        .timeout(PATIENCE, async {
            loop {
                let said = stage.cli.call(&args).await?;
                if said.code != 3 {
                    return Ok::<_, DemoError>(said);
                }
            }
        })
        .await
        .map_err(|_| DemoError::Check("the comparison at the start never ended".to_owned()))??;
    stage.printed.push_str(&recovery.stdout);
    let found: Value = serde_json::from_str(&recovery.stdout)
        .map_err(|error| DemoError::Check(format!("no JSON: {error}: {}", recovery.stderr)))?;
    let statement = found["statement"].as_str().unwrap_or_default().to_owned();
    stage.tell(&statement);
    check(recovery.code == 0 && found["lost"] == 0, format!("nothing is missing: {found}"))?;
    check(found["logged"] == found["here"], "every delivery that GitHub logged is here")?;
    settled(stage).await?;
    check(
        installation(stage, cast.of_erin).await?["state"] == "active",
        "in the order in which they happened",
    )?;
    Ok((daemon, statement))
}

async fn trigger(stage: &mut Stage, hooks: &Hooks, cast: &Cast, engine: &EngineSim) -> Result<(), DemoError> {
    stage.step("A push matches a workflow; the engine fails twice, and runs it once");
    let workflow = json!({
        "name": "Review",
        "trigger": { "repository": "dana/*", "events": ["push"], "branches": ["main"],
                     "github_app_installation_id": cast.of_dana },
        "definition": { "nodes": ["review"] },
    });
    let file = stage.home.write("review.json", workflow.to_string().as_bytes())?.display().to_string();
    stage.run(&[0], &["workflow", "add", "review", "--file", &file]).await?;
    engine.fail([Fault::Status(503, None), Fault::Status(502, None)]);
    let push = payload::push(cast.of_dana, (cast.dana, "dana"), cast.api, "api-v2", "main");
    let guid = deliver(hooks, "push", &push).await?;
    let aside = payload::push(cast.of_dana, (cast.dana, "dana"), cast.api, "api-v2", "topic");
    let other = deliver(hooks, "push", &aside).await?;
    let taken = engine.until(|engine| !engine.taken().is_empty());
    Clock::system()
        .timeout(PATIENCE, taken)
        .await
        .map_err(|_| DemoError::Check("the engine never took it".to_owned()))?;
    until(stage, Topic::Outbox, async |stage| {
        let sent = stage.cli.json(&[0], &["workflow", "dispatches", "--filter", "state:sent"]).await?;
        Ok(sent["total"] == 1)
    })
    .await?;
    check(engine.calls().len() == 3 && engine.taken().len() == 1, "three calls, one execution")?;
    let shown = stage.ask(&[0], &["webhook", "show", &guid]).await?;
    let dispatch = &shown["dispatches"][0];
    check(
        dispatch["attempts"] == 2 && dispatch["execution_id"].is_string(),
        format!("its journey: {shown}"),
    )?;
    let explained = stage.ask(&[0], &["workflow", "test", &other]).await?;
    let miss = explained[0]["steps"].as_array().into_iter().flatten().find(|step| step["passed"] == false);
    let miss = miss.map(|step| step["rule"].clone()).unwrap_or_default();
    check(miss == "branches", format!("a miss is explained: {explained}"))
}

async fn end(stage: &mut Stage, daemon: Daemon) -> Result<u64, DemoError> {
    stage.step("The end state: nothing waits, nothing is dead, the audit is whole, no secret is found");
    for state in ["state:dead", "state:waiting"] {
        let rows = stage.ask(&[0], &["webhook", "list", "--filter", state]).await?;
        check(rows["total"] == 0, format!("nothing is left as {state}: {rows}"))?;
    }
    let all = stage.ask(&[0], &["webhook", "list", "--filter", "seq>0"]).await?;
    let figures = figures(stage).await?;
    let compared = figures.recovery.as_ref().map(|recovery| (recovery.here, recovery.lost));
    check(
        (figures.waiting, figures.dead, figures.dispatches_waiting, figures.dispatches_dead) == (0, 0, 0, 0)
            && compared.is_some_and(|(here, lost)| here > 0 && lost == 0)
            && all["total"] == figures.received.iter().sum::<u32>(),
        format!("the console's figures say the same: {figures:?}"),
    )?;
    let (status, metrics) = get_text(stage, "/metrics", None).await?;
    check(status == 200 && metrics.contains("workflow_triggers_executed 1"), "the figures say the same")?;
    stage.run(&[0], &["audit", "verify"]).await?;
    check(daemon.stop().await? == Ended::Code(0), "the daemon stopped gracefully")?;
    stage.printed.push_str(&metrics);
    let state = stage.home.state();
    let found = secrets::search(&stage.catalog, stage.sim.private_key_pem(), &stage.printed, &[&state])?;
    let planted =
        secrets::search_for(&[WEBHOOK_SECRET, JWT_SECRET, ENGINE_TOKEN, "ghu_"], &stage.printed, &[&state])?;
    let places: Vec<_> = found.iter().chain(&planted).map(|found| found.place.as_str()).collect();
    check(places.is_empty(), format!("a planted secret was found in {}", places.join(", ")))?;
    Ok(all["total"].as_u64().unwrap_or(0))
}

/// Delivers as GitHub does; its GUID.
async fn deliver(hooks: &Hooks, event: &str, body: &Value) -> Result<String, DemoError> {
    let (guid, answer) = hooks.send(event, &body.to_string()).await;
    match answer {
        Some(answer) if answer.status == 202 => Ok(guid),
        answer => Err(DemoError::Check(format!("the delivery of {event} was not taken: {answer:?}"))),
    }
}

async fn installation(stage: &mut Stage, id: i64) -> Result<Value, DemoError> {
    stage.ask(&[0], &["installation", "show", &id.to_string()]).await
}

async fn repositories(stage: &mut Stage, cast: &Cast, dana: u64, erin: u64) -> Result<(), DemoError> {
    for (id, wanted) in [(cast.of_dana, dana), (cast.of_erin, erin)] {
        let found = installation(stage, id).await?["repositories"].as_u64();
        check(found == Some(wanted), format!("installation {id} has {wanted} repositories, not {found:?}"))?;
    }
    Ok(())
}

async fn figures(stage: &Stage) -> Result<InboxFigures, DemoError> {
    match stage.connect().await?.query(Query::Webhook(WebhookQuery::Figures)).await? {
        Answer::Webhook(WebhookAnswer::Figures(figures)) => Ok(*figures),
        _ => Err(DemoError::Check("another answer than figures".to_owned())),
    }
}

/// Waits until no delivery waits any more.
async fn settled(stage: &Stage) -> Result<(), DemoError> {
    until(stage, Topic::Inbox, async |stage| {
        let ask = WindowAsk { filter: "state:waiting".to_owned(), limit: 1, ..WindowAsk::default() };
        let connection = stage.connect().await?;
        match connection.query(Query::Webhook(WebhookQuery::Window { ask })).await? {
            Answer::Webhook(WebhookAnswer::Window(window)) => Ok(window.total == 0),
            _ => Err(DemoError::Check("another answer than a window".to_owned())),
        }
    })
    .await
}

/// Waits until it holds, woken by the daemon.
async fn until(
    stage: &Stage,
    topic: Topic,
    holds: impl AsyncFn(&Stage) -> Result<bool, DemoError>,
) -> Result<(), DemoError> {
    let connection = stage.connect().await?;
    let waiting = async {
        let (mut epoch, mut seen) = (0, 0);
        loop {
            let changes = connection.changes(epoch, vec![(topic, seen)]).await?;
            let version = changes.versions.iter().find(|(name, _)| *name == topic);
            (epoch, seen) = (changes.epoch, version.map_or(0, |(_, version)| *version));
            if holds(stage).await? {
                return Ok(());
            }
        }
    };
    let late = |_| DemoError::Check(format!("{topic:?} never came to what was waited for"));
    Clock::system().timeout(PATIENCE, waiting).await.map_err(late)?
}

async fn get(stage: &Stage, path: &str, bearer: Option<&str>) -> Result<(u16, Value), DemoError> {
    let (status, text) = get_text(stage, path, bearer).await?;
    Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
}

async fn get_text(stage: &Stage, path: &str, bearer: Option<&str>) -> Result<(u16, String), DemoError> {
    let failed = |error: ClientError| DemoError::Check(format!("GET {path}: {error}"));
    let address = std::fs::read_to_string(stage.home.state().join("http.addr"))?;
    let url = format!("http://{}{path}", address.trim());
    let url = url.parse().map_err(|_| DemoError::Check(format!("{url} is no address")))?;
    let client = Client::new().map_err(failed)?;
    let mut request = client.request(http::Method::GET, url).header("accept", "application/json");
    if let Some(token) = bearer {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let answer = client.send(request, PATIENCE).await.map_err(failed)?;
    Ok((answer.status, String::from_utf8_lossy(&answer.body).into_owned()))
}

/// What the application would give its user.
fn token(user: &str) -> Result<String, DemoError> {
    let claims = json!({ "sub": user, "exp": Clock::system().now() / 1_000 + 600 });
    jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(JWT_SECRET.as_bytes()))
        .map_err(|error| DemoError::Check(format!("no token could be made: {error}")))
}
