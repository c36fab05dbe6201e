//! A small world with the stand-in in front of it, and a plain HTTP client.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use cutover_daemon::clock::{Clock, Millis};
use cutover_tests::github_sim::{Sim, SimSettings, TestKey};
use cutover_tests::world::{AccountKind, NewRepo, Selection, World};
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

pub(crate) const START: Millis = 1_750_000_000_000;

/// `acme` has five repositories and an installation on all, `solo` two and one on the first only.
pub(crate) struct Stage {
    pub(crate) sim: Sim,
    pub(crate) clock: Clock,
    pub(crate) http: Client<HttpConnector, Full<Bytes>>,
    pub(crate) acme: i64,
    pub(crate) solo: i64,
    pub(crate) repos: Vec<i64>,
    pub(crate) solo_repos: Vec<i64>,
    pub(crate) on_acme: i64,
    pub(crate) on_solo: i64,
    pub(crate) user: i64,
    pub(crate) user_token: String,
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Bytes,
    pub(crate) body: Value,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    pub(crate) fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(SimSettings::default()).await
    }

    pub(crate) async fn with(settings: SimSettings) -> Self {
        let mut world = World::empty(3);
        let acme = world.add_account("Acme", AccountKind::Organization).unwrap();
        let solo = world.add_account("solo", AccountKind::User).unwrap();
        let user = world.add_account("robin", AccountKind::User).unwrap();
        let mut repo = |owner, name: &str, private| {
            world.add_repo(NewRepo {
                owner,
                name: name.to_owned(),
                private,
                created_at: START - 1_000,
                commits: 3,
            })
        };
        let names = ["One", "two", "three", "four", "five"];
        let repos = names.map(|name| repo(acme, name, name != "five").unwrap());
        let solo_repos = ["a", "b"].map(|name| repo(solo, name, true).unwrap());
        let on_acme = world.install(acme, Selection::All, START).unwrap();
        let on_solo = world.install(solo, Selection::of([solo_repos[0]]), START).unwrap();
        world.add_member(acme, user).unwrap();
        let user_token = world.add_user_token(user, START).unwrap();
        let clock = Clock::manual(START);
        let sim = Sim::start(world, clock.clone(), settings).await.unwrap();
        Self {
            sim,
            clock,
            http: Client::builder(TokioExecutor::new()).build_http(),
            acme,
            solo,
            repos: repos.to_vec(),
            solo_repos: solo_repos.to_vec(),
            on_acme,
            on_solo,
            user,
            user_token,
        }
    }

    pub(crate) fn jwt(&self) -> String {
        self.jwt_with(TestKey::First, -60, 540, &json!(self.sim.app_id()))
    }

    /// `iat` and `exp` in seconds from now.
    pub(crate) fn jwt_with(&self, key: TestKey, iat: i64, exp: i64, iss: &Value) -> String {
        let now = self.clock.now() / 1_000;
        let claims = json!({"iat": now + iat, "exp": now + exp, "iss": iss});
        let key = jsonwebtoken::EncodingKey::from_rsa_pem(key.private_pem().as_bytes()).unwrap();
        let header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256);
        jsonwebtoken::encode(&header, &claims, &key).unwrap()
    }

    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Option<Reply> {
        let url =
            if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.sim.api_base()) };
        let mut request = Request::builder().method(method).uri(url).header("user-agent", "test");
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::from(body.to_owned())).unwrap();
        let (parts, body) = self.http.request(request).await.ok()?.into_parts();
        let bytes = body.collect().await.ok()?.to_bytes();
        Some(Reply {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
            bytes,
        })
    }

    pub(crate) async fn get(&self, token: &str, path: &str) -> Reply {
        self.get_with(token, path, &[]).await
    }

    pub(crate) async fn get_with(&self, token: &str, path: &str, more: &[(&str, &str)]) -> Reply {
        let bearer = if token.is_empty() { String::new() } else { format!("Bearer {token}") };
        let headers = [&[("authorization", bearer.as_str())], more].concat();
        self.call(Method::GET, path, &headers, "").await.unwrap()
    }

    pub(crate) async fn post_mint(&self, jwt: &str, installation: i64, body: &str) -> Reply {
        let path = format!("/app/installations/{installation}/access_tokens");
        let bearer = format!("Bearer {jwt}");
        let headers = [("authorization", bearer.as_str())];
        self.call(Method::POST, &path, &headers, body).await.unwrap()
    }

    pub(crate) async fn mint(&self, installation: i64) -> String {
        let reply = self.post_mint(&self.jwt(), installation, "").await;
        assert_eq!(reply.status, 201, "{reply:?}");
        reply.body["token"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn check(&self, secret: &str, token: &str) -> Reply {
        let id = self.sim.client_id();
        let basic = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
        let body = json!({"access_token": token}).to_string();
        let headers = [("authorization", basic.as_str())];
        let path = format!("/applications/{id}/token");
        self.call(Method::POST, &path, &headers, &body).await.unwrap()
    }
}

pub(crate) fn link(reply: &Reply, rel: &str) -> Option<String> {
    let wanted = format!("; rel=\"{rel}\"");
    let found = reply.header("link").split(", ").find(|part| part.ends_with(&wanted))?;
    Some(found.trim_end_matches(&wanted).trim_matches(['<', '>']).to_owned())
}

pub(crate) fn ids(list: &Value) -> Vec<i64> {
    list.as_array().unwrap().iter().map(|item| item["id"].as_i64().unwrap()).collect()
}
