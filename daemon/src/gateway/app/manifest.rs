//! What GitHub is asked for when the App is made (G13): pure.

use std::collections::BTreeMap;

use cutover_shared::app::{AppAsk, Feature, Manifest};
use serde_json::json;

/// GitHub's own bound for an App's name.
const LONGEST_NAME: usize = 34;

/// The longest address that is taken, in bytes.
const LONGEST_URL: usize = 2_000;

/// What every App gets: reads only.
const READS: [&str; 6] = ["actions", "contents", "deployments", "issues", "metadata", "pull_requests"];

/// What every App hears of. `installation`, `installation_repositories` and `github_app_authorization` are not in it: GitHub
/// sends them to every App, and refuses a manifest that asks for them.
const EVENTS: [&str; 10] = [
    "deployment",
    "deployment_status",
    "installation_target",
    "issue_comment",
    "issues",
    "pull_request",
    "pull_request_review",
    "push",
    "release",
    "repository",
];

/// Events that need the permission of a feature, or GitHub refuses the manifest.
const CHECK_EVENTS: [&str; 2] = ["check_run", "check_suite"];

/// Why there is no manifest; says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAsk {
    #[error("an App's name has 1 to {LONGEST_NAME} letters on one line")]
    Name,
    #[error("{what} must be an https:// address without query, such as https://cutover.example.com")]
    Address { what: &'static str },
    #[error("an organisation's login has 1 to 39 letters, digits and -")]
    Organization,
}

/// What a browser is to post. `web_base`: where people click, without a slash at the end. `in_clear`: plain http is taken
/// too, for stand-ins and demos.
///
/// # Errors
/// The first thing that GitHub would refuse.
pub fn manifest(ask: &AppAsk, web_base: &str, in_clear: bool) -> Result<Manifest, BadAsk> {
    let name = ask.name.trim();
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(BadAsk::Name);
    }
    let public = address(&ask.public_url, "--url", in_clear)?;
    let homepage = match &ask.homepage {
        Some(homepage) => address(homepage, "--homepage", in_clear)?,
        None => public,
    };
    // It is a page on this machine's loopback, so it is never https.
    let redirect = address(&ask.redirect_url, "the redirect address", true)?;
    let action = match &ask.organization {
        None => format!("{web_base}/settings/apps/new"),
        Some(login) if is_login(login) => format!("{web_base}/organizations/{login}/settings/apps/new"),
        Some(_) => return Err(BadAsk::Organization),
    };
    let permissions = permissions(&ask.features);
    let mut events: Vec<String> = EVENTS.iter().map(|event| (*event).to_owned()).collect();
    events.push("workflow_run".to_owned());
    if ask.features.contains(&Feature::Checks) {
        events.extend(CHECK_EVENTS.iter().map(|event| (*event).to_owned()));
    }
    events.sort_unstable();
    let manifest = json!({
        "name": name,
        "url": homepage,
        "hook_attributes": { "url": format!("{public}/webhooks/github"), "active": true },
        "redirect_url": redirect,
        "callback_urls": [format!("{public}/api/v1/public/webhooks/github/auth")],
        "setup_url": format!("{public}/api/v1/public/webhooks/github/auth"),
        "setup_on_update": true,
        "request_oauth_on_install": false,
        "public": !ask.dev,
        "default_permissions": permissions,
        "default_events": events,
    });
    Ok(Manifest {
        action,
        manifest: manifest.to_string(),
        permissions: permissions.into_iter().collect(),
        events,
    })
}

/// Least levels for these features, by name.
pub fn permissions(features: &[Feature]) -> BTreeMap<String, String> {
    let mut levels: BTreeMap<String, String> =
        READS.iter().map(|name| ((*name).to_owned(), "read".to_owned())).collect();
    for feature in features {
        let granted: &[(&str, &str)] = match feature {
            Feature::Push => &[("contents", "write")],
            Feature::Comments => &[("issues", "write"), ("pull_requests", "write")],
            Feature::OldHooks => &[("repository_hooks", "write")],
            Feature::Checks => &[("checks", "read")],
            Feature::Members => &[("members", "read")],
        };
        levels.extend(granted.iter().map(|(name, level)| ((*name).to_owned(), (*level).to_owned())));
    }
    levels
}

/// An address without a slash at the end.
fn address<'a>(text: &'a str, what: &'static str, in_clear: bool) -> Result<&'a str, BadAsk> {
    let text = text.trim().trim_end_matches('/');
    let rest = match text.strip_prefix("https://") {
        Some(rest) => Some(rest),
        None if in_clear => text.strip_prefix("http://"),
        None => None,
    };
    let fine =
        |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '<' | '>' | '\\' | '?' | '#' | '@');
    match rest {
        Some(rest)
            if !rest.is_empty()
                && !rest.starts_with(['/', ':'])
                && text.len() <= LONGEST_URL
                && rest.chars().all(fine) =>
        {
            Ok(text)
        }
        _ => Err(BadAsk::Address { what }),
    }
}

fn is_login(login: &str) -> bool {
    (1..=39).contains(&login.len()) && login.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

#[cfg(test)]
mod tests;
