//! Making the GitHub App (G13). Key and secrets never travel: the daemon fetches and seals them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What the App may be able to do besides reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// Pushing by installation tokens.
    Push,
    /// Comments on pull requests and issues.
    Comments,
    /// Finding and removing the old app's webhooks.
    OldHooks,
    /// Reading check runs and suites, and their events.
    Checks,
    /// Reading an organisation's members.
    Members,
}
crate::run::words!(Feature {
    Push = "push", Comments = "comments", OldHooks = "old-hooks", Checks = "checks", Members = "members",
});

/// How the App is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppAsk {
    /// Shown to everybody who installs it; GitHub takes at most 34 letters and wants it unique.
    pub name: String,
    /// `https://cutover.example.com`: where GitHub reaches the daemon's HTTP door.
    pub public_url: String,
    /// What GitHub shows as the App's page; `public_url` when it is none.
    pub homepage: Option<String>,
    /// The organisation that owns it; none: the user who is signed in at GitHub.
    pub organization: Option<String>,
    /// A private App, which only its owner can install.
    pub dev: bool,
    pub features: Vec<Feature>,
    /// Where GitHub sends the browser when the App is made.
    pub redirect_url: String,
}

/// What a browser posts to GitHub.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Where to; `?state=` is added by who serves the page.
    pub action: String,
    /// The form's field `manifest`: JSON.
    pub manifest: String,
    /// (name, level), by name, for people.
    pub permissions: Vec<(String, String)>,
    pub events: Vec<String>,
}

/// The App that the daemon speaks as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppView {
    pub id: i64,
    pub slug: Option<String>,
    pub name: Option<String>,
    /// Login of the account that owns it.
    pub owner: Option<String>,
    /// Where its settings are.
    pub page: Option<String>,
    pub install_url: Option<String>,
    /// `configuration`, or `cutover app create` with the operator and the time.
    pub origin: String,
    pub has_webhook_secret: bool,
}

/// GitHub's one-time code for a new App. Whoever has it gets the App's key, so it is never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Code(pub String);

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code([redacted])")
    }
}

/// Questions about the App.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppQuery {
    /// What to post to GitHub for an App like this.
    Manifest { ask: AppAsk },
    /// The App in use.
    Show,
}

/// Answers about the App.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppAnswer {
    Manifest(Box<Manifest>),
    Show(Box<AppView>),
}

/// Acts on the App.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppAct {
    /// Fetches id, key and secrets of the App that was just made, and seals them. Only while there is no App.
    Create { code: Code },
}
