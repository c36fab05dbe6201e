use cutover_shared::catalog::Link;
use cutover_shared::ids::{AccountId, InstallationId, LinkKey, ProjectId, RepoId};
use cutover_shared::mapping::{Mapping, MappingStatus, Reason};

use super::*;
use crate::mapping::index::{AccountType, IndexView, Installation, Listed, Requested, Selection};
use crate::mapping::probe::{ProbeAnswer, ProbeAsk, wanted};

mod rules;

const IMPORTED: i64 = 1_600_000_000_000;
const SHA: &str = "0123456789abcdef0123456789abcdef01234567";
const TREE: &str = "89abcdef0123456789abcdef0123456789abcdef";

fn context() -> Context {
    Context::new("https://github.example/", "cutover")
}

fn all(id: i64, account: i64, login: &str) -> Installation {
    Installation {
        id: InstallationId(id),
        account_id: AccountId(account),
        account_login: login.to_owned(),
        account_type: AccountType::Organization,
        selection: Selection::All,
        suspended: false,
    }
}

fn selected(id: i64, account: i64, login: &str) -> Installation {
    Installation { selection: Selection::Selected, ..all(id, account, login) }
}

fn suspended(id: i64, account: i64, login: &str) -> Installation {
    Installation { suspended: true, ..all(id, account, login) }
}

fn row(repo: i64, installation: &Installation, name: &str) -> Listed {
    Listed {
        repo_id: RepoId(repo),
        installation: installation.id,
        full_name: name.to_owned(),
        owner_id: installation.account_id,
        owner_login: installation.account_login.clone(),
        created_at: Some(IMPORTED - 1),
        private: true,
        fork: false,
    }
}

fn link(name: &str) -> Link {
    let project = ProjectId::from("p1");
    Link {
        key: LinkKey::new(&project, name),
        project,
        tenant: "t1".into(),
        repo_full_name: name.to_owned(),
        repo_id: None,
        owner_id: None,
        owner_login: None,
        token: None,
        imported_commit_sha: None,
        imported_tree_sha: None,
        imported_at: Some(IMPORTED),
        import_method: None,
    }
}

fn with_id(id: i64, name: &str) -> Link {
    Link { repo_id: Some(RepoId(id)), ..link(name) }
}

fn with_token(name: &str) -> Link {
    Link { token: Some("f1".to_owned()), ..link(name) }
}

fn with_commit(name: &str) -> Link {
    Link { imported_commit_sha: Some(SHA.to_owned()), ..link(name) }
}

fn reads(id: i64, name: &str, owner: i64, moved: bool) -> ProbeAnswer {
    ProbeAnswer::Repo {
        repo_id: RepoId(id),
        full_name: name.to_owned(),
        owner_id: AccountId(owner),
        owner_login: name.split('/').next().unwrap().to_owned(),
        moved,
        created_at: Some(IMPORTED - 1),
    }
}

fn token_says(name: &str, answer: ProbeAnswer) -> Answers {
    [(ProbeAsk::read_repo("f1", name), answer)].into_iter().collect()
}

fn commit_says(installation: i64, name: &str, answer: ProbeAnswer) -> Answers {
    [(ProbeAsk::resolve_commit(InstallationId(installation), name, SHA), answer)].into_iter().collect()
}

/// Checks reason, rung and confidence, and what holds for every verdict.
fn expect(mapping: &Mapping, reason: Reason, rung: u8, confidence: u8) {
    let is = (mapping.reason, mapping.evidence.rung, mapping.confidence);
    assert_eq!(is, (reason, rung, confidence), "{mapping:#?}");
    assert_eq!(mapping.status, status_of(reason));
    assert_eq!(mapping.installation.is_some(), mapping.status == MappingStatus::Mapped);
    assert_eq!(mapping.confidence >= MAPPED_FROM, mapping.status == MappingStatus::Mapped);
}

fn verdict(link: &Link, index: &IndexView, answers: &Answers) -> Mapping {
    judge(link, index, answers, &context())
}

#[test]
fn row_1_a_listed_id_maps_whatever_the_case_of_the_name() {
    let acme = all(7, 70, "Acme");
    let index = IndexView::build([acme.clone()], [row(1, &acme, "Acme/Site")], []);
    let mapping = verdict(&with_id(1, "acme/SITE"), &index, &Answers::default());
    expect(&mapping, Reason::IdListed, 1, 100);
    assert_eq!(mapping.installation, Some(InstallationId(7)));
    assert_eq!(mapping.next_steps, "");
    assert_eq!(wanted(&with_id(1, "acme/site"), &index, &Answers::default()), None);
}

