//! What a person's code at GitHub shows: who they are, and which installations they see. The token that the code gives is
//! used here, once, and is neither stored nor logged.

use std::time::Duration;

use reqwest::{Method, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{AppClient, CallbackError, Integrations};

/// For one call.
const PATIENCE: Duration = Duration::from_secs(10);

/// Pages of installations that are looked through.
const MOST_PAGES: u32 = 20;

/// Installations on one page; GitHub gives no more.
const PAGE: usize = 100;

/// The longest code that is sent on, in bytes; GitHub's have 20.
const LONGEST_CODE: usize = 256;

#[derive(Deserialize)]
struct Exchanged {
    #[serde(default)]
    access_token: Option<SecretString>,
}

#[derive(Deserialize)]
struct Numbered {
    id: i64,
}

#[derive(Deserialize)]
struct Page {
    installations: Vec<Numbered>,
}

impl Integrations {
    /// The token that a code gives; a code gives one once.
    pub(super) async fn token(
        &self,
        app: &AppClient,
        code: &SecretString,
    ) -> Result<SecretString, CallbackError> {
        if code.expose_secret().len() > LONGEST_CODE {
            return Err(CallbackError::BadInput("code"));
        }
        let url = address(&format!("{}/login/oauth/access_token", self.setup.github.web_base()))?;
        let body = serde_json::json!({
            "client_id": app.client_id,
            "client_secret": app.client_secret.expose_secret(),
            "code": code.expose_secret(),
        });
        let request = self
            .setup
            .client
            .request(Method::POST, url)
            .header("accept", "application/json")
            .header("content-type", "application/json")
            .body(body.to_string());
        let exchanged: Exchanged = self.send(request).await?;
        // GitHub answers 200 also when it takes the code no more.
        exchanged.access_token.ok_or(CallbackError::BadCode)
    }

    /// Whether this person sees the installation.
    pub(super) async fn sees(&self, token: &SecretString, id: i64) -> Result<bool, CallbackError> {
        for page in 1..=MOST_PAGES {
            let path = format!("/user/installations?per_page={PAGE}&page={page}");
            let found: Page = self.ask(token, &path).await?;
            if found.installations.iter().any(|installation| installation.id == id) {
                return Ok(true);
            }
            if found.installations.len() < PAGE {
                return Ok(false);
            }
        }
        Ok(false)
    }

    /// The person's own id at GitHub.
    pub(super) async fn account(&self, token: &SecretString) -> Result<i64, CallbackError> {
        let user: Numbered = self.ask(token, "/user").await?;
        Ok(user.id)
    }

    async fn ask<T: DeserializeOwned>(&self, token: &SecretString, path: &str) -> Result<T, CallbackError> {
        let url = address(&format!("{}{path}", self.setup.github.api_base()))?;
        let request = self
            .setup
            .client
            .request(Method::GET, url)
            .header("accept", "application/vnd.github+json")
            .header("x-github-api-version", "2022-11-28")
            .bearer_auth(token.expose_secret());
        self.send(request).await
    }

    async fn send<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T, CallbackError> {
        let answer = self
            .setup
            .client
            .send(request, PATIENCE)
            .await
            .map_err(|error| CallbackError::GitHub(error.to_string()))?;
        match answer.status {
            200 => {}
            401 => return Err(CallbackError::BadCode),
            status => return Err(CallbackError::GitHub(format!("it answers {status}"))),
        }
        // The answer holds a token: its text must not get into the error.
        serde_json::from_slice(&answer.body)
            .map_err(|_| CallbackError::GitHub("its answer is not understood".to_owned()))
    }
}

fn address(text: &str) -> Result<Url, CallbackError> {
    Url::parse(text).map_err(|_| CallbackError::GitHub("its address is none".to_owned()))
}
