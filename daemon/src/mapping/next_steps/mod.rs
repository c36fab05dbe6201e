//! What an operator or a tenant does next, with links that open the right page at GitHub.

use std::fmt::Write;

use cutover_shared::ids::{AccountId, RepoId};
use cutover_shared::mapping::Reason;

use super::index::{AccountType, Installation};
use super::matching::Situation;

#[cfg(test)]
mod tests;

/// GitHub pre-selects at most so many repositories on one install page.
pub const IDS_PER_LINK: usize = 100;

/// Where the host's pages are, and what the App is called there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    web: String,
    apps: &'static str,
    slug: String,
}

impl Context {
    /// `web` is the address of the host's pages (`https://github.com`), `slug` the App's name in addresses.
    pub fn new(web: &str, slug: &str) -> Self {
        Self { web: web.trim_end_matches('/').to_owned(), apps: "apps", slug: in_url(slug) }
    }

    /// The same for a GitHub Enterprise Server, which keeps its Apps at another path.
    pub fn enterprise_server(web: &str, slug: &str) -> Self {
        Self { apps: "github-apps", ..Self::new(web, slug) }
    }

    /// The page that installs the App, with the account and up to [`IDS_PER_LINK`] repositories selected where they
    /// are given; further ids are left out, [`install_links`] splits them.
    pub fn install_link(&self, owner: Option<AccountId>, repositories: &[RepoId]) -> String {
        let Some(owner) = owner else {
            return format!("{}/{}/{}/installations/new", self.web, self.apps, self.slug);
        };
        let mut link = format!(
            "{}/{}/{}/installations/new/permissions?suggested_target_id={owner}",
            self.web, self.apps, self.slug
        );
        for id in repositories.iter().take(IDS_PER_LINK) {
            let _ = write!(link, "&repository_ids[]={id}");
        }
        link
    }

    /// The page where an installation is configured, suspended and unsuspended by its account.
    pub fn settings_link(&self, installation: &Installation) -> String {
        let id = installation.id;
        match installation.account_type {
            AccountType::User => format!("{}/settings/installations/{id}", self.web),
            AccountType::Organization => {
                let login = in_url(&installation.account_login);
                format!("{}/organizations/{login}/settings/installations/{id}", self.web)
            }
        }
    }

    /// The page where an organisation's owners approve requested Apps.
    pub fn requests_link(&self, login: &str) -> String {
        format!("{}/organizations/{}/settings/installations", self.web, in_url(login))
    }
}

/// Install links for all repositories of one owner: sorted, without repeats, at most [`IDS_PER_LINK`] on each; one
/// link without repositories when there are none.
pub fn install_links(context: &Context, owner: AccountId, repositories: &[RepoId]) -> Vec<String> {
    let mut ids = repositories.to_vec();
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return vec![context.install_link(Some(owner), &[])];
    }
    ids.chunks(IDS_PER_LINK).map(|chunk| context.install_link(Some(owner), chunk)).collect()
}

/// What the words depend on.
#[derive(Clone, Copy, Debug)]
pub struct Need<'a> {
    /// The repository's name, the current one where it is known.
    pub repo: &'a str,
    pub repo_id: Option<RepoId>,
    /// A repository that has the name and is not proven to be the imported one.
    pub candidate: Option<RepoId>,
    pub considered: Option<&'a Installation>,
    pub situation: &'a Situation<'a>,
    /// A check is still owed.
    pub owed: bool,
}