#[test]
fn row_2_a_rename_or_transfer_maps_by_id_and_tells_the_name() {
    let acme = all(7, 70, "acme");
    let index = IndexView::build([acme.clone()], [row(1, &acme, "acme/new")], []);
    let link = Link { owner_id: Some(AccountId(60)), ..with_id(1, "old/site") };
    let mapping = verdict(&link, &index, &Answers::default());
    expect(&mapping, Reason::IdListedRenamed, 2, 100);
    assert_eq!(mapping.evidence.current_name.as_deref(), Some("acme/new"));
    assert_eq!(mapping.evidence.facts[2], "imported as old/site, now acme/new");
    assert_eq!(mapping.evidence.facts[3], "the owner was account 60, now 70");
}

#[test]
fn row_3_a_token_tells_the_id_and_the_index_decides() {
    let acme = all(7, 70, "acme");
    let index = IndexView::build([acme.clone()], [row(1, &acme, "acme/new")], []);
    let link = with_token("old/site");
    let ask = ProbeAsk::read_repo("f1", "old/site");
    expect(&verdict(&link, &index, &Answers::default()), Reason::ProbeOwed, 3, 0);
    assert_eq!(wanted(&link, &index, &Answers::default()), Some(ask));
    let answers = token_says("old/site", reads(1, "acme/new", 70, true));
    let mapping = verdict(&link, &index, &answers);
    expect(&mapping, Reason::TokenRead, 3, 98);
    assert_eq!((mapping.repo_id, wanted(&link, &index, &answers)), (Some(RepoId(1)), None));
}

#[test]
fn row_3_a_public_repository_under_a_login_that_changed_hands_never_maps() {
    let thief = all(8, 80, "acme");
    let index = IndexView::build([thief.clone()], [row(2, &thief, "acme/site")], []);
    let link = Link { owner_id: Some(AccountId(70)), ..with_token("acme/site") };
    let answers = token_says("acme/site", reads(2, "acme/site", 80, false));
    expect(&verdict(&link, &index, &answers), Reason::NameReused, 7, 0);
}

#[test]
fn row_3_a_repository_made_after_the_import_never_maps() {
    let acme = all(7, 70, "acme");
    let young = Listed { created_at: Some(IMPORTED + 1), ..row(2, &acme, "acme/site") };
    let index = IndexView::build([acme], [young], []);
    let ProbeAnswer::Repo { repo_id, full_name, owner_id, owner_login, moved, .. } =
        reads(2, "acme/site", 70, false)
    else {
        panic!("a repository")
    };
    for created_at in [None, Some(IMPORTED + 1)] {
        let (full_name, owner_login) = (full_name.clone(), owner_login.clone());
        let read = ProbeAnswer::Repo { repo_id, full_name, owner_id, owner_login, moved, created_at };
        let mapping = verdict(&with_token("acme/site"), &index, &token_says("acme/site", read));
        expect(&mapping, Reason::NameReused, 7, 10);
        assert_eq!(mapping.repo_id, None);
    }
}

#[test]
fn row_4_a_redirect_to_the_stored_id_maps_only_when_the_new_owner_lists_it() {
    let new = all(8, 80, "newco");
    let link =
        Link { token: Some("f1".to_owned()), owner_id: Some(AccountId(70)), ..with_id(1, "acme/site") };
    let answers = token_says("acme/site", reads(1, "newco/site", 80, true));
    let index = IndexView::build([new.clone()], [], []);
    let mapping = verdict(&link, &index, &answers);
    expect(&mapping, Reason::RedirectNotListed, 4, 0);
    assert_eq!(mapping.evidence.considered, Some(InstallationId(8)));
    assert!(mapping.next_steps.starts_with("newco/site has moved."), "{}", mapping.next_steps);
    // The list was read before the transfer was through: it has the repository, with its old owner.
    let stale =
        Listed { owner_id: AccountId(70), owner_login: "acme".to_owned(), ..row(1, &new, "acme/site") };
    let index = IndexView::build([new], [stale], []);
    expect(&verdict(&link, &index, &answers), Reason::Redirected, 4, 95);
    let unasked = verdict(&link, &index, &Answers::default());
    expect(&unasked, Reason::OwnerMismatch, 1, 0);
    assert_eq!(wanted(&link, &index, &Answers::default()), Some(ProbeAsk::read_repo("f1", "acme/site")));
}

