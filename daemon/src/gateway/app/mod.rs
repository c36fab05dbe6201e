//! The App's first set-up (G13): GitHub's one-time code is turned into id, key and secrets, which are sealed before anybody
//! hears of them.

pub mod manifest;

use std::sync::Arc;
use std::time::Duration;

use cutover_shared::app::{AppView, Code};
use reqwest::{Method, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::audit::Who;
use crate::client::{Client, ClientError};
use crate::clock::Clock;
use crate::seal::{Seal, SealError};
use crate::store::{Db, Lane, ReadError, SettingOp, Unit, WriteError};

/// Where the sealed App is in the settings; also the owner of its envelope.
const SETTING: &str = "github.app";

/// GitHub makes an App in a second or two.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often the store is asked to take what GitHub gives only once.
const TRIES: u32 = 10;

/// The wait between.
const BETWEEN: Duration = Duration::from_secs(1);

/// The longest code, in bytes; GitHub's have 40.
const LONGEST_CODE: usize = 200;

/// An App as it was created.
#[derive(Clone, Debug)]
pub struct Stored {
    pub id: i64,
    pub slug: String,
    pub name: String,
    pub owner: Option<String>,
    pub page: Option<String>,
    pub key: SecretString,
    pub webhook_secret: Option<SecretString>,
    pub client_id: String,
    pub client_secret: SecretString,
    /// Milliseconds since the epoch, UTC.
    pub created_at: i64,
    pub created_by: String,
}

/// What is sealed, and what GitHub answers: the fields have GitHub's names.
#[derive(Serialize, Deserialize)]
struct Conversion {
    id: i64,
    slug: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    owner: Option<Owner>,
    #[serde(default)]
    html_url: Option<String>,
    pem: String,
    #[serde(default)]
    webhook_secret: Option<String>,
    client_id: String,
    client_secret: String,
}

#[derive(Serialize, Deserialize)]
struct Owner {
    login: String,
}

/// Why there is no App, and what is known of it all the same.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    #[error("this is not the code of a new App: GitHub's have letters, digits and - only")]
    BadCode,
    #[error("GitHub knows no new App of this code: it was used, or is older than an hour")]
    UnknownCode,
    #[error("GitHub refuses ({status}): {message}")]
    Refused { status: u16, message: String },
    /// Whether the code was used is not known.
    #[error("GitHub did not answer: {0}")]
    NoAnswer(#[from] ClientError),
    #[error("GitHub's answer is not that of a new App")]
    BadAnswer,
    #[error("the store does not take anything, so nothing was asked of GitHub: {0}")]
    NoStore(WriteError),
    /// The App is there and its key is gone for good.
    #[error("GitHub made the App {id} ({slug}), but its key could not be stored: {cause}")]
    Lost { id: i64, slug: String, cause: WriteError },
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// Why the stored App can't be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("the App that `cutover app create` stored can't be opened: {0}")]
    Seal(#[from] SealError),
    #[error("the App that `cutover app create` stored is not readable")]
    Unreadable,
}

/// Makes the App, once.
#[derive(Clone)]
pub struct Creator {
    pub db: Db,
    pub seal: Arc<Seal>,
    pub clock: Clock,
    pub client: Client,
    /// Without a slash at the end.
    pub api_base: String,
}

/// The App that was created here, if one was.
///
/// # Errors
/// It is there and can't be opened or read.
pub async fn stored(db: &Db, seal: &Seal) -> Result<Option<Stored>, LoadError> {
    let Some((sealed, created_at, created_by)) = db.setting(SETTING).await? else { return Ok(None) };
    let opened = seal.open_text(SETTING, &sealed)?;
    let app: Conversion = serde_json::from_str(opened.expose_secret()).map_err(|_| LoadError::Unreadable)?;
    Ok(Some(app.stored(created_at, created_by)))
}

impl Creator {
    /// Turns the code into an App and seals it.
    ///
    /// # Errors
    /// Each says whether GitHub made something.
    pub async fn create(&self, code: &Code, who: &Who) -> Result<Stored, CreateError> {
        let code = code.0.trim();
        if code.is_empty()
            || code.len() > LONGEST_CODE
            || !code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        {
            return Err(CreateError::BadCode);
        }
        // GitHub gives the key once; a store that takes nothing must be found out before.
        let begun = who.did(self.clock.now(), "app.create.begin", &self.api_base, json!({}));
        self.db.write(Lane::Handler, Unit::new().with(begun)).await.map_err(CreateError::NoStore)?;
        let app = self.convert(code).await?;
        let plain = SecretString::from(serde_json::to_string(&app).map_err(|_| CreateError::BadAnswer)?);
        let sealed = self.seal.seal(SETTING, plain.expose_secret().as_bytes())?;
        let at = self.clock.now();
        let detail = json!({ "id": app.id, "slug": app.slug, "owner": app.owner.as_ref().map(|o| &o.login) });
        let unit = Unit::new()
            .with(SettingOp::Set { name: SETTING.to_owned(), value: sealed, at, by: who.operator.0.clone() })
            .with(who.did(at, "app.create", app.id.to_string(), detail));
        self.keep(&app, unit).await?;
        Ok(app.stored(at, who.operator.0.clone()))
    }

    async fn keep(&self, app: &Conversion, unit: Unit) -> Result<(), CreateError> {
        let mut tries = 1;
        loop {
            match self.db.write(Lane::Urgent, unit.clone()).await {
                Ok(()) => return Ok(()),
                Err(error) if tries < TRIES => {
                    tracing::error!(%error, tries, "the new App can't be stored; trying again");
                    tries += 1;
                    self.clock.sleep(BETWEEN).await;
                }
                Err(cause) => {
                    return Err(CreateError::Lost { id: app.id, slug: app.slug.clone(), cause });
                }
            }
        }
    }

    async fn convert(&self, code: &str) -> Result<Conversion, CreateError> {
        let url = format!("{}/app-manifests/{code}/conversions", self.api_base);
        let url = Url::parse(&url).map_err(|_| CreateError::BadCode)?;
        let request = self.client.request(Method::POST, url).header("accept", "application/vnd.github+json");
        let answer = self.client.send(request, PATIENCE).await?;
        match answer.status {
            201 | 200 => {}
            404 | 422 => return Err(CreateError::UnknownCode),
            status => return Err(CreateError::Refused { status, message: message(&answer.body) }),
        }
        let app: Conversion = serde_json::from_slice(&answer.body).map_err(|_| CreateError::BadAnswer)?;
        if app.id <= 0 || app.slug.is_empty() || !app.pem.contains("PRIVATE KEY") {
            return Err(CreateError::BadAnswer);
        }
        Ok(app)
    }
}

impl Conversion {
    fn stored(self, created_at: i64, created_by: String) -> Stored {
        Stored {
            id: self.id,
            slug: self.slug,
            name: self.name,
            owner: self.owner.map(|owner| owner.login),
            page: self.html_url,
            key: SecretString::from(self.pem),
            webhook_secret: self.webhook_secret.filter(|secret| !secret.is_empty()).map(SecretString::from),
            client_id: self.client_id,
            client_secret: SecretString::from(self.client_secret),
            created_at,
            created_by,
        }
    }
}

impl Stored {
    /// As people see it: without key and secrets.
    pub fn view(&self, web_base: &str) -> AppView {
        AppView {
            id: self.id,
            slug: Some(self.slug.clone()),
            name: Some(self.name.clone()),
            owner: self.owner.clone(),
            page: self.page.clone(),
            install_url: Some(format!("{web_base}/apps/{}/installations/new", self.slug)),
            origin: format!("`cutover app create` by {}", self.created_by),
            has_webhook_secret: self.webhook_secret.is_some(),
        }
    }
}

/// GitHub's words, short and on one line.
fn message(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Body {
        #[serde(default)]
        message: String,
    }
    let text = serde_json::from_slice::<Body>(body).map_or_else(|_| String::new(), |body| body.message);
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}
