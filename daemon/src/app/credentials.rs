//! Who the daemon is at GitHub: as the configuration says, or as `cutover app create` stored it.

use secrecy::SecretString;

use super::Failure;
use crate::config::Config;
use crate::gateway::app::Stored;
use crate::gateway::integrations::AppClient;

/// The App that is spoken as.
pub(super) struct Credentials {
    pub(super) app_id: i64,
    pub(super) slug: Option<String>,
    /// PEM, the current one first.
    pub(super) keys: Vec<SecretString>,
    pub(super) webhook_secrets: Vec<SecretString>,
    /// The App's own OAuth client.
    pub(super) client: Option<AppClient>,
}

impl Credentials {
    /// The configuration's App, else the stored one. What the configuration says of secrets and slug counts in either case. None:
    /// there is no App yet.
    ///
    /// # Errors
    /// The HTTP door is to open, and no secret is known.
    pub(super) fn of(config: &Config, stored: Option<&Stored>) -> Result<Option<Self>, Failure> {
        let github = &config.github;
        let (app_id, keys, slug) = match (github.app_id, stored) {
            (Some(id), _) => (id, github.keys.clone(), None),
            (None, Some(app)) => (app.id, vec![app.key.clone()], Some(app.slug.clone())),
            (None, None) => return Ok(None),
        };
        let stored_secret = stored.filter(|app| app.id == app_id).and_then(|app| app.webhook_secret.clone());
        let mut webhook_secrets = github.webhook_secrets.clone();
        if webhook_secrets.is_empty() {
            webhook_secrets.extend(stored_secret);
        }
        if config.http.listen.is_some() && webhook_secrets.is_empty() {
            return Err(
                "http.listen is set, and there is no webhook secret: nobody could tell GitHub from others; \
                        set one in the App's settings at GitHub and in github.webhook_secret"
                    .into(),
            );
        }
        let client = match (&github.client, stored.filter(|app| app.id == app_id)) {
            (Some(client), _) => Some((&client.client_id, &client.client_secret)),
            (None, Some(app)) => Some((&app.client_id, &app.client_secret)),
            (None, None) => None,
        };
        let client =
            client.map(|(id, secret)| AppClient { client_id: id.clone(), client_secret: secret.clone() });
        Ok(Some(Self { client, app_id, slug: github.app_slug.clone().or(slug), keys, webhook_secrets }))
    }
}