#[test]
fn row_5_the_commit_maps_what_a_name_alone_does_not() {
    let acme = all(7, 70, "acme");
    let index = IndexView::build([acme.clone()], [row(1, &acme, "acme/site")], []);
    let link = with_commit("acme/site");
    let ask = ProbeAsk::resolve_commit(InstallationId(7), "acme/site", SHA);
    expect(&verdict(&link, &index, &Answers::default()), Reason::ProbeOwed, 5, 0);
    assert_eq!(wanted(&link, &index, &Answers::default()), Some(ask));
    let found = commit_says(7, "acme/site", ProbeAnswer::Commit { tree_sha: TREE.to_owned() });
    let mapping = verdict(&link, &index, &found);
    expect(&mapping, Reason::CommitFound, 5, 90);
    assert_eq!(mapping.repo_id, Some(RepoId(1)));
    assert!(mapping.next_steps.starts_with("Review"));
    let other_tree = Link { imported_tree_sha: Some(SHA.to_owned()), ..link.clone() };
    expect(&verdict(&other_tree, &index, &found), Reason::NameReused, 7, 20);
    let missing = commit_says(7, "acme/site", ProbeAnswer::NotFound);
    expect(&verdict(&link, &index, &missing), Reason::NameReused, 7, 20);
    let refused = commit_says(7, "acme/site", ProbeAnswer::Forbidden);
    expect(&verdict(&link, &index, &refused), Reason::NameOnly, 6, 60);
    let silent = commit_says(7, "acme/site", ProbeAnswer::Unreachable("time-out".to_owned()));
    expect(&verdict(&link, &index, &silent), Reason::ProbeOwed, 5, 0);
}

#[test]
fn row_5_a_branch_name_or_a_short_sha_is_no_commit() {
    let acme = all(7, 70, "acme");
    let index = IndexView::build([acme.clone()], [row(1, &acme, "acme/site")], []);
    for sha in ["main", "0123456", ""] {
        let link = Link { imported_commit_sha: Some(sha.to_owned()), ..link("acme/site") };
        assert_eq!(wanted(&link, &index, &Answers::default()), None);
        expect(&verdict(&link, &index, &Answers::default()), Reason::NameOnly, 6, 60);
    }
}

#[test]
fn a_fork_resolves_its_parents_commits_so_they_tie_nothing() {
    let acme = all(7, 70, "acme");
    let fork = Listed { fork: true, created_at: None, ..row(1, &acme, "acme/site") };
    let index = IndexView::build([acme.clone()], [fork.clone()], []);
    let found = commit_says(7, "acme/site", ProbeAnswer::Commit { tree_sha: TREE.to_owned() });
    expect(&verdict(&with_commit("acme/site"), &index, &found), Reason::NameReused, 7, 20);
    let old = Listed { created_at: Some(IMPORTED - 1), ..fork };
    let index = IndexView::build([acme], [old], []);
    expect(&verdict(&with_commit("acme/site"), &index, &found), Reason::CommitFound, 5, 90);
}

#[test]
fn a_fork_of_the_imported_repository_is_another_one() {
    let zeta = all(8, 80, "zeta");
    let fork = Listed { fork: true, ..row(2, &zeta, "zeta/site") };
    let index = IndexView::build([zeta], [fork], []);
    expect(&verdict(&with_id(1, "acme/site"), &index, &Answers::default()), Reason::NotInstalled, 10, 0);
    expect(&verdict(&with_commit("acme/site"), &index, &Answers::default()), Reason::NotInstalled, 10, 0);
}

#[test]
fn rows_6_and_7_a_name_alone_never_maps() {
    let acme = all(7, 70, "acme");
    let index = IndexView::build([acme.clone()], [row(5, &acme, "acme/site")], []);
    let mapping = verdict(&link("ACME/site"), &index, &Answers::default());
    expect(&mapping, Reason::NameOnly, 6, 60);
    assert_eq!(mapping.evidence.considered, Some(InstallationId(7)));
    assert!(mapping.next_steps.contains("put repoId 5 into the catalog"), "{}", mapping.next_steps);
    let undated = Link { imported_at: None, ..link("acme/site") };
    expect(&verdict(&undated, &index, &Answers::default()), Reason::NameReused, 7, 20);
    let young = Link { imported_at: Some(IMPORTED - 2), ..with_commit("acme/site") };
    expect(&verdict(&young, &index, &Answers::default()), Reason::NameReused, 7, 10);
    assert_eq!(
        wanted(&young, &index, &Answers::default()),
        None,
        "a recreated repository is not asked about"
    );
    let other_owner = Link { owner_id: Some(AccountId(71)), ..with_commit("acme/site") };
    expect(&verdict(&other_owner, &index, &Answers::default()), Reason::NameReused, 7, 0);
    // The stored id is gone, the name has another.
    expect(&verdict(&with_id(4, "acme/site"), &index, &Answers::default()), Reason::NameReused, 7, 0);
    let blind = token_says("acme/site", ProbeAnswer::NotFound);
    let link = Link { imported_commit_sha: Some(SHA.to_owned()), ..with_token("acme/site") };
    expect(&verdict(&link, &index, &blind), Reason::NameOnly, 6, 60);
}