/// The next step for a repository with this verdict; empty when there is nothing to do.
pub fn next_steps(reason: Reason, need: &Need<'_>, context: &Context) -> String {
    let repo = need.repo;
    let text = match reason {
        Reason::IdListed | Reason::IdListedRenamed | Reason::TokenRead | Reason::Redirected => {
            return String::new();
        }
        Reason::ReadyToMap => {
            let to = need.considered.map_or_else(String::new, |i| format!(" to installation {}", i.id));
            format!("{repo} would be mapped{to}: plan and apply, `cutover map plan --all`.")
        }
        Reason::CommitFound => {
            format!(
                "Review before approving: {repo} is matched by its name and the imported commit, not by its id."
            )
        }
        Reason::NameOnly | Reason::NameReused => review(need),
        Reason::RedirectNotListed => {
            format!("{repo} has moved. {}", way_forward(need, context))
        }
        Reason::NotGranted
        | Reason::Suspended
        | Reason::RequestPending
        | Reason::NotInstalled
        | Reason::NotListed => way_forward(need, context),
        Reason::Ambiguous => {
            "Plan again with --refresh: more than one installation claims it, which GitHub does \
                              not allow, so what was read is out of date."
                .to_owned()
        }
        Reason::OwnerMismatch => {
            "Plan again with --refresh: the installation's list names another owner than its account."
                .to_owned()
        }
        Reason::Gone => format!(
            "Nothing to install: neither the stored user token nor the owner's installation sees {repo}. Remove the \
             project's link, or import it again from where it is now."
        ),
        Reason::OwnerUnknown => format!(
            "Ask the tenant who owns {repo}: the stored user token is dead. With ownerId or repoId in the catalog it \
             can be planned again; installing at {} also helps.",
            context.install_link(None, &[])
        ),
        Reason::ProbeOwed => match need.situation {
            Situation::All(_) | Situation::Selected(_) | Situation::Unknown | Situation::Several(_) => {
                String::new()
            }
            Situation::Suspended(_) | Situation::Requested(_) | Situation::NotInstalled { .. } => {
                way_forward(need, context)
            }
        },
    };
    match (need.owed, text.is_empty()) {
        (true, true) => "Plan again: a check at GitHub is still owed.".to_owned(),
        (true, false) => format!("{text} Plan again: a check at GitHub is still owed."),
        (false, _) => text,
    }
}

fn review(need: &Need<'_>) -> String {
    let repo = need.repo;
    match (need.candidate, need.repo_id) {
        (_, Some(stored)) => format!(
            "{repo} is another repository now; {stored} was imported. Find where that is today, or import the \
             project again."
        ),
        (Some(candidate), None) => {
            let place = need.considered.map_or_else(String::new, |i| format!(" of installation {}", i.id));
            format!(
                "Look whether repository {candidate}{place} is what was imported as {repo}. If so, put repoId \
                 {candidate} into the catalog and plan again; if not, import the project again."
            )
        }
        (None, None) => {
            format!("Look which repository was imported as {repo}, and put its repoId into the catalog.")
        }
    }
}

fn way_forward(need: &Need<'_>, context: &Context) -> String {
    let repo = need.repo;
    let ids: Vec<RepoId> = need.repo_id.into_iter().collect();
    match need.situation {
        Situation::Selected(installation) => {
            let settings = context.settings_link(installation);
            if ids.is_empty() {
                return format!("Let the App read {repo}: choose it at {settings}");
            }
            let link = context.install_link(Some(installation.account_id), &ids);
            format!("Let the App read {repo}: {link} (or choose it at {settings})")
        }
        Situation::All(installation) => format!(
            "Plan again with --refresh: installation {} of {} covers everything but does not list {repo}. If it \
             stays so, {repo} was renamed, moved or deleted: put its repoId into the catalog.",
            installation.id, installation.account_login
        ),
        Situation::Suspended(installation) => format!(
            "Unsuspend installation {} of {}: {}",
            installation.id,
            installation.account_login,
            context.settings_link(installation)
        ),
        Situation::Requested(request) => format!(
            "An owner of {} approves the request for the App: {}",
            request.login,
            context.requests_link(&request.login)
        ),
        Situation::NotInstalled { account, login } => {
            let owner = login.as_deref().map_or_else(|| format!("account {account}"), str::to_owned);
            format!("Install the App on {owner}: {}", context.install_link(Some(*account), &ids))
        }
        Situation::Several(_) => {
            "Plan again with --refresh: the owner has more than one installation.".to_owned()
        }
        Situation::Unknown => {
            format!("The owner of {repo} installs the App: {}", context.install_link(None, &[]))
        }
    }
}

/// Letters, digits and `-_.` as they are, every other byte as `%XX`.
fn in_url(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
