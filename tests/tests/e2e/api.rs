//! The application's API in this process: a real store, the door on a real socket, the stand-in for GitHub, and one clock that
//! the test owns.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use cutover_daemon::client::{Answered, Client};
use cutover_daemon::clock::Clock;
use cutover_daemon::doors::http::auth::{Auth, Demands, Users};
use cutover_daemon::doors::http::{
    Door, GithubApi, Limits, Listener, Rates, Setup, callback, integrations, migration, oauth,
};
use cutover_daemon::faults::Faults;
use cutover_daemon::gateway::inbox::Inbox;
use cutover_daemon::gateway::integrations::{AppClient, Integrations, Setup as IntegrationSetup};
use cutover_daemon::gateway::outbox::{Outbox, OutboxSettings, Service};
use cutover_daemon::github::{GitHub, GitHubSettings};
use cutover_daemon::seal::Seal;
use cutover_daemon::store::{self, Db};
use cutover_tests::engine_sim::EngineSim;
use cutover_tests::github_sim::{Sim, SimSettings};
use cutover_tests::world::{AccountKind, World};
use http::Method;
use jsonwebtoken::{EncodingKey, Header};
use secrecy::{SecretBox, SecretString};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

pub const SECRET: &str = "planted-jwt-secret-0123456789abcdef";
pub const START: i64 = 1_795_000_000_000;
pub const CALLBACK: &str = "/api/v1/public/webhooks/github/auth";
const SCHEDULER_TOKEN: &str = "scheduler-token";
pub const AFTER: &str = "https://app.example/settings?tab=github";

/// What differs from the usual.
#[derive(Clone, Copy)]
pub struct Options {
    pub with_client: bool,
    pub auth_per_minute: u32,
    pub api_per_minute: u32,
    pub oauth_target: Option<&'static str>,
    pub sunset: Option<i64>,
    /// Events and installations go on to a stand-in scheduler.
    pub forwards: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            with_client: true,
            auth_per_minute: 1_000,
            api_per_minute: 1_000,
            oauth_target: Some("https://app.example/oauth"),
            sunset: Some(START + 60_000),
            forwards: false,
        }
    }
}

pub struct Api {
    pub sim: Sim,
    pub clock: Clock,
    pub db: Db,
    /// GitHub's ids: two people, and an organisation that only the first belongs to.
    pub ana: i64,
    pub mallory: i64,
    pub acme: i64,
    pub scheduler: Option<EngineSim>,
    pub outbox: Arc<Outbox>,
    client: Client,
    base: String,
    _stop: tokio_util::sync::DropGuard,
    _dir: tempfile::TempDir,
}