#[test]
fn row_8_an_owner_who_selects_grants_and_the_link_carries_the_repository() {
    let index = IndexView::build([selected(7, 70, "acme")], [], []);
    let mapping = verdict(&with_id(1, "acme/site"), &index, &Answers::default());
    expect(&mapping, Reason::NotGranted, 8, 0);
    assert_eq!(
        mapping.next_steps,
        "Let the App read acme/site: https://github.example/apps/cutover/installations/new/permissions\
         ?suggested_target_id=70&repository_ids[]=1 (or choose it at \
         https://github.example/organizations/acme/settings/installations/7)"
    );
    let blind = token_says("acme/site", ProbeAnswer::NotFound);
    expect(&verdict(&with_token("acme/site"), &index, &blind), Reason::NotGranted, 8, 0);
}

#[test]
fn row_8_an_installation_that_covers_everything_should_list_it() {
    let index = IndexView::build([all(7, 70, "acme")], [], []);
    expect(&verdict(&with_id(1, "acme/site"), &index, &Answers::default()), Reason::NotListed, 8, 0);
    let link = Link { token: Some("f1".to_owned()), ..with_id(1, "acme/site") };
    let owed = verdict(&link, &index, &Answers::default());
    expect(&owed, Reason::NotListed, 8, 0);
    assert!(owed.next_steps.ends_with("a check at GitHub is still owed."));
    assert!(wanted(&link, &index, &Answers::default()).is_some());
    let dead = token_says("acme/site", ProbeAnswer::CredentialDead);
    expect(&verdict(&link, &index, &dead), Reason::NotListed, 8, 0);
}

#[test]
fn row_9_suspended_and_requested_wait() {
    let acme = suspended(7, 70, "acme");
    let request = Requested { account_id: AccountId(80), login: "zeta".to_owned() };
    let index = IndexView::build([acme.clone()], [row(1, &acme, "acme/site")], [request]);
    for link in [with_id(1, "acme/site"), link("acme/site"), with_commit("acme/site"), with_id(9, "acme/x")] {
        let mapping = verdict(&link, &index, &Answers::default());
        expect(&mapping, Reason::Suspended, 9, 0);
        assert!(mapping.next_steps.starts_with("Unsuspend installation 7 of acme: https://"));
    }
    let read = token_says("acme/site", reads(1, "acme/site", 70, false));
    expect(&verdict(&with_token("acme/site"), &index, &read), Reason::Suspended, 9, 0);
    let mapping = verdict(&link("zeta/site"), &index, &Answers::default());
    expect(&mapping, Reason::RequestPending, 9, 0);
    assert_eq!(mapping.evidence.owner_id, Some(AccountId(80)));
}

#[test]
fn row_10_no_installation_means_install() {
    let index = IndexView::build([], [], []);
    let known = Link { owner_id: Some(AccountId(70)), ..with_id(1, "acme/site") };
    let mapping = verdict(&known, &index, &Answers::default());
    expect(&mapping, Reason::NotInstalled, 10, 0);
    assert!(mapping.next_steps.ends_with("suggested_target_id=70&repository_ids[]=1"));
    let unknown = verdict(&link("acme/site"), &index, &Answers::default());
    expect(&unknown, Reason::NotInstalled, 10, 0);
    assert!(unknown.next_steps.ends_with("/apps/cutover/installations/new"));
    let blind = token_says("acme/site", ProbeAnswer::NotFound);
    expect(&verdict(&with_token("acme/site"), &index, &blind), Reason::NotInstalled, 10, 0);
    let read = token_says("acme/site", reads(1, "acme/site", 70, false));
    let mapping = verdict(&with_token("acme/site"), &index, &read);
    expect(&mapping, Reason::NotInstalled, 10, 0);
    assert_eq!((mapping.repo_id, mapping.evidence.owner_id), (Some(RepoId(1)), Some(AccountId(70))));
}

