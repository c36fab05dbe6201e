//! What the App is called in addresses: configured, else asked of GitHub once and remembered.

use crate::clock::Clock;
use crate::github::{GitHub, GitHubError, Traffic};
use crate::store::{Db, Lane, ReadError, SettingOp, Unit, WriteError};

use super::next_steps::Context;

/// Why it is not known.
#[derive(Debug, thiserror::Error)]
pub enum SlugError {
    #[error("the App can't be read from GitHub: {0}")]
    GitHub(#[from] GitHubError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

fn setting(host: &str) -> String {
    format!("github.app_slug.{host}")
}

/// Asks GitHub, and remembers the answer where it is news.
pub async fn ask(db: &Db, github: &GitHub, clock: &Clock) -> Result<String, SlugError> {
    let slug = github.reader(Traffic::Background).app().await?.slug;
    let name = setting(github.host_id());
    if db.setting(&name).await?.is_none_or(|(known, ..)| known != slug) {
        let (value, by) = (slug.clone(), "daemon".to_owned());
        let op = SettingOp::Set { name, value, at: clock.now(), by };
        db.write(Lane::Run, Unit::new().with(op)).await?;
    }
    Ok(slug)
}

/// What GitHub said last; asked only when it never did.
pub async fn remembered(db: &Db, github: &GitHub, clock: &Clock) -> Result<String, SlugError> {
    match db.setting(&setting(github.host_id())).await? {
        Some((slug, ..)) => Ok(slug),
        None => ask(db, github, clock).await,
    }
}

/// The host's pages with this name of the App.
pub fn context(github: &GitHub, slug: &str) -> Context {
    if github.host_id() == "github.com" {
        Context::new(github.web_base(), slug)
    } else {
        Context::enterprise_server(github.web_base(), slug)
    }
}