impl Api {
    pub async fn new(options: Options) -> Self {
        let clock = Clock::manual(START);
        let mut world = World::empty(7);
        let ana = world.add_account("ana", AccountKind::User).unwrap();
        let mallory = world.add_account("mallory", AccountKind::User).unwrap();
        let acme = world.add_account("acme", AccountKind::Organization).unwrap();
        world.add_member(acme, ana).unwrap();
        let sim = Sim::start(world, clock.clone(), SimSettings::default()).await.unwrap();
        let dir = tempfile::TempDir::with_prefix("cutover-api-").unwrap();
        let url = format!("sqlite:{}/cutover.db", dir.path().display());
        let db = store::open(&url, Faults::none()).await.unwrap();
        let keys = vec![SecretString::from(sim.private_key_pem())];
        let settings = GitHubSettings::new(sim.api_base(), sim.app_id(), keys);
        let github = GitHub::new(&settings, clock.clone()).unwrap();
        let client = Client::new().unwrap();
        let seal = Arc::new(Seal::new(vec![("k1".into(), SecretBox::new(Box::new([7; 32])))]).unwrap());
        let app = options.with_client.then(|| AppClient {
            client_id: sim.client_id().to_owned(),
            client_secret: SecretString::from(sim.client_secret().to_owned()),
        });
        let scheduler = match options.forwards {
            true => Some(EngineSim::start(SCHEDULER_TOKEN).await.unwrap()),
            false => None,
        };
        let service = |sim: &EngineSim| Service {
            url: sim.url().parse().unwrap(),
            token: Some(SecretString::from(SCHEDULER_TOKEN)),
        };
        let outbox = Outbox::new(
            db.clone(),
            clock.clone(),
            client.clone(),
            OutboxSettings {
                engine: None,
                scheduler: scheduler.as_ref().map(service),
                parallel: 2,
                tries: 8,
                patience: Duration::from_secs(20),
            },
            None,
        );
        let made = Arc::new(Integrations::new(IntegrationSetup {
            db: db.clone(),
            github,
            client: client.clone(),
            seal,
            clock: clock.clone(),
            app,
            outbox: outbox.clone(),
            slug: None,
        }));
        let demands = Demands { leeway: 30, tenant_claim: "org_id".into(), ..Demands::default() };
        let users = Users::new(clock.clone(), demands, Some(&SecretString::from(SECRET)), None);
        let rates = Rates::new(clock.clone(), options.auth_per_minute, options.api_per_minute);
        let auth = Auth { users: Some(Arc::new(users)), rates: Some(Arc::new(rates)), ..Auth::default() };
        let apis = callback::routes(Arc::new(callback::Parts {
            auth: auth.clone(),
            integrations: made.clone(),
            after_install: Some(AFTER.parse().unwrap()),
        }))
        .merge(integrations::routes(Arc::new(integrations::Parts {
            auth: auth.clone(),
            integrations: made.clone(),
        })))
        .merge(migration::routes(Arc::new(migration::Parts {
            auth: auth.clone(),
            integrations: made.clone(),
            db: db.clone(),
            clock: clock.clone(),
        })))
        .merge(oauth::routes(Arc::new(oauth::Parts {
            auth,
            integrations: made,
            db: db.clone(),
            clock: clock.clone(),
            target: options.oauth_target.map(|target| target.parse().unwrap()),
            deprecated: START - 86_400_000,
            sunset: options.sunset,
            callers: AtomicU64::default(),
        })));
        let door = Door::new(Setup {
            tls: None,
            allow: None,
            metrics: cutover_daemon::metrics::Metrics::process(),
            inbox: Inbox::new(db.clone(), clock.clone()),
            db: db.clone(),
            clock: clock.clone(),
            secrets: Vec::new(),
            app_id: sim.app_id(),
            trusted: Vec::new(),
            github_api: Box::new(|| GithubApi::NotAsked),
            redis: Box::new(|| cutover_daemon::doors::http::RedisCheck::NotConfigured),
            apis,
            limits: Limits::default(),
        });
        let listener = Listener::open("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let base = format!("http://{}", listener.address());
        let stop = CancellationToken::new();
        tokio::spawn(listener.serve(door, stop.clone()));
        Self {
            sim,
            clock,
            db,
            ana,
            mallory,
            acme,
            scheduler,
            outbox,
            client,
            base,
            _stop: stop.drop_guard(),
            _dir: dir,
        }
    }

    /// One request; `headers` as they are.
    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Answered {
        send(&self.client, method, &format!("{}{path}", self.base), headers).await
    }

    /// As this user of the application. Status and JSON.
    pub async fn call(&self, method: Method, path: &str, user: &str) -> (u16, Value) {
        let token = format!("Bearer {}", token(user, self.clock.now() / 1000 + 60));
        parsed(&self.send(method, path, &[("authorization", &token)]).await)
    }

    pub async fn get(&self, path: &str, user: &str) -> Value {
        let (status, body) = self.call(Method::GET, path, user).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// A fresh link for this user.
    pub async fn link(&self, user: &str) -> String {
        let answer = self.get("/api/v1/app/integrations/github/install", user).await;
        answer["install_url"].as_str().unwrap().to_owned()
    }

    /// Comes back from GitHub, as a program.
    pub async fn back(&self, query: &str) -> (u16, Value) {
        let headers = [("accept", "application/json")];
        parsed(&self.send(Method::GET, &format!("{CALLBACK}?{query}"), &headers).await)
    }

    pub async fn listed(&self, user: &str) -> Vec<Value> {
        let answer = self.get("/api/v1/app/integrations", user).await;
        let listed = answer["integrations"].as_array().unwrap().clone();
        assert_eq!((&answer["success"], &answer["user_id"]), (&json!(true), &json!(user)));
        assert_eq!(answer["total_count"], listed.len());
        listed
    }
}

pub async fn send(client: &Client, method: Method, url: &str, headers: &[(&str, &str)]) -> Answered {
    // A connection that the door closes when the clock is moved must not be used once more.
    let mut request = client.request(method, url.parse().unwrap()).header("connection", "close");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    client.send(request, Duration::from_secs(30)).await.unwrap()
}

pub fn parsed(answer: &Answered) -> (u16, Value) {
    (answer.status, serde_json::from_slice(&answer.body).unwrap_or(Value::Null))
}

/// A token of the application's for this user; `exp` in seconds since the epoch.
pub fn token(user: &str, exp: i64) -> String {
    let claims = json!({"sub": user, "exp": exp});
    jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

/// The value of a header, as text.
pub fn header<'a>(answer: &'a Answered, name: &str) -> &'a str {
    answer.headers.get(name).map_or("", |value| value.to_str().unwrap())
}