#[test]
fn row_11_gone_and_owner_unknown_are_unmappable() {
    let index = IndexView::build([all(7, 70, "acme")], [], []);
    let blind = token_says("acme/site", ProbeAnswer::NotFound);
    let with_both = Link { token: Some("f1".to_owned()), ..with_id(1, "acme/site") };
    expect(&verdict(&with_both, &index, &blind), Reason::Gone, 11, 0);
    expect(&verdict(&with_token("acme/site"), &index, &blind), Reason::Gone, 11, 0);
    let dead = token_says("else/where", ProbeAnswer::CredentialDead);
    expect(&verdict(&with_token("nobody/site"), &index, &dead), Reason::OwnerUnknown, 11, 0);
    let known = Link { owner_id: Some(AccountId(5)), ..with_token("nobody/site") };
    expect(&verdict(&known, &index, &dead), Reason::NotInstalled, 10, 0);
}

#[test]
fn two_listings_are_never_guessed_between() {
    let (acme, zeta) = (all(7, 70, "acme"), all(8, 80, "zeta"));
    let rows = [row(1, &acme, "acme/site"), row(1, &zeta, "zeta/site")];
    let index = IndexView::build([acme, zeta], rows, []);
    let mapping = verdict(&with_id(1, "acme/site"), &index, &Answers::default());
    expect(&mapping, Reason::Ambiguous, 1, 0);
    let read = token_says("acme/site", reads(1, "acme/site", 70, false));
    expect(&verdict(&with_token("acme/site"), &index, &read), Reason::Ambiguous, 1, 0);
    // By name only one of them is seen, and it even holds the imported commit.
    let by_commit = Link { imported_commit_sha: Some(SHA.to_owned()), ..link("acme/site") };
    let ask = ProbeAsk::resolve_commit(InstallationId(7), "acme/site", SHA);
    let holds = Answers::from_iter([(ask, ProbeAnswer::Commit { tree_sha: TREE.to_owned() })]);
    expect(&verdict(&by_commit, &index, &holds), Reason::Ambiguous, 1, 0);
}

#[test]
fn a_refused_token_leaves_the_commit_to_speak() {
    let acme = all(7, 70, "acme");
    let index = IndexView::build([acme.clone()], [row(1, &acme, "acme/site")], []);
    let link = Link { imported_commit_sha: Some(SHA.to_owned()), ..with_token("acme/site") };
    let mut answers = token_says("acme/site", ProbeAnswer::Forbidden);
    let ask = ProbeAsk::resolve_commit(InstallationId(7), "acme/site", SHA);
    assert_eq!(wanted(&link, &index, &answers), Some(ask.clone()));
    answers.insert(ask, ProbeAnswer::Commit { tree_sha: TREE.to_owned() });
    expect(&verdict(&link, &index, &answers), Reason::CommitFound, 5, 90);
}

#[test]
fn a_project_gets_an_installation_only_when_all_its_repositories_agree() {
    let acme = all(7, 70, "acme");
    let zeta = all(8, 80, "zeta");
    let rows = [row(1, &acme, "acme/a"), row(2, &acme, "acme/b"), row(3, &zeta, "zeta/c")];
    let index = IndexView::build([acme, zeta], rows, []);
    let judged = |id, name| verdict(&with_id(id, name), &index, &Answers::default());
    let (a, b, c, pending) =
        (judged(1, "acme/a"), judged(2, "acme/b"), judged(3, "zeta/c"), judged(9, "x/y"));
    let dead = token_says("x/y", ProbeAnswer::CredentialDead);
    let gone = verdict(&with_token("x/y"), &index, &dead);
    assert_eq!(project_verdict(&[&a, &b]), (Some(InstallationId(7)), MappingStatus::Mapped));
    assert_eq!(project_verdict(&[&a, &c]), (None, MappingStatus::Pending));
    assert_eq!(project_verdict(&[&a, &pending]), (None, MappingStatus::Pending));
    assert_eq!(project_verdict(&[&a, &gone]), (None, MappingStatus::Pending));
    assert_eq!(project_verdict(&[&gone, &gone]), (None, MappingStatus::Unmappable));
    assert_eq!(project_verdict(&[]), (None, MappingStatus::Pending));
}
