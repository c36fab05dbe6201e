//! What is at GitHub now: a repository under its present name, its webhooks, one of them.

use cutover_shared::hooks::{HookItem, OldHook};
use cutover_shared::ids::{InstallationId, RepoId};

use super::old_hook;
use crate::github::{GitHubError, HookRead, Hooks, MintError, Reader, RepoProbe};

/// Pages of one repository's webhooks that are read at most; GitHub allows 20 webhooks for each event.
const MOST_PAGES: usize = 20;

/// Why something can't be seen, in words, where asking again won't help.
pub(super) type Hidden = String;

/// A planned webhook as it is now.
pub(super) enum Sight {
    There(OldHook, String),
    /// The repository's webhooks can be seen, and it is not among them.
    Gone,
    Hidden(Hidden),
}

/// The repository's present name: a change is never sent to an old one, which may be another repository's by now.
pub(super) async fn name(
    reader: &Reader,
    installation: InstallationId,
    repo: RepoId,
) -> Result<Result<String, Hidden>, GitHubError> {
    Ok(match reader.repository_by_id(installation.0, repo.0).await {
        Ok(RepoProbe::Found { repository, .. }) => Ok(repository.full_name),
        Ok(RepoProbe::NotFound | RepoProbe::CredentialDead | RepoProbe::Forbidden { .. }) => {
            Err("the installation does not see the repository any more".to_owned())
        }
        Err(GitHubError::Mint(error @ (MintError::Suspended | MintError::Gone))) => Err(error.to_string()),
        Err(error) => return Err(error),
    })
}

/// All webhooks of a repository; none when the App may not see them.
pub(super) async fn all(
    reader: &Reader,
    installation: InstallationId,
    full_name: &str,
) -> Result<Option<Vec<OldHook>>, GitHubError> {
    let (mut hooks, mut cursor) = (Vec::new(), None::<String>);
    for _ in 0..MOST_PAGES {
        let page = match reader.repo_hooks(installation.0, full_name, cursor.as_deref()).await? {
            Hooks::Page(page) => page,
            Hooks::Refused => return Ok(None),
        };
        hooks.extend(page.rows.into_iter().map(old_hook));
        cursor = page.next;
        if cursor.is_none() {
            return Ok(Some(hooks));
        }
    }
    Err(GitHubError::BadAnswer { what: "an end of the list of webhooks" })
}

/// The webhook that an item names.
pub(super) async fn see(reader: &Reader, item: &HookItem, hook: &OldHook) -> Result<Sight, GitHubError> {
    let name = match name(reader, item.installation, item.repo_id).await? {
        Ok(name) => name,
        Err(why) => return Ok(Sight::Hidden(why)),
    };
    let forbidden = || Sight::Hidden("the App may not see the repository's webhooks".to_owned());
    Ok(match reader.repo_hook(item.installation.0, &name, hook.id).await? {
        HookRead::Found(found) => Sight::There(old_hook(found), name),
        HookRead::Forbidden => forbidden(),
        // GitHub also answers so to whom it hides them: only a list that can be read says that it is gone.
        HookRead::NotFound => match all(reader, item.installation, &name).await? {
            None => forbidden(),
            Some(list) => list
                .into_iter()
                .find(|listed| listed.id == hook.id)
                .map_or(Sight::Gone, |found| Sight::There(found, name)),
        },
    })
}

/// The webhook with this address, if there is one; outer none when the App may not see them.
pub(super) async fn with_address(
    reader: &Reader,
    installation: InstallationId,
    full_name: &str,
    url: &str,
) -> Result<Option<Option<OldHook>>, GitHubError> {
    let list = all(reader, installation, full_name).await?;
    Ok(list.map(|list| list.into_iter().find(|hook| hook.url == url)))
}
