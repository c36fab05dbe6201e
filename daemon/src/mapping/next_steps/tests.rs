use cutover_shared::ids::InstallationId;

use super::*;
use crate::mapping::index::Selection;

fn installation(account_type: AccountType, login: &str) -> Installation {
    Installation {
        id: InstallationId(7),
        account_id: AccountId(70),
        account_login: login.to_owned(),
        account_type,
        selection: Selection::Selected,
        suspended: false,
    }
}

#[test]
fn a_link_carries_at_most_a_hundred_repositories() {
    let context = Context::new("https://github.com", "cutover");
    let ids: Vec<RepoId> = (1..=250).rev().chain([3, 3]).map(RepoId).collect();
    let links = install_links(&context, AccountId(70), &ids);
    let counts: Vec<_> = links.iter().map(|link| link.matches("repository_ids[]=").count()).collect();
    assert_eq!(counts, [100, 100, 50]);
    assert!(links[0].starts_with(
        "https://github.com/apps/cutover/installations/new/permissions?suggested_target_id=70&repository_ids[]=1&"
    ));
    assert!(links[2].ends_with("&repository_ids[]=250"));
    assert_eq!(context.install_link(Some(AccountId(70)), &ids).matches("[]").count(), 100);
    assert_eq!(install_links(&context, AccountId(70), &[]), [context.install_link(Some(AccountId(70)), &[])]);
}

#[test]
fn settings_are_where_the_kind_of_account_has_them() {
    let context = Context::new("https://github.com/", "cutover");
    assert_eq!(
        context.settings_link(&installation(AccountType::User, "kim")),
        "https://github.com/settings/installations/7"
    );
    assert_eq!(
        context.settings_link(&installation(AccountType::Organization, "acme")),
        "https://github.com/organizations/acme/settings/installations/7"
    );
    assert_eq!(
        context.requests_link("a/b?c"),
        "https://github.com/organizations/a%2Fb%3Fc/settings/installations"
    );
}

#[test]
fn an_enterprise_server_keeps_its_apps_elsewhere() {
    let context = Context::enterprise_server("https://ghe.example", "cutover");
    assert_eq!(context.install_link(None, &[]), "https://ghe.example/github-apps/cutover/installations/new");
}

#[test]
fn every_reason_that_is_not_mapped_says_what_to_do() {
    let context = Context::new("https://github.com", "cutover");
    let acme = installation(AccountType::Organization, "acme");
    let situation = Situation::Selected(&acme);
    for reason in Reason::ALL {
        let need = Need {
            repo: "acme/site",
            repo_id: Some(RepoId(1)),
            candidate: None,
            considered: Some(&acme),
            situation: &situation,
            owed: *reason == Reason::ProbeOwed,
        };
        let text = next_steps(*reason, &need, &context);
        let done = [Reason::IdListed, Reason::IdListedRenamed, Reason::TokenRead, Reason::Redirected];
        assert_eq!(text.is_empty(), done.contains(reason), "{reason:?}: {text}");
        assert!(!text.contains('\n') && !text.contains("  "), "{reason:?}: {text:?}");
    }
}
